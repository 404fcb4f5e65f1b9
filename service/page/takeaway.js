// What was read -> files to keep: CSV, JSON Lines, or one HTML page that needs nothing else.

import {byId, download, el} from "./dom.js";
import {STANCES} from "./stances.js";

const COLUMNS = ["statement", "start", "end", "form", "cue", "speaker", "stance", "probability", "certain", ...STANCES.map(stance => `p_${stance}`), "label", "note", "context", "model"];

/** Buttons; `read` gives {article, title, answer}, `items` the statements with what the reader made of them. */
export function takeAway(read, items) {
  const button = (text, action) => el("button", {type: "button", onclick: action}, text);
  return [
    button("Download CSV", () => download("statements.csv", "text/csv", asCsv(rows(read(), items())))),
    button("Download JSON Lines", () => download("statements.jsonl", "application/x-ndjson", rows(read(), items()).map(row => `${JSON.stringify(row)}\n`).join(""))),
    button("Download as a page", async () => download("statements.html", "text/html", await asPage(read(), items()))),
  ];
}

function rows({answer}, items) {
  return items.map(({statement: {text, start, end, form, cue, speaker, context, verdict}, correction}) => ({
    statement: text, start, end, form, cue: cue?.text ?? null, speaker: correction.speaker ?? speaker?.name ?? null,
    stance: verdict.stance, probability: verdict.probability, certain: verdict.certain,
    ...Object.fromEntries(STANCES.map(stance => [`p_${stance}`, verdict.probabilities[stance]])),
    label: correction.label, note: correction.note, context, model: answer.model,
  }));
}

function asCsv(found) {
  const cell = value => {
    let text = value === null ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;  // a spreadsheet would take it for a formula
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return "\ufeff" + [COLUMNS, ...found.map(row => COLUMNS.map(column => row[column]))].map(line => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

async function asPage({title}, items) {
  for (const item of items) item.unfold();
  const style = await fetch("/page/style.css").then(response => response.text());
  const text = byId("text").cloneNode(true), list = byId("statements").cloneNode(true);
  for (const node of [text, list]) for (const hidden of node.querySelectorAll("[hidden]")) hidden.removeAttribute("hidden");
  for (const node of list.querySelectorAll(".answers, .row, [role=status]")) node.remove();
  for (const node of [...text.querySelectorAll("button"), ...list.querySelectorAll("button")]) {
    node.replaceWith(el("span", {class: node.className}, ...node.childNodes));
  }
  const page = document.implementation.createHTMLDocument(title ?? "Statements");
  page.documentElement.lang = "en";
  page.head.append(Object.assign(page.createElement("meta"), {name: "viewport", content: "width=device-width, initial-scale=1"}), Object.assign(page.createElement("style"), {textContent: style}));
  page.head.prepend(Object.assign(page.createElement("meta"), {httpEquiv: "Content-Security-Policy", content: "default-src 'none'; style-src 'unsafe-inline'"}));
  const charset = page.createElement("meta");
  charset.setAttribute("charset", "utf-8");
  page.head.prepend(charset);
  const columns = page.createElement("div");
  columns.className = "columns";
  columns.append(text, list);
  page.body.append(columns);
  return `<!doctype html>\n${page.documentElement.outerHTML}\n`;
}
