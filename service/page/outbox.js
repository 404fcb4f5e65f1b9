// Labels on their way to the store. They are kept in this browser until the service has taken them, over reloads and crashes.

import {Away, ask} from "./api.js";
import {byId, count} from "./dom.js";

const PLACE = "onrecord.outbox";
const done = new Map();  // key of an entry -> what became of it is told there
let waiting = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
let sending = null;

const newKey = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

/** Sends `body` sooner or later. Returns the key by which it can be found; `tell(answer, error)` hears what became of it, unless the page is gone by then. */
export function put(method, path, body, tell = () => {}) {
  const entry = {key: newKey(), method, path, body};
  done.set(entry.key, tell);
  waiting.push(entry);
  keep();
  flush();
  return entry.key;
}

/** Takes back what has not been sent yet; false where it has, or is on its way. */
export function takeBack(key) {
  if (key === sending || !waiting.some(entry => entry.key === key)) return false;
  waiting = waiting.filter(entry => entry.key !== key);
  keep();
  return true;
}

/** Tries to send all that waits, one after the other. */
export async function flush() {
  if (sending) return;
  while (waiting.length) {
    const entry = waiting[0];
    sending = entry.key;
    const tell = done.get(entry.key) ?? (() => {});
    try {
      const answer = await ask(entry.method, entry.path, entry.body, {headers: entry.method === "POST" ? {"Idempotency-Key": entry.key} : {}});
      drop(entry);
      tell(answer, null);
    } catch (error) {
      const isLocked = error.status === 401 || error.status === 403;  // another key may be good for it
      if (error instanceof Away || isLocked || error.status >= 500 || error.status === 429) {
        sending = null;
        show(error instanceof Away ? "" : error.message);
        if (!(error instanceof Away || isLocked)) setTimeout(flush, 5_000);
        return;
      }
      drop(entry);
      tell(null, error);
    }
  }
  sending = null;
}

function drop(entry) {
  waiting = waiting.filter(other => other !== entry);
  done.delete(entry.key);
  keep();
}

function keep() {
  try {
    localStorage.setItem(PLACE, JSON.stringify(waiting));
  } catch { /* the browser keeps nothing: it is sent all the same, from memory */ }
  show("");
}

function show(why) {
  const n = waiting.length;
  byId("outbox").hidden = n === 0;
  byId("outbox").textContent = n ? `${count(n, "label")} ${n === 1 ? "waits" : "wait"} to be sent; kept in this browser until then. ${why}` : "";
}

/** Whoever labels, by the name at the top of the page. */
export const labeller = () => byId("labeller").value.trim() || "anonymous";

export function start() {
  byId("labeller").value = localStorage.getItem("onrecord.labeller") ?? "";
  byId("labeller").addEventListener("change", () => localStorage.setItem("onrecord.labeller", byId("labeller").value));
  window.addEventListener("back", flush);
  window.addEventListener("key", flush);
  flush();
}
