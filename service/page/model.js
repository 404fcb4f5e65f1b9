// The model that serves, how it fares, what it says day by day, all models; and letting it learn.

import {ask} from "./api.js";
import {confusion, drift, reliability, scores} from "./charts.js";
import {askFor, byId, el} from "./dom.js";
import {labeller} from "./outbox.js";
import * as retrain from "./retrain.js";

export function start() {
  retrain.start(begin);
}

export async function begin() {
  await Promise.all([part("served", drawServed), part("drift", drawDrift), part("models", drawModels), part("learn", retrain.draw)]);
}

/** Draws one part of the view; where it cannot, it says why, and the others stand. */
async function part(id, work) {
  try {
    byId(id).replaceChildren(...[await work()].flat().filter(Boolean));
  } catch (error) {
    byId(id).replaceChildren(el("p", {class: "notice trouble"}, error.message));
  }
}

async function drawServed() {
  const {name, created, base_model, results} = await ask("GET", "/v1/model");
  const [low, high] = results.macro_f1_interval ?? [];
  const facts = results.macro_f1 === undefined ? "Its results are not known." : `Macro-F1 ${results.macro_f1.toFixed(3)}${low ? ` (${low.toFixed(3)} to ${high.toFixed(3)})` : ""} on ${results.n} held-out quotes. `
    + `${Math.round(100 * results.certain_share)} % of its verdicts are sure, and ${(100 * results.certain_accuracy).toFixed(1)} % of those are right.`;
  return [el("p", {}, el("strong", {}, name), ` serves. ${facts}`), el("p", {class: "soft"}, `Made ${when(created)} from ${base_model}.`),
    results.f1 && el("div", {class: "figures"}, scores(results), results.confusion ? confusion(results.confusion) : "", results.reliability ? reliability(results.reliability) : "")];
}

async function drawDrift() {
  const {days} = await ask("GET", "/v1/verdicts/daily?days=30");
  return days.length ? drift(days) : el("p", {class: "soft"}, "Nothing was asked in the last 30 days.");
}

async function drawModels() {
  const {models, refusal} = await ask("GET", "/v1/models");
  const rows = models.map(model => el("tr", {}, el("th", {scope: "row"}, model.name, model.is_served ? el("span", {class: "soft"}, " serves") : ""),
    el("td", {}, model.created ? when(model.created) : ""), el("td", {class: "number"}, model.results.macro_f1?.toFixed(3) ?? ""), el("td", {}, story(model)), el("td", {}, actions(model))));
  return [refusal && el("p", {class: "notice trouble"}, refusal), el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "All models"}, el("table", {},
    el("tr", {}, ["model", "made", "macro-F1", "what became of it", "change"].map(name => el("th", {scope: "col", class: name === "macro-F1" ? "number" : ""}, name))), rows))];
}

function story(model) {
  const parts = model.promotions.map(one => el("div", {}, `${one.kind === "rollback" ? "Brought back" : one.forced ? "Promoted in spite of the gate" : "Promoted"} ${when(one.at)} by ${one.by}: ${one.reason}`));
  if (model.problem) parts.push(el("div", {}, model.problem));
  if (model.gate) parts.push(model.gate.sentences.length ? el("details", {}, el("summary", {}, "The gate refused it"), el("ul", {}, model.gate.sentences.map(sentence => el("li", {}, sentence)))) : el("div", {}, `The gate let it pass beside ${model.gate.beside}.`));
  return parts;
}

function actions(model) {
  if (model.is_served || model.problem) return "";
  const served_before = model.promotions.length > 0 || model.name === "released";
  const passed = model.gate && !model.gate.sentences.length;
  return el("div", {class: "row"}, served_before && el("button", {type: "button", onclick: () => change(`Back to ${model.name}`, "/v1/models/rollback", {to: model.name})}, "Roll back to it"),
    passed && !served_before && el("button", {type: "button", onclick: () => change(`Let ${model.name} serve`, `/v1/models/${model.name}/promote`, {})}, "Promote"),
    model.gate?.sentences.length && !served_before && el("button", {type: "button", onclick: () => change(`Let ${model.name} serve in spite of the gate`, `/v1/models/${model.name}/promote`, {force: true})}, "Promote all the same"));
}

async function change(title, path, body) {
  const given = await askFor(title, [el("label", {}, "Why? It is kept in the history.", el("input", {name: "reason", required: true, maxlength: 2000}))], "Do it");
  if (!given) return;
  try {
    await ask("POST", path, {by: labeller(), reason: given.reason.trim() || "no reason given", ...body});
    await begin();
  } catch (error) {
    await askFor("It stays as it is", [el("p", {}, error.message)], "Understood");
  }
}

export const when = time => new Date(time).toLocaleString("en", {dateStyle: "medium", timeStyle: "short"});
