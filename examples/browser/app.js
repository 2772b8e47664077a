/** The page: a board to draw on, pictures and networks that are dropped on it, and what the network says. */

import { Classifier } from "./classifier.js";
import { Model, Refusal, brief, fetchBytes, loadRuntime, nameOf, sidecarName } from "./model.js";
import { fitted, inkOf, planesOf } from "./pixels.js";

const SHOWN = 10; // classes in the table
const KEYS = ["model", "side", "black", "white", "fit"]; // of the address
const FORMS = { mnist: "into 20 x 20 of 28 x 28, centred by mass", nist: "to the whole height and 5/8 of the width" };
const STEP = 10; // of the keyboard's pen, in places of the board

const element = (id) => document.getElementById(id);
const board = element("board");
const pen = board.getContext("2d", { willReadFrequently: true });
const query = new URLSearchParams(location.search);

let ort = null;
let classifier = null;
let attempts = 0; // under way
let form = null; // of FORMS: how drawings are scaled
let turn = 0; // counts what was asked of the network: an answer that comes late is not shown

// --- What is said ---

function report(error) {
  if (!(error instanceof Refusal)) console.error(error);
  const remains = classifier ? ` The page goes on with ${classifier.model.name}.` : "";
  element("problem").textContent = (error instanceof Refusal ? error.message : `Something went wrong: ${error}`) + remains;
  element("problem").hidden = false;
  if (!classifier) {
    element("status").textContent = "";
    document.body.dataset.state = "refused";
  }
}

/** Does something that may be refused; what was refused before is no longer said. */
async function attempt(action) {
  element("problem").hidden = true;
  busy(+1);
  try {
    await action();
  } catch (error) {
    report(error);
  } finally {
    busy(-1);
  }
}

function busy(change) {
  attempts += change;
  document.querySelector("main").ariaBusy = attempts > 0;
}

function show(next) {
  classifier?.model.session.release();
  classifier = next;
  form = query.get("fit") ?? (Math.min(next.width, next.height) < 16 ? "nist" : "mnist");
  const { model, width, height } = next;
  const [title, { golden }] = [model.sidecar.model, model];
  element("status").textContent = golden
    ? `${title} fits this browser: the golden pair is off by ${brief(golden.off)}, where ${brief(golden.allowed)} is allowed.`
    : `${title} is loaded.`;
  element("size").textContent = `: ${width} x ${height}${next.channels === 3 ? ", in colour" : ""}`;
  Object.assign(element("seen"), { width, height });
  element("notes").replaceChildren(
    ...[
      `${model.name}: ${model.sidecar.verdict.words}`,
      `Drawings are scaled ${FORMS[form]}, as in ${form.toUpperCase()} (?fit=${Object.keys(FORMS).join(" or ")}).`,
      ...next.notes,
    ].map((note) => made("li", note)),
  );
  document.body.dataset.state = "ready";
  clear();
}

function made(tag, text) {
  const node = document.createElement(tag);
  node.textContent = text;
  return node;
}

/** All classes in their order, or the first few by probability. */
function showClasses(classes) {
  const falling = [...classes].sort((one, other) => other.probability - one.probability);
  const [best] = falling;
  const rows = (classes.length > SHOWN ? falling.slice(0, SHOWN) : classes).map((shown) => {
    const { label, probability } = shown;
    const row = document.createElement("tr");
    const heading = made("th", label);
    heading.scope = "row";
    const bar = document.createElement("td");
    bar.className = "bar";
    bar.ariaHidden = "true"; // the number says it
    bar.append(document.createElement("span"));
    bar.firstChild.style.width = `${100 * probability}%`;
    const share = made("td", percent(probability));
    share.dataset.probability = probability;
    row.append(heading, bar, share);
    row.className = shown === best ? "best" : "";
    return row;
  });
  element("classes").tBodies[0].replaceChildren(...rows);
  const more = classes.length > SHOWN ? ` The first ${SHOWN} of ${classes.length.toLocaleString("en")} classes:` : "";
  element("answer").textContent = `${best.label}, with ${percent(best.probability)}.${more}`;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

// --- What is asked ---

async function classify(planes) {
  const asked = ++turn;
  showSeen(planes);
  const classes = await classifier.classify(planes);
  if (asked === turn) showClasses(classes);
}

function showSeen(planes) {
  const { width, height } = element("seen");
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++) picture.data[4 * i + channel] = (planes[channel] ?? planes[0])[i];
    picture.data[4 * i + 3] = 255;
  }
  element("seen").getContext("2d").putImageData(picture, 0, 0);
}

function classifyDrawing() {
  if (!classifier) return;
  const grey = fitted(inkOf(pen), classifier.width, classifier.height, form);
  if (grey) attempt(() => classify(Array(classifier.channels).fill(grey)));
}

function clear() {
  turn++;
  pen.clearRect(0, 0, board.width, board.height);
  element("seen").getContext("2d").clearRect(0, 0, element("seen").width, element("seen").height);
  element("classes").tBodies[0].replaceChildren();
  element("answer").textContent = "Nothing is drawn yet.";
}

