// What the page does beyond showing itself: it finds and sorts claims, unpacks and enlarges figures, switches between light and dark.
"use strict";
document.documentElement.classList.add("js");

function remembered() {
  try { return localStorage.getItem("theme"); } catch { return null; } // some browsers keep nothing for files
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* it lasts until the page is closed */ }
}

if (remembered()) setTheme(remembered());

function switchTheme(button) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`); };
  button.addEventListener("click", () => { setTheme(isDark() ? "light" : "dark"); name(); });
  system.addEventListener("change", name);
  name();
}

// ------------------------------------------------------------ contents

function foldContents(nav) {
  const button = document.getElementById("contents");
  const show = (open) => { nav.classList.toggle("open", open); button.setAttribute("aria-expanded", open); };
  button.addEventListener("click", () => show(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) show(false); });
  nav.addEventListener("keydown", (event) => { if (event.key === "Escape") { show(false); button.focus(); } });
}

function followReading(nav) {
  const entries = new Map([...nav.querySelectorAll(":scope > ul > li > a[href^='#']")].map((link) => [link.hash.slice(1), link.parentElement]));
  const observer = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (!isIntersecting) continue;
      for (const [id, entry] of entries) entry.classList.toggle("current", id === target.id);
    }
  }, { rootMargin: "-15% 0px -80% 0px" });
  for (const id of entries.keys()) observer.observe(document.getElementById(id));
}

function walkMarks(row) { // one stop of the tab key for each row of marks; the arrows lead on from there
  const marks = [...row.querySelectorAll(".mark")];
  marks.forEach((mark, index) => { mark.tabIndex = index ? -1 : 0; });
  row.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = marks[marks.indexOf(document.activeElement) + step];
    if (!next) return;
    for (const mark of marks) mark.tabIndex = mark === next ? 0 : -1;
    next.focus();
    event.preventDefault();
  });
}

// ------------------------------------------------------------ claims

const FILTERS = ["study", "task", "verdict", "changed"]; // fields of the form and of a claim's row

const ORDERS = {
  largest: (a, b) => a.unit.localeCompare(b.unit) || compare(a.estimate, b.estimate, -1),
  smallest: (a, b) => a.unit.localeCompare(b.unit) || compare(a.estimate, b.estimate, 1),
  clearest: (a, b) => compare(Math.abs(a.clarity), Math.abs(b.clarity), -1),
};

function compare(first, second, sign) { // what is not known comes last, whichever way
  const [a, b] = [Number(first), Number(second)];
  return Number.isNaN(a) - Number.isNaN(b) || sign * (a - b) || 0;
}

function findClaims(section) {
  const form = section.querySelector("form");
  const [status, results, figureList] = ["matches", "results", "matching-figures"].map((id) => document.getElementById(id));
  const claims = [...document.querySelectorAll("main tr.claim")];
  const texts = new Map(claims.map((row) => [row, textOf(row)]));
  const figures = [...document.querySelectorAll("main figure")];

  function show() {
    const chosen = Object.fromEntries(new FormData(form));
    const { study, sort, words } = chosen;
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const says = (text) => wanted.every((word) => text.toLowerCase().includes(word));
    const filters = FILTERS.filter((name) => chosen[name]);
    const fits = ({ dataset }) => filters.every((name) => dataset[name] === chosen[name]);
    const isUsed = Boolean(filters.length || sort || wanted.length);
    const rows = isUsed ? claims.filter((row) => fits(row) && says(texts.get(row))) : [];
    if (ORDERS[sort]) rows.sort((a, b) => ORDERS[sort](a.dataset, b.dataset));
    results.querySelector("tbody").replaceChildren(...rows.map(copyOf));
    results.hidden = !rows.length;
    const drawn = wanted.length ? figures.filter((figure) => says(`${titleOf(figure)} ${captionOf(figure)} ${figure.id}`) && (!study || figure.closest(".study").id === study)) : [];
    figureList.replaceChildren(...drawn.map(linkTo));
    const ofFigures = wanted.length ? `, ${drawn.length} of ${counted(figures, "figure")}` : "";
    status.textContent = isUsed ? `${rows.length} of ${counted(claims, "claim")}${ofFigures}` : `${counted(claims, "claim")} and ${counted(figures, "figure")}, all of them below.`;
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  section.hidden = false;
  show();
}

function counted(things, name) {
  return `${things.length} ${name}${things.length === 1 ? "" : "s"}`;
}

function textOf(row) { // without its values by seed, in which any number would be found
  const copy = row.cloneNode(true);
  copy.querySelector(".seeds")?.remove();
  return copy.textContent;
}

function copyOf(row) {
  const copy = row.cloneNode(true);
  copy.removeAttribute("id");
  const link = document.createElement("a");
  link.href = `#${row.id}`;
  const where = copy.querySelector(".where");
  link.append(...where.childNodes);
  where.append(link);
  return copy;
}

function titleOf(figure) {
  return figure.querySelector("figcaption strong").textContent;
}

function captionOf(figure) {
  return figure.querySelector(".caption").textContent;
}

function linkTo(figure) {
  const [item, link] = [document.createElement("li"), document.createElement("a")];
  link.href = `#${figure.id}`;
  link.textContent = titleOf(figure);
  item.append(link);
  return item;
}

// ------------------------------------------------------------ figures

function enlargeFigures(dialog) {
  const links = [...document.querySelectorAll("a.enlarge")];
  let shown = 0;
  const show = (index) => {
    shown = (index + links.length) % links.length;
    const [from, to] = [links[shown].querySelector("img"), dialog.querySelector("img")];
    const figure = links[shown].closest("figure");
    [to.src, to.alt] = [from.src, from.alt];
    document.getElementById("enlarged-name").textContent = titleOf(figure);
    document.getElementById("enlarged-caption").textContent = captionOf(figure);
    dialog.querySelector(".scroll").scrollTo(0, 0);
  };
  links.forEach((link, index) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a new tab, as any link
    event.preventDefault();
    show(index);
    dialog.showModal();
  }));
  for (const button of dialog.querySelectorAll(".step")) button.addEventListener("click", () => show(shown + Number(button.dataset.step)));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // beside it
  dialog.addEventListener("close", () => { links[shown].closest("figure").scrollIntoView({ block: "nearest" }); links[shown].focus(); });
}

async function unpack(image) { // pages of many figures hold them compressed
  const bytes = Uint8Array.from(atob(image.dataset.packed.split(",")[1]), (letter) => letter.charCodeAt(0));
  const svg = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  image.src = `data:image/svg+xml,${encodeURIComponent(await new Response(svg).text())}`;
  delete image.dataset.packed;
}

// ------------------------------------------------------------ paper

function unfoldForPaper() {
  let folded = [];
  addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details:not([open], .seeds)")]; for (const part of folded) part.open = true; });
  addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
}

addEventListener("DOMContentLoaded", () => {
  const [nav, find, dialog] = [document.querySelector("nav"), document.getElementById("find"), document.getElementById("enlarged")];
  switchTheme(document.getElementById("theme"));
  if (nav) { // the index of all pages has none
    foldContents(nav);
    followReading(nav);
  }
  document.querySelectorAll("img[data-packed]").forEach(unpack);
  document.querySelectorAll(".marks").forEach(walkMarks);
  if (find) findClaims(find);
  if (dialog) enlargeFigures(dialog);
  unfoldForPaper();
});
