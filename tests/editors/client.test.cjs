// The extension's own code with a stub of what Visual Studio Code gives it: what the editor itself hardly ever does.
"use strict";

const assert = require("node:assert/strict");
const { mkdtempSync, writeFileSync, readFileSync, existsSync } = require("node:fs");
const Module = require("node:module");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { beforeEach, test } = require("node:test");

const State = { Stopped: 1, Running: 2, Starting: 3 };
let editor; // what the stub knows: settings, trust, what has been shown
let clients;

const vscode = {
  StatusBarAlignment: { Right: 2 },
  commands: { registerCommand: (name, act) => void (editor.commands[name] = act), executeCommand: async () => {} },
  languages: { match: (_, document) => document.languageId === "specc" },
  window: {
    createOutputChannel: () => ({ appendLine: (line) => editor.output.push(line), show() {} }),
    createStatusBarItem: () => editor.status,
    onDidChangeActiveTextEditor: (act) => void (editor.reveal = act),
    showErrorMessage: (message) => {
      editor.messages.push(message);
      return new Promise((resolve) => (editor.answer = resolve)); // a user may never answer
    },
  },
  workspace: {
    get isTrusted() {
      return editor.trusted;
    },
    get workspaceFolders() {
      return editor.folder && [{ uri: { scheme: "file", fsPath: editor.folder } }];
    },
    getConfiguration: () => ({ get: () => editor.path }),
    onDidChangeConfiguration: (act) => void (editor.configure = act),
    onDidGrantWorkspaceTrust: (act) => void (editor.trust = act),
  },
};

class LanguageClient {
  constructor(_, __, server, options) {
    Object.assign(this, { server, options, running: false });
    clients.push(this);
  }
  onDidChangeState(act) {
    this.told = act;
  }
  async start() {
    if (editor.refuses) throw new Error("refused");
    this.running = true;
    this.told({ newState: State.Running });
  }
  async dispose() {
    this.running = false;
    this.told({ newState: State.Stopped });
  }
}

const load = Module._load;
const stubs = { vscode, "vscode-languageclient/node": { LanguageClient, State } };
Module._load = (name, ...rest) => stubs[name] ?? load(name, ...rest);
const extension = require("../../editors/vscode/client.js");

const folder = mkdtempSync(join(tmpdir(), "specc-"));

/** A server ends with 0 if it was taken leave of, and with 1 if the client has just gone. */
const SERVES = "grep -q '\"method\":\"exit\"'";

function program(name, lines) {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho start >> "${path}.starts"\n${lines}\n`, { mode: 0o755 });
  return path;
}

beforeEach(() => {
  clients = [];
  editor = {
    trusted: true, path: program("specc", SERVES), folder, refuses: false,
    status: { visible: false, show() { this.visible = true; }, hide() { this.visible = false; } },
    commands: {}, messages: [], output: [],
  };
});

const activate = () => extension.activate({ subscriptions: [] });
const running = () => clients.filter((client) => client.running);

test("a program that serves is started in the folder of the workspace", async () => {
  await activate();
  assert.deepEqual(clients[0].server, { command: editor.path, args: ["server"], options: { cwd: folder } });
  assert.match(editor.status.text, /check/);
  assert.deepEqual(editor.messages, []);
});

test("nothing is started in a workspace that is not trusted, until it is", async () => {
  editor.trusted = false;
  editor.path = program("strange", SERVES);
  await activate();
  assert.equal(existsSync(`${editor.path}.starts`), false);
  assert.match(editor.status.tooltip, /not trusted/);
  editor.trusted = true;
  await editor.trust();
  assert.equal(running().length, 1);
});

test("the folder of the workspace may stand in the setting", async () => {
  const path = editor.path;
  editor.path = "  ${workspaceFolder}/specc ";
  await activate();
  assert.equal(clients[0].server.command, path);
  editor.path = "";
  process.env.PATH = `${folder}:${process.env.PATH}`;
  editor.configure({ affectsConfiguration: () => true });
  await extension.deactivate();
  assert.equal(clients.at(-1).server.command, "specc"); // of the PATH
});

test("a program that reads nothing and does not end is given up", async () => {
  const patience = AbortSignal.timeout;
  AbortSignal.timeout = () => patience(100);
  editor.path = program("asleep", "exec sleep 60");
  await activate();
  AbortSignal.timeout = patience;
  assert.match(editor.messages[0], /within half a minute it did not end/);
});

test("a program that is too old, has failed or says nothing is told", async () => {
  for (const [lines, message] of [
    ["echo 'Usage: specc' >&2; echo \"error: no command is called server\" >&2; exit 2", /^no command is called server$/],
    ["exit 3", /ended with 3 and said nothing/],
    ["kill -TERM $$", /ended with SIGTERM and said nothing/],
  ]) {
    editor.path = program("old", lines);
    await activate();
    assert.match(editor.messages.at(-1), message);
    assert.match(editor.status.text, /error/);
  }
  assert.equal(clients.length, 0);
});

test("a file that is no program is told", async () => {
  editor.path = join(folder, "text");
  writeFileSync(editor.path, "no program", { mode: 0o644 });
  await activate();
  assert.match(editor.messages[0], /text cannot be started: .*EACCES.*specc\.path/);
});

test("a server that does not start does not keep the next from starting, though nobody answers the message", async () => {
  editor.refuses = true;
  await activate();
  assert.match(editor.messages[0], /did not start: refused/);
  editor.refuses = false;
  await editor.commands["specc.restart"]();
  assert.equal(running().length, 1);
});

test("of many restarts at once one server is left", async () => {
  await activate();
  await Promise.all([1, 2, 3].map(() => editor.commands["specc.restart"]()));
  assert.equal(running().length, 1);
  await extension.deactivate();
  assert.equal(running().length, 0);
});

test("the button of a message starts it anew", async () => {
  const path = editor.path;
  editor.path = join(folder, "nowhere");
  await activate();
  editor.path = path;
  editor.answer("Restart");
  await new Promise((resolve) => setTimeout(resolve, 0));
  await extension.deactivate(); // waits for its turn
  assert.equal(clients.length, 1);
});

test("the status stands beside specs alone", async () => {
  await activate();
  editor.reveal({ document: { languageId: "specc" } });
  assert.equal(editor.status.visible, true);
  editor.reveal({ document: { languageId: "python" } });
  assert.equal(editor.status.visible, false);
  editor.reveal(undefined);
  assert.equal(editor.status.visible, false);
  assert.match(readFileSync(`${editor.path}.starts`, "utf8"), /start/);
});