async function openPicture(file) {
  if (!classifier) throw new Refusal(`${file.name} is a picture, and no network is loaded to look at it.`);
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Refusal(`${file.name} is no picture that this browser can read.`);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d");
  // What is transparent is paper.
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height);
  clear();
  await classify(planesOf(data, classifier.channels, classifier.width, classifier.height));
}

// --- Networks ---

async function openModel(name, file, sidecar) {
  const options = { side: numberOf("side"), black: numberOf("black"), white: numberOf("white") };
  const fit = query.get("fit");
  if (fit !== null && !(fit in FORMS)) throw new Refusal(`?fit=${fit} is not known: ${Object.keys(FORMS).join(" and ")} are.`);
  ort ??= await loadRuntime();
  show(new Classifier(await Model.open(ort, name, file, sidecar), options));
}

/** What the address says after `?key=`; null where it says nothing. */
function numberOf(key) {
  const text = query.get(key);
  if (text === null) return null;
  const number = text.trim() ? Number(text) : NaN;
  if (!Number.isFinite(number)) throw new Refusal(`?${key}=${text} is no number.`);
  if (key === "side" && !(Number.isInteger(number) && number > 0)) throw new Refusal(`?${key}=${text} is no side of a picture.`);
  return number;
}

async function openFiles(files) {
  const ending = (suffix) => files.find(({ name }) => name.endsWith(suffix));
  const [file, sidecar] = [ending(".onnx"), ending(".json")];
  if (!files.length) throw new Refusal("That is no file: a picture, or the two files of a network, may be dropped here.");
  if (files.length > (file || sidecar ? 2 : 1)) throw new Refusal("These are several at once: one picture, or one network with its sidecar.");
  if (!file && !sidecar) return openPicture(files[0]);
  if (!file) throw new Refusal(`${sidecar.name} comes without its ONNX file: open both at once.`);
  if (!sidecar) {
    throw new Refusal(
      `${file.name} comes without ${sidecarName(file.name)}, which says what goes in and what comes out: open both at once.`,
    );
  }
  return openModel(file.name, await bytesOf(file), await bytesOf(sidecar));
}

const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

async function openAddress(address) {
  const unknown = [...query.keys()].find((key) => !KEYS.includes(key));
  if (unknown) throw new Refusal(`?${unknown} is not known to this page: ${KEYS.join(", ")} are.`);
  const url = new URL(address, document.baseURI);
  const beside = new URL(url);
  beside.pathname = sidecarName(url.pathname);
  const sidecar = await fetchBytes(beside);
  await openModel(nameOf(url), await fetchBytes(url), sidecar);
}

// --- The board ---

function place(event) {
  const { left, top, width, height } = board.getBoundingClientRect();
  return [((event.clientX - left) / width) * board.width, ((event.clientY - top) / height) * board.height];
}

function line(from, to) {
  pen.lineWidth = board.width / 10;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#f4f1e8";
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

let last = null; // where the pointer drew last; null while it is up

board.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  board.setPointerCapture(event.pointerId);
  last = place(event);
  line(last, last);
});
board.addEventListener("pointermove", (event) => {
  if (!last || !event.isPrimary) return;
  for (const step of event.getCoalescedEvents?.() ?? [event]) {
    const next = place(step);
    line(last, next);
    last = next;
  }
});
for (const end of ["pointerup", "pointercancel"]) {
  board.addEventListener(end, (event) => {
    if (!last || !event.isPrimary) return;
    last = null;
    classifyDrawing();
  });
}

const cursor = { x: board.width / 2, y: board.height / 4, down: false };
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

board.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const from = [cursor.x, cursor.y];
  if (event.key in MOVES) {
    const [right, down] = MOVES[event.key];
    cursor.x = Math.min(Math.max(cursor.x + right, 0), board.width);
    cursor.y = Math.min(Math.max(cursor.y + down, 0), board.height);
    if (cursor.down) line(from, [cursor.x, cursor.y]);
  } else if (event.key === " ") {
    cursor.down = !cursor.down;
    if (cursor.down) line(from, from);
    else classifyDrawing();
  } else if (event.key === "Delete" || event.key === "Backspace") {
    clear();
  } else {
    return;
  }
  event.preventDefault();
  showCursor();
});

function showCursor() {
  element("cursor").style.left = `${(100 * cursor.x) / board.width}%`;
  element("cursor").style.top = `${(100 * cursor.y) / board.height}%`;
  element("cursor").dataset.down = cursor.down;
}
showCursor();

// --- The rest of the page ---

element("clear").addEventListener("click", clear);
element("files").addEventListener("change", ({ target }) => {
  const files = [...target.files];
  target.value = ""; // the same file may be opened again
  if (files.length) attempt(() => openFiles(files));
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  attempt(() => openFiles([...event.dataTransfer.files]));
});
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) attempt(() => openFiles([...event.clipboardData.files]));
});

await attempt(() => openAddress(query.get("model") ?? "net.onnx"));
