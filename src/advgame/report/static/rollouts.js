// Finding rollout trees. A source is {steps: [number], load: async (step) => trees}: the page's own
// data in a report, the server in the viewer. Steps are read one at a time, as far as is needed.

const PAGE = 20;

function startRollouts() {
  const form = document.getElementById("filters");
  const source = form && rolloutSource();
  if (!source) return;
  const select = form.elements.step;
  select.append(make("option", { value: "" }, `all ${source.steps.length}`));
  select.append(...source.steps.map((step) => make("option", { value: step }, String(step))));
  restoreFilters(form);
  const list = document.getElementById("trees");
  const more = document.getElementById("more");
  let search = null;
  const restart = () => {
    search = findTrees(source, readFilters(form));
    list.replaceChildren();
    showMore(search);
  };
  const showMore = async (mine) => {
    more.hidden = true;
    for (let shown = 0; shown < PAGE; ) {
      const next = await mine.next();
      if (mine !== search) return; // the filters changed meanwhile
      if (next.done) {
        reportFound(next.value, true);
        return;
      }
      reportFound(next.value, false);
      const { step, tree, hits, filters, found } = next.value;
      if (!tree) continue;
      list.append(episodeCard(step, tree, hits, filters.text, found === 1));
      shown += 1;
    }
    more.hidden = false;
  };
  more.addEventListener("click", () => showMore(search));
  form.addEventListener("input", () => {
    storeFilters(form);
    restart();
  });
  form.addEventListener("reset", () => setTimeout(() => {
    storeFilters(form);
    restart();
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
  reveal.listeners.push(restart);
  restart();
}

function rolloutSource() {
  const own = data("data-rollouts");
  if (own) {
    const trees = new Map(own.steps.map((each) => [each.step, each.trees]));
    return { steps: [...trees.keys()], load: async (step) => trees.get(step) };
  }
  const steps = data("data-steps");
  if (!steps) return null;
  return {
    steps,
    load: async (step) => {
      const answer = await fetch(`/api/steps/${step}`);
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    },
  };
}

/** Yields {found, searched, of, …}: with a tree for every match, without one after every step. */
async function* findTrees(source, filters) {
  const steps = source.steps.filter((step) => filters.step === "" || String(step) === filters.step);
  const state = { found: 0, searched: 0, of: steps.length, filters, error: "" };
  for (const step of steps) {
    let trees = [];
    try {
      trees = await source.load(step);
      noteRewards(trees);
    } catch (error) {
      state.error = error.message;
    }
    for (const tree of trees) {
      const hits = matchingMoves(tree, filters);
      if (!hits.size) continue;
      state.found += 1;
      yield { ...state, step, tree, hits };
    }
    state.searched += 1;
    yield { ...state };
  }
  return state;
}

function matchingMoves({ seed, branches }, filters) {
  const hits = new Set();
  if (filters.kind && seed.kind !== filters.kind) return hits;
  if (filters.mode && (filters.mode === "direct") !== seed.direct) return hits;
  const seedHas = filters.text !== "" && seed.text.toLowerCase().includes(filters.text);
  for (const { attack, replies } of branches) {
    // A direct seed's prompt is the seed: nobody made it, so no filter on moves can mean it.
    if (!seed.direct && moveMatches(attack, "attacker", filters, seedHas)) hits.add(attack);
    for (const reply of replies) if (moveMatches(reply, "defender", filters, seedHas)) hits.add(reply);
  }
  return hits;
}

function moveMatches(move, role, filters, seedHas) {
  if (filters.role && filters.role !== role) return false;
  const wrong = [move.fault, move.because].filter(Boolean);
  if (filters.fault === "none" && wrong.length) return false;
  if (filters.fault === "some" && !wrong.length) return false;
  if (filters.fault && !["none", "some"].includes(filters.fault) && !wrong.includes(filters.fault)) return false;
  if (filters.low !== null && !(move.reward !== null && move.reward >= filters.low)) return false;
  if (filters.high !== null && !(move.reward !== null && move.reward <= filters.high)) return false;
  return filters.text === "" || seedHas || moveText(move).includes(filters.text);
}

function moveText(move) {
  const said = move.judgements.map(({ explanation }) => explanation);
  return [move.text, move.thought, move.completion?.raw ?? "", ...said].join("\n").toLowerCase();
}

function readFilters(form) {
  const value = (name) => form.elements[name].value;
  const bound = (name) => (value(name) === "" ? null : Number(value(name)));
  return {
    step: value("step"),
    kind: value("kind"),
    mode: value("mode"),
    role: value("role"),
    fault: value("fault"),
    low: bound("low"),
    high: bound("high"),
    text: value("text").trim().toLowerCase(),
  };
}

const HASH = "#filter:";

function storeFilters(form) {
  const set = [...new FormData(form)].filter(([, value]) => value !== "");
  history.replaceState(null, "", HASH + new URLSearchParams(set));
}

function restoreFilters(form) {
  if (!location.hash.startsWith(HASH)) return;
  for (const [name, value] of new URLSearchParams(location.hash.slice(HASH.length))) {
    if (form.elements[name]) form.elements[name].value = value;
  }
}

function reportFound({ found, searched, of, error }, done) {
  const rounds = `${found} round${found === 1 ? "" : "s"}`;
  const where = `${searched} of ${of} step${of === 1 ? "" : "s"} searched`;
  const text = done ? `${rounds} match` : `${rounds} so far, ${where}`;
  document.getElementById("found").textContent = error ? `${text} · ${error}` : text;
}
