// A queue of what would teach most, for a person with a keyboard; and how far people agree.

import {ask} from "./api.js";
import {Correction} from "./correction.js";
import {askFor, byId, count, el, percent} from "./dom.js";
import {labeller} from "./outbox.js";
import {KEYS, answers, words} from "./stances.js";

const PAGE = 20;

let queue = [];
let before = [];  // corrections made here, to go back to
let current = null;
let n_done = 0;
let waiting = 0;
let strategy = "uncertain";
const seen = new Set();

export function start() {
  byId("strategy").addEventListener("change", event => {
    strategy = event.target.value;
    begin();
  });
  byId("view-review").addEventListener("keydown", press);
}

export async function begin() {
  queue = [];
  seen.clear();
  current = null;
  await Promise.all([next(), drawAgreement()]);
}

async function fetchMore() {
  const query = new URLSearchParams({strategy, n: 100, labeller: labeller()});
  const answer = await ask("GET", `/v1/quotes/next?${query}`);
  waiting = answer.counts.unlabelled + (strategy === "disagreement" ? answer.counts.disputed : 0);
  queue = answer.quotes.filter(quote => !seen.has(quote.id)).slice(0, PAGE);
}

async function next() {
  try {
    if (!queue.length) await fetchMore();
  } catch (error) {
    byId("review-progress").textContent = error.message;
    return;
  }
  const quote = queue.shift();
  if (!quote) return drawEmpty();
  seen.add(quote.id);
  const {text, context, speaker, verdict} = quote;
  const about = {text, context, speaker, verdict, model: verdict?.model ?? null};
  current = {quote, correction: new Correction(about, () => current?.quote === quote && tellState())};
  draw();
}

function drawEmpty() {
  current = null;
  progress();
  byId("review-card").replaceChildren(el("div", {class: "card"}, el("p", {}, strategy === "disagreement"
    ? "Nobody disagrees with anybody here."
    : "Nothing waits for a label. Read an article and put what the model is unsure of under Review, or send quotes in through the API."),
  before.length ? el("button", {type: "button", onclick: undo}, "Undo the last", el("kbd", {}, "u")) : null));
}

function progress() {
  const left = Math.max(0, waiting - n_done);
  byId("review-progress").textContent = `${n_done} answered now${strategy === "disagreement" ? "" : `; about ${count(left, "quote")} still wait`}.`;
}

function draw() {
  progress();
  const {quote, correction} = current;
  const {text, context} = quote;
  const at = context ? context.indexOf(text) : -1;
  const said = at < 0 ? [text] : [context.slice(0, at), el("mark", {class: "other"}, text), context.slice(at + text.length)];
  const others = quote.labels.length ? el("p", {}, "So far: ", quote.labels.map((one, place) => [place ? ", " : "", `${one.labeller} says ${words(one.label)}`])) : null;
  byId("review-card").replaceChildren(el("div", {class: "card", tabindex: -1, id: "review-now"},
    el("blockquote", {}, said), at < 0 && context ? el("p", {class: "soft"}, `In: ${context}`) : null,
    quote.speaker ? el("p", {class: "soft"}, `Said by ${quote.speaker}`) : null, others,
    strategy === "disagreement" && quote.verdict ? el("p", {}, `The model says ${quote.verdict.stance}, ${percent(quote.verdict.probability)}.`) : null,
    el("p", {id: "review-question"}, "What does the speaker do by saying it?"),
    answers(correction.label, give),
    el("div", {class: "row"}, quote.status === "disputed" ? el("button", {type: "button", onclick: settle}, "Settle it as …") : null, el("button", {type: "button", onclick: skip}, "Skip", el("kbd", {}, "s")), el("button", {type: "button", onclick: undo, disabled: !before.length}, "Undo the last", el("kbd", {}, "u"))),
    el("p", {class: "soft", id: "review-state", role: "status"}, before.length ? lastWord() : "")));
  byId("review-now").focus({preventScroll: true});
}

function lastWord() {
  const {correction, quote} = before.at(-1);
  const verdict = quote.verdict;
  const beside = verdict ? (verdict.stance === correction.label ? "; the model said so too" : `; the model said ${verdict.stance}, ${percent(verdict.probability)}`) : "";
  return `“${quote.text.slice(0, 60)}${quote.text.length > 60 ? "…" : ""}”: ${words(correction.label)}${beside}.`;
}

function tellState() {
  if (byId("review-state") && current.correction.state && !["sending", "saved"].includes(current.correction.state)) byId("review-state").textContent = current.correction.state;
}

function give(label) {
  if (!current) return;
  current.correction.give(label);
  before.push(current);
  n_done += 1;
  next();
}

/** Decides a dispute, for all who labelled. */
async function settle() {
  const {quote} = current;
  const choice = el("select", {name: "label", "aria-label": "The right label"}, [...new Set(quote.labels.map(one => one.label))].map(label => el("option", {value: label}, words(label))));
  const given = await askFor("Settle it, for everybody, as", [choice], "Settle");
  if (!given) return;
  try {
    await ask("PATCH", `/v1/quotes/${quote.id}`, {labeller: labeller(), label: given.label, settle: true, source: "page"});
    n_done += 1;
    await next();
  } catch (error) {
    byId("review-state").textContent = error.message;
  }
}

function skip() {
  if (current) next();
}

function undo() {
  const last = before.pop();
  if (!last) return;
  last.correction.undo();
  if (current) queue.unshift(current.quote);
  current = last;
  n_done -= 1;
  draw();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const key = event.key.toLowerCase();
  if (key in KEYS && current) give(KEYS[key]);
  else if (key === "s") skip();
  else if (key === "u") undo();
  else return;
  event.preventDefault();
}

async function drawAgreement() {
  const {pairs} = await ask("GET", "/v1/quotes/agreement");
  byId("agreement").replaceChildren(pairs.length ? el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Agreement"}, el("table", {},
    el("tr", {}, ["labellers", "quotes in common", "same label", "kappa"].map((name, place) => el("th", {class: place ? "number" : "", scope: "col"}, name))),
    pairs.slice(0, 20).map(pair => el("tr", {}, el("td", {}, pair.labellers.join(" and ")), el("td", {class: "number"}, pair.n), el("td", {class: "number"}, percent(pair.share)),
      el("td", {class: "number"}, pair.kappa === null ? "–" : pair.kappa.toFixed(2)))))) : el("p", {class: "soft"}, "No two people have labelled the same quote yet."));
}

