// The key that a service may ask for: kept until this tab is closed, sent to this service alone.

import {byId, el} from "./dom.js";

const PLACE = "onrecord.key";
let asking = null;

const key = () => sessionStorage.getItem(PLACE) ?? "";

/** What a request says of who asks; nothing where nobody has given a key. */
export const authorization = () => key() ? {Authorization: `Bearer ${key()}`} : {};

/** Asks for a key because a request sent with the headers `sent` got 401, once for all requests that wait. Resolves to whether there is another to try now. */
export async function another(sent) {
  if (sent.Authorization === authorization().Authorization) {
    asking ??= askForKey(key()
      ? "The key is none of this service's, or has been taken back."
      : "This service answers those who have a key. Whoever runs it makes one: python -m service keys add NAME --role ROLE").finally(() => { asking = null; });
    await asking;
  }
  return sent.Authorization !== authorization().Authorization && key() !== "";
}

/** Asks in a dialog of its own, since another one may be open. Resolves to whether the key is another one then, which is told to the window as "key". */
async function askForKey(why) {
  const before = key();
  const field = el("input", {id: "key-field", class: "wide", type: "password", required: true, pattern: "\\s*[!-~]+\\s*", autocomplete: "off", spellcheck: "false"});
  const dialog = el("dialog", {"aria-labelledby": "key-title", "aria-describedby": "key-why"}, el("form", {method: "dialog"},
    el("h2", {id: "key-title"}, "A key for this service"), el("p", {id: "key-why"}, why), el("label", {class: "wide", for: "key-field"}, "Key"), field,
    el("p", {class: "soft"}, "It is kept until this tab is closed, and sent to this service alone."),
    el("div", {class: "row"}, el("button", {class: "main", value: "yes"}, "Use it"), el("button", {value: "no", formnovalidate: true}, "Cancel"),
      before && el("button", {value: "forget", formnovalidate: true}, "Forget the key"))));
  document.body.append(dialog);
  byId("key")?.removeAttribute("hidden");
  dialog.showModal();
  await new Promise(closed => dialog.addEventListener("close", closed, {once: true}));
  dialog.remove();
  if (dialog.returnValue === "yes") sessionStorage.setItem(PLACE, field.value.trim());
  if (dialog.returnValue === "forget") sessionStorage.removeItem(PLACE);
  const isAnother = key() !== before;
  if (isAnother) window.dispatchEvent(new Event("key"));
  return isAnother;
}

/** The button by which a key is changed or forgotten: there once a key has been asked for. */
export function start() {
  byId("key").hidden = !key();
  byId("key").addEventListener("click", async () => {
    const isAnother = await askForKey(key() ? "This tab keeps a key until it is closed." : "This tab has no key.");
    if (isAnother) window.dispatchEvent(new Event("back"));  // what the key before was not good for is asked again
  });
}
