// The three views and which of them is shown.

import {answered} from "./api.js";
import {byId} from "./dom.js";
import * as key from "./key.js";
import * as model from "./model.js";
import * as outbox from "./outbox.js";
import * as read from "./read.js";
import * as review from "./review.js";

const VIEWS = {read: null, review: review.begin, model: model.begin};

function show() {
  const name = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "read";
  for (const view of Object.keys(VIEWS)) byId(`view-${view}`).hidden = view !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} · On Record`;
  VIEWS[name]?.().catch(() => {});  // what goes wrong is told by the banner at the top
}

/** Opens what a link leads to. By itself the browser would ask for it without the key. */
async function openWithKey(event) {
  event.preventDefault();
  const path = event.currentTarget.getAttribute("href");
  const response = await answered("GET", path);
  location.assign(key.authorization().Authorization ? URL.createObjectURL(await response.blob()) : path);
}

key.start();
for (const link of document.querySelectorAll("a[data-needs-key]")) {
  link.addEventListener("click", event => openWithKey(event).catch(error => { byId("footer-status").textContent = error.message; }));
}
outbox.start();
read.start();
review.start();
model.start();
window.addEventListener("hashchange", show);
window.addEventListener("back", show);
show();
