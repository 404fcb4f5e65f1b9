// A text goes in: pasted, dropped, from a file, or the example. What comes out is shown by result.js.

import {Away, ask} from "./api.js";
import {byId} from "./dom.js";
import * as result from "./result.js";

const MOST_CHARS = 200_000;
const DRAFT = "onrecord.draft";
const LANGUAGES = new Intl.DisplayNames(["en"], {type: "language"});

let asking = null;

export function start() {
  result.start();
  const area = byId("article");
  area.value = sessionStorage.getItem(DRAFT) ?? "";
  area.addEventListener("input", () => {
    tellLength();
    sessionStorage.setItem(DRAFT, area.value);
  });
  area.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  });
  byId("read-form").addEventListener("submit", submit);
  byId("file").addEventListener("change", event => takeFile(event.target.files[0]));
  byId("example").addEventListener("click", takeExample);
  const form = byId("read-form");
  for (const [type, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    form.addEventListener(type, event => {
      const files = event.dataTransfer?.files;
      if (!event.dataTransfer?.types.includes("Files")) return;  // dropped text goes into the field by itself
      event.preventDefault();
      form.classList.toggle("over", isOver);
      if (type === "drop" && files.length) takeFile(files[0]);
    });
  }
  tellLength();
}

function tellLength() {
  const n = byId("article").value.length;
  byId("length").textContent = n ? `${n.toLocaleString("en")} characters${n > MOST_CHARS ? `; at most ${MOST_CHARS.toLocaleString("en")} are read, split it` : ""}` : "";
}

function say(text, isBusy = false) {
  byId("read-status").textContent = text;
  byId("read-status").classList.toggle("spin", isBusy);
}

function submit(event) {
  event.preventDefault();
  readArticle(byId("article").value, null);
}

async function takeExample() {
  await taking("Getting the example …", async () => {
    const {article} = await ask("GET", "/v1/example");
    fill(article);
    await readArticle(article, null);
  });
}

async function takeFile(file) {
  if (!file) return;
  await taking(`Reading ${file.name} …`, async () => {
    const {article, title, date} = await ask("POST", "/v1/documents", file);
    fill(article);
    await readArticle(article, title, date);
  });
  byId("file").value = "";
}

function fill(article) {
  byId("article").value = article;
  sessionStorage.setItem(DRAFT, article);
  tellLength();
}

/** Does something that asks the service, and says what goes wrong. */
async function taking(text, work) {
  say(text, true);
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    say(error instanceof Away ? "Not read yet: the service does not answer. It is read as soon as it does." : `Not read. ${error.message}`);
    if (error instanceof Away) window.addEventListener("back", () => taking(text, work), {once: true});
  }
}

async function readArticle(article, title, date = null) {
  if (!article.trim()) {
    say("There is nothing to read yet: paste a text, choose a file, or take the example.");
    byId("article").focus();
    return;
  }
  asking?.abort();
  asking = new AbortController();
  const {signal} = asking;
  byId("read-button").disabled = true;
  await taking("Reading …", async () => {
    const answer = await ask("POST", "/v1/articles", {article, title: title?.slice(0, 1000) ?? null, date}, {signal});
    if (answer.statements.length) {
      say(result.show(article, title, answer) + foreign(answer.language));
      byId("result").scrollIntoView({block: "start"});
    } else await showAlone(article, answer.language);
  });
  byId("read-button").disabled = false;
}

function foreign(language) {
  return language && language !== "en" ? ` This text seems to be in ${LANGUAGES.of(language) ?? language}; On Record knows English only, so do not rely on what it finds here.` : "";
}

/** A text that reports nothing may be a statement itself. */
async function showAlone(text, language) {
  byId("result").hidden = true;
  if (text.length > 2_000) return say(`Nobody is reported as saying anything in this text.${foreign(language)}`);
  const {verdicts: [verdict], model} = await ask("POST", "/v1/predict", {statements: [{text}]});
  const length = Array.from(text).length;
  result.show(text, null, {model, statements: [{text, start: 0, end: length, spans: [[0, length]], context: null, form: "direct", cue: null, speaker: null, verdict}]});
  say(`Nobody is reported as saying anything here, so the text is taken as one statement.${foreign(language)}`);
  result.openFirst();
}
