// One statement in the list: what was said, how sure the verdict is, and the buttons to put it right.

import {askFor, el, fill, percent} from "./dom.js";
import {Correction} from "./correction.js";
import {KEYS, answers, bars, sign, words} from "./stances.js";

export class Item {
  /** `shown(n)` is called when this item is opened, `toText(n)` when its place in the text is asked for, `changed(n)` when its label is another. */
  constructor(statement, n, model, {shown, toText, changed}) {
    this.statement = statement;
    this.n = n;
    const {text, context, speaker, verdict} = statement;
    this.correction = new Correction({text, context, speaker: speaker?.name ?? null, verdict, model}, () => {
      this._draw();
      changed(n);
    });
    this._shown = shown;
    this._toText = toText;
    this.node = el("li", {class: "statement", id: `s${n}`, "data-n": n});
    this._said = el("span", {class: "said"}, quoted(statement));
    this._sign = el("span");
    this._share = el("span", {class: "share"});
    this._more = el("div", {id: `s${n}-more`, hidden: true});
    this._head = el("button", {type: "button", class: "head", "aria-expanded": "false", "aria-controls": `s${n}-more`, onclick: () => this.open(this._more.hidden)},
      this._sign, this._said, this._share);
    this.node.append(this._head, this._more);
    this._draw();
  }

  get label() {
    return this.correction.label ?? this.statement.verdict.stance;
  }

  get isUnsure() {
    return !this.correction.label && !this.statement.verdict.certain;
  }

  open(isOpen = true, takesFocus = false) {
    this._more.hidden = !isOpen;
    this._head.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this._drawMore();
    if (isOpen) this._shown(this.n);
    if (takesFocus) this._head.focus({preventScroll: true});
  }

  /** Draws what is folded away too, for whoever takes all of it along. */
  unfold() {
    this._drawMore();
    return this.node;
  }

  /** What a key does to it; false where it is none of ours. */
  press(key) {
    if (key in KEYS) this.correction.give(KEYS[key]);
    else if (key === "u") this.correction.undo();
    else if (key === "n") this._note();
    else if (key === "s") this._rename();
    else return false;
    return true;
  }

  _draw() {
    const {verdict} = this.statement;
    const mine = this.correction.label;
    this.node.className = `statement ${this.label}${this.node.classList.contains("now") ? " now" : ""}`;
    this._sign.replaceChildren(sign(this.label, this.isUnsure));
    this._share.textContent = mine ? (mine === verdict.stance ? "you agree" : "put right") : percent(verdict.probability);
    this._head.setAttribute("aria-label", `${words(this.label)}, ${this._share.textContent}${this.isUnsure ? ", unsure" : ""}: ${this.statement.text}`);
    if (!this._more.hidden) this._drawMore();
  }

  _drawMore() {
    const {verdict, speaker, cue, form} = this.statement;
    const {correction} = this;
    const held = this._more.contains(document.activeElement) ? document.activeElement.textContent : null;
    const states = {sending: "Being saved …", saved: correction.label ? `Saved: ${words(correction.label)}.` : "Saved."};
    const button = (text, key, action, isOff = false) => el("button", {type: "button", disabled: isOff, onclick: action}, text, key && el("kbd", {}, key));
    fill(this._more, [
      el("p", {class: "frame"}, ...framed(this.statement)),
      el("p", {class: "soft"}, [form, cue && `“${cue.text}”`, correction.speaker ?? speaker?.name ?? "no speaker named", verdict.truncated && "longer than the model reads"].filter(Boolean).join(" · ")),
      bars(verdict.probabilities),
      verdict.certain ? null : el("p", {class: "soft"}, "The model is not sure: have a look yourself."),
      answers(correction.label, label => correction.give(label)),
      el("div", {class: "row"},
        button("Undo", "u", () => correction.undo(), !correction.canUndo),
        button(correction.note ? "Change the note" : "Add a note", "n", () => this._note()),
        button("Wrong speaker", "s", () => this._rename()),
        button("Copy as a card", null, event => this._copy(event.currentTarget)),
        button("Show in the text", null, () => this._toText(this.n))),
      el("p", {class: "soft", role: "status"}, states[correction.state] ?? (correction.state && `Not saved. ${correction.state}`), correction.note && ` Note: ${correction.note}`),
    ]);
    if (held) [...this._more.querySelectorAll("button")].find(node => node.textContent === held)?.focus();
  }

  async _note() {
    const input = el("textarea", {name: "note", rows: 3, maxlength: 2000, "aria-label": "Note"});
    input.value = this.correction.note ?? "";
    const given = await askFor("A note on this statement", [input]);
    if (given) this.correction.annotate(given.note.trim());
    this._head.focus();
  }

  async _rename() {
    const input = el("input", {name: "speaker", required: true, maxlength: 2000, "aria-label": "Speaker"});
    input.value = this.correction.speaker ?? this.statement.speaker?.name ?? "";
    const given = await askFor("Who said it?", [input]);
    if (given?.speaker.trim()) this.correction.name(given.speaker.trim());
    this._head.focus();
  }

  async _copy(button) {
    const {speaker, verdict} = this.statement;
    const who = this.correction.speaker ?? speaker?.name ?? "No speaker named";
    const what = this.correction.label ? words(this.correction.label) : `${verdict.stance}, ${percent(verdict.probability)}${verdict.certain ? "" : ", unsure"}`;
    const card = `${quoted(this.statement)}\n— ${who} [${what}; ${this.correction.about.model}]\n`;
    try {
      await navigator.clipboard.writeText(card);
      button.textContent = "Copied";
    } catch {  // a page that is not on this machine's own address may not write there
      await askFor("Copy it from here", [el("textarea", {rows: 4, readonly: true, "aria-label": "The card"}, card)], "Done");
    }
  }
}

/** Only what somebody said word for word stands in quotation marks. */
const quoted = ({text, form}) => form === "direct" ? `“${text}”` : text;

/** The sentence around a statement, with cue and speaker underlined where they stand in it. */
function framed({context, text, cue, speaker}) {
  if (!context || context === text) return [];
  const parts = [[cue?.text, "cue"], [speaker?.mention, "speaker"]].filter(([words]) => words).map(([words, kind]) => ({start: wordAt(context, words), words, kind}));
  const nodes = [];
  let place = 0;
  for (const {start, words, kind} of parts.filter(part => part.start >= 0).sort((one, other) => one.start - other.start)) {
    if (start < place) continue;
    nodes.push(context.slice(place, start), el("span", {class: kind}, words));
    place = start + words.length;
  }
  return [...nodes, context.slice(place)];
}

/** Where `words` stand in `text`, not as a part of a longer word; -1 if nowhere. */
function wordAt(text, words) {
  const isLetter = letter => letter !== undefined && /[\p{L}\p{N}]/u.test(letter);
  for (let place = text.indexOf(words); place >= 0; place = text.indexOf(words, place + 1)) {
    if (!isLetter(text[place - 1]) && !isLetter(text[place + words.length])) return place;
  }
  return -1;
}
