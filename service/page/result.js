// What was read: the article with its statements marked, the list of them by speaker, and what can be done with both.

import {byId, count, el} from "./dom.js";
import {colour, paragraphs} from "./marks.js";
import {labeller, put} from "./outbox.js";
import {Item} from "./statement.js";
import {STANCES, sign} from "./stances.js";
import {takeAway} from "./takeaway.js";

let items = [];
let read = null;  // {article, title, answer}
let now = null;  // the number of the statement that keys act on
const wanted = {stances: new Set(STANCES), speaker: "", certainty: ""};

export function start() {
  const result = byId("result");
  result.addEventListener("keydown", press);
  for (const [type, isOn] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
    result.addEventListener(type, event => light(event.target.closest?.("[data-n]"), isOn));
  }
  byId("text").addEventListener("click", event => {
    const mark = event.target.closest("[data-n]");
    if (mark) choose(Number(mark.dataset.n.split(" ")[0]), true);
  });
}

/** Shows an answer of POST /v1/articles. Returns what there is to be said of it. */
export function show(article, title, answer) {
  read = {article, title, answer};
  now = null;
  items = answer.statements.map((statement, n) => new Item(statement, n, answer.model, {shown: choose, toText, changed}));
  const head = title ? [el("p", {class: "head"}, title)] : [];
  byId("text").replaceChildren(...head, ...paragraphs(article, answer.statements));
  for (const item of items) colour(byId("text"), item);
  drawList();
  Object.assign(wanted, {stances: new Set(STANCES), speaker: "", certainty: ""});
  drawFilters();
  drawDownloads();
  byId("result").hidden = false;
  const n_unsure = answer.statements.filter(statement => !statement.verdict.certain).length;
  return `${count(items.length, "statement")} by ${count(groups().length, "speaker")}${n_unsure ? `; ${n_unsure} of them unsure` : ""}. Click one to see more, or to put it right.`;
}

/** Opens the first statement, for a text that is one. */
export const openFirst = () => items[0].open();

const speakerOf = item => item.statement.speaker?.name ?? "No speaker named";

/** [speaker, items] in the order of the text. */
function groups() {
  const found = new Map();
  for (const item of items) {
    const name = speakerOf(item);
    found.set(name, [...(found.get(name) ?? []), item]);
  }
  return [...found];
}

function drawList() {
  byId("statements").replaceChildren(...groups().map(([name, those]) => el("section", {"data-speaker": name},
    el("h2", {}, `${name} `, el("span", {class: "soft"}, `(${those.length})`)),
    el("ul", {role: "list", class: "plain"}, those.map(item => item.node)))));
}

function drawFilters() {
  const counts = Object.fromEntries(STANCES.map(stance => [stance, items.filter(item => item.statement.verdict.stance === stance).length]));
  const chips = STANCES.map(stance => {
    const chip = el("button", {type: "button", class: stance, "aria-pressed": "true", onclick: () => {
      wanted.stances.has(stance) ? wanted.stances.delete(stance) : wanted.stances.add(stance);
      chip.setAttribute("aria-pressed", String(wanted.stances.has(stance)));
      sift();
    }}, sign(stance), `${stance} ${counts[stance]}`);
    return chip;
  });
  const choice = (name, label, options) => el("label", {class: "plain"}, `${label} `, el("select", {onchange: event => {
    wanted[name] = event.target.value;
    sift();
  }}, options.map(([value, text]) => el("option", {value}, text))));
  byId("filters").replaceChildren(...chips,
    choice("speaker", "Speaker", [["", "all"], ...groups().map(([name]) => [name, name])]),
    choice("certainty", "Verdict", [["", "all"], ["sure", "sure"], ["unsure", "unsure"]]),
    el("span", {id: "sifted", class: "soft", role: "status"}));
}

/** Shows what is wanted; the rest stays readable in the text, without its mark. */
function sift() {
  const isWanted = item => wanted.stances.has(item.statement.verdict.stance)
    && (!wanted.speaker || wanted.speaker === speakerOf(item))
    && (!wanted.certainty || (wanted.certainty === "sure") === item.statement.verdict.certain);
  const shown = new Set(items.filter(isWanted).map(item => item.n));
  for (const item of items) item.node.hidden = !shown.has(item.n);
  for (const section of byId("statements").querySelectorAll("section")) section.hidden = !section.querySelector("li:not([hidden])");
  for (const mark of byId("text").querySelectorAll("mark")) mark.classList.toggle("away", !numbers(mark).some(n => shown.has(n)));
  for (const button of byId("text").querySelectorAll("button.sign")) button.hidden = !shown.has(Number(button.dataset.n));
  byId("sifted").textContent = shown.size === items.length ? "" : `${shown.size} of ${items.length} shown`;
}

/** Somebody put a statement right. */
function changed(n) {
  colour(byId("text"), items[n]);
  drawDownloads();
}

function drawDownloads() {
  const unsure = items.filter(item => item.isUnsure && !item.isQueued);
  const queue = el("button", {type: "button", onclick: () => {
    for (const item of unsure) item.isQueued = true;
    const quotes = unsure.map(({statement: {text, context, speaker}}) => ({text, context, speaker: speaker?.name ?? null, label: null}));
    put("POST", "/v1/quotes", {labeller: labeller(), source: "page", quotes}, (_, error) => {
      byId("taken").textContent = error ? `Not taken: ${error.message}` : `${count(quotes.length, "statement")} put under Review.`;
    });
    drawDownloads();
  }}, `Put the ${unsure.length} unsure under Review`);
  byId("downloads").replaceChildren(...takeAway(() => read, () => items), unsure.length ? queue : "", el("span", {id: "taken", class: "soft", role: "status"}));
}

const numbers = node => node.dataset.n.split(" ").map(Number);

function light(node, isOn) {
  if (!node) return;
  for (const n of numbers(node)) each(n, other => other.classList.toggle("now", isOn || n === now));
}

function each(n, work) {
  for (const mark of byId("text").querySelectorAll("mark")) if (numbers(mark).includes(n)) work(mark);
  work(items[n].node);
}

/** Makes statement n the one that keys act on; opened in the list where it was chosen in the text. */
function choose(n, fromText = false) {
  if (now !== null && now !== n) {
    const before = now;
    now = null;
    each(before, node => node.classList.remove("now"));
    items[before].open(false);
  }
  now = n;
  each(n, node => node.classList.add("now"));
  if (fromText) {
    items[n].open(true, true);
    items[n].node.scrollIntoView({block: "nearest"});
  }
}

function toText(n) {
  const button = byId("text").querySelector(`button.sign[data-n="${n}"]`);
  button?.scrollIntoView({block: "center"});
  button?.focus({preventScroll: true});
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  const place = event.target.closest("[data-n]");
  const n = place ? numbers(place)[0] : now;
  if (key === "j" || key === "k") {
    const shown = items.filter(item => !item.node.hidden);
    const at = shown.findIndex(item => item.n === n);
    const next = shown[at < 0 ? 0 : Math.min(Math.max(at + (key === "j" ? 1 : -1), 0), shown.length - 1)];
    if (next) choose(next.n, true);
    event.preventDefault();
  } else if (n !== null && items[n]) {
    if (items[n].press(key)) {
      event.preventDefault();
      if (now !== n) choose(n, true);
    }
  }
}

