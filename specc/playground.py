"""What the page of the playground asks of specc: a spec as it stands in its editor, and what is to be known of it.

Questions and answers are JSON, since they cross from JavaScript in a worker of the browser and back. Places in a text
are offsets in UTF-16 units, as JavaScript counts them. Nothing is read from a disk.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.drawing.layout import Engine
from specc.elaborate import Checked, Imports, choose, elaborate
from specc.elaborate.model_cache import ModelCache
from specc.filesystem import Memory
from specc.project.fresh import guarded
from specc.report.remarks import remark
from specc.server.completion import offers
from specc.server.corrections import Correction, corrections
from specc.server.diagnosis import diagnosis
from specc.server.hints import hints
from specc.server.hover import hover
from specc.source import Source, Span, is_yaml
from specc.syntax import ast, read
from specc.syntax.mending import mended


class CodeUnits:
    """Offsets in a text, and the same in the UTF-16 units of the editor that the text is from.

    Args:
        source: the text as specc has read it.
        written: as the editor has it, with a byte order mark that may stand before it.
    """

    def __init__(self, source: Source, written: str) -> None:
        self._skipped = len(written) - len(source.text)
        self._wide = [at for at, character in enumerate(source.text) if ord(character) > 0xFFFF]
        self._behind = [at + i + 2 for i, at in enumerate(self._wide)]
        self._length = len(source.text)

    def unit(self, offset: int) -> int:
        return self._skipped + offset + bisect_left(self._wide, offset)

    def offset(self, unit: int) -> int:
        """Within a pair of surrogates that of the character; outside of the text its nearer end."""
        unit = min(max(unit - self._skipped, 0), self._length + len(self._wide))
        pairs = bisect_left(self._behind, unit + 1)
        is_within = pairs < len(self._wide) and self._behind[pairs] == unit + 1
        return unit - pairs - is_within


class OpenSpec:
    """A spec in the editor, and what it may import.

    Args:
        name: its path, which says whether it is YAML.
        text: as it stands in the editor.
        library: the other specs, by path; one of its own name is not seen.
        models: those of earlier texts.
    """

    def __init__(self, name: str, text: str, library: Mapping[str, str], models: ModelCache) -> None:
        self.name = name
        self.files = Memory({**library, name: text})
        self._text = text
        self._models = models
        self._networks: dict[str | None, Checked] = {}

    def is_(self, name: str, text: str) -> bool:
        return (self.name, self._text) == (name, text)

    @cached_property
    def source(self) -> Source:
        """Raises SpecError where it cannot be read."""
        return read(self.name, self.files)

    @cached_property
    def file(self) -> ast.File:
        """Raises SpecError where it does not parse."""
        return self._models.tree(self.source)

    @cached_property
    def units(self) -> CodeUnits:
        return CodeUnits(self.source, self._text)

    @property
    def tree(self) -> ast.File | None:
        """What can be parsed of it."""
        try:
            return self.file
        except SpecError:
            return mended(self.source)

    def check(self) -> Any:
        """What is wrong with it."""
        found = diagnosis(self.name, self.files, self._models)
        if found.problem:
            return {"problem": found.problem}
        try:
            units = self.units
        except SpecError:  # what of the text cannot be read has no place in it
            return {"findings": [self._finding(one, None, {}) for one in found.findings]}
        fixes = {
            id(one.finding): one for one in corrections(found.findings, self.files.absolute(self.name), self.files)
        }
        return {"findings": [self._finding(one, units, fixes) for one in found.findings]}

    def shapes(self) -> Any:
        """The shapes beside its lines, as far as they are known, and its models."""
        file = self.tree
        shown = hints(file, self.files, self._models) if file else []
        return {
            "hints": [{"at": self.units.unit(hint.offset), "text": hint.text} for hint in shown],
            "models": [model.name for model in file.models] if file else [],
        }

    def _finding(self, finding: Diagnostic, units: CodeUnits | None, fixes: Mapping[int, Correction]) -> dict[str, Any]:
        fix, said = fixes.get(id(finding)), remark(finding)
        return {
            "code": str(finding.code),
            "severity": str(finding.severity),
            "message": said.message,
            "place": self._place(finding.primary.span, units),
            "label": said.label,
            "related": [{"place": self._place(span, units), "text": text} for span, text in said.related],
            "notes": said.notes,
            "helps": said.helps,
            "fix": units
            and fix
            and {
                "title": fix.title,
                "safe": fix.is_safe,
                "edits": [
                    {"from": units.unit(one.span.start), "to": units.unit(one.span.end), "insert": one.text}
                    for one in fix.edits
                ],
            },
        }

    def _place(self, span: Span, units: CodeUnits | None) -> dict[str, Any]:
        """The file and the line; in the text of the editor the units too."""
        name = self.files.shown(span.source.name)
        line, column = span.position
        place = {"file": name, "line": line, "column": column}
        if units is not None and name == self.name:
            place |= {"from": units.unit(span.start), "to": units.unit(span.end)}
        return place

    def network(self, model: str | None = None) -> Checked:
        """A model of it, the first one where none is named.

        Raises:
            SpecError: it does not fit together.
        """
        known = [one.name for one in self.file.models]
        name = model if model in known else next(iter(known), None)
        if name not in self._networks:
            self._networks[name] = elaborate(self.file, choose(self.file, name), {}, Imports(self.files))
        return self._networks[name]

    def table(self, model: str | None = None, sizes: Mapping[str, int] | None = None, depth: int | None = None) -> Any:
        """The table of ``specc show``, what stands below it, and the sizes that would make its numbers known.

        Args:
            sizes: of the symbols of the model; those of another one, which it was before somebody wrote on, are none.
        """
        from specc.report.costs import COLUMNS, DESCRIBING, table, totals
        from specc.report.notation import example_sizes, interface

        network = self.network(model)
        symbols = network.graph.symbols
        checked = network.at(sizes) if sizes and sizes.keys() == {one.name for one in symbols} else network
        header, *rows = table(checked.costs, depth)
        return {
            "model": checked.graph.name,
            "interface": interface(checked.graph),
            "header": header,
            "numbers": [name in COLUMNS[len(DESCRIBING) :] for name in header],
            "rows": rows,
            "totals": list(totals(checked.costs)),
            "sizes": example_sizes(symbols),
        }

    def picture(self, engine: Engine | None, model: str | None = None, depth: int = 1) -> Any:
        """The network drawn as SVG."""
        from specc.drawing import picture
        from specc.drawing.svg import svg

        graph = self.network(model).graph
        return {"title": graph.name, "svg": svg(picture(graph, depth), "auto", engine)}

    def pytorch(self, model: str | None = None) -> Any:
        """The source of the network in PyTorch."""
        from specc.backends.torch import torch_source

        graph = self.network(model).graph
        return {"name": f"{graph.name.lower()}.py", "text": torch_source(graph, {})}

    def other_form(self) -> Any:
        """The spec in YAML, one in YAML in the language."""
        from specc.project.conversion import OTHER, convert

        form = "yaml" if is_yaml(self.name) else "cnn"
        result = convert(self.source, form)  # type: ignore[arg-type]
        lost = result.lost_comments + result.lost_directives
        return {"form": OTHER[form], "text": result.text, "lost": lost}  # type: ignore[index]

    def formatted(self) -> Any:
        """The spec as ``specc fmt`` writes it; YAML as it is."""
        from specc.syntax.format import formatted

        return {"text": self._text if is_yaml(self.name) else formatted(self.source)}

    def hover(self, at: int) -> Any:
        """What is to be said of the step at a place, as Markdown; empty where there is none."""
        file = self.tree
        known = file and hover(file, self.units.offset(at), self.files)
        if not known:
            return {}
        return {"text": known.text, "from": self.units.unit(known.span.start), "to": self.units.unit(known.span.end)}

    def complete(self, at: int) -> Any:
        """What may be written at a place."""
        return {"offers": [one._asdict() for one in offers(self.source, self.tree, self.units.offset(at))]}


class Playground:
    """Answers questions about specs. Each has all that it needs: a worker that was ended has lost nothing.

    Args:
        library: the specs that every spec may import, by path.
        engine: Graphviz, where there is none on this machine; asked for a picture alone.
    """

    def __init__(self, library: Mapping[str, str], engine: Engine | None = None) -> None:
        self._library = library
        self._engine = engine
        self._models = ModelCache()
        self._last = OpenSpec("net.cnn", "", library, self._models)
        """What was asked about last: the next question is about the same text as a rule."""

    def answer(self, question: str) -> str:
        """Of ``{"about": "table", "name": "net.cnn", "text": …, …}``, all other entries being arguments.

        ``{"problem": …}`` where there is no answer, and why.
        """
        given = json.loads(question)
        about, name, text = given.pop("about"), given.pop("name"), given.pop("text")

        def ask() -> Any:
            if not self._last.is_(name, text):
                self._last = OpenSpec(name, text, self._library, self._models)
            spec = self._last
            kinds: dict[str, Callable[..., Any]] = {
                "check": spec.check,
                "shapes": spec.shapes,
                "table": spec.table,
                "picture": lambda **options: spec.picture(self._engine, **options),
                "pytorch": spec.pytorch,
                "form": spec.other_form,
                "format": spec.formatted,
                "hover": spec.hover,
                "complete": spec.complete,
            }
            try:
                return kinds[about](**given)
            except SpecError as error:
                return {"problem": remark(error.diagnostics[0]).message}
            except UsageError as error:
                return {"problem": str(error)}

        found = guarded(name, ask)
        return json.dumps({"problem": found} if isinstance(found, str) else found)
