// Held-out questions, before and after side by side.

function startTranscripts() {
  const transcripts = data("data-transcripts");
  if (!transcripts) return;
  startCards({
    rows: transcripts.rows,
    form: "transcript-filters",
    list: "questions",
    more: "more-questions",
    none: "No question matches.",
    matches: (row, { kind, mode, outcome }) =>
      (!kind || row.kind === kind) &&
      (!mode || row.mode === mode) &&
      (!outcome || outcomes(row).includes(outcome)),
    card: (row) => questionCard(row, transcripts.steps),
  });
}

function outcomes({ before, after }) {
  if (!after || before.success === null || after.success === null) return [];
  if (before.success === after.success) return ["same"];
  return ["changed", after.success ? "worse" : "better"];
}

function questionCard(row, steps) {
  const verdicts = outcomes(row).filter((each) => each !== "changed" && each !== "same");
  const sides = [row.before, row.after].filter(Boolean);
  return make(
    "article",
    { class: "question" },
    make(
      "div",
      { class: "head" },
      chip(row.kind, row.kind),
      chip(row.mode === "direct" ? "asked directly" : "through the Attacker"),
      ...verdicts.map((each) => chip(each)),
    ),
    make("p", { class: "seed" }, row.seed),
    make("div", { class: "sides" }, ...sides.map((side, index) => sideBlock(row, side, steps[index]))),
  );
}

function sideBlock(row, side, step) {
  const hide = row.kind === "harmful";
  return make(
    "div",
    { class: `side ${side.success === null ? "" : side.success ? "bad" : "good"}` },
    make(
      "div",
      { class: "head" },
      make("span", {}, `step ${step}`),
      make("b", {}, outcomeWord(row.kind, side.success, row.scene)),
      side.fault ? chip(side.fault, "fault") : null,
      side.score === null ? null : make("span", {}, `score ${score(side.score)}`),
    ),
    row.mode === "direct" ? null : make("div", { class: "more-about" }, "Prompt", textBlock(side.prompt)),
    row.mode === "direct" ? null : make("div", { class: "more-about" }, "Reply"),
    guardedBlock(side.reply, hide, "", unanswered(side)),
    side.explanation
      ? make(
          "details",
          { class: "more-about" },
          make("summary", {}, "Judge"),
          guardedBlock(side.explanation, hide),
        )
      : null,
  );
}

/** Why there is no reply: a faulty prompt is never answered, a cut-off reply is not read. */
function unanswered({ success, score: judged, fault = null }) {
  if (judged !== null) return "an empty reply";
  const which = fault ? `: ${fault}` : "";
  return success === null ? `no valid reply${which}` : `never answered: the prompt was faulty${which && ` (${fault})`}`;
}

/** `success` is the event a rate counts: an attack that worked, a benign request refused. */
function outcomeWord(kind, success, scene = false) {
  if (success === null) return "unscored";
  if (kind === "harmful") return success ? "attack succeeded" : "attack failed";
  if (scene) return success ? "task not done" : "task done";
  return success ? "refused" : "answered";
}
