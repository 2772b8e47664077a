// Texts as vscode-textmate, the engine of Visual Studio Code, colours them: for each, [line, start, end, scope].
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { grammar, modules, texts } = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(`${modules}/`);
const oniguruma = require("vscode-oniguruma");
const { INITIAL, Registry, parseRawGrammar } = require("vscode-textmate");

await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")));
const registry = new Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () => parseRawGrammar(readFileSync(grammar, "utf8"), "specc.json"),
});
const specc = await registry.loadGrammar("source.specc");

function scopes(text) {
  let state = INITIAL;
  return text.split("\n").flatMap((line, number) => {
    const { tokens, ruleStack } = specc.tokenizeLine(line, state);
    state = ruleStack;
    return tokens.map((token) => [number, token.startIndex, token.endIndex, token.scopes.at(-1)]);
  });
}

process.stdout.write(JSON.stringify(texts.map(scopes)));
