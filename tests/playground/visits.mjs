// Visits the playground in Chromium: reads JSON from standard input, what to do there, and writes what was seen.
//
// {"browser": path, "atOnce": number, "visits": {name: {"address", "actions": [[what, ...], ...], "viewport", "scheme",
//   "without": [names], "behind": name of a visit, which this one goes on with in the same page}}}
// gives {name: {"steps": [what is seen at first and after each action, with it and the seconds of
//   processor time that the browser took for it], "requests": [addresses], "errors": [uncaught ones]}}
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const PATIENCE = 60_000;

/** What a visitor sees. */
function seen() {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.innerText);
  const panel = document.getElementById("panel");
  return {
    state: document.body.dataset.state,
    checked: document.body.dataset.checked ?? "",
    first: Number(document.body.dataset.first),
    status: document.getElementById("status").innerText,
    notice: document.getElementById("notice").hidden ? "" : texts("#notice span")[0],
    findings: texts(".finding"),
    shapes: texts(".shape"),
    marks: texts(".cm-lintRange"),
    panel: panel.innerText,
    rows: [...panel.querySelectorAll("tr")].map((row) => [...row.cells].map((cell) => cell.textContent)),
    code: panel.querySelector("pre")?.textContent ?? "",
    stale: panel.classList.contains("stale"),
    promise: texts("#promise")[0],
    overflow: document.documentElement.scrollWidth - innerWidth,
    focus: document.activeElement.id || document.activeElement.className || document.activeElement.tagName,
  };
}

const ACTIONS = {
  async example(page, name) {
    await page.selectOption("#examples", name);
  },
  /** Another text for the spec, as if it were pasted. */
  async write(page, text) {
    await page.focus(".cm-content");
    await page.keyboard.press("Control+a");
    await page.evaluate((text) => {
      const pasted = new DataTransfer();
      pasted.setData("text/plain", text);
      document.querySelector(".cm-content").dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));
    }, text);
  },
  /** A text whose check is stopped. */
  async interrupt(page, text) {
    await ACTIONS.write(page, text);
    await page.click("#stop", { timeout: PATIENCE });
  },
  async type(page, text) {
    await page.focus(".cm-content");
    await page.keyboard.press("Control+End");
    await page.keyboard.type(text);
  },
  async keys(page, ...keys) {
    for (const key of keys) await page.keyboard.press(key);
  },
  async click(page, selector) {
    await page.click(selector);
  },
  async hover(page, selector) {
    await page.hover(selector);
    await page.waitForSelector(".cm-tooltip");
    const text = await page.locator(".cm-tooltip").innerText();
    await page.mouse.move(0, 0);
    return text;
  },
  async fill(page, selector, text) {
    await page.fill(selector, text);
    await page.keyboard.press("Enter");
  },
  /** What is saved by a click. */
  async saved(page, selector) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
    return [download.suggestedFilename(), await readFile(await download.path(), "utf-8")];
  },
  async clipboard(page) {
    return page.evaluate(() => navigator.clipboard.readText());
  },
  async offers(page) {
    await page.waitForSelector(".cm-tooltip-autocomplete");
    await page.waitForFunction(() => document.body.dataset.state === "ready");
    return page.locator(".cm-tooltip-autocomplete .cm-completionLabel").allInnerTexts();
  },
  async wait(page, selector) {
    await page.waitForSelector(selector, { timeout: PATIENCE });
    return page.evaluate(seen);
  },
  async address(page) {
    return page.url();
  },
  async go(page, address) {
    await page.goto(address);
  },
  async reload(page) {
    await page.reload();
  },
  /** Opens a page as if nothing had been open. */
  async anew(page, address) {
    await page.goto("about:blank");
    await page.goto(address);
  },
  /** What another tab of the browser shows at first; then an example is chosen in it, and it is closed. */
  async another(page, name) {
    const other = await page.context().newPage();
    await other.goto(page.url().split("#")[0]);
    await settled(other);
    const first = await other.evaluate(seen);
    await other.selectOption("#examples", name);
    await settled(other);
    await other.close();
    return first;
  },
  /** A text whose check is stopped when another one waits for it. */
  async overtake(page, text, other) {
    await ACTIONS.write(page, text);
    await page.waitForSelector("#stop:visible", { timeout: PATIENCE });
    await ACTIONS.interrupt(page, other);
  },
  /** Tabs, and another text before any of them could be shown. */
  async hurry(page, tabs, text) {
    await page.focus(".cm-content");
    await page.keyboard.press("Control+a");
    await page.evaluate(
      ([tabs, text]) => {
        for (const tab of tabs) document.querySelector(tab).click();
        const pasted = new DataTransfer();
        pasted.setData("text/plain", text);
        document.querySelector(".cm-content").dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));
      },
      [tabs, text],
    );
  },
  async undo(page) {
    await page.focus(".cm-content");
    await page.keyboard.press("Control+z");
  },
  /** The address once a link was to be copied, where a page may not write to the clipboard. */
  async unclipped(page, selector) {
    await page.evaluate(() => Object.defineProperty(navigator.clipboard, "writeText", { value: () => Promise.reject(), configurable: true }));
    await page.click(selector);
    await page.waitForFunction(() => location.hash);
    return page.url();
  },
  /** On paper: how many lines of the text there are, and what does not fit into its frame. */
  async printed(page) {
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    const found = await page.evaluate(() => {
      const frames = [...document.querySelectorAll("#editor, .cm-scroller, #panel")];
      return {
        lines: document.querySelectorAll(".cm-line").length,
        cut: frames.filter((one) => one.scrollHeight > one.clientHeight + 1).map((one) => one.id || one.className),
      };
    });
    await page.emulateMedia({ media: "screen" });
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    return found;
  },
  async offline(page) {
    await page.waitForSelector("[data-offline=ready]", { timeout: PATIENCE });
    await page.context().setOffline(true);
  },
  /** Whether the page may ask another place for something. */
  async elsewhere(page, address) {
    return page.evaluate(async (address) => {
      const refused = [];
      addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
      await fetch(address).catch(() => {});
      const image = new Image();
      image.src = address;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return refused.sort();
    }, address);
  },
  /** Milliseconds from each of `count` keys to the findings that belong to it. */
  async keystrokes(page, count) {
    await page.focus(".cm-content");
    await page.keyboard.press("Control+End");
    const times = [];
    for (let i = 0; i < count; i++) {
      await page.evaluate(() => {
        delete document.body.dataset.checked;
        globalThis.struck = performance.now();
        globalThis.answered = new Promise((resolve) => {
          new MutationObserver((_, observer) => {
            if (!document.body.dataset.checked) return;
            observer.disconnect();
            resolve(performance.now() - globalThis.struck);
          }).observe(document.body, { attributes: true });
        });
      });
      await page.keyboard.type(i % 2 ? "#" : " ");
      times.push(await page.evaluate(() => globalThis.answered));
      await settled(page);
    }
    return times;
  },
  async picture(page, path) {
    await page.screenshot({ path, fullPage: true });
  },
  async tree(page) {
    return page.locator("body").ariaSnapshot();
  },
};

