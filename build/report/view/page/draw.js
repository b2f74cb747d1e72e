// Makes elements, code with numbered lines, and charts.
"use strict";

/** An element: `attributes` by name ("onclick" and the like are listeners), then its content. */
function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...content.flat(Infinity).filter(each => each !== null && each !== undefined));
  return element;
}

const words = name => name.replaceAll("_", " ");
const number = value => value.toLocaleString("en-US");
const share = (part, whole) => (whole ? `${(100 * part / whole).toFixed(1)} %` : "–");

function link(to, ...content) {
  return make("a", { href: `#${to}` }, ...content);
}

function badge(verdict) {
  return make("span", { class: `badge ${verdict === "correct" ? "right" : "wrong"}` }, verdict === "correct" ? "✓ " : "✗ ", words(verdict));
}

/** A table: a caption, headers, rows of cells; columns of numbers are set to the right. */
function table(caption, headers, rows) {
  const isNumber = value => /^[\d,.–]+( %)?$/.test(value?.textContent ?? value);
  const numeric = headers.map((_, place) => place > 0 && rows.length > 0 && rows.every(row => isNumber(row[place])));
  const cell = (value, place) => make("td", { class: numeric[place + 1] ? "number" : null }, value);
  return make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption },
    make("table", {},
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, headers.map((each, place) => make("th", { scope: "col", class: numeric[place] ? "number" : null }, each)))),
      make("tbody", {}, rows.map(([first, ...rest]) => make("tr", {}, make("th", { scope: "row" }, first), rest.map(cell))))));
}

/** Python code with a span a line (`line(n)` of it is span number n - 1). */
function code(text, label, start = 1) {
  const marked = hljs.highlight(text.replace(/\n$/, ""), { language: "python", ignoreIllegals: true }).value;
  let open = []; // spans that go on over a line break are closed before it and opened again after it
  const lines = marked.split("\n").map(line => {
    const before = open.join("");
    for (const tag of line.match(/<span[^>]*>|<\/span>/g) ?? []) tag === "</span>" ? open.pop() : open.push(tag);
    return before + line + "</span>".repeat(open.length);
  });
  const body = make("code", {});
  body.innerHTML = lines.map(line => `<span class="line">${line}\n</span>`).join(""); // highlight.js escapes the text
  return make("pre", { class: "code", tabindex: 0, role: "region", "aria-label": label, style: `--start: ${start - 1}` }, body);
}

function light(pre, lines, scroll = true) {
  const all = pre.querySelectorAll(".line");
  all.forEach(line => line.classList.remove("lit"));
  const lit = lines.map(line => all[line - 1]).filter(Boolean);
  lit.forEach(line => line.classList.add("lit"));
  if (scroll && lit.length) {
    const top = lit[0].offsetTop - pre.clientHeight / 3;
    if (lit[0].offsetTop < pre.scrollTop || lit.at(-1).offsetTop > pre.scrollTop + pre.clientHeight - 30) pre.scrollTop = top;
  }
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A histogram with right and other first answers on top of each other. `unit` names the horizontal axis. */
function histogram(title, unit, { classes, median, total, most }) {
  const width = 460, height = 230, left = 48, bottom = 48, top = 14;
  const highest = Math.max(...classes.map(([, , right, wrong]) => right + wrong));
  const power = 10 ** Math.floor(Math.log10(highest));
  const step = Math.max(1, power * (highest > 5 * power ? 2 : highest > 2 * power ? 1 : 0.5));
  const scale = value => (height - top - bottom) * value / highest;
  const wide = (width - left - 8) / classes.length;
  const told = ([low, high]) => (low === high ? number(low) : `${number(low)} to ${number(high)}`);
  const text = `${title}. ${number(total)} questions; median ${number(median)}, largest ${number(most)} ${unit}. `
    + classes.map(each => `${told(each)}: ${number(each[2])} right, ${number(each[3])} not.`).join(" ");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text });
  for (let value = 0; value <= highest; value += step) {
    const y = height - bottom - scale(value);
    picture.append(svg("line", { class: "grid", x1: left, x2: width - 8, y1: y, y2: y }), svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, number(value)));
  }
  classes.forEach(([low, high, right, wrong], place) => {
    const x = left + place * wide + 2;
    const bar = (value, below, kind) => {
      const rect = svg("rect", { class: kind, x, width: wide - 4, y: height - bottom - scale(below + value), height: scale(value) });
      rect.append(svg("title", {}, `${told([low, high])} ${unit}: ${number(value)} ${kind === "right" ? "right" : "not right"} at turn 1`));
      picture.append(rect);
    };
    bar(right, 0, "right");
    bar(wrong, right, "wrong");
    picture.append(svg("text", { x: x + wide / 2 - 2, y: height - bottom + 15, "text-anchor": "middle" }, low >= 1000 ? `${low / 1000}k` : low));
  });
  picture.append(
    svg("text", { x: left + (width - left) / 2, y: height - 8, "text-anchor": "middle", class: "axis" }, `${unit} (each bar begins at its number)`),
    svg("text", { transform: `translate(11 ${(height - bottom) / 2 + top / 2}) rotate(-90)`, "text-anchor": "middle", class: "axis" }, "questions"));
  return make("figure", {}, make("figcaption", {}, make("strong", {}, title), make("br"), `median ${number(median)}, largest ${number(most)} ${unit}`), picture);
}
