"""A file as the rest of the spec sees it: its lets, blocks and defaults, and what it imports from other files."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, ImportFault, Label, SpecError, UsageError
from specc.elaborate.arguments import prepare_default
from specc.elaborate.errors import Invalid, Unknown, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.naming import require_name
from specc.elaborate.scopes import ABSENT, DefaultArguments, Definition, Environment, Scope
from specc.elaborate.values import UNKNOWN, Partial
from specc.filesystem import DISK, FileSystem, FolderEntry, Root, Unavailable, project_root
from specc.ir.op import Op
from specc.ops import find, names
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
        found = self._trees[shown]
        if isinstance(found, Exception):
            raise found
        self.read[shown] = found.source
        return found


def environment(file: ast.File, imports: Imports | None = None) -> Environment:
    """Everything that ``file`` defines and imports. What is wrong with it is in ``findings``."""
    name, imports = file.source.name, imports or Imports()
    if not any(isinstance(item, ast.Import) for item in file.items):
        return _Library(Root("", True), imports).opened(file, _FilePath(name, name), ())  # where it lies, imports ask
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

    def opened(self, file: ast.File, place: _FilePath, above: tuple[_FilePath, ...]) -> Environment:
        """``above``: the files whose imports led here, the outermost first."""
        made = self._environments[place.real] = Environment()
        chain = (*above, place)
        for item in file.items:
            if isinstance(item, ast.BlockDefinition):
                self._define(made, item.name, item.name_span, lambda b=item: Partial(b.name, Definition(b, made)))
        for item in file.items:
            match item:
                case ast.Let():
                    self._define(made, item.name, item.name_span, lambda i=item: evaluate(i.value, made.scope))
                case ast.Default():
                    self._default(made, item)
                case ast.Import():
                    self._import(made, item, chain)
                case ast.ModelDefinition():
                    self._claim(made, item.name, item.name_span)
        return made

    def _define(self, made: Environment, name: str, span: Span, value: object) -> None:
        if not self._claim(made, name, span):
            return
        try:
            require_name(name, span)
            made.scope.define(name, value())  # type: ignore[operator]
        except Invalid as problem:
            made.findings.append(problem.diagnostic)
            made.scope.define(name, UNKNOWN)
        except Unknown:
            made.scope.define(name, UNKNOWN)

    def _claim(self, made: Environment, name: str, span: Span) -> bool:
        known = made.places.setdefault(name, span)
        if known is span:
            return True
        # Blocks are known before what stands above them.
        first, again = sorted((known, span), key=lambda place: place.start)
        message = f"two things of this file are called {short(name)}"
        labels = (Label(first, "first here"),)
        made.findings.append(Diagnostic(Code.DUPLICATE_LABEL, message, Label(again, "again here"), labels))
        return False

    def _default(self, made: Environment, item: ast.Default) -> None:
        target = _target(item.name, made.scope)
        if target is None:
            near = suggestion(item.name, {*names(), *made.scope.known()}, "layer")
            message = f"no layer or block is called {short(item.name)}"
            made.findings.append(Diagnostic(Code.UNKNOWN_LAYER, message, Label(item.name_span)).suggesting(near))
            return
        parameters = _parameters(target)
        arguments, findings = prepare_default(item, parameters, made.scope)
        made.findings += findings
        made.defaults.setdefault(target, []).append(DefaultArguments(item.span.start, arguments))

    def _import(self, made: Environment, item: ast.Import, chain: tuple[_FilePath, ...]) -> None:
        try:
            source = self._followed(item, chain)
        except Invalid as problem:
            made.findings.append(replace(problem.diagnostic, fact=ImportFault(item.path)))
            source = None
        except SpecError as error:
            made.findings += error.diagnostics
            source = None
        if source is not None:
            made.findings += source.findings
        for label in item.names:
            self._define(made, label.name, label.span, lambda one=label: _imported(one, item, source))

    def _followed(self, item: ast.Import, chain: tuple[_FilePath, ...]) -> Environment:
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
            helps = () if self._files.exists(place.real) else (*self._beside(item.path, place, chain), *_of_stdin(item))
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
        if not _within(self._root.folder, self._files.absolute(shown)):
            raise self._outside(item, "climbs above")
        real = self._files.real(shown)
        if not _within(self._files.real(self._root.folder), real):
            raise self._outside(item, "goes through a symlink out of")
        return _FilePath(shown, real)

    def _outside(self, item: ast.Import, how: str) -> Invalid:
        note = (
            "imports end at the folder with .git, or at one whose specc.toml or pyproject.toml says root = true"
            if self._root.is_marked
            else "no .git and no root = true in specc.toml says where the project ends: it is the nearest folder with "
            "settings of specc, or else with a pyproject.toml, or else the spec's own"
        )
        return invalid(Code.IMPORT, f"{item.path} {how} the project's folder", item.path_span, notes=(note,))

    def _beside(self, path: str, lost: _FilePath, chain: tuple[_FilePath, ...]) -> tuple[str, ...]:
        """``did you mean lib/common.cnn?``: specs where the lost file was looked for, whose names are near its own."""
        folder = posixpath.dirname(lost.shown)
        above, slash, name = path.rpartition("/")
        try:
            there = self._files.entries(folder)
        except OSError:
            return ()
        stems: dict[str, list[FolderEntry]] = {}
        for entry in there:
            if entry.name.endswith(SUFFIXES):
                stems.setdefault(entry.name.partition(".")[0].lower(), []).append(entry)
        stem = name.partition(".")[0].lower()
        close = (stem,) if stem in stems else (meant.names if (meant := suggestion(stem, stems)) else ())
        files = [entry.name for stem in close for entry in stems[stem] if entry.kind == "file"]
        importing = [place.real for place in chain]
        others = (name for name in files if self._files.real(posixpath.join(folder, name)) not in importing)
        near = [above + slash + name for name in others]
        return (f"did you mean {' or '.join(near)}?",) if near else ()


def _of_stdin(item: ast.Import) -> tuple[str, ...]:
    """How standard input says where it is at home, where it imports a file that is not there."""
    if item.span.source.name != "<stdin>":
        return ()
    return ("imports of standard input start from the present folder; --stdin-filename PATH says which file it is",)


def _within(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _imported(label: ast.Binder, item: ast.Import, source: Environment | None) -> object:
    if source is None:
        raise Unknown  # why there is nothing has been said
    value = source.scope.get(label.name)
    if value is not ABSENT:
        return value
    is_model = label.name in source.places
    message = f"{item.path} has no block and no let called {short(label.name)}"
    helps = ("it is a model there: only blocks and lets are imported",) if is_model else ()
    near = None if is_model else suggestion(label.name, source.scope.known())
    fact = ImportFault(item.path, label.name)
    raise invalid(Code.IMPORT, message, label.span, helps=helps, suggestion=near, fact=fact)


def _target(name: str, scope: Scope) -> type[Op] | Definition | None:
    """What a ``default`` is about."""
    value = scope.get(name)
    if isinstance(value, Partial) and isinstance(value.target, Definition) and not value.arguments:
        return value.target
    return find(name)


def _parameters(target: type[Op] | Definition) -> list[str]:
    if isinstance(target, Definition):
        return [param.name for param in target.block.params]
    return list(target.model_fields)