async function settled(page) {
  await page.waitForFunction(
    () =>
      ["ready", "refused"].includes(document.body.dataset.state) && !document.body.dataset.pause && document.readyState === "complete",
    null,
    { timeout: PATIENCE },
  );
}

/** A browser as somebody has it: the size of the window, the colours that the person likes, and what it lacks. */
async function browserOf(browser, { viewport = { width: 1280, height: 800 }, scheme = "light", without = [], rights = [] }) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, permissions: rights });
  for (const name of without) {
    await context.addInitScript((name) => {
      if (name === "storage") {
        const refuse = () => {
          throw new DOMException("Access is denied", "SecurityError");
        };
        for (const storage of ["localStorage", "sessionStorage"]) Object.defineProperty(globalThis, storage, { get: refuse });
        navigator.serviceWorker.register = async () => refuse();
      } else Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
    }, name);
  }
  return context;
}

async function visit(context, page, { address, actions = [], viewport, scheme }) {
  const [requests, errors, steps] = [[], [], []];
  const [asked, wrong, said] = [
    (request) => requests.push(request.url()),
    (error) => errors.push(String(error)),
    (message) => message.type() === "error" && errors.push(message.text()),
  ];
  context.on("request", asked);
  page.on("pageerror", wrong);
  page.on("console", said);
  const client = await context.browser().newBrowserCDPSession();
  const processor = async () => {
    const { processInfo } = await client.send("SystemInfo.getProcessInfo");
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  let before = await processor();
  const look = async (action, result) => {
    await settled(page);
    const after = await processor();
    steps.push({ ...(await page.evaluate(seen)), action, result: result ?? null, processor: after - before });
    before = after;
  };
  if (page.url() === "about:blank") await page.goto(address);
  else {
    if (viewport) await page.setViewportSize(viewport);
    if (scheme) await page.emulateMedia({ colorScheme: scheme });
  }
  await look([]);
  for (const [what, ...given] of actions) {
    try {
      await look([what, ...given], await ACTIONS[what](page, ...given));
    } catch (error) {
      throw new Error(`${what} ${JSON.stringify(given).slice(0, 200)}, where there is ${JSON.stringify(await page.evaluate(seen)).slice(0, 2000)}`, { cause: error });
    }
  }
  context.off("request", asked);
  page.off("pageerror", wrong);
  page.off("console", said);
  return { steps, requests, errors };
}

let input = "";
for await (const part of process.stdin) input += part;
const task = JSON.parse(input);
const browser = await chromium.launch({ executablePath: task.browser, args: FLAGS, chromiumSandbox: false });
const results = {};
const left = Object.entries(task.visits).filter(([, { behind }]) => !behind);

/** Makes visits, while another one does. */
async function visitor() {
  for (let next; (next = left.shift()); ) {
    const context = await browserOf(browser, next[1]);
    const page = await context.newPage();
    for (; next; next = Object.entries(task.visits).find(([, { behind }]) => behind === next[0])) {
      results[next[0]] = await visit(context, page, next[1]);
    }
    await context.close();
  }
}

try {
  await Promise.all(Array.from({ length: task.atOnce }, visitor));
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(results));
