// The page: what is written is checked, and what is known of it is shown.

import { Checker } from "./checker.js";
import { Editor, plain } from "./editor.js";
import * as link from "./link.js";
import { element, spans } from "./markdown.js";
import { copied, PANELS, save } from "./panels.js";

const STORED = "specc-playground";
const $ = (id) => document.getElementById(id);
const begun = performance.now();

const page = {
  name: "net.cnn",
  opened: { name: "net.cnn", text: "" }, // a spec, as it was opened
  isOther: false, // than the one whose network is shown
  about: "table",
  model: null,
  sizes: null,
  depth: 1,
  models: [],
  examples: { "net.cnn": "" },
  keeps: true,
  took: 0, // milliseconds, by the last answer for the panel
};

// ---- what is said of the page itself ---------------------------------------------------------------------

function notice(text, isUndone = false) {
  $("notice").firstElementChild.textContent = text;
  $("notice").hidden = !text;
  $("back").hidden = !isUndone;
}

$("back").onclick = () => editor.undo();

function status(text) {
  if ($("status").textContent !== text) $("status").textContent = text; // what is said again is read out again
}

$("notice").lastElementChild.onclick = () => notice("");

let patience;

function onState(state, about) {
  clearTimeout(patience);
  if (state === "starting") {
    document.body.dataset.state = "starting";
    status("Starting the checker");
  } else if (state === "busy") {
    document.body.dataset.state = "checking";
    // Most answers are there before anybody could read this.
    patience = setTimeout(() => {
      status(about === "check" ? "Checking" : "Working");
      $("stop").hidden = false;
    }, 400);
  } else {
    document.body.dataset.state = "ready";
    $("stop").hidden = true;
    status(page.said ?? "");
  }
}

$("stop").onclick = () => {
  $("stop").hidden = true;
  checker.stop();
};

// ---- the spec ----------------------------------------------------------------------------------------------

function spec() {
  return { name: editor.name, text: editor.text };
}

