// The same seeds, answered by several runs.

function startComparison() {
  const compared = data("data-comparison");
  if (!compared) return;
  const form = document.getElementById("comparison-filters");
  const list = document.getElementById("compared");
  const more = document.getElementById("more-compared");
  let rest = [];
  let query = "";
  const showMore = () => {
    list.append(...rest.splice(0, 8).map((row) => comparedCard(row, query)));
    more.hidden = rest.length === 0;
    more.textContent = `Show more (${rest.length} left)`;
  };
  const restart = () => {
    const { kind, outcome, text } = Object.fromEntries(new FormData(form));
    query = text.trim().toLowerCase();
    rest = compared.rows.filter(
      (row) =>
        (!kind || row.kind === kind) &&
        (!outcome || new Set(row.answers.map(({ success }) => success)).size > 1) &&
        (!query || comparedText(row).includes(query)),
    );
    list.replaceChildren(...(rest.length ? [] : [make("p", {}, "No seed matches.")]));
    showMore();
  };
  form.addEventListener("input", restart);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", showMore);
  reveal.listeners.push(restart);
  restart();
}

function comparedText({ seed, answers }) {
  return [seed, ...answers.flatMap(({ prompt, reply }) => [prompt, reply])].join("\n").toLowerCase();
}

function comparedCard(row, query) {
  const hide = row.kind === "harmful";
  return make(
    "article",
    { class: "question" },
    make("div", { class: "head" }, chip(row.kind, row.kind)),
    make("p", { class: "seed" }, ...marked(row.seed, query)),
    make(
      "div",
      { class: "sides" },
      ...row.answers.map((each) => {
        const side = each.success === null ? "" : each.success ? "bad" : "good";
        const step = each.step === null ? "" : `, step ${each.step}`;
        return make(
          "div",
          { class: `side ${side}` },
          make(
            "div",
            { class: "head" },
            make("span", {}, `${each.run}${step}`),
            make("b", {}, outcomeWord(row.kind, each.success)),
            each.score === null ? null : make("span", {}, `score ${number(each.score)}`),
          ),
          each.prompt ? make("div", { class: "more-about" }, "Prompt", textBlock(each.prompt, query)) : null,
          guardedBlock(each.reply, hide, query),
        );
      }),
    ),
  );
}
