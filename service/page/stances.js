// The labels as people see them: a letter, which is also the key that gives it, a colour, and a word. Never the colour alone.

import {el, percent, svg} from "./dom.js";

export const STANCES = ["confirm", "deny", "threat", "appeal", "other"];
export const LABELS = [...STANCES, "not_a_statement"];
export const KEYS = {c: "confirm", d: "deny", t: "threat", a: "appeal", o: "other", x: "not_a_statement"};
const LETTERS = Object.fromEntries(Object.entries(KEYS).map(([key, label]) => [label, key.toUpperCase()]));

export const words = label => label === "not_a_statement" ? "not a statement" : label;

/** The letter of a label; dashed and with a question mark where the verdict is unsure. */
export function sign(label, unsure = false) {
  return el("span", {class: `sign ${label}${unsure ? " unsure" : ""}`, "aria-hidden": "true"}, LETTERS[label] + (unsure ? "?" : ""));
}

/** A bar for each probability, likeliest first. */
export function bars(probabilities) {
  const rows = STANCES.map(stance => [stance, probabilities[stance]]).sort((one, other) => other[1] - one[1]);
  return el("div", {class: "bars"}, rows.map(([stance, share]) => [
    el("span", {}, stance),
    svg("svg", {class: stance, viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true"}, svg("rect", {class: "tone", width: Math.max(100 * share, .5), height: 10, rx: 1})),
    el("span", {class: "share"}, percent(share)),
  ]));
}

/** A button for each label, with its key. */
export function answers(chosen, give) {
  return el("div", {class: "answers", role: "group", "aria-label": "The right label"}, LABELS.map(label => el("button", {
    type: "button", class: label, "aria-pressed": String(label === chosen), onclick: () => give(label),
  }, el("kbd", {}, LETTERS[label].toLowerCase()), words(label))));
}
