// Visual Studio Code in Chromium: does what a user does, and tells what is seen.
//
// Reads {modules, browser, address, steps}; writes what each step has seen. A step is one of
//   {open: FILE, folder: FOLDER}   an editor of the file
//   {write: FILE, text: TEXT}      a file of the machine, as settings are
//   {lines: TEXT}                  waits until the editor shows the text, hints included; all that it shows
//   {above: TEXT}                  waits until a line above the others has the text
//   {status: ICON}                 waits until the entry of specc in the status bar has the icon; what it says
//   {notice: TEXT}                 waits for a notification with the text, reads and closes it
//   {command: NAME}                runs a command of the palette
//   {type: TEXT}                   types where the caret is
//   {marks: true}                  waits for a finding to be marked
//   {picture: FILE}                what is on the screen
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const task = JSON.parse(readFileSync(0, "utf8"));
const { chromium } = createRequire(`${task.modules}/`)("playwright-core");
const quiet = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const browser = await chromium.launch({ executablePath: task.browser, args: quiet.split(" ") });
const page = await browser.newPage({ viewport: { width: 920, height: 520 }, deviceScaleFactor: 2 });
page.setDefaultTimeout(30_000);

const shown = async (element) => (await element.innerText()).replaceAll("\u00a0", " ");

async function until(read, holds) {
  for (let tries = 0; tries < 300; tries++) {
    const value = await read();
    if (holds(value)) return value;
    await page.waitForTimeout(100);
  }
  throw new Error(`not within half a minute; the last that was seen: ${JSON.stringify(await read())}`);
}

const acts = {
  async open({ open, folder }) {
    const { host } = new URL(task.address);
    const payload = JSON.stringify([["openFile", `vscode-remote://${host}${folder}/${open}`]]);
    await page.goto(`${task.address}?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(payload)}`);
    await page.locator(".monaco-editor .view-line").first().waitFor();
  },
  write: ({ write, text }) => writeFileSync(write, text),
  async lines({ lines }) {
    // Monaco draws the lines in any order; each says how far from the top it stands.
    const read = () =>
      page.locator(".monaco-editor .view-line").evaluateAll((found) =>
        found
          .toSorted((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
          .map((line) => line.textContent.replace(/[\u200b-\u200f\u2060\ufeff]/g, "").replace(/\s/g, " "))
          .join("\n"),
      );
    return until(read, (text) => text.includes(lines));
  },
  above: ({ above }) => page.locator(".codelens-decoration", { hasText: above }).first().waitFor(),
  async status({ status }) {
    const entry = page.locator("[id='specc-nn.specc.specc.server']");
    await entry.locator(`.codicon-${status}`).waitFor();
    return entry.getAttribute("aria-label");
  },
  async notice({ notice }) {
    const toast = page.locator(".notification-toast", { hasText: notice });
    const text = await shown(toast.locator(".notification-list-item-message"));
    await toast.hover();
    await toast.locator(".codicon-notifications-clear").click();
    return text;
  },
  async command({ command }) {
    await page.keyboard.press("F1");
    await page.locator(".quick-input-widget input").fill(`>${command}`);
    await page.locator(".quick-input-list .monaco-list-row", { hasText: command }).first().click();
  },
  async type({ type }) {
    await page.locator(".monaco-editor .view-line").first().click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(type);
  },
  marks: () => page.locator(".squiggly-error").first().waitFor({ state: "attached" }),
  picture: ({ picture }) => page.screenshot({ path: picture }),
};

const seen = [];
for (const step of task.steps) {
  const [act] = Object.keys(step);
  try {
    seen.push((await acts[act](step)) ?? null);
  } catch (error) {
    await page.screenshot({ path: task.failure });
    await browser.close();
    throw new Error(`${JSON.stringify(step)}: ${error.message}; the screen is in ${task.failure}`);
  }
}
await browser.close();
process.stdout.write(JSON.stringify(seen));
