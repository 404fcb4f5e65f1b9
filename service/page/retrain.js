// A retraining: started, watched live, stopped, gone on with; and what the gate said of it.

import {ask} from "./api.js";
import {curve} from "./charts.js";
import {byId, count, el, percent} from "./dom.js";
import {labeller} from "./outbox.js";
import * as events from "./stream.js";

const STAGES = {collect: "collect labels", train: "learn", evaluate: "measure", gate: "gate", promote: "promote"};
const ENDS = {
  promoted: "The new model serves.", passed: "The gate let it pass; it may be promoted below.", refused: "The gate refused the new model; the one before serves on:",
  failed: "It failed; the model serves on:", cancelled: "It was stopped.", interrupted: "Its process is gone. It can go on where it stopped.",
};
let stream = null;
let ended = () => {};

/** `over` is called when a run has ended. */
export function start(over) {
  ended = over;
  window.addEventListener("back", () => byId("run") && begin());
}

export async function draw() {
  const [{retrains}, {counts}] = await Promise.all([ask("GET", "/v1/retrains"), ask("GET", "/v1/quotes/next?strategy=random")]);
  const last = retrains[0];
  const n = counts.agreed;
  const reason = el("input", {name: "reason", required: true, maxlength: 500, placeholder: "40 corrections on strike news"});
  const promote = el("input", {type: "checkbox", checked: true});
  const refusal = el("p", {class: "notice trouble", role: "alert", hidden: true});
  const form = el("form", {onsubmit: async event => {
    event.preventDefault();
    refusal.hidden = true;
    try {
      const run = await ask("POST", "/v1/retrains", {by: labeller(), reason: reason.value.trim() || "new labels", promote: promote.checked});
      show(run);
      follow(run.id);
    } catch (error) {
      refusal.textContent = error.message;
      refusal.hidden = false;
    }
  }},
  el("p", {}, `The store has ${count(n, "agreed label")}${counts.disputed ? `, ${counts.disputed} disputed (they teach nothing until settled)` : ""}. The model learns from them beside what it knows, `
    + "and serves only if the gate finds it no worse than the one before."),
  el("label", {class: "wide"}, "What is new? ", reason), el("div", {class: "row"}, el("label", {class: "plain"}, promote, " let it serve at once if it passes"), el("button", {class: "main"}, "Retrain")), refusal);
  const run = el("div", {id: "run"});
  if (last) showLast(last, run);
  return [form, run, retrains.length > 1 && el("details", {}, el("summary", {}, count(retrains.length - 1, "earlier one")),
    el("ul", {}, retrains.slice(1, 30).map(run => el("li", {}, `${run.id.slice(0, 8)}, ${run.by}: ${run.reason}. ${run.state}. ${run.sentences.join(" ")}`))))];
}

async function begin() {
  const {retrains: [last]} = await ask("GET", "/v1/retrains");
  if (last) showLast(last);
}

/** Draws a run, and goes on doing so until it has ended. */
function showLast(run, place) {
  show(run, place);
  if (!(run.state in ENDS)) follow(run.id);
}

/** Draws a run whenever the service says that it has changed. */
function follow(id) {
  stream?.close();
  stream = events.open(`/v1/retrains/${id}/events`, data => {
    const run = JSON.parse(data);
    show(run);
    if (run.state in ENDS) {
      stream.close();
      ended();
    }
  });
}

function show(run, place = byId("run")) {
  const names = Object.keys(STAGES);
  const at = run.stage ? names.indexOf(run.stage) : -1;
  const isOver = run.state in ENDS;
  const hasPassed = run.state === "promoted" || run.state === "passed";
  const stages = el("ol", {class: "stages", "aria-label": "Stages"}, names.map((name, place) => el("li", {
    class: hasPassed || place < at ? "done" : "", "aria-current": !isOver && place === at ? "step" : null}, STAGES[name])));
  const button = (text, action) => el("button", {type: "button", onclick: async () => {
    const again = await ask("POST", `/v1/retrains/${run.id}/${action}`);
    show(again);
    follow(run.id);
  }}, text);
  const drawn = curve(run.curve ?? []);
  const isOpen = place?.querySelector("details")?.open ?? false;  // as the reader left it
  place?.replaceChildren(...[
    el("h3", {}, `${run.by}: ${run.reason}`), stages,
    isOver ? null : el("progress", {max: 1, value: run.progress, "aria-label": "Progress"}),
    el("p", {role: "status"}, isOver ? ENDS[run.state] : run.state === "waiting" ? "It is about to begin." : `${percent(run.progress)} done.`),
    run.sentences.length ? el("ul", {}, run.sentences.map(sentence => el("li", {}, sentence))) : null,
    Object.keys(run.counts).length ? el("p", {class: "soft"}, `${count(run.counts.train ?? 0, "label")} taught, ${run.counts.aside ?? 0} kept aside to see whether it learned, ${(run.counts.rehearsed ?? 0).toLocaleString("en")} written quotes rehearsed.`) : null,
    drawn && el("div", {class: "figures"}, drawn),
    el("div", {class: "row"}, isOver ? null : button("Stop it", "cancel"), ["interrupted", "cancelled", "failed"].includes(run.state) ? button("Go on with it", "resume") : null),
    run.log?.length ? el("details", {open: isOpen}, el("summary", {}, "What it prints"), el("pre", {tabindex: 0}, run.log.join("\n"))) : null,
  ].filter(Boolean));
}
