// Requests to the service that this page came from, and to nobody else. Busy answers are waited for; a service that is gone is told of and looked for.

import {byId} from "./dom.js";
import {another, authorization} from "./key.js";

const LOOK_MS = 2_000;
const MOST_WAITS = 8;

/** An answer that says what is wrong with the request. */
export class Refused extends Error {
  constructor(status, problem) {
    const faults = (problem?.errors ?? []).map(fault => `${fault.where}: ${fault.came}; wanted: ${fault.wanted}`);
    super(faults.join(". ") || problem?.detail || `The service answered ${status}.`);
    this.status = status;
  }
}

/** No answer at all. */
export class Away extends Error {}

/** Sends JSON (or a file as it is) and gives the JSON of the answer. Raises `Refused` or `Away`. */
export async function ask(method, path, body, options) {
  const response = await answered(method, path, body, options);
  return response.json();
}

/** The same, but gives the answer itself, which is a good one. */
export async function answered(method, path, body, {headers = {}, signal} = {}) {
  const isFile = body instanceof Blob;
  const options = {method, signal, headers: body === undefined || isFile ? headers : {"Content-Type": "application/json", ...headers}};
  if (body !== undefined) options.body = isFile ? body : JSON.stringify(body);
  for (let n_waits = 0; ; ) {
    const sent = authorization();
    const response = await reached(path, {...options, headers: {...options.headers, ...sent}});
    if (response.ok) {
      tellBusy("");
      return response;
    }
    const problem = await response.json().catch(() => null);
    if (response.status === 401 && await another(sent)) continue;
    const isBusy = response.status === 429 || response.status === 503 && response.headers.has("Retry-After");
    if (!isBusy || n_waits === MOST_WAITS) {
      tellBusy("");
      throw new Refused(response.status, problem);
    }
    n_waits += 1;
    const seconds = Number(response.headers.get("Retry-After")) || 2;
    tellBusy(`The service is busy; it is asked again in ${seconds} s.`);
    await new Promise(done => setTimeout(done, 1000 * seconds));
  }
}

async function reached(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lookFor();
    throw new Away("The service does not answer.");
  }
}

function tellBusy(text) {
  if (!looking) tell(text);
}

function tell(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = !text;
}

let looking = null;

/** Asks every two seconds whether the service is back; then "back" is told to the window. */
function lookFor() {
  if (looking) return;
  tell("The service does not answer. Is it running? (make serve) What you wrote and corrected is kept in this browser, and it is asked again every two seconds.");
  looking = setInterval(async () => {
    const is_there = await fetch("/readyz").then(response => response.ok, () => false);
    if (!is_there || !looking) return;
    clearInterval(looking);
    looking = null;
    tell("");
    window.dispatchEvent(new Event("back"));
  }, LOOK_MS);
}
