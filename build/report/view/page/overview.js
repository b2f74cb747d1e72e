// The overview: what came of the run, stage by stage and verdict by verdict, and how long and hard the questions are.
"use strict";

async function showOverview(main) {
  const summary = await load("summary");
  const counts = summary.tables;
  main.append(make("h1", { tabindex: -1 }, summary.title));
  main.append(make("p", { class: "quiet" }, summary.notes.join(" ")));
  main.append(tiles(summary, counts));
  if (summary.stages.length) main.append(funnel(summary));
  if (counts.rows.count) {
    main.append(make("h2", {}, "Verdicts"), make("p", {}, "What execution says about the answers. The numbers lead to the samples."));
    for (const grouping of ["task", "type", "source"]) main.append(verdicts(summary, grouping));
    main.append(make("h2", {}, "Length and difficulty"));
    main.append(make("p", { class: "legend" }, make("span", { class: "key right" }), " right at turn 1 ", make("span", { class: "key wrong" }), " not right at turn 1"));
    const titles = {
      "executed steps": ["Difficulty: executed steps of the call", "steps"],
      "code length": ["Length of the function's code", "characters"],
      "response length": ["Length of the first response", "characters"],
    };
    main.append(make("div", { class: "plots" }, Object.entries(summary.measures).map(([name, found]) => histogram(...titles[name], found))));
  }
}

function tiles(summary, counts) {
  const sum = (turn, verdict) => summary.verdicts
    .filter(each => each.grouping === "task" && each.turn === turn && (!verdict || each.verdict === verdict))
    .reduce((total, each) => total + each.count, 0);
  const all = sum(0);
  const shown = [
    [number(counts.rows.count), "samples"],
    [number(counts.functions.count), summary.stages.length ? "functions unified" : "functions"],
    [share(sum(0, "correct"), all), "right at turn 1"],
    [share(sum(1, "correct"), all), "right at the last turn"],
  ];
  return make("ul", { class: "tiles" }, shown.map(([value, what]) => make("li", {}, make("strong", {}, value), " ", what)));
}

function funnel(summary) {
  const rows = summary.stages.map(stage => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" },
      ["kept", "surplus", "rejected"].map(kind => make("span", { class: kind, style: `width: ${stage.units ? 100 * stage[kind] / stage.units : 0}%` })));
    const reasons = stage.reasons.map(([reason, count]) => make("li", {}, link(`/dropped/${stage.name}/${reason}`, `${words(reason)} `, make("b", {}, number(count)))));
    return [words(stage.name), number(stage.received), number(stage.units), bar, number(stage.kept), number(stage.surplus), number(stage.rejected),
      make("ul", { class: "reasons" }, reasons)];
  });
  const headers = ["stage", "received", "units", "share", "kept", "surplus", "rejected", "reasons: each leads to files and lines"];
  return make("section", { class: "funnel" }, make("h2", {}, "Yield"),
    make("p", { class: "legend" }, make("span", { class: "key kept" }), " kept ", make("span", { class: "key surplus" }), " sound, not needed ",
      make("span", { class: "key rejected" }), " rejected. Units are what the received records came to: a file may hold several functions."),
    table("What each stage kept and dropped", headers, rows));
}

function verdicts(summary, grouping) {
  const found = summary.verdicts.filter(each => each.grouping === grouping);
  const names = [...new Set(found.map(each => each.verdict))].filter(name => name !== "correct");
  const count = (value, turn, verdict) => found.find(each => each.value === value && each.turn === turn && each.verdict === verdict)?.count ?? 0;
  const values = [...new Set(found.map(each => each.value))];
  const filtered = (value, turn, verdict, text) => link(`/rows?${new URLSearchParams({ [grouping]: value, [turn ? "last" : "first"]: verdict })}`, text);
  const rows = values.map(value => {
    const all = found.filter(each => each.value === value && each.turn === 0).reduce((sum, each) => sum + each.count, 0);
    return [value, link(`/rows?${new URLSearchParams({ [grouping]: value })}`, number(all)),
      filtered(value, 0, "correct", number(count(value, 0, "correct"))), share(count(value, 0, "correct"), all),
      filtered(value, 1, "correct", number(count(value, 1, "correct"))), share(count(value, 1, "correct"), all),
      ...names.map(name => (count(value, 1, name) ? filtered(value, 1, name, number(count(value, 1, name))) : "0"))];
  });
  const titles = { task: "By task", type: "By type of the output", source: "By source" };
  return table(titles[grouping], [{ task: "asked for", type: "type", source: "source" }[grouping], "samples", "right at turn 1", "share", "right at the last turn", "share", ...names.map(name => `${words(name)} at the last turn`)], rows);
}
