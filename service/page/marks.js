// An article and its statements -> paragraphs in which each statement, cue and speaker is marked. Offsets count characters as Python does, code points.

import {el, percent} from "./dom.js";
import {sign, words} from "./stances.js";

/** `statements` as POST /v1/articles gives them. Returns paragraphs; everything of statement n carries data-n with n among its numbers. */
export function paragraphs(article, statements) {
  const points = Array.from(article);
  const cuts = new Set([0, points.length]);
  const ranges = [];
  statements.forEach((statement, n) => {
    const length = statement.end - statement.start;
    for (const [start, end] of statement.spans) ranges.push({n, start, end, kind: "said", length});
    for (const kind of ["cue", "speaker"]) {
      if (statement[kind]) ranges.push({n, start: statement[kind].start, end: statement[kind].end, kind, length});
    }
  });
  for (const range of ranges) cuts.add(range.start).add(range.end);
  points.forEach((point, place) => point === "\n" && cuts.add(place).add(place + 1));
  const places = [...cuts].sort((one, other) => one - other);
  ranges.sort((one, other) => one.start - other.start);

  const found = [];
  let paragraph = el("p"), open = [], next = 0;
  const begun = new Set();
  for (let piece = 0; piece + 1 < places.length; piece += 1) {
    const [start, end] = [places[piece], places[piece + 1]];
    const text = points.slice(start, end).join("");
    open = open.filter(range => range.end > start);
    while (next < ranges.length && ranges[next].start <= start) open.push(ranges[next++]);
    if (text === "\n") {
      if (paragraph.hasChildNodes()) found.push(paragraph);
      paragraph = el("p");
      continue;
    }
    paragraph.append(...marked(text, open, begun));
  }
  if (paragraph.hasChildNodes()) found.push(paragraph);
  return found;
}

function marked(text, open, begun) {
  const nodes = [];
  const said = open.filter(range => range.kind === "said").sort((one, other) => one.length - other.length);
  for (const range of [...said].reverse()) {
    if (!begun.has(range.n)) {
      begun.add(range.n);
      nodes.push(el("button", {type: "button", class: "sign", "data-n": range.n}));
    }
  }
  let node = document.createTextNode(text);
  for (const kind of ["cue", "speaker"]) {
    const those = open.filter(range => range.kind === kind);
    if (those.length) node = el("span", {class: kind, "data-n": those.map(range => range.n).join(" ")}, node);
  }
  if (said.length) {
    node = el("mark", {"data-n": said.map(range => range.n).join(" ")}, node);  // the inmost first: it gives the colour
  }
  return [...nodes, node];
}

/** Gives the marks and the sign of a statement in `text` the colours of what it is: the verdict, or the reader's own label. */
export function colour(text, {n, label, isUnsure, statement}) {
  for (const mark of text.querySelectorAll("mark")) {
    if (Number(mark.dataset.n.split(" ")[0]) === n) mark.className = [label, isUnsure && "unsure", ...["now", "away"].filter(name => mark.classList.contains(name))].filter(Boolean).join(" ");
  }
  const button = text.querySelector(`button.sign[data-n="${n}"]`);
  const drawn = sign(label, isUnsure);
  button.className = drawn.className;
  button.textContent = drawn.textContent;
  const who = statement.speaker?.name ?? "nobody named";
  const sure = label === statement.verdict.stance ? `, ${percent(statement.verdict.probability)}${isUnsure ? ", unsure" : ""}` : ", put right";
  button.title = `Statement ${n + 1}: ${words(label)}${sure}; ${who}`;
  button.setAttribute("aria-label", button.title);
}
