// What broke each seed: one fold each, those that the filters do not mean are hidden.

function startFindings() {
  const form = document.getElementById("finding-filters");
  if (!form) return;
  const folds = [...document.querySelectorAll("#findings > details")];
  const found = document.getElementById("findings-found");
  const filter = () => {
    const { arm, category, text } = Object.fromEntries(new FormData(form));
    const query = searched(text);
    for (const fold of folds) {
      fold.hidden =
        (arm && fold.dataset.arm !== arm) ||
        (category && fold.dataset.category !== category) ||
        !fold.textContent.toLowerCase().includes(query);
    }
    const shown = folds.filter((fold) => !fold.hidden).length;
    found.textContent = `${shown} of ${folds.length} match`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
