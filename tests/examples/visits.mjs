// Visits pages in Chromium: reads JSON from standard input, what to do there, and writes what was seen to standard output.
//
// {"browser": path, "visits": {name: {"address", "actions": [[what, ...], ...], "missing": [files], "viewport", "scheme",
//   "without": [names]}}}
// gives {name: {"steps": [what is seen at first and after each action], "requests": [addresses], "errors": [uncaught ones], "logs"}}
import { chromium } from "playwright-core";

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** What a visitor sees, and what the page keeps in its canvases. */
function seen() {
  const text = (id) => document.getElementById(id)?.innerText ?? "";
  const small = document.getElementById("seen");
  const pixels = small.width && small.getContext("2d").getImageData(0, 0, small.width, small.height).data;
  const shares = [...document.querySelectorAll("#classes tr")].map((row) => [
    row.querySelector("th").innerText,
    Number(row.querySelector("[data-probability]").dataset.probability),
  ]);
  return {
    state: document.body.dataset.state,
    status: text("status"),
    problem: document.getElementById("problem").hidden ? "" : text("problem"),
    answer: text("answer"),
    notes: text("notes"),
    shares,
    pixels: [...pixels].filter((_, i) => i % 4 !== 3),
    size: [small.height, small.width],
    answerAt: document.getElementById("answer").getBoundingClientRect().bottom,
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
}

const ACTIONS = {
  /** Strokes of the mouse, each a list of places from 0 to 1. */
  async draw(page, strokes) {
    const place = await onBoard(page);
    for (const [first, ...rest] of strokes) {
      await page.mouse.move(...place(first));
      await page.mouse.down();
      for (const next of rest) await page.mouse.move(...place(next), { steps: 4 });
      await page.mouse.up();
    }
  },
  async touch(page, [first, ...rest]) {
    const place = await onBoard(page);
    const client = await page.context().newCDPSession(page);
    const send = (type, points) =>
      client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(place).map(([x, y]) => ({ x, y })) });
    await send("touchStart", [first]);
    for (const next of rest) await send("touchMove", [next]);
    await send("touchEnd", []);
  },
  async click(page, what) {
    await page.click(what);
  },
  async keys(page, keys) {
    for (const key of keys) await page.keyboard.press(key);
  },
  async open(page, files) {
    await page.setInputFiles("#files", files);
  },
  async drop(page, files) {
    await page.evaluate((files) => {
      const dropped = new DataTransfer();
      for (const [name, text] of files) dropped.items.add(new File([text], name));
      dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, cancelable: true }));
    }, files);
  },
  /** Runs a network on the golden pair and on other inputs, each [numbers, shape], through the page's module. */
  async run(page, name, inputs) {
    return page.evaluate(async ([name, inputs]) => {
      const url = (file) => new URL(file, document.baseURI);
      const { Model, fetchBytes, loadRuntime, sidecarName } = await import(url("model.js"));
      const files = [await fetchBytes(url(name)), await fetchBytes(url(sidecarName(name)))];
      const model = await Model.open(await loadRuntime(), name, ...files);
      for (const input of Object.values(inputs)) input[0] = Float32Array.from(input[0]);
      const outputs = Object.entries(await model.run(inputs)).map(([key, { data, dims }]) => [key, [[...data], [...dims]]]);
      return { golden: model.golden, outputs: Object.fromEntries(outputs) };
    }, [name, inputs]);
  },
  /** What the page makes of drawings, each the ink on a board of `side` x `side`, for a network of `size` x `size`. */
  async fit(page, drawings, side, size, form) {
    return page.evaluate(async ([drawings, side, size, form]) => {
      const { fitted } = await import(new URL("pixels.js", document.baseURI));
      return drawings.map((ink) => fitted({ width: side, height: side, data: Uint8Array.from(ink) }, size, size, form))
        .map((image) => image && [...image]);
    }, [drawings, side, size, form]);
  },
  /** Imports a module that asks for onnxruntime-web by its name; gives the names that it has. */
  async use(page, module) {
    return page.evaluate(async (module) => {
      const map = document.createElement("script");
      map.type = "importmap";
      map.textContent = JSON.stringify({ imports: { "onnxruntime-web": "./ort/ort.wasm.bundle.min.mjs" } });
      document.head.append(map);
      return Object.keys(await import(new URL(module, document.baseURI)));
    }, module);
  },
  async picture(page, path) {
    await page.screenshot({ path, fullPage: true });
  },
};

async function onBoard(page) {
  const { x, y, width, height } = await page.locator("#board").boundingBox();
  return ([right, down]) => [x + right * width, y + down * height];
}

/** A browser as somebody has it: the size of the window, the colours that the person likes, and what it lacks. */
async function browserOf(browser, { viewport = { width: 900, height: 700 }, scheme = "light", without = [] }) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, hasTouch: true });
  for (const name of without) {
    await context.addInitScript((name) => {
      const path = name.split(".");
      const last = path.pop();
      const owner = path.reduce((object, key) => object[key], globalThis);
      Object.defineProperty(owner, last, { value: undefined, configurable: true });
    }, name);
  }
  return context;
}

async function visit(context, { address, actions = [], missing = [] }) {
  const page = await context.newPage();
  for (const file of missing) await page.route(`**/${file}`, (route) => route.fulfill({ status: 404 }));
  const [requests, errors, logs, steps] = [[], [], [], []];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => logs.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  const look = async (result) => {
    await page.waitForFunction(
      () => document.body.dataset.state !== "starting" && document.querySelector("main").ariaBusy !== "true",
    );
    steps.push({ ...(await page.evaluate(seen)), result, tree: await page.locator("body").ariaSnapshot() });
  };
  await page.goto(address);
  await look();
  for (const [what, ...given] of actions) {
    await look(await ACTIONS[what](page, ...given));
  }
  await page.close();
  return { steps, requests, errors, logs };
}

let input = "";
for await (const part of process.stdin) input += part;
const task = JSON.parse(input);
const browser = await chromium.launch({ executablePath: task.browser, args: FLAGS, chromiumSandbox: false });
const [contexts, results] = [{}, {}];
try {
  for (const [name, { address, actions, missing, ...setting }] of Object.entries(task.visits)) {
    const context = (contexts[JSON.stringify(setting)] ??= await browserOf(browser, setting));
    results[name] = await visit(context, { address, actions, missing });
  }
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(results));
