// The editor: the words of the language in colours, shapes behind the lines, findings under the text.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, invertedEffects, isolateHistory, undo } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightActiveLine,
  hoverTooltip,
  keymap,
  lineNumbers,
  WidgetType,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { fromMarkdown } from "./markdown.js";

const WORDS = new Set(SPECC.words);
const LAYERS = new Set(SPECC.layers);

const language = StreamLanguage.define({
  startState: () => ({ depth: 0 }),
  copyState: ({ depth }) => ({ depth }),
  indent: ({ depth }, after, { unit }) => Math.max(depth - /^\s*[\])}]/.test(after), 0) * unit,
  token(stream, state) {
    if (stream.match(/#.*/)) return "comment";
    if (stream.match(/"[^"\n]*"?/)) return "string";
    if (stream.match(/\d[\d_.]*(e[-+]?\d+)?[kMG]?/)) return "number";
    const word = stream.match(/[A-Za-z_]\w*/);
    if (word) {
      if (/^\s*:(?!\s*(uint8\s*)?\[)/.test(stream.string.slice(stream.pos))) return "labelName";
      return WORDS.has(word[0]) ? "keyword" : LAYERS.has(word[0]) ? "typeName" : "variableName";
    }
    if (stream.match(/->|\|/)) return "operator";
    const sign = stream.next();
    if ("([{".includes(sign)) state.depth++;
    if (")]}".includes(sign)) state.depth--;
    return "{}".includes(sign) ? "operator" : null;
  },
  languageData: {
    indentOnInput: /^\s*\}$/,
    commentTokens: { line: "#" },
    closeBrackets: { brackets: ["(", "[", "{", '"'] },
  },
});

class Shape extends WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }
  eq(other) {
    return other.text === this.text;
  }
  toDOM() {
    const span = document.createElement("span");
    span.className = "shape";
    span.textContent = this.text;
    return span;
  }
}

const setShapes = StateEffect.define();

/** Shapes stay at their lines while somebody types, until the newer ones are there. */
const shapes = StateField.define({
  create: () => Decoration.none,
  update(known, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setShapes)) {
        return Decoration.set(
          effect.value.map(({ at, text }) => Decoration.widget({ widget: new Shape(text), side: 1 }).range(at)),
          true,
        );
      }
    }
    return known.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

const setName = StateEffect.define();

const fileName = StateField.define({
  create: () => "net.cnn",
  update: (name, { effects }) => effects.find((effect) => effect.is(setName))?.value ?? name,
});

const colours = new Compartment();
const coloursOf = (name) => (/ya?ml$/.test(name) ? [] : language);
const called = (name) => [setName.of(name), colours.reconfigure(coloursOf(name))];

/** To undo that another spec was opened gives back the name, too. */
const names = invertedEffects.of(({ effects, startState }) =>
  effects.some((effect) => effect.is(setName)) ? called(startState.field(fileName)) : [],
);

export class Editor {
  /**
   * @param {{onChange: () => void, onHover: (at: number) => Promise<object>, onComplete: (at: number) => Promise<object>}} answers
   */
  constructor(parent, answers) {
    this.answers = answers;
    this.view = new EditorView({ parent, state: this.state("", "net.cnn") });
  }

  state(text, name) {
    return EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        bracketMatching(),
        closeBrackets(),
        indentUnit.of("  "),
        indentOnInput(),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "The spec", spellcheck: "false", autocapitalize: "off" }),
        syntaxHighlighting(classHighlighter),
        fileName.init(() => name),
        colours.of(coloursOf(name)),
        names,
        shapes,
        autocompletion({
          override: [(context) => this.completions(context)],
          compareCompletions: (one, other) => one.label.length - other.label.length, // conv before concat
        }),
        hoverTooltip((view, at) => this.tooltip(at)),
        keymap.of([...closeBracketsKeymap, ...lintKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.updateListener.of((update) => (update.docChanged || update.startState.field(fileName) !== update.state.field(fileName)) && this.answers.onChange()),
      ],
    });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  get name() {
    return this.view.state.field(fileName);
  }

  /** The spec that the history begins with. */
  begin(text, name) {
    this.view.setState(this.state(text, name));
  }

  /** Another spec; undo gives back the one before it. */
  open(text, name) {
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: text },
      selection: { anchor: 0 },
      effects: [...called(name), setShapes.of([]), EditorView.scrollIntoView(0)],
      annotations: isolateHistory.of("full"),
    });
    this.showFindings([]);
  }

  undo() {
    undo(this.view);
    this.view.focus();
  }

  /** Another text for the same spec, which can be undone. */
  replace(text) {
    if (text === this.text) return;
    const { head } = this.view.state.selection.main;
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: text },
      selection: { anchor: Math.min(head, text.length) },
    });
  }

  apply(fix) {
    this.view.dispatch({ changes: fix.edits, userEvent: "input.fix" });
    this.view.focus();
  }

  select(place) {
    this.view.dispatch({ selection: { anchor: place.from, head: place.to }, scrollIntoView: true });
    this.view.focus();
  }

  showShapes(hints) {
    this.view.dispatch({ effects: setShapes.of(hints) });
  }

  showFindings(findings) {
    const shown = findings
      .filter(({ place }) => place.from !== undefined)
      .map((finding) => ({
        from: finding.place.from,
        to: Math.max(finding.place.to, finding.place.from),
        severity: finding.severity,
        message: [finding.message, finding.label, ...finding.notes, ...finding.helps.map((help) => `help: ${help}`)]
          .filter(Boolean)
          .map(plain)
          .join("\n"),
        source: finding.code,
        actions: finding.fix ? [{ name: plain(finding.fix.title), apply: () => this.apply(finding.fix) }] : [],
      }));
    this.view.dispatch(setDiagnostics(this.view.state, shown));
  }

  async completions(context) {
    const word = context.matchBefore(/[A-Za-z_]\w*/);
    if (!word && !context.explicit && !context.matchBefore(/[(,]\s*/)) return null;
    const found = await this.answers.onComplete(context.pos);
    if (!found?.offers?.length || context.aborted) return null;
    const types = { layer: "class", block: "function", name: "variable", argument: "property" };
    return {
      from: word ? word.from : context.pos,
      options: found.offers.map(({ word: label, kind, detail, text }, i) => ({
        label,
        detail,
        type: types[kind],
        apply: text,
        boost: kind === "argument" ? -i : 0, // in the order of the signature
      })),
      validFor: /^\w*$/,
    };
  }

  async tooltip(at) {
    const found = await this.answers.onHover(at);
    if (!found?.text) return null;
    return {
      pos: found.from,
      end: found.to,
      above: true,
      create() {
        const dom = document.createElement("div");
        dom.className = "said";
        dom.append(fromMarkdown(found.text));
        return { dom };
      },
    };
  }
}

export function plain(text) {
  return text.replaceAll("`", "");
}
