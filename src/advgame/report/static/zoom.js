// A line chart as the page drew it, and a window on it. Coordinates are those of the drawing: the
// window [a, b] of its pixels is stretched to the whole frame, values and all.

class Chart {
  constructor(svg) {
    this.svg = svg;
    this.series = JSON.parse(svg.dataset.hover);
    this.scale = JSON.parse(svg.dataset.scale);
    this.cursor = svg.querySelector(".cursor");
    this.inner = svg.querySelector(".inner");
    this.axes = svg.querySelector(".axes");
    this.drawn = null; // the shapes as they were, once something was zoomed
    this.mapX = (x) => x;
    this.original = (x) => x;
  }

  /** Where a pointer is, in pixels of the drawing. */
  pixel(event) {
    const box = this.svg.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.svg.viewBox.baseVal.width;
  }

  shown() {
    return this.series.filter(({ series }) => !this.inner.querySelector(`g[data-series="${series}"]`)?.hasAttribute("hidden"));
  }

  /** The step drawn nearest to pixel x; the cursor goes there. */
  nearest(x) {
    const { left, right } = this.scale;
    let best = null;
    for (const { points } of this.shown()) {
      for (const [pixel, , step] of points) {
        const at = this.mapX(pixel);
        if (at < left - 1 || at > right + 1) continue;
        if (best === null || Math.abs(at - x) < Math.abs(best.at - x)) best = { at, step };
      }
    }
    this.point(best && best.at);
    return best && best.step;
  }

  point(x) {
    this.cursor.setAttribute("visibility", x === null ? "hidden" : "visible");
    if (x === null) return;
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
  }

  told(step) {
    const rows = [make("b", {}, `${this.scale.unit} ${step.toLocaleString("en")}`)];
    for (const { label, style, points } of this.shown()) {
      const point = points.find(([, , each]) => each === step);
      if (point) rows.push(make("div", {}, make("span", { class: style }, "● "), `${label}: ${point[3]}`));
    }
    return rows;
  }

  /** Mark what would be zoomed into; nothing if `from` is null. */
  brush(from, to) {
    const brush = this.svg.querySelector(".brush");
    brush.setAttribute("visibility", from === null ? "hidden" : "visible");
    if (from === null) return;
    brush.setAttribute("x", Math.min(from, to));
    brush.setAttribute("width", Math.abs(to - from));
  }

