"""A file as the rest of the spec sees it: its lets, blocks and defaults, and what it imports from other files."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, ImportFault, Label, SpecError, UsageError
from specc.elaborate.arguments import name_of
from specc.elaborate.errors import Invalid, Unknown, collecting, in_form, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.scopes import ABSENT, Definition, Environment, require_name
from specc.elaborate.values import UNKNOWN, Partial, Value, evaluated
from specc.filesystem import DISK, FileSystem, FolderEntry, Root, Unavailable, is_within, project_root
from specc.ir.op import Op
from specc.ops import find
from specc.ops import names as layers
from specc.source import Source, Span
from specc.syntax import SUFFIXES, ast, parse, read

MOST_IMPORTS = 32
"""How deep imports may nest."""


class Imports:
    """The imported files of one run, each read and parsed once, however many specs import it.

    Args:
        files: what they are read from.
    """

    def __init__(self, files: FileSystem = DISK) -> None:
        self.files = files
        self._trees: dict[str, ast.File | UsageError | SpecError] = {}
        self.read: dict[str, Source] = {}
        """What has been read since `forget`, by the path it is shown under."""

    def forget(self) -> None:
        """Begin with another spec."""
        self.read.clear()

    def tree(self, shown: str) -> ast.File:
        """The file at that path. Raises SpecError, UsageError; of the same file the same ones again."""
        if shown not in self._trees:
            try:
                self._trees[shown] = parse(read(shown, self.files))
            except (UsageError, SpecError) as error:
                self._trees[shown] = error
        tree = self._trees[shown]
        if isinstance(tree, Exception):
            raise tree
        self.read[shown] = tree.source
        return tree


def environment(file: ast.File, imports: Imports | None = None) -> Environment:
    """Everything that ``file`` defines and imports, and the findings about that."""
    name, imports = file.source.name, imports or Imports()
    if not any(isinstance(item, ast.Import) for item in file.items):
        return _Library(Root("", True), imports).opened(file, _FilePath(name, name), ())  # only imports need its folder
    folder = "" if name == "<stdin>" else posixpath.dirname(name)
    library = _Library(project_root(folder, imports.files), imports)
    return library.opened(file, _FilePath(posixpath.normpath(name), imports.files.real(name)), ())


class _FilePath(NamedTuple):
    """A file: the path it is shown under, and where it really is."""

    shown: str
    real: str


class _Library:
    """The files that one spec is made of, each opened once."""

    def __init__(self, root: Root, imports: Imports) -> None:
        self._root = root
        self._imports = imports
        self._files = imports.files
        self._environments: dict[str, Environment] = {}

    def opened(self, file: ast.File, place: _FilePath, importers: tuple[_FilePath, ...]) -> Environment:
        """What a file defines; ``importers`` are the files whose imports led to it, the outermost first."""
        names = self._environments[place.real] = Environment()
        for item in file.items:
            if isinstance(item, ast.BlockDefinition):
                _define(names, item.name, item.name_span, partial(Partial, item.name, Definition(item, names)))
        for item in file.items:
            match item:
                case ast.Let():
                    _define(names, item.name, item.name_span, partial(evaluate, item.value, names.scope))
                case ast.Default():
                    _add_default(names, item)
                case ast.Import():
                    self._import(names, item, (*importers, place))
                case ast.ModelDefinition():
                    _claim(names, item.name, item.name_span)
        return names

    def _import(self, names: Environment, item: ast.Import, chain: tuple[_FilePath, ...]) -> None:
        source = None
        try:
            source = self._imported(item, chain)
            names.findings += source.findings
            names.imported.append(source)
        except Invalid as problem:
            names.findings.append(replace(problem.diagnostic, fact=ImportFault(item.path)))
        except SpecError as error:
            names.findings += error.diagnostics
        for label in item.names:
            _define(names, label.name, label.span, partial(_imported_value, label, item, source))

    def _imported(self, item: ast.Import, chain: tuple[_FilePath, ...]) -> Environment:
        """The environment of the file that ``item`` names. Raises Invalid, SpecError."""
        place = self._resolved(item, chain[-1])
        if any(place.real == earlier.real for earlier in chain):
            raise invalid(
                Code.IMPORT,
                f"{item.path} imports itself",
                item.path_span,
                notes=(" imports ".join(self._files.shown(one.shown) for one in (*chain, place)),),
                helps=("put what both need into a third file",),
            )
        if len(chain) > MOST_IMPORTS:
            raise invalid(Code.LIMIT, f"imports nest more than {MOST_IMPORTS} deep here", item.path_span)
        if self._files.look(place.real) == "other":
            raise invalid(Code.IMPORT, f"{item.path} is no ordinary file", item.path_span)  # a pipe might never end
        try:
            file = self._imports.tree(place.shown)
        except Unavailable:
            raise
        except UsageError as error:
            helps: tuple[str, ...] = ()
            if not self._files.look(place.real):
                helps = self._similar_files(item.path, place, chain)
                if item.span.source.name == "<stdin>":
                    where = "imports of standard input start from the present folder"
                    helps += (f"{where}; --stdin-filename PATH says which file it is",)
            raise invalid(Code.IMPORT, str(error), item.path_span, helps=helps) from None
        # Under another name it may have been opened before; that this one was read, too, is on record then.
        return self._environments.get(place.real) or self.opened(file, place, chain)

    def _resolved(self, item: ast.Import, importer: _FilePath) -> _FilePath:
        if posixpath.isabs(item.path) or "\\" in item.path or "\0" in item.path or not item.path:
            raise invalid(
                Code.IMPORT,
                f"an import names a file by its relative path, with /, and {item.path or 'an empty text'} is none",
                item.path_span,
            )
        shown = posixpath.normpath(posixpath.join(posixpath.dirname(importer.shown), item.path))
        if not is_within(self._root.folder, self._files.absolute(shown)):
            raise self._outside(item, "climbs above")
        real = self._files.real(shown)
        if not is_within(self._files.real(self._root.folder), real):
            raise self._outside(item, "goes through a symlink out of")
        if not self._root.holds(real, self._files):
            raise invalid(Code.IMPORT, f"{item.path} is in git's own folder, which holds no specs", item.path_span)
        return _FilePath(shown, real)

    def _outside(self, item: ast.Import, how: str) -> Invalid:
        note = (
            "imports end at the folder with .git, or at one whose specc.toml or pyproject.toml says root = true"
            if self._root.is_marked
            else "no .git and no root = true in specc.toml says where the project ends: it is the nearest folder with "
            "settings of specc, or else with a pyproject.toml, or else the spec's own"
        )
        return invalid(Code.IMPORT, f"{item.path} {how} the project's folder", item.path_span, notes=(note,))

    def _similar_files(self, path: str, missing: _FilePath, chain: tuple[_FilePath, ...]) -> tuple[str, ...]:
        """``did you mean lib/common.cnn?``: specs in the folder of a missing file whose names are similar."""
        folder = posixpath.dirname(missing.shown)
        written_folder, slash, name = path.rpartition("/")
        try:
            entries = self._files.entries(folder)
        except OSError:
            return ()
        stems: dict[str, list[FolderEntry]] = {}
        for entry in entries:
            if entry.name.endswith(SUFFIXES):
                stems.setdefault(entry.name.partition(".")[0].lower(), []).append(entry)
        stem = name.partition(".")[0].lower()
        similar = suggestion(stem, stems) if stem not in stems else None
        files = [
            entry.name
            for close in (similar.names if similar else [stem])
            for entry in stems.get(close, ())
            if entry.kind == "file"
        ]
        importers = [place.real for place in chain]
        others = (name for name in files if self._files.real(posixpath.join(folder, name)) not in importers)
        paths = [written_folder + slash + name for name in others]
        return (f"did you mean {' or '.join(paths)}?",) if paths else ()


def _imported_value(label: ast.Binder, item: ast.Import, source: Environment | None) -> object:
    if source is None:
        raise Unknown  # the reason has been reported
    value = source.scope.get(label.name)
    if value is not ABSENT:
        return value
    is_model = label.name in source.places
    message = f"{item.path} has no block and no let called {short(label.name)}"
    helps = ("it is a model there: only blocks and lets are imported",) if is_model else ()
    similar = None if is_model else suggestion(label.name, source.scope.known())
    fact = ImportFault(item.path, label.name)
    raise invalid(Code.IMPORT, message, label.span, helps=helps, suggestion=similar, fact=fact)


def _define(names: Environment, name: str, span: Span, value: Callable[[], Value]) -> None:
    if _claim(names, name, span):
        with collecting(names.findings.append):
            require_name(name, span)
            names.scope.names[name] = value()
        names.scope.names.setdefault(name, UNKNOWN)


def _claim(names: Environment, name: str, span: Span) -> bool:
    """Whether ``name`` belongs to the thing at ``span``; reported where another one of the file has it."""
    other = names.places.setdefault(name, span)
    if other is span:
        return True
    # Blocks are defined first, so the other one may be further up.
    first, again = sorted((other, span), key=lambda place: place.start)
    message = f"two things of this file are called {short(name)}"
    labels = (Label(first, "first here"),)
    names.findings.append(Diagnostic(Code.DUPLICATE_LABEL, message, Label(again, "again here"), labels))
    return False


def _add_default(names: Environment, item: ast.Default) -> None:
    """The arguments of ``default NAME(…)`` by name, evaluated."""
    value, findings = names.scope.get(item.name), names.findings
    target: type[Op] | Definition | None
    if isinstance(value, Partial) and isinstance(value.target, Definition) and not value.arguments:
        target, parameters = value.target, [param.name for param in value.target.block.params]
        takes = [*parameters, "frozen"]
    else:
        target = find(item.name)
        takes = parameters = list(target.model_fields) if target else []
    if target is None:
        similar = suggestion(item.name, {*layers(), *names.scope.known()}, "layer")
        message = f"no layer or block is called {short(item.name)}"
        findings.append(Diagnostic(Code.UNKNOWN_LAYER, message, Label(item.name_span)).suggesting(similar))
        return
    arguments: dict[str, ast.Argument] = {}
    for argument in item.arguments:
        if argument.name is None:
            first = parameters[0] if parameters else "name"
            in_yaml = f"`default: {{{item.name}: {{{first}: …}}}}`"
            example = in_form(argument.span, f"default {item.name}({first} = …)", in_yaml)
            message = "a default gives arguments by name"
            findings.append(Diagnostic(Code.BAD_ARGUMENT, message, Label(argument.span), helps=(example,)))
        elif argument.name not in takes:
            similar = suggestion(argument.name, takes, "argument")
            helps = () if similar else (f"it has {', '.join(parameters) or 'none'}",)
            message = f"{item.name} has no argument called {short(argument.name)}"
            finding = Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(name_of(argument)), helps=helps)
            findings.append(finding.suggesting(similar))
        else:
            with collecting(findings.append):
                arguments[argument.name] = evaluated(argument, evaluate(argument.value, names.scope))
    names.defaults.setdefault(target, []).append((item.span.start, arguments))
