// Reading values off a chart: the nearest step under the pointer, every series at it.

function startCharts() {
  const tip = document.getElementById("tip");
  for (const chart of document.querySelectorAll("svg.chart")) {
    const series = JSON.parse(chart.dataset.hover);
    const cursor = chart.querySelector(".cursor");
    const hide = () => {
      tip.hidden = true;
      cursor.setAttribute("visibility", "hidden");
    };
    chart.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * chart.viewBox.baseVal.width;
      const nearest = nearestX(series, x);
      cursor.setAttribute("x1", nearest.pixel);
      cursor.setAttribute("x2", nearest.pixel);
      cursor.setAttribute("visibility", "visible");
      tip.replaceChildren(make("b", {}, `step ${nearest.step}`));
      for (const { label, style, points } of series) {
        const point = points.find(([, , step]) => step === nearest.step);
        if (point) tip.append(make("div", {}, make("span", { class: style }, "● "), `${label}: ${point[3]}`));
      }
      tip.hidden = false;
      const right = event.clientX + 14 + tip.offsetWidth > innerWidth;
      tip.style.left = `${right ? event.clientX - 14 - tip.offsetWidth : event.clientX + 14}px`;
      tip.style.top = `${Math.max(4, event.clientY - 14 - tip.offsetHeight)}px`;
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("pointercancel", hide);
  }
}

function nearestX(series, x) {
  let best = null;
  for (const { points } of series) {
    for (const [pixel, , step] of points) {
      if (best === null || Math.abs(pixel - x) < Math.abs(best.pixel - x)) best = { pixel, step };
    }
  }
  return best;
}