function open({ name, text }) {
  page.isOther = true;
  page.opened = { name: link.safeName(name), text: text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n") };
  editor.open(page.opened.text, page.opened.name);
}

/** One that has nothing to do with what is in the editor. */
function openOther(other) {
  const isLost = editor.text.trim() && page.examples[editor.name] !== editor.text;
  open(other);
  if (isLost) notice("What was there has made way for it.", true);
}

/** The spec that is there at first. */
function begin({ name, text }) {
  page.opened = { name: link.safeName(name), text };
  editor.begin(text, page.opened.name);
}

function writeOn(other) {
  open(other);
  editor.view.focus();
}

/** Whether somebody has changed what was opened. */
function isWritten() {
  return editor.name !== page.opened.name || editor.text !== page.opened.text;
}

/**
 * For a reload of this tab all is kept; for another day what somebody has written, in whose place nothing comes that was
 * opened, here or in another tab, and not changed.
 */
function keep() {
  const known = JSON.stringify(spec());
  try {
    sessionStorage.setItem(STORED, known);
    if (isWritten()) localStorage.setItem(STORED, known);
    promise(true);
  } catch {
    promise(false);
  }
  // A reload would bring back what the link has, in place of what is edited from here on.
  if (page.keeps && location.hash.startsWith(link.KEY)) history.replaceState(null, "", location.pathname + location.search);
}

function kept() {
  try {
    for (const storage of [sessionStorage, localStorage]) {
      const found = JSON.parse(storage.getItem(STORED));
      if (typeof found?.text === "string" && typeof found?.name === "string") return found;
    }
  } catch {
    promise(false);
  }
  return null;
}

/** What the page promises of what is written. */
function promise(keeps) {
  page.keeps = keeps;
  const gone = keeps ? "" : " This browser does not store what you write: it is gone when you close the page. Save it, or copy a link.";
  const isOffline = document.body.dataset.offline === "ready";
  const text = `Everything runs in this page; nothing you write is sent anywhere.${gone}${isOffline ? " It works without a connection, too." : ""}`;
  if ($("promise").textContent !== text) $("promise").textContent = text;
}

let pause;

/** Whether a question was about what is in the editor now. */
function isPresent(asked) {
  return asked.text === editor.text && asked.name === editor.name;
}

async function check() {
  if (page.name !== editor.name) Object.assign(page, { name: editor.name, model: null, sizes: null });
  $("tab-form").textContent = /ya?ml$/.test(page.name) ? "Language" : "YAML";
  keep();
  showExample();
  if (document.body.dataset.state !== "refused") notice("");
  clearTimeout(pause);
  delete document.body.dataset.pause;
  delete document.body.dataset.checked;
  const asked = spec();
  const found = await checker.ask("check", asked);
  if (!found || !isPresent(asked)) return;
  const findings = found.findings ?? [];
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const fits = !found.problem && !errors;
  page.said = found.problem ? "" : summary(errors, findings.length - errors);
  list(found.problem, findings);
  if (!fits) stale();
  document.body.dataset.checked = found.problem ? "problem" : fits ? "fits" : "wrong";
  editor.showFindings(findings);
  if (found.problem) return;
  const known = await checker.ask("shapes", asked);
  if (!known || !isPresent(asked)) return;
  editor.showShapes(known.hints ?? []);
  page.models = known.models ?? [];
  chooseModel();
  document.body.dataset.first ??= Math.round(performance.now() - begun);
  if (fits) {
    // A large network's table takes longer than a key: it waits until nobody types.
    document.body.dataset.pause = "panel";
    pause = setTimeout(show, page.took < 50 ? 0 : 300);
  }
}

function summary(errors, warnings) {
  const count = (number, word) => (number ? [`${number} ${word}${number > 1 ? "s" : ""}`] : []);
  return [...count(errors, "mistake"), ...count(warnings, "warning")].join(", ") || "All shapes fit";
}

function list(problem, findings) {
  $("findings").replaceChildren();
  if (problem) $("findings").append(element("p", problem, { class: "finding error" }));
  for (const finding of findings) {
    const box = element("article", "", { class: `finding ${finding.severity}` });
    const { place } = finding;
    const where = element("button", `${place.file === page.name ? "" : `${place.file}, `}line ${place.line}`, { type: "button", class: "where" });
    where.disabled = place.from === undefined;
    where.onclick = () => editor.select(place);
    const head = element("p", "");
    head.append(where, element("span", `${finding.severity === "error" ? "mistake" : "warning"} ${finding.code}`, { class: "code-of" }));
    box.append(head, spans("p", finding.message, { class: "message" }));
    for (const text of [finding.label, ...finding.notes].filter(Boolean)) box.append(spans("p", text));
    for (const help of finding.helps) box.append(spans("p", help, { class: "help" }));
    for (const { place: other, text } of finding.related) {
      box.append(spans("p", `${other.file === page.name ? "" : `${other.file}, `}line ${other.line}: ${text}`, { class: "quiet" }));
    }
    if (finding.fix) {
      const button = element("button", `Write ${plain(finding.fix.title).replace(/^write /, "")}`, { type: "button", class: "fix" });
      button.onclick = () => editor.apply(finding.fix);
      box.append(button);
    }
    $("findings").append(box);
  }
}

// ---- what is known of the network ------------------------------------------------------------------------

function chooseModel() {
  $("choices").replaceChildren();
  if (!page.models.includes(page.model)) page.model = null;
  if (page.models.length < 2) return;
  const choice = element("select", "", { id: "model", "aria-label": "Model" });
  for (const name of page.models) choice.append(new Option(name, name, false, name === page.model));
  choice.onchange = () => {
    Object.assign(page, { model: choice.value, sizes: null });
    show();
  };
  $("choices").append(choice);
}

function stale() {
  if (page.isOther) clear();
  if ($("panel").classList.contains("stale")) return;
  const isEmpty = !$("panel").childElementCount;
  $("panel").prepend(element("p", isEmpty ? "It is shown once all shapes fit." : "As it was when all shapes fitted.", { class: "note" }));
  $("panel").classList.add("stale");
}

function clear() {
  $("panel").replaceChildren();
  $("panel").classList.remove("stale");
}

async function show() {
  clearTimeout(pause);
  delete document.body.dataset.pause;
  const began = performance.now();
  const about = page.about;
  const given = { ...(page.model && { model: page.model }) };
  if (about === "table" && page.sizes) given.sizes = page.sizes;
  if (about === "picture") given.depth = page.depth;
  if (about === "form") delete given.model;
  const asked = spec();
  const found = about === "onnx" ? { models: page.models } : await checker.ask(about, asked, given);
  if (!found || about !== page.about || !isPresent(asked)) return;
  page.isOther = false;
  page.took = performance.now() - began;
  const at = $("panel").scrollTop;
  const focus = $("panel").contains(document.activeElement) && (document.activeElement.id || "panel");
  clear();
  if (!page.models.length && about !== "form") {
    $("panel").append(element("p", "There is no model in it. What its blocks come to is shown in a model that uses them.", { class: "note" }));
  } else if (found.problem) {
    $("panel").append(spans("p", found.problem, { class: "finding error" }));
    if (page.sizes) $("panel").append(button("Any size", () => change({ sizes: null })));
  } else PANELS[about]($("panel"), found, { ...page, spec: spec(), change, open: writeOn });
  $("panel").scrollTop = at;
  if (focus) ($(focus) ?? $("panel")).focus();
}

function button(text, action) {
  const made = element("button", text, { type: "button" });
  made.onclick = action;
  return made;
}

function change(given) {
  Object.assign(page, given);
  show();
}

const tabs = [...document.querySelectorAll("[role=tab]")];

function choose(tab, focus) {
  page.about = tab.dataset.about;
  for (const each of tabs) {
    each.setAttribute("aria-selected", each === tab);
    each.tabIndex = each === tab ? 0 : -1;
  }
  $("panel").setAttribute("aria-labelledby", tab.id);
  if (focus) tab.focus();
}

for (const [i, tab] of tabs.entries()) {
  tab.onclick = () => {
    choose(tab);
    clear();
    if (document.body.dataset.checked === "fits" || page.about === "onnx") show();
    else stale();
  };
  tab.onkeydown = (event) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs.at(to % tabs.length);
    choose(next, true);
    next.click();
  };
}

