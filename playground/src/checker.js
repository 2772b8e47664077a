// The worker as the page sees it: questions, of which the newest of each kind counts, and an end where one takes too long.

/** Of what is waiting, what is asked first. */
const ORDER = ["check", "shapes", "complete", "hover", "format", "table", "picture", "pytorch", "form"];

export class Checker {
  /**
   * @param {(state: "starting" | "ready" | "busy", about: string) => void} onState
   * @param {(reason: string) => void} onBroken where it cannot be started
   */
  constructor(onState, onBroken) {
    this.onState = onState;
    this.onBroken = onBroken;
    this.waiting = new Map();
    this.asked = null;
    this.count = 0;
    this.start();
  }

  start() {
    this.isReady = false;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.heard(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.onBroken(event.message || "worker.js cannot be loaded");
    };
    this.onState("starting", "");
  }

  /** The answer; null where a newer question of its kind came, {"problem"} where there is none. */
  ask(about, spec, given = {}) {
    this.waiting.get(about)?.resolve(null);
    return new Promise((resolve) => {
      const question = JSON.stringify({ about, name: spec.name, text: spec.text, ...given });
      this.waiting.set(about, { about, question, resolve });
      this.next();
    });
  }

  next() {
    if (this.asked) return;
    const about = ORDER.find((kind) => this.waiting.has(kind));
    if (!about) return this.isReady && this.onState("ready", "");
    this.asked = this.waiting.get(about);
    this.asked.id = ++this.count;
    this.waiting.delete(about);
    this.worker.postMessage({ id: this.asked.id, question: this.asked.question });
    if (this.isReady) this.onState("busy", about);
  }

  heard({ ready, broken, id, answer, failed }) {
    if (broken) return this.onBroken(broken);
    if (ready) {
      this.isReady = true;
      return this.onState(this.asked ? "busy" : "ready", this.asked?.about ?? "");
    }
    if (id !== this.asked?.id) return;
    const { resolve } = this.asked;
    this.asked = null;
    if (failed === undefined) resolve(JSON.parse(answer));
    else {
      // Memory or stack have run out: nothing that this Python says from now on could be trusted.
      this.restart();
      resolve({ problem: `The checker came to its end over this spec and was started again (${failed.split("\n").at(-1) || failed}).` });
    }
    this.next();
  }

  /** Ends whatever it is at, and starts it again. */
  stop() {
    this.restart();
    // What waited for it would take as long, as a rule: it is stopped too, and must not pass for checked.
    const stopped = [this.asked, ...this.waiting.values()].filter(Boolean);
    this.asked = null;
    this.waiting.clear();
    for (const { resolve } of stopped) resolve({ problem: "Stopped. It is checked again when you change it." });
  }

  restart() {
    this.worker.terminate();
    this.start();
  }
}
