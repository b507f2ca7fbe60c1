// The same seeds, answered by several runs.

function startComparison() {
  const compared = data("data-comparison");
  if (!compared) return;
  startCards({
    rows: compared.rows,
    form: "comparison-filters",
    list: "compared",
    more: "more-compared",
    none: "No seed matches.",
    matches: (row, { kind, asked, outcome, text }) =>
      (!kind || row.kind === kind) &&
      (!asked || row.asked === asked) &&
      (!outcome || new Set(row.answers.map(({ success }) => success).filter((each) => each !== null)).size > 1) &&
      comparedText(row).includes(searched(text)),
    card: (row, { text }) => comparedCard(row, searched(text)),
  });
}

function comparedText({ seed, answers }) {
  return [seed, ...answers.flatMap(({ prompt, reply }) => [prompt, reply])].join("\n").toLowerCase();
}

function comparedCard(row, query) {
  const hide = row.kind === "harmful";
  return make(
    "article",
    { class: "question" },
    make("div", { class: "head" }, chip(row.kind, row.kind), row.asked ? chip(`asked ${row.asked}`) : null),
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
            make("b", {}, outcomeWord(row.kind, each.success, row.scene)),
            each.score === null ? null : make("span", {}, `score ${score(each.score)}`),
          ),
          each.prompt ? make("div", { class: "more-about" }, "Prompt", textBlock(each.prompt, query)) : null,
          each.prompt ? make("div", { class: "more-about" }, "Reply") : null,
          guardedBlock(each.reply, hide, query, unanswered(each)),
        );
      }),
    ),
  );
}