// ---- the buttons -------------------------------------------------------------------------------------------

$("format").onclick = async () => {
  const asked = spec();
  const found = await checker.ask("format", asked);
  if (found?.problem) notice(`Only what can be read is formatted: ${found.problem}.`);
  else if (found && isPresent(asked)) editor.replace(found.text);
};

$("save").onclick = () => save(page.name.split("/").at(-1), editor.text);

$("share").onclick = async () => {
  if (!globalThis.CompressionStream) return notice("This browser cannot compress, so it makes no links: save the spec as a file.");
  const fragment = await link.written(spec());
  const address = location.href.split("#")[0] + fragment;
  const long = address.length > 8_000 ? ` It has ${address.length.toLocaleString("en")} characters, which some programs cut off.` : "";
  if (await copied(address)) {
    notice(`The link is copied; the spec is in it, and on no server.${long}`);
  } else {
    history.replaceState(null, "", fragment);
    notice(`The link is in the address bar; copy it from there.${long}`);
  }
};

async function fromLink() {
  const found = await link.read(location.hash);
  if (!found) return false;
  openOther(found);
  return true;
}

addEventListener("hashchange", () => fromLink().catch((error) => notice(error.message)));

async function fillExamples() {
  const library = await (await fetch(new URL("library.json", import.meta.url))).json();
  const groups = [["First networks", (name) => !name.includes("/")], ["Zoo", (name) => name.includes("/")]];
  for (const [label, belongs] of groups) {
    const group = element("optgroup", "", { label });
    for (const name of Object.keys(library).filter(belongs)) group.append(new Option(name.replace(/^zoo\//, ""), name));
    $("examples").append(group);
  }
  Object.assign(page.examples, library);
  $("examples").onchange = () => {
    const name = $("examples").value;
    if (name) openOther({ name, text: page.examples[name] });
  };
  showExample();
}

/** Which of the menu is in the editor; none, once it is another text. */
function showExample() {
  const { name, text } = spec();
  $("examples").value = page.examples[name] === text ? name : "";
}

// ---- the start ---------------------------------------------------------------------------------------------

const editor = new Editor($("editor"), {
  onChange: () => check(),
  onHover: (at) => checker.ask("hover", spec(), { at }),
  onComplete: (at) => checker.ask("complete", spec(), { at }),
});
choose(tabs[0]);
$("version").textContent = `specc ${SPECC.version}`;

let checker = { ask: async () => null };

function refuse(reason) {
  clearTimeout(patience);
  checker = { ask: async () => null };
  globalThis.speccRefuse(`${reason} The command does the same: pip install 'specc-nn[cpu]', and specc check net.cnn.`);
}

async function start() {
  if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
    refuse("This browser has no WebAssembly, or it is turned off, and the checker runs in it.");
  } else if (typeof DecompressionStream !== "function") {
    refuse("This browser is too old for this page: it cannot unpack what the checker is made of.");
  } else {
    checker = new Checker(onState, (reason) => refuse(`The checker cannot be started: ${reason}.`));
  }
  const filled = fillExamples();
  const stored = kept();
  if (stored) begin(stored); // and it comes back where the link is undone
  let broken = "";
  const isLinked = await fromLink().catch((error) => {
    broken = error.message;
  });
  if (!isLinked) {
    if (!stored) {
      await filled;
      if (!editor.text) begin({ name: "lenet.cnn", text: page.examples["lenet.cnn"] });
    }
    check();
  }
  if (broken) notice(broken);
  await filled;
  if (navigator.serviceWorker) {
    try {
      await navigator.serviceWorker.register(new URL("offline.js", import.meta.url));
      await navigator.serviceWorker.ready;
      document.body.dataset.offline = "ready";
      promise(page.keeps);
    } catch {
      // Without storage there is no working offline; all else is as ever.
    }
  }
}

start().catch((error) => refuse(`The page could not start: ${error.message}.`));
