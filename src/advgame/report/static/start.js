// Starts what the page holds.

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
// The menu fades on the side where it goes on.
const menu = document.querySelector(".bar nav");
const hint = () => {
  menu.classList.toggle("more-left", menu.scrollLeft > 4);
  menu.classList.toggle("more-right", menu.scrollLeft + menu.clientWidth < menu.scrollWidth - 4);
};
menu.addEventListener("scroll", hint, { passive: true });
addEventListener("resize", hint);
hint();
startReveal();
startCharts();
startTranscripts();
startComparison();
startFindings();
startRollouts();
