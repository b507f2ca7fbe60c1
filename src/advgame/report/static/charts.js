// Reading values off a chart, hiding a series, and zooming into some steps.

function startCharts() {
  for (const svg of document.querySelectorAll("svg.chart")) startChart(new Chart(svg));
  for (const spot of document.querySelectorAll("[data-tip]")) {
    spot.addEventListener("pointermove", (event) => showTip(event, spot.dataset.tip));
    spot.addEventListener("pointerleave", hideTip);
  }
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      const series = `g[data-series="${button.dataset.series}"]`;
      for (const part of button.closest("figure").querySelectorAll(series)) part.toggleAttribute("hidden", !shown);
    });
  }
}

function startChart(chart) {
  const { svg } = chart;
  let from = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = chart.pixel(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const x = chart.pixel(event);
    chart.brush(from, x);
    const step = chart.nearest(x);
    if (step !== null) showTip(event, ...chart.told(step));
  });
  svg.addEventListener("pointerup", (event) => {
    const x = chart.pixel(event);
    chart.brush(null, x);
    if (from !== null && Math.abs(x - from) > 12) chart.zoom(chart.original(from), chart.original(x));
    from = null;
  });
  const leave = () => {
    from = null;
    chart.brush(null, 0);
    chart.point(null);
    hideTip();
  };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointercancel", leave);
  svg.addEventListener("dblclick", () => chart.reset());
}

function showTip(event, ...parts) {
  const tip = document.getElementById("tip");
  tip.replaceChildren(...parts);
  tip.hidden = false;
  const right = event.clientX + 14 + tip.offsetWidth > innerWidth;
  const left = right ? event.clientX - 14 - tip.offsetWidth : event.clientX + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, event.clientY - 14 - tip.offsetHeight)}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}