  zoom(from, to) {
    const { left, right, top, bottom, low, high } = this.scale;
    const [a, b] = [Math.max(left, Math.min(from, to)), Math.min(right, Math.max(from, to))];
    if (!(b - a > 1)) return;
    this.drawn ??= [...this.inner.querySelectorAll("polyline, polygon, circle, line")].map((shape) => [shape, corners(shape)]);
    const inside = this.drawn.flatMap(([, points]) => points).filter(([x]) => x >= a - 0.5 && x <= b + 0.5);
    if (!inside.length) return;
    const value = (y) => high - ((y - top) / (bottom - top)) * (high - low);
    const values = inside.map(([, y]) => value(y));
    const ticks = niceTicks(Math.min(...values), Math.max(...values));
    // As svg.py ends an axis: no axis goes where no value can be.
    const [floor, roof] = this.scale.within;
    const least = Math.max(ticks[0], Math.min(...values, floor ?? -Infinity));
    const most = Math.min(ticks.at(-1), Math.max(...values, roof ?? Infinity));
    const shown = ticks.filter((each) => each >= least && each <= most);
    const told = tickLabels(shown, { percent: this.scale.percent });
    const mapY = (y) => top + ((most - value(y)) / (most - least)) * (bottom - top);
    this.mapX = (x) => left + ((x - a) / (b - a)) * (right - left);
    this.original = (x) => a + ((x - left) / (right - left)) * (b - a);
    for (const [shape, points] of this.drawn) moveTo(shape, points.map(([x, y]) => [this.mapX(x), mapY(y)]));
    this.inner.setAttribute("overflow", "hidden");
    const step = (x) => this.scale.first + ((x - left) / (right - left)) * (this.scale.last - this.scale.first);
    const steps = niceTicks(step(a), step(b), true).filter((each) => each >= step(a) && each <= step(b));
    const toldSteps = tickLabels(steps, { plain: 1e5 });
    const place = (each) => this.mapX(left + ((each - this.scale.first) / (this.scale.last - this.scale.first || 1)) * (right - left));
    this.unzoomed ??= [...this.axes.childNodes];
    this.axes.replaceChildren(
      ...shown.flatMap((each, index) => {
        const y = top + ((most - each) / (most - least)) * (bottom - top);
        return [
          draw("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }),
          draw("text", { class: "tick", x: left - 6, y: y + 4, "text-anchor": "end" }, told[index]),
        ];
      }),
      ...steps.map((each, index) => draw("text", { class: "tick", x: place(each), y: bottom + 18, "text-anchor": "middle" }, toldSteps[index])),
    );
    this.button();
  }

  reset() {
    if (!this.drawn) return;
    for (const [shape, points] of this.drawn) moveTo(shape, points);
    this.mapX = this.original = (x) => x;
    this.inner.setAttribute("overflow", "visible");
    this.axes.replaceChildren(...this.unzoomed);
    this.svg.closest("figure").querySelector(".unzoom")?.remove();
  }

  button() {
    const caption = this.svg.closest("figure").querySelector("figcaption");
    if (caption.querySelector(".unzoom")) return;
    const button = make("button", { type: "button", class: "unzoom" }, "show all steps");
    button.addEventListener("click", () => this.reset());
    caption.append(button);
  }
}

/** What stands beside ticks, all in one format: the rule of scale.py. */
function tickLabels(ticks, { percent = false, plain = 1e4 }) {
  const most = Math.max(0, ...ticks.map(Math.abs));
  let [factor, unit] = percent ? [100, "%"] : [1, ""];
  if (!percent && most >= plain) {
    const [bound, prefix] = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([each]) => most >= each);
    [factor, unit] = [1 / bound, prefix];
  } else if (!percent && most > 0 && most < 1e-2) {
    const exponent = Math.floor(Math.log10(most) + 1e-9);
    [factor, unit] = [10 ** -exponent, `e${exponent}`];
  }
  const exact = (digits) => ticks.every((each) => Math.abs(Number((factor * each).toFixed(digits)) - factor * each) < 1e-6 * Math.max(1, Math.abs(factor * each)));
  const digits = [0, 1, 2].find(exact) ?? 3;
  return ticks.map((each) => (unit && !percent && each === 0 ? "0" : `${(factor * each).toFixed(digits)}${unit}`.replaceAll("-", "−")));
}

function draw(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

function corners(shape) {
  const get = (name) => Number(shape.getAttribute(name));
  if (shape.tagName === "circle") return [[get("cx"), get("cy")]];
  if (shape.tagName === "line") return [[get("x1"), get("y1")], [get("x2"), get("y2")]];
  return shape.getAttribute("points").split(" ").map((pair) => pair.split(",").map(Number));
}

function moveTo(shape, points) {
  const set = (name, value) => shape.setAttribute(name, Math.round(10 * value) / 10);
  if (shape.tagName === "circle") {
    set("cx", points[0][0]);
    set("cy", points[0][1]);
  } else if (shape.tagName === "line") {
    ["x1", "x2"].forEach((name, index) => set(name, points[index][0]));
    ["y1", "y2"].forEach((name, index) => set(name, points[index][1]));
  } else {
    shape.setAttribute("points", points.map((pair) => pair.map((each) => Math.round(10 * each) / 10).join(",")).join(" "));
  }
}

/** 3 to 6 round numbers that enclose [low, high], as svg.py draws them. */
function niceTicks(low, high, whole = false) {
  if (!(high - low > 1e-12 * Math.abs(high))) {
    const pad = 0.5 * Math.abs(high) || 1;
    [low, high] = [low - pad, high + pad];
  }
  const rough = (high - low) / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 2.5, 5, 10].map((each) => each * magnitude).find((each) => each >= rough * 0.999);
  if (whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let i = Math.floor(low / step + 1e-9); i <= Math.ceil(high / step - 1e-9); i += 1) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}
