"""A program for an ONNX file, in one of the languages: the facts that it is filled with, and how each is quoted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from specc.backends.onnx.runtimes import TESTED
from specc.bundle.golden_pair import decoded
from specc.bundle.inspection import belonging, interface_faults
from specc.bundle.sidecar import read_sidecar, sha256_of, sidecar_path
from specc.diagnostics import UsageError
from specc.diagnostics.spelling import advice
from specc.diagnostics.words import visible
from specc.embedding.notes import notes, untested
from specc.onnxfile import OnnxFile

# ---- how a language writes texts ------------------------------------------------------------------------------------


_COMMAND = "##["
"""What GitHub's log would obey, where the program is printed there."""


def _comment(text: str) -> str:
    """Text in a comment of one line."""
    return visible(text).replace(_COMMAND, r"##\u005b")


def _quoted(escape: Callable[[str], str], plain: Callable[[str], bool] = str.isprintable) -> Callable[[str], str]:
    """A string literal in double quotes. ``escape`` writes one character that is not ``plain``."""

    def quoted(text: str) -> str:
        written = (f"\\{c}" if c in '"\\' else c if plain(c) else escape(c) for c in text)
        return '"' + "".join(written).replace(_COMMAND, f"##{escape('[')}") + '"'

    return quoted


class Language(NamedTuple):
    """A language of programs: its file in ``templates``, and how it writes a text."""

    template: str
    quoted: Callable[[str], str]


def _octal(character: str) -> str:
    """The bytes of its UTF-8, in three digits each, so that none behind it joins them: no compiler mistakes those."""
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass"))


_JAVASCRIPT = Language("js.jinja", _quoted(lambda c: f"\\u{{{ord(c):x}}}"))

LANGUAGES = {
    "python": Language("python.jinja", _quoted(lambda c: f"\\U{ord(c):08x}")),
    "cpp": Language("cpp.jinja", _quoted(_octal, lambda c: " " <= c <= "~" and c != "?")),  # ??/ was a backslash once
    "js": _JAVASCRIPT,
    "web": _JAVASCRIPT,
}
"""By name. ``js`` is for Node, with onnxruntime-node, and ``web`` for browsers, with onnxruntime-web."""

_CALLED = {
    "py": "python",
    "python3": "python",
    "javascript": "js",
    "node": "js",
    "nodejs": "js",
    "browser": "web",
    "c++": "cpp",
}
"""What else they are called."""


def program(model: Path, language: str, sidecar: Path | None = None) -> str:
    """The text of a program that runs the file on its golden pair; it stands beside the file and its sidecar.

    Args:
        language: one of `LANGUAGES`.
        sidecar: left out: the one beside the file.

    Raises:
        UsageError: the language is unknown; the file or its sidecar cannot be read, or the two do not belong together.
    """
    if language not in LANGUAGES:
        meant = f"did you mean {_CALLED[low]}?" if (low := language.lower()) in _CALLED else advice(low, LANGUAGES)
        raise UsageError(f"there is no program in {language or 'no language'}; {meant}")
    if model.suffix in (".cnn", ".yaml", ".yml"):
        command = shlex.join(("specc", "compile", str(model), "-o", str(model.with_suffix(".onnx"))))
        raise UsageError(f"{model} is a spec, and a program uses what was made of it: {command}")
    where = sidecar or sidecar_path(model)
    facts = _facts(OnnxFile(model), model, where)
    environment = Environment(
        loader=PackageLoader("specc.embedding"),
        autoescape=False,  # no HTML: what needs quoting goes through a filter of the language
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"comment": _comment, "quoted": LANGUAGES[language].quoted, "listed": _filled, "key": _key}
    return environment.get_template(LANGUAGES[language].template).render(facts, language=language)


def _facts(file: OnnxFile, model: Path, where: Path) -> Mapping[str, Any]:
    """What templates are filled with. Raises UsageError as `program`."""
    again = f"specc compile SPEC -o {shlex.quote(str(model))} writes both anew"
    proto = file.proto
    if not os.path.exists(where):
        raise UsageError(
            f"{where} is not there, and it says what a program must know of {model}: {again}; "
            "or name the sidecar with --sidecar FILE"
        )
    try:
        sidecar = read_sidecar(where)
        pair = decoded(sidecar, where)
    except UsageError as error:
        raise UsageError(*error.lines, again) from None
    faults = [belonging(sha256_of(model), file, sidecar), *interface_faults(file, sidecar)]
    if fault := next(filter(None, faults), None):
        raise UsageError(
            f"{where} does not belong to {model}: {fault}",
            f"{again}; specc verify SPEC {shlex.quote(str(model))} says whether the file is what the spec means",
        )
    for name in (model.name, where.name):
        if not _is_text(name):
            raise UsageError(f"the name of {visible(name)} is no text, so that no program can write it: rename it")
    opset = sidecar.file.opset
    return {
        "sidecar": sidecar,
        "file": model.name,
        "beside": where.name,
        "data": sidecar.file.data and sidecar.file.data.name,
        "notes": [*notes(sidecar)],
        "labels": {port.name: port.labels for port in sidecar.outputs if port.labels},
        "classifies": [port.name for port in sidecar.outputs if port.labels and len(port.shape) == 2],
        "places": {port.name: place for place, port in enumerate(sidecar.outputs)},
        "untested": untested(sidecar) if pair is None else None,
        "opset": opset,
        "since": {runtime: _since(runtime, opset, bool(proto.functions)) for runtime in TESTED},
    }


def _since(runtime: str, opset: int, functions: bool) -> str:
    """The first release that was tested and reads such a file."""
    fitting = (
        release for release in TESTED[runtime] if release.opset >= opset and (release.functions or not functions)
    )
    return next(release.version for release in fitting)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(quoted: str) -> str:
    """A quoted text as a key of an object in JavaScript, where the name of one property means the prototype."""
    return f"[{quoted}]" if quoted == '"__proto__"' else quoted


def _filled(items: list[str], indent: int, width: int = 100) -> str:
    """Items with commas between, in as many lines as they take."""
    lines = [""]
    for item in items:
        if lines[-1] and indent + len(lines[-1]) + len(item) + 2 > width:
            lines.append("")
        lines[-1] += f" {item}," if lines[-1] else f"{item},"
    return f"\n{' ' * indent}".join(lines).removesuffix(",")
