// One rollout tree: seed → the Attacker's prompts → the Defender's replies.

/** A foldable card. `hits` holds the moves that pass the filters; others are dimmed. */
function episodeCard(step, tree, hits, query, open) {
  const { seed, branches } = tree;
  const card = make(
    "details",
    { class: "episode", open },
    make(
      "summary",
      {},
      make("span", { class: "title" }, ...marked(seed.text, query)),
      chip(seed.kind, seed.kind),
      seed.direct ? chip("direct") : null,
      faultCount(branches),
      chip(`step ${step}`),
    ),
  );
  const fill = () => {
    if (!card.querySelector(".tree")) card.append(treeList(tree, hits, query));
  };
  card.addEventListener("toggle", fill);
  if (open) fill();
  return card;
}

function faultCount(branches) {
  const moves = branches.flatMap(({ attack, replies }) => [attack, ...replies]);
  const count = moves.filter(({ fault }) => fault).length;
  return count ? chip(`${count} fault${count > 1 ? "s" : ""}`, "fault") : null;
}

function treeList({ seed, branches }, hits, query) {
  const draw = (move, role, title, children = null) =>
    moveNode(move, role, title, seed, query, children, !hits.has(move) && !(seed.direct && role === "attacker"));
  return make(
    "div",
    { class: "tree" },
    seed.scene ? sceneBlock(seed, query) : null,
    make("p", { class: "more-about" }, [`Seed ${seed.id}`, seed.source, seed.category].filter(Boolean).join(" · ")),
    make(
      "ol",
      {},
      ...branches.map(({ attack, replies }, index) => {
        const list = make("ol", {}, ...replies.map((move, n) => draw(move, "defender", `Reply ${n + 1}`)));
        const plain = seed.scene ? "The scene as it is" : "Asked as it is";
        const title = seed.direct ? plain : `Prompt ${index + 1}`;
        return draw(attack, "attacker", title, replies.length ? list : null);
      }),
    ),
  );
}

/** Prompt injection: what stands around the prompt where the Defender reads it. */
function sceneBlock({ kind, scene: [before, after] }, query) {
  const mark = kind === "benign" ? "" : " [the prompt below] ";
  return make(
    "details",
    { class: "more-about" },
    make("summary", {}, kind === "benign" ? "The scene" : "The scene around the prompt"),
    textBlock(`${before}${mark}${after}`, query),
  );
}

function moveNode(move, role, title, seed, query, children, dimmed) {
  const hidden = role === "defender" && seed.kind === "harmful";
  return make(
    "li",
    { class: `node ${role}${dimmed ? " missed" : ""}` },
    make(
      "div",
      { class: "head" },
      make("span", { class: "who" }, title),
      move.reward === null ? null : meter(move.reward),
      make("span", {}, move.reward === null ? missing(move, seed) : `reward ${score(move.reward)}`),
      move.fault ? chip(move.fault, "fault") : null,
      move.because && move.because !== move.fault ? chip(move.because, "fault") : null,
      move.completion?.guided ? chip("guided") : null,
      move.completion && make("span", {}, completionLine(move.completion)),
    ),
    guardedBlock(move.text, hidden, query, role === "attacker" ? "no prompt could be read" : "an empty reply"),
    moveDetails(move, hidden, query),
    children,
  );
}

function completionLine({ tokens, finish, version }) {
  return `${tokens === null ? "tokens not known" : `${tokens} tokens`} · ${finish === "length" ? "cut off" : "ended"} · weights ${version}`;
}

function missing(move, seed) {
  return seed.direct && !move.because && move.completion === null ? "not a move" : "no reward";
}

/** The rewards seen so far: a rule may pay far more than a score of 10. */
const rewards = { least: Infinity, most: -Infinity };

function noteRewards(trees) {
  for (const { branches } of trees)
    for (const { attack, replies } of branches)
      for (const { reward } of [attack, ...replies]) {
        if (reward === null) continue;
        rewards.least = Math.min(rewards.least, reward);
        rewards.most = Math.max(rewards.most, reward);
      }
  for (const drawn of document.querySelectorAll("#trees meter")) Object.assign(drawn, meterEnds());
  if (rewards.least > rewards.most) return;
  const { low, high } = document.getElementById("filters").elements;
  low.placeholder = String(Math.floor(rewards.least)).replace("-", "−");
  high.placeholder = String(Math.ceil(rewards.most)).replace("-", "−");
}

const meterEnds = () => ({ min: Math.min(-1, rewards.least), max: Math.max(10, rewards.most) });

function meter(value) {
  return make("meter", { ...meterEnds(), value, "aria-label": `reward ${score(value)}` });
}

function moveDetails(move, hidden, query) {
  const parts = [];
  if (move.thought) parts.push(["Thought", textBlock(move.thought, query)]);
  for (const { name, value, explanation, details, raw } of move.judgements) {
    const features = Object.entries(details).map(([key, each]) => `${key} ${number(each)}`);
    const said = make("div", {}, make("b", {}, value === null ? "unscored" : score(value)));
    if (features.length) said.append(` (${features.join(", ")})`);
    if (explanation) said.append(guardedBlock(explanation, hidden, query));
    if (raw && raw !== explanation) said.append(guardedBlock(raw, hidden, query));
    parts.push([`Judge: ${name}`, said]);
  }
  const raw = move.completion?.raw;
  if (raw) parts.push(["Raw completion", guardedBlock(raw, hidden, query)]);
  if (!parts.length) return null;
  return make(
    "details",
    { class: "more-about" },
    make("summary", {}, parts.map(([name]) => name).join(", ")),
    make("dl", {}, ...parts.flatMap(([name, body]) => [make("dt", {}, name), make("dd", {}, body)])),
  );
}
