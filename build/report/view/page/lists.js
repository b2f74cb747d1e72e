// The lists: samples, which a search and filters narrow, and rejects by stage and reason.
"use strict";

const PAGE = 50;
const FILTERS = { task: "Task", first: "First verdict", last: "Last verdict", type: "Type of the output", source: "Source", split: "Split" };

async function showRows(main, _, query) {
  const summary = await load("summary");
  const q = query.get("q") ?? "";
  const chosen = Object.fromEntries(Object.keys(FILTERS).filter(name => query.get(name) !== null).map(name => [name, query.get(name)]));
  const page = Number(query.get("page") ?? 1);
  main.append(make("h1", { tabindex: -1 }, "Samples"));
  const go = changes => {
    const next = new URLSearchParams({ q, ...chosen, ...changes });
    for (const [name, value] of [...next]) if (value === "" || value === "1" && name === "page") next.delete(name);
    return `/rows${next.size ? `?${next}` : ""}`;
  };
  main.append(make("div", { class: "filters" }, Object.entries(FILTERS).map(([name, label]) => {
    const values = summary.kinds[name === "first" || name === "last" ? "verdict" : name];
    if (values.length < 2) return null;
    const select = make("select", { id: `filter-${name}`, onchange: event => { location.hash = go({ [name]: event.target.value, page: 1 }); } },
      make("option", { value: "" }, "all"), values.map(value => make("option", { value, selected: chosen[name] === value }, words(value))));
    return make("label", {}, `${label} `, select);
  })));
  const found = await rowsWith(q, chosen);
  const rows = await columns("rows"), functions = await columns("functions");
  const low = (page - 1) * PAGE;
  main.append(make("p", { class: "count" }, `${number(found.length)} of ${number(summary.tables.rows.count)} samples${q ? ` for “${q}”` : ""}`));
  say(`${found.length} samples`);
  const shown = found.slice(low, low + PAGE).map(place => {
    const of = rows.function[place], verdict = name => summary.kinds.verdict[rows[name][place]];
    return [link(`/row/${rows.id[place]}`, functions.name[of]), functions.path[of], summary.kinds.task[rows.task[place]],
      badge(verdict("first")), rows.turns[place] > 1 ? badge(verdict("last")) : "", rows.steps[place] === null ? "–" : number(rows.steps[place])];
  });
  main.append(table("Samples", ["function", "file", "asked for", "turn 1", "last turn", "executed steps"], shown));
  main.append(pages(found.length, page, number => go({ page: number })));
}

function pages(total, page, to) {
  const last = Math.ceil(total / PAGE);
  if (last < 2) return "";
  return make("nav", { class: "pages", "aria-label": "Parts of the list" }, page > 1 ? link(to(page - 1), "← Back") : null, ` ${page} of ${number(last)} `, page < last ? link(to(page + 1), "On →") : null);
}

async function showDropped(main, [stage, reason], query) {
  const summary = await load("summary");
  if (!stage) {
    main.append(make("h1", { tabindex: -1 }, "Rejects"));
    const rows = summary.stages.flatMap(each => each.reasons.map(([name, count]) => [link(`/dropped/${each.name}/${name}`, words(name)), words(each.name), number(count)]));
    main.append(rows.length ? table("Rejects by reason", ["reason", "stage", "rejects"], rows) : make("p", {}, "No reject is known here."));
    return;
  }
  const places = summary.examples[`${stage}/${reason}`] ?? [];
  const total = summary.stages.find(each => each.name === stage)?.reasons.find(each => each[0] === reason)?.[1] ?? 0;
  const page = Number(query.get("page") ?? 1);
  main.append(make("p", { class: "crumbs" }, link("/dropped", "Rejects"), ` › ${words(stage)}`), make("h1", { tabindex: -1 }, words(reason)));
  main.append(make("p", { class: "count" }, places.length < total ? `The first ${number(places.length)} of ${number(total)}` : number(total), " rejects"));
  const low = (page - 1) * PAGE;
  const found = await Promise.all(places.slice(low, low + PAGE).map(place => record("dropped", place)));
  const files = await columns("files"), functions = await columns("functions");
  const unifiedKnown = found.some(each => each.function >= 0);
  const rows = found.map(each => {
    const detail = each.path && each.detail.startsWith(each.path) ? each.detail.slice(each.path.length).replace(/^[:\s]+/, "") : each.detail;
    const where = each.line ? `${each.path}:${each.line}` : each.path || each.parent;
    const place = each.file >= 0 ? link(`/file/${files.id[each.file]}${each.line ? `?line=${each.line}` : ""}`, where) : where;
    const unified = each.function >= 0 ? link(`/function/${functions.id[each.function]}`, functions.name[each.function]) : "";
    return [place, make("code", {}, detail), ...(unifiedKnown ? [unified] : [])];
  });
  main.append(table("Examples", ["file and line", "detail", ...(unifiedKnown ? ["unified function"] : [])], rows), pages(places.length, page, number => `/dropped/${stage}/${reason}?page=${number}`));
}
