// Loads the data by script tags, since a page from disk may not fetch: each script calls `loaded(name, value)`.
"use strict";

const arrived = new Map(); // name -> promise of its value
const waiting = new Map(); // name -> what to call with the value

function loaded(name, value) {
  waiting.get(name)(value);
}

function load(name) {
  if (!arrived.has(name)) {
    arrived.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      waiting.set(name, resolve);
      script.src = `data/${name}.js`;
      script.onload = () => script.remove();
      script.onerror = () => reject(new Error(`data/${name}.js is missing; make the page again.`));
      document.head.append(script);
    }));
  }
  return arrived.get(name);
}

/** The record of a table ("files", "functions", "rows", "dropped") at a place. */
async function record(table, place) {
  const starts = (await load("summary")).tables[table].starts;
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= place) low = middle; else high = middle - 1;
  }
  const chunk = await load(`${table}/${String(low).padStart(4, "0")}`);
  return chunk[place - starts[low]];
}

const joined = new Map();

/** The columns of a table, each one array over all its records. */
function columns(table) {
  if (!joined.has(table)) joined.set(table, joinColumns(table));
  return joined.get(table);
}

async function joinColumns(table) {
  const summary = await load("summary");
  const number = Math.ceil(summary.tables[table].count / summary.column_rows);
  const parts = await Promise.all(Array.from({ length: number }, (_, part) => load(`columns/${table}/${part}`)));
  const whole = {};
  for (const name of Object.keys(parts[0] ?? {})) whole[name] = parts.length > 1 ? [].concat(...parts.map(part => part[name])) : parts[0][name];
  return whole;
}

/** The place of a record by its id or the beginning of it, -1 where there is none. */
async function placeOf(table, id) {
  const ids = (await columns(table)).id ?? [];
  const exact = ids.indexOf(id);
  return exact >= 0 ? exact : ids.findIndex(each => each.startsWith(id));
}

/** The functions that hold every term of a query (a term is the beginning of a word), as a set of places. */
async function functionsWith(terms) {
  const where = (await load("summary")).words;
  let found = null;
  for (const term of terms) {
    const now = new Set();
    const chunks = [...new Set(Object.keys(where).filter(prefix => prefix.startsWith(term.slice(0, 2))).map(prefix => where[prefix]))];
    for (const words of await Promise.all(chunks.map(chunk => load(`words/${String(chunk).padStart(2, "0")}`)))) {
      for (const word in words) {
        if (!word.startsWith(term)) continue;
        let place = 0;
        for (const step of words[word]) {
          place += step;
          if (!found || found.has(place)) now.add(place);
        }
      }
    }
    found = now;
  }
  return found;
}

/** The places of the rows that hold a query and have the chosen values; `chosen` maps a column's name to a value. */
async function rowsWith(query, chosen) {
  const summary = await load("summary");
  const rows = await columns("rows");
  const query_ = query.toLowerCase().trim();
  const functions = query_ ? await functionsWith(query_.match(/[a-z0-9_]+/g) ?? []) : null;
  const asId = /^[0-9a-f]{6,20}$/.test(query_) ? query_ : null;
  const functionIds = asId ? (await columns("functions")).id : null;
  const sources = (await columns("functions")).source;
  const tests = Object.entries(chosen).map(([name, value]) => {
    const kind = name === "first" || name === "last" ? "verdict" : name;
    const wanted = summary.kinds[kind].indexOf(value);
    return name === "source" ? place => sources[rows.function[place]] === wanted : place => rows[name][place] === wanted;
  });
  const found = [];
  for (let place = 0; place < summary.tables.rows.count; place++) {
    if (functions && !functions.has(rows.function[place])
      && !(asId && (rows.id[place].startsWith(asId) || functionIds[rows.function[place]].startsWith(asId)))) continue;
    if (tests.every(test => test(place))) found.push(place);
  }
  return found;
}
