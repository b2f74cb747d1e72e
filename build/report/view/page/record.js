// One record: a sample with its turns and the code lines behind each sentence, a function with its samples, a raw file.
"use strict";

async function showRow(main, [id]) {
  const place = await placeOf("rows", id);
  if (place < 0) return missing(main, "sample", id);
  const row = await record("rows", place);
  const made = await record("functions", row.function);
  const pair = made.pairs.findIndex(each => (row.pair ? each.id === row.pair : each.input === row.input && each.output === row.output));
  main.append(crumbs(await parents(made), link(`/function/${made.id}`, made.name), pair < 0 ? "pair" : `pair ${pair + 1}`, `${row.task} question`));
  main.append(make("h1", { tabindex: -1 }, `${made.name}: ${row.task === "input" ? "which input leads there?" : "what comes out?"}`), make("p", {}, made.query));
  main.append(make("p", { class: "quiet" }, `Teacher: ${row.teacher}. `, row.steps === null ? "" : `${number(row.steps)} executed steps. `,
    row.split ? `Split: ${row.split}. ` : "", "Id: ", make("code", {}, row.id)));
  const source = code(made.code, `Code of ${made.name}`);
  const left = make("div", { class: "beside" }, make("h2", {}, "Code"), source);
  const right = make("div", {},
    make("h2", {}, "Pair"),
    make("dl", { class: "pair" }, make("dt", {}, "input"), make("dd", {}, make("code", {}, row.input || "not published")), make("dt", {}, "output"), make("dd", {}, make("code", {}, row.output || "not published"))),
    make("details", {}, make("summary", {}, "Prompt"), make("div", { class: "text" }, row.prompt)));
  const steps = [];
  row.turns.forEach((turn, number) => right.append(...shownTurn(turn, number, steps)));
  main.append(make("div", { class: "columns" }, left, right));
  const siblings = await rowsOf(row.function);
  main.append(make("h2", {}, "Other samples of this function"), make("ul", { class: "children" }, await Promise.all(siblings.filter(each => each !== place).map(rowLink))));
  stepThrough(steps, source, right);
}

function shownTurn(turn, number, steps) {
  const told = turn.parts.some(part => part.length > 1);
  const body = told ? make("ol", { class: "telling" }) : make("div", { class: "text" }, turn.parts.map(part => part[0]).join(""));
  for (const [text, lines, events] of told ? turn.parts : []) {
    if (!text.trim()) continue;
    if (lines === undefined) {
      body.append(make("li", { class: "plain" }, text.trim()));
      continue;
    }
    const chips = [lines.length ? ` line${lines.length > 1 ? "s" : ""} ${ranges(lines)}` : "", events.length ? ` event${events.length > 1 ? "s" : ""} ${ranges(events)}` : ""].filter(Boolean).join(",");
    const button = make("button", { type: "button", "aria-pressed": "false" }, text, make("span", { class: "chip" }, chips));
    steps.push({ button, lines, events });
    body.append(make("li", {}, button));
  }
  return [
    make("h2", {}, `Turn ${number + 1} `, badge(turn.verdict)),
    ...(number === 0 && told ? [make("p", { class: "stepper" },
      make("button", { type: "button", id: "back" }, "← Sentence back"), " ", make("button", { type: "button", id: "on" }, "Next sentence →"),
      make("span", { class: "quiet" }, " or the arrow keys: each sentence lights the code lines that prove it."))] : []),
    turn.reasoning ? make("details", {}, make("summary", {}, "What the model thought first"), make("div", { class: "text" }, turn.reasoning)) : "",
    body,
    make("h3", {}, `Feedback ${number + 1}`), make("p", { class: "feedback" }, turn.feedback),
  ].filter(Boolean);
}

/** Lights sentence and lines together, by click, by the two buttons, and by the arrow keys. */
function stepThrough(steps, source, part) {
  if (!steps.length) return;
  let now = -1;
  const go = to => {
    if (to < 0 || to >= steps.length) return;
    if (now >= 0) steps[now].button.setAttribute("aria-pressed", "false");
    now = to;
    const { button, lines, events } = steps[now];
    button.setAttribute("aria-pressed", "true");
    button.scrollIntoView({ block: "nearest" });
    light(source, lines);
    say(`Sentence ${now + 1} of ${steps.length}: ${lines.length ? `code lines ${ranges(lines)}` : "no code line"}, ${events.length} events.`);
  };
  steps.forEach(({ button }, place) => button.addEventListener("click", () => go(place)));
  part.querySelector("#back").addEventListener("click", () => go(now - 1));
  part.querySelector("#on").addEventListener("click", () => go(now + 1));
  onKey = key => {
    if (key === "ArrowRight") go(now + 1);
    if (key === "ArrowLeft") go(now - 1);
  };
}

