// The client of `specc server`: it finds the program, says what is wrong where there is none, and shows how it is.
"use strict";

const { spawn } = require("node:child_process");
const vscode = require("vscode");
const { LanguageClient, State } = require("vscode-languageclient/node");

const DOCUMENTS = [
  { language: "specc", scheme: "file" },
  { language: "specc", scheme: "untitled" },
  { pattern: "**/*.cnn.yaml", scheme: "file" },
];
const INSTALL = "pip install 'specc-nn[lsp]'";

/** The messages of a client that comes and goes. */
const VISIT = [
  { id: 1, method: "initialize", params: { processId: null, rootUri: null, capabilities: {} } },
  { method: "initialized", params: {} },
  { id: 2, method: "shutdown" },
  { method: "exit" },
]
  .map((message) => JSON.stringify({ jsonrpc: "2.0", ...message }))
  .map((text) => `Content-Length: ${text.length}\r\n\r\n${text}`)
  .join("");

/** What is in the status bar for each state of the server. */
const STATUS = {
  [State.Starting]: { text: "$(sync~spin) specc", tooltip: "specc server is starting" },
  [State.Running]: { text: "$(check) specc", tooltip: "specc server is running" },
  [State.Stopped]: { text: "$(circle-slash) specc", tooltip: "specc server is not running" },
};

let client;
let output;
let status;
/** Starts and stops wait for each other: settings may change while a server starts. */
let turn = Promise.resolve();

function activate(context) {
  output = vscode.window.createOutputChannel("specc");
  status = vscode.window.createStatusBarItem("specc.server", vscode.StatusBarAlignment.Right);
  status.name = "specc";
  status.command = "specc.output";
  show(STATUS[State.Stopped]);
  context.subscriptions.push(
    output,
    status,
    vscode.commands.registerCommand("specc.restart", restart),
    vscode.commands.registerCommand("specc.output", () => output.show()),
    vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration("specc.path") && restart()),
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
    vscode.window.onDidChangeActiveTextEditor(reveal),
  );
  reveal(vscode.window.activeTextEditor);
  return restart();
}

function deactivate() {
  return after(stop);
}

function restart() {
  return after(async () => {
    await stop();
    await start();
  });
}

function after(act) {
  turn = turn.then(act, act);
  return turn;
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.dispose().catch((error) => output.appendLine(String(error)));
}

async function start() {
  if (!vscode.workspace.isTrusted) {
    show({ ...STATUS[State.Stopped], tooltip: "specc server is not started in a workspace that is not trusted" });
    return;
  }
  const command = program();
  const cwd = vscode.workspace.workspaceFolders?.find((folder) => folder.uri.scheme === "file")?.uri.fsPath;
  show(STATUS[State.Starting]);
  const problem = await tried(command, cwd);
  if (problem) {
    void complain(problem); // it waits for the user
    return;
  }
  const server = { command, args: ["server"], options: { cwd } };
  client = new LanguageClient("specc", "specc", server, { documentSelector: DOCUMENTS, outputChannel: output });
  client.onDidChangeState((event) => show(STATUS[event.newState]));
  await client.start().catch((error) => void complain(`specc server did not start: ${error.message}`));
}

/** The program of the setting; VS Code itself fills no variables in. */
function program() {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const path = vscode.workspace.getConfiguration("specc").get("path").trim();
  return path.replace("${workspaceFolder}", folder) || "specc";
}

/**
 * What is wrong with a program, in a sentence; undefined for one that serves.
 *
 * It is started for a greeting and a farewell, after which a server ends with 0; without the extra it ends with what to install.
 */
function tried(command, cwd) {
  return new Promise((resolve) => {
    const words = [];
    const patience = AbortSignal.timeout(30_000);
    const attempt = spawn(command, ["server"], { cwd, stdio: ["pipe", "ignore", "pipe"], signal: patience });
    attempt.stdin.on("error", () => {}); // it does not listen: how it ends says why
    attempt.stdin.end(VISIT);
    attempt.stderr.on("data", (data) => words.push(data));
    attempt.on("error", (error) => {
      const reasons = {
        ENOENT: "there is no such program",
        ABORT_ERR: "within half a minute it did not end, though it was asked to",
      };
      const reason = reasons[error.code] ?? error.message;
      resolve(`${command} cannot be started: ${reason}. Install it (${INSTALL}), or say in the setting specc.path where it is.`);
    });
    attempt.on("close", (code, signal) => {
      const said = Buffer.concat(words).toString().trim();
      if (said) output.appendLine(said);
      const last = said.split("\n").at(-1).replace(/^error: /, "");
      resolve(code === 0 ? undefined : last || `${command} server ended with ${code ?? signal} and said nothing`);
    });
  });
}

async function complain(problem) {
  output.appendLine(problem);
  show({ text: "$(error) specc", tooltip: problem });
  const chosen = await vscode.window.showErrorMessage(problem, "Open Settings", "Restart");
  if (chosen === "Open Settings") await vscode.commands.executeCommand("workbench.action.openSettings", "specc.path");
  if (chosen === "Restart") await restart();
}

function show({ text, tooltip }) {
  status.text = text;
  status.tooltip = tooltip;
}

/** The state of the server is of interest beside specs. */
function reveal(editor) {
  if (editor && vscode.languages.match(DOCUMENTS, editor.document)) status.show();
  else status.hide();
}

module.exports = { activate, deactivate };
