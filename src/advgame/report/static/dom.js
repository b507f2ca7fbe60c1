// Building elements. Text only ever enters the page as a text node: nothing here parses markup.

/** make("p", {class: "x"}, "text", child, …); null children are left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function data(id) {
  const block = document.getElementById(id);
  return block && JSON.parse(block.textContent);
}

const chip = (text, kind = "") => make("span", { class: `chip ${kind}` }, text);

const number = (value) =>
  value === null || value === undefined ? "–" : String(Math.round(value * 100) / 100).replace("-", "−");

/** A score or a reward: always two decimals, so that those of a column line up. */
const score = (value) => (value === null || value === undefined ? "–" : value.toFixed(2).replace("-", "−"));

/** A block of model text with each occurrence of `query` marked; `none` says why there is none. */
function textBlock(text, query = "", none = "no text") {
  const block = make("div", { class: "text", dir: "auto" });
  if (!text) {
    block.classList.add("empty");
    block.append(`(${none})`);
    return block;
  }
  block.append(...marked(text, query));
  return block;
}

function marked(text, query) {
  if (!query) return [text];
  const parts = [];
  const plain = text.toLowerCase();
  // Lower-casing may change lengths in a few scripts: then marks would be off, so draw none.
  if (plain.length !== text.length) return [text];
  let at = 0;
  for (let hit = plain.indexOf(query); hit >= 0; hit = plain.indexOf(query, at)) {
    parts.push(text.slice(at, hit), make("mark", {}, text.slice(hit, hit + query.length)));
    at = hit + query.length;
  }
  parts.push(text.slice(at));
  return parts;
}

/**
 * Cards of the rows that a form's fields mean, eight at a time. The form, the list and the button
 * are found by id; `matches(row, fields)` and `card(row, fields)` get the fields by name.
 */
function startCards({ rows, form: formId, list: listId, more: moreId, none, matches, card }) {
  const [form, list, more] = [formId, listId, moreId].map((id) => document.getElementById(id));
  let rest = [];
  let fields = {};
  const showMore = () => {
    list.append(...rest.splice(0, 8).map((row) => card(row, fields)));
    more.hidden = rest.length === 0;
    more.textContent = `Show more (${rest.length} left)`;
  };
  const restart = () => {
    fields = Object.fromEntries(new FormData(form));
    rest = rows.filter((row) => matches(row, fields));
    list.replaceChildren(...(rest.length ? [] : [make("p", {}, none)]));
    showMore();
  };
  form.addEventListener("input", restart);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", showMore);
  reveal.listeners.push(restart);
  restart();
}

const searched = (text) => text.trim().toLowerCase();

const reveal = { all: false, listeners: [] };

/** Model text that may do harm: its opening, and the rest on request. */
function guardedBlock(text, hide, query = "", none = undefined) {
  if (!hide || reveal.all || !text) return textBlock(text, query, none);
  const words = text.split(/\s+/);
  const opening = words.slice(0, Math.max(1, Math.min(6, Math.floor(words.length / 3))));
  const button = make("button", { type: "button", class: "reveal" }, "show");
  const block = make("div", { class: "text hush", dir: "auto" }, `${opening.join(" ")} …`, button);
  button.addEventListener("click", () => block.replaceWith(textBlock(text, query)));
  return block;
}

function startReveal() {
  const boxes = document.querySelectorAll(".reveal-all");
  for (const box of boxes) {
    box.checked = false;
    box.addEventListener("change", () => {
      reveal.all = box.checked;
      for (const other of boxes) other.checked = box.checked;
      for (const draw of reveal.listeners) draw();
    });
  }
}
