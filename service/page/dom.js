// Elements from plain values. Text goes in as text, never as HTML: what an article holds is shown, not run.

const SVG = "http://www.w3.org/2000/svg";

/** `el("p", {class: "soft", onclick: f}, "text", node)`; attributes that are null or false are left out, true ones are empty. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  return fill(node, children, "append");
}

/** Puts children, in lists of any depth, in the place of those that are there; null and false are none. */
export function fill(node, children, how = "replaceChildren") {
  node[how](...[children].flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = id => document.getElementById(id);

/** "1 statement", "2 statements". */
export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const percent = share => `${Math.round(100 * share)} %`;

/** Asks in a dialog; `fields` are elements with a name. Resolves to their values by name, or to null where it is given up. */
export function askFor(title, fields, action = "Save") {
  const dialog = byId("dialog");
  byId("dialog-title").textContent = title;
  fill(byId("dialog-body"), fields);
  byId("dialog-buttons").replaceChildren(el("button", {class: "main", value: "yes"}, action), el("button", {value: "no", formnovalidate: true}, "Cancel"));
  return new Promise(resolve => {
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => {
      const inputs = [...byId("dialog-body").querySelectorAll("[name]")];
      resolve(dialog.returnValue === "yes" ? Object.fromEntries(inputs.map(input => [input.name, input.value])) : null);
    }, {once: true});
    dialog.showModal();
  });
}

/** Gives the text to the browser as a file to be saved. */
export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], {type}));
  el("a", {href: address, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
