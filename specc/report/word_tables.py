"""What words of other tools are here, as tables: ``python -m specc.report.word_tables > docs/words.md``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from specc.diagnostics.signatures import CHANNELS_FIRST, FAMILIAR, SIGNATURES, ForeignSignature
from specc.diagnostics.vocabulary import ARGUMENTS, ATTRIBUTES, CHOICES, LAYERS, OUTSIDE, VALUES, Term, Terms
from specc.ops import operators
from specc.syntax.mistakes.habits import SIGNS, STATEMENTS

_HEAD = """\
# Words of other tools

What PyTorch, Keras and TensorFlow, ONNX, MXNet, Caffe, Darknet and papers call things, and what these are here; made
by `make docs` from the words that the messages know. Where a word is written in a spec, the message says what to
write instead, with the numbers of the call where they have one meaning, and has tried that at its place.

Words are compared without capitals, underscores and `1d`, `2d`, `3d`, but for those whose capitals tell the tool:
`Conv2d` is PyTorch's, with the input's channels first, `Conv2D` that of Keras, without. Arguments have PyTorch's
names, order and defaults ([operators.md](operators.md)), but for what the input tells, which is not written:
`nn.Conv2d(3, 16, 3)` is `conv(16, 3)`.
"""

_ALIASES = """\
## Called alike

Meaning and arguments agree, so that the word itself is taken, or is one but for capitals, underscores and `2d`:

"""

_CALLS = """\
## Layers that are called differently

`…` stands for arguments that are written by name here. What is in quotes with `same` and `valid` is padding as
TensorFlow has it: `"same"` is PyTorch's for a stride of 1, and `"same_upper"` TensorFlow's for any.

| there | here | what differs |
|---|---|---|
"""


def words_markdown() -> str:
    """The text of docs/words.md."""
    parts = [_HEAD, _ALIASES + "\n".join(_aliases()) + "\n", _CALLS + "\n".join(_calls()) + "\n"]
    parts += [
        _table("Layers", LAYERS, besides=OUTSIDE),
        _table("Arguments", ARGUMENTS),
        _table("Texts as arguments", CHOICES, quoted=True),
        _table("In expressions", VALUES),
        _table("Sizes of a value", ATTRIBUTES),
        _table("What is no part of a network", OUTSIDE),
        _signs(),
        _without(),
    ]
    return "\n".join(parts)


def _aliases() -> Iterator[str]:
    for kind in operators():
        if kind.aliases:
            yield f"- {_code(kind.aliases)}: `{kind.kind}`"
    yield f"- {_code(sorted(FAMILIAR - {alias for kind in operators() for alias in kind.aliases}))}"


def _calls() -> Iterator[str]:
    signatures: dict[ForeignSignature, list[str]] = {}
    for word, signature in {**SIGNATURES, **CHANNELS_FIRST}.items():
        signatures.setdefault(signature, []).append(word)
    for signature, words in signatures.items():
        most = signature.most_placed + 1
        there = [argument.name or "_" for argument in signature.places]
        shown = [*there[:most], *(["…"] if len(there) > most or signature.names else [])]
        others = f", {_code(words[1:])}" if words[1:] else ""
        yield f"| `{words[0]}({', '.join(shown)})`{others} | {_here(signature)} | {_difference(signature)} |"


def _here(signature: ForeignSignature) -> str:
    if "{" in signature.layer or " -> " in signature.layer:
        text = re.sub(r"\{(\w+)\}", r"\1", signature.layer.replace("{...}", ""))
        return f"`{text}`"
    kept = [argument for argument in (*signature.places, *signature.names) if argument.role not in ("told", "step")]
    placed = [argument.name for argument in signature.places[: signature.most_placed] if argument in kept]
    arguments = [*placed, *(["…"] if len(kept) > len(placed) else [])]
    return f"`{signature.layer}({', '.join(arguments)})`" if arguments else f"`{signature.layer}`"


def _difference(signature: ForeignSignature) -> str:
    """What a reader of the line must know besides the names."""
    said = []
    for argument in (*signature.places, *signature.names):
        if argument.role == "told" and argument.name:
            said.append(f"the input tells its {argument.name}: where they come first, they are left out")
        elif argument.role == "step":
            said.append(f"the {argument.name} is a step of its own, behind it")
        elif argument.role == "rest":
            share = 1 - float(argument.default)
            said.append(f"`{argument.name}` is the share of what is new: {share:.4g} for {argument.default}")
        elif argument.default:
            said.append(f"where nothing is said there, it is `{argument.name}={argument.default}` here")
    return "; ".join(said)


def _table(title: str, terms: Terms, besides: Mapping[str, Term] | None = None, *, quoted: bool = False) -> str:
    """The words of one kind by what they are here."""
    rows: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for word, term in terms.items():
        if (term.names or term.note) and word not in (besides or {}):
            rows.setdefault((term.names, term.note), []).append(word)
    lines = [f"## {title}", "", "| there | here | what differs |", "|---|---|---|"]
    for (names, note), words in sorted(rows.items(), key=lambda row: (row[0][0] or ("~",), row[1])):
        mark = '"' if quoted else ""
        here = " or ".join(f"`{mark}{name}{mark}`" for name in names)
        lines.append(f"| {_code(f'{mark}{word}{mark}' for word in words)} | {here} | {_prose(note)} |")
    return "\n".join(lines) + "\n"


def _signs() -> str:
    lines = ["## Signs and statements", "", "| there | here |", "|---|---|"]
    lines += [f"| {_sign(sign)} | {_cell(help_)} |" for sign, help_ in SIGNS.items()]
    wide = ", ".join(f"`{sign}`" for sign in "（），：｛｝")
    lines.append(f"| {wide} and others as a Chinese or Japanese keyboard writes them | the sign without its width |")
    lines += [f"| `{word}` | {_cell(f'{message}: {help_}')} |" for word, (message, help_) in STATEMENTS.items()]
    return "\n".join(lines) + "\n"


def _sign(sign: str) -> str:
    return f"`{sign}`" if sign.isprintable() else "a space that does not break"


def _without() -> str:
    """The words that are known, and are nothing here."""
    words = sorted(word for word, term in LAYERS.items() if not (term.names or term.note))
    text = (
        "These are known as words of other tools, and no layer computes them: they are taken for no slip of "
        "another name."
    )
    return f"## Without a counterpart\n\n{text}\n\n{_code(words)}\n"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


_STEP = r"(?:[a-z]\w* \{[^{}]*\}|[a-z]\w*\((?:[^()]|\([^()]*\))*\)|(?!with\b)[a-z]\w*(?= ->))"
_CHAIN = re.compile(rf"(?:-> )?{_STEP}(?: -> (?:{_STEP}|[a-z]\w*))*")


def _prose(note: str) -> str:
    """A note with its code marked as such."""
    parts = note.split("`")
    plain = [_CHAIN.sub(lambda found: f"`{found[0]}`", part) for part in parts[::2]]
    text = "".join(f"{plain[n // 2]}" if n % 2 == 0 else f"`{part}`" for n, part in enumerate(parts))
    return _cell(text)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.buffer.write(words_markdown().encode())
