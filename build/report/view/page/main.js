// Shows what the address names after "#", and minds the search field, the theme and the keys.
"use strict";

const VIEWS = { "": showOverview, rows: showRows, row: showRow, function: showFunction, file: showFile, dropped: showDropped };
let onKey = () => {};
let turn = 0;

function say(text) {
  document.getElementById("said").textContent = text;
}

async function show() {
  const mine = ++turn; // a view that takes longer than the reader's patience is thrown away
  const [path, query] = location.hash.slice(1).split("?");
  if (path && !path.startsWith("/")) return; // an anchor
  const [name = "", ...rest] = path.split("/").slice(1).map(decodeURIComponent);
  const filters = new URLSearchParams(query);
  const content = make("main", { id: "main", tabindex: -1 });
  onKey = () => {};
  try {
    await (VIEWS[name] ?? showOverview)(content, rest, filters);
  } catch (error) {
    content.replaceChildren(make("h1", {}, "This cannot be shown"), make("p", {}, error.message));
  }
  if (mine !== turn) return;
  const searching = document.activeElement === field;
  document.getElementById("main").replaceWith(content);
  document.title = `${content.querySelector("h1").textContent.slice(0, 60)} · ${(await load("summary")).title}`;
  if (!searching) field.value = name === "rows" ? filters.get("q") ?? "" : "";
  for (const page of document.querySelectorAll("header nav a")) {
    page.toggleAttribute("aria-current", page.hash === `#/${name}` || (name === "row" && page.hash === "#/rows"));
  }
  const lit = content.querySelector(".lit");
  if (lit) lit.scrollIntoView({ block: "center" });
  else if (!searching) {
    scrollTo(0, 0);
    if (shownOnce) content.querySelector("h1").focus({ preventScroll: true });
  }
  shownOnce = true;
  document.body.dataset.shown = location.hash;
}

let shownOnce = false;
let typed;
const field = document.getElementById("search");
const search = () => {
  const now = location.hash.startsWith("#/rows?") ? new URLSearchParams(location.hash.split("?")[1]) : new URLSearchParams();
  now.set("q", field.value.trim());
  now.delete("page");
  if (!now.get("q")) now.delete("q");
  location.hash = `/rows${now.size ? `?${now}` : ""}`;
};
field.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(search, 120); });
field.form.addEventListener("submit", event => { event.preventDefault(); clearTimeout(typed); search(); });

document.addEventListener("keydown", event => {
  const writes = /INPUT|SELECT|TEXTAREA/.test(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !writes) {
    event.preventDefault();
    field.focus();
  } else if (!writes && !event.target.closest(".wide, .code")) onKey(event.key);
});

const button = document.getElementById("theme");
function theme(name) {
  document.documentElement.style.colorScheme = name;
  button.textContent = name === "dark" ? "Light" : "Dark";
}
button.addEventListener("click", () => {
  const next = button.textContent.toLowerCase();
  theme(next);
  try { localStorage.setItem("theme", next); } catch { /* some browsers keep nothing for pages from disk */ }
});
let kept = null;
try { kept = localStorage.getItem("theme"); } catch { /* as above */ }
theme(kept ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));

addEventListener("hashchange", show);
show();
