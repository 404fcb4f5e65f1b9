// What one person says of one statement, and its way into the store. Nothing here draws.

import * as outbox from "./outbox.js";

/** `about` has text, context, speaker, verdict ({stance, probability} or null) and the model that gave it; `changed` is called whenever something is another. */
export class Correction {
  constructor(about, changed) {
    this.about = about;
    this.label = null;
    this.note = null;
    this.speaker = null;
    this.state = "";  // "", "sending", "saved", or what is wrong
    this.quote = null;  // the id in the store, once it is there
    this._changed = changed;
    this._key = null;
    this._past = [];  // labels before this one, to go back to
  }

  /** Sets this person's label. */
  give(label) {
    if (label === this.label) return;
    this._past.push(this.label);
    this.label = label;
    this._send();
  }

  annotate(note) {
    this.note = note || null;
    this.label ??= this.about.verdict?.stance ?? null;  // a note stands beside a label: without another one, it upholds the verdict
    this._send();
  }

  name(speaker) {
    this.speaker = speaker;
    if (this.quote && !this.label) this._put("PATCH", {labeller: outbox.labeller(), speaker, source: "page"});
    else this._send();
  }

  /** Back to the label before; to none at last, which withdraws it from the store. */
  undo() {
    if (!this._past.length) return;
    this.label = this._past.pop();
    if (this.label) this._send();
    else if (this._key && outbox.takeBack(this._key)) this._tell("");
    else if (this.quote) this._put("PATCH", {labeller: outbox.labeller(), withdraw: true, source: "page"});
    else this._withdrawsLater = true;  // it is on its way: it is withdrawn when it has arrived
  }

  get canUndo() {
    return this._past.length > 0;
  }

  _send() {
    if (this._key) outbox.takeBack(this._key);
    const {text, context, verdict, model} = this.about;
    const given = verdict && {model, stance: verdict.stance, probability: verdict.probability};
    const speaker = this.speaker ?? this.about.speaker ?? null;
    this._put("POST", {labeller: outbox.labeller(), source: "page", quotes: [{text, context, speaker, label: this.label, note: this.note, verdict: given}]});
  }

  _put(method, body) {
    const path = method === "POST" ? "/v1/quotes" : `/v1/quotes/${this.quote}`;
    this._withdrawsLater = false;
    this._tell("sending");
    this._key = outbox.put(method, path, body, (answer, error) => {
      this._key = null;
      if (error) return this._tell(error.message);
      this.quote = (answer.quotes?.[0] ?? answer).id;
      if (this._withdrawsLater) return this._put("PATCH", {labeller: outbox.labeller(), withdraw: true, source: "page"});
      return this._tell(this.label || this.speaker ? "saved" : "");
    });
  }

  _tell(state) {
    this.state = state;
    this._changed();
  }
}