/** 1, 2, 3, 7 as "1–3, 7". */
function ranges(values) {
  const found = [];
  for (const value of values) {
    const last = found.at(-1);
    if (last && last[1] === value - 1) last[1] = value; else found.push([value, value]);
  }
  return found.map(([low, high]) => (low === high ? `${low}` : `${low}–${high}`)).join(", ");
}

async function showFunction(main, [id]) {
  const place = await placeOf("functions", id);
  if (place < 0) return missing(main, "function", id);
  const made = await record("functions", place);
  main.append(crumbs(await parents(made), made.name), make("h1", { tabindex: -1 }, made.name));
  main.append(make("p", { class: "quiet" }, `Source: ${made.source}. License: ${made.license}. Id: `, make("code", {}, made.id)));
  main.append(make("p", {}, made.query), make("details", {}, make("summary", {}, "What goes in and what comes out"), make("div", { class: "text" }, made.description)));
  const left = make("div", {}, make("h2", {}, "Unified code"), code(made.code, `Code of ${made.name}`));
  if (made.generator) left.append(make("h2", {}, "Input generator"), code(made.generator, "Input generator"));
  const rows = await rowsOf(place), all = await columns("rows");
  const byPair = new Map();
  for (const row of rows) {
    const asked = await record("rows", row);
    const key = asked.pair || `${asked.input}\n${asked.output}`;
    byPair.set(key, [...byPair.get(key) ?? [], row]);
  }
  const pairs = await Promise.all(made.pairs.map(async (pair, number) => [`${number + 1}`, make("code", {}, pair.input), make("code", {}, pair.output),
    make("ul", { class: "children" }, await Promise.all((byPair.get(pair.id || `${pair.input}\n${pair.output}`) ?? []).map(rowLink)))]));
  const right = make("div", {}, make("h2", {}, "Pairs and their samples"),
    pairs.length ? table(`${pairs.length} pairs, ${rows.length} samples`, ["pair", "input", "output", "samples"], pairs) : make("p", {}, "No pair came of this function; the rejects say why."));
  main.append(make("div", { class: "columns" }, left, right));
}

async function showFile(main, [id], query) {
  const place = await placeOf("files", id);
  if (place < 0) return missing(main, "file", id);
  const file = await record("files", place);
  const functions = await columns("functions");
  main.append(crumbs(file.path), make("h1", { tabindex: -1 }, file.path));
  main.append(make("p", { class: "quiet" }, `Source: ${file.source}. License: ${file.license}. Id: `, make("code", {}, file.id)));
  const children = functions.file?.flatMap((each, number) => (each === place ? [make("li", {}, link(`/function/${functions.id[number]}`, functions.name[number]))] : [])) ?? [];
  main.append(make("h2", {}, "Functions made of it"), children.length ? make("ul", { class: "children" }, children) : make("p", {}, "None."));
  const shown = code(file.content, file.path);
  main.append(make("h2", {}, "Raw file"), shown);
  const line = Number(query.get("line"));
  if (line) {
    light(shown, [line]);
    say(`Line ${line}`);
  }
}

async function parents(made) {
  return made.file >= 0 ? link(`/file/${(await columns("files")).id[made.file]}`, made.path) : made.path;
}

async function rowsOf(place) {
  return (await columns("rows")).function?.flatMap((each, number) => (each === place ? [number] : [])) ?? [];
}

async function rowLink(place) {
  const rows = await columns("rows"), { kinds } = await load("summary");
  return make("li", {}, link(`/row/${rows.id[place]}`, `${kinds.task[rows.task[place]]} question`), " ", badge(kinds.verdict[rows.last[place]]));
}

function crumbs(...parts) {
  return make("p", { class: "crumbs" }, parts.flatMap((part, number) => (number ? [" › ", part] : [part])));
}

function missing(main, what, id) {
  main.append(make("h1", { tabindex: -1 }, `No such ${what}`), make("p", {}, `Nothing here has the id ${id}.`));
}
