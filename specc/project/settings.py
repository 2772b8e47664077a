"""What a project says of itself, in ``[tool.specc]`` of pyproject.toml or in specc.toml; no key is ignored.

`Configuration` says which settings hold for a file: those of the nearest folder that has some, whole and unmixed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from specc.diagnostics import Code, UsageError
from specc.diagnostics.words import system_reason
from specc.filesystem import DISK, SETTINGS, FileSystem, settings_table
from specc.project.budgets import Budget, read_budget
from specc.project.outcome import FAIL_ON
from specc.project.paths import STDIN, matches, relative_to

CHOICES = tuple(code for code in Code if code.startswith("S05") or code is Code.BUDGET)
"""What may be turned off: lints and budgets, never errors."""

T = TypeVar("T")


class Rules(NamedTuple):
    """Which of `CHOICES` are on: those of ``select`` (None: all) without those of ``ignore``. Codes or beginnings.

    Budgets, which a project has set itself, are on unless they are ignored: to choose among lints turns none off.
    """

    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()

    def want(self, code: str) -> bool:
        if code not in CHOICES:
            return True
        selected = self.select is None or code == Code.BUDGET or code.startswith(self.select)
        return selected and not code.startswith(self.ignore or "-")


def choice_problem(code: str) -> str | None:
    """Why this is no code, nor the beginning of one, that can be turned on and off."""
    if len(code) > 1 and any(choice.startswith(code) for choice in CHOICES):
        return None
    if code in set(Code):
        return f"{code} is an error: without a network that fits there is nothing to overlook"
    known = f"they go from {CHOICES[1]} to {CHOICES[-1]}, and {CHOICES[0]} is the budget"
    return f"{code or 'an empty text'} is no code of a lint; {known}"


def lint_codes(codes: Iterable[str], where: str) -> tuple[str, ...]:
    """The codes of lints and budgets, or beginnings of them, that ``where`` names.

    Raises:
        UsageError: one can not be turned on and off.
    """
    codes = tuple(codes)
    if problem := next(filter(None, map(choice_problem, codes)), None):
        raise UsageError(f"{where}: {problem}")
    return codes


class Settings(NamedTuple):
    """A project's settings, checked.

    Attributes:
        root: the folder that its patterns and paths start from, without links; None where no file sets anything.
        origin: the file they come from, as it is shown.
        is_root: neither imports nor a search for settings go above the folder.
        include: patterns of specs that a folder is searched for, besides those with specc's own suffixes.
        exclude: patterns of files and folders that no search enters.
        rules: which lints are on.
        per_file: patterns, and the codes that are off in the files that fit them.
        budgets: patterns, and what the models of files that fit them may cost.
        files: where the project is.
    """

    root: Path | None = None
    origin: str = ""
    is_root: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: Rules = Rules()
    fail_on: str = "error"
    baseline: str | None = None
    per_file: tuple[tuple[str, tuple[str, ...]], ...] = ()
    budgets: tuple[tuple[str, Budget], ...] = ()
    files: FileSystem = DISK

    def relative(self, name: str) -> str:
        """The path as the patterns see it."""
        return name if self.root is None else relative_to(name, self.root, self.files)

    def ignored_in(self, name: str) -> tuple[str, ...]:
        """The codes that are off in this file."""
        path = self.relative(name) if self.per_file else ""
        return tuple(code for pattern, codes in self.per_file if matches(path, (pattern,)) for code in codes)

    def budget(self, name: str) -> Budget | None:
        """What a model of this file may cost: of each number the last pattern that fits decides."""
        path = self.relative(name) if self.budgets else ""
        merged = None
        for pattern, budget in self.budgets:
            if matches(path, (pattern,)):
                merged = merged.overridden(budget) if merged else budget
        return merged


NO_SETTINGS = Settings()


class Configuration:
    """The settings of each file: of the nearest folder above it that has some, up to that of its repository.

    They are read once, where a file is asked about. From wherever a run starts, a file has the same settings.

    Args:
        only: settings that hold for all files.
        files: what settings are read from.
    """

    def __init__(self, only: Settings | None = None, files: FileSystem = DISK) -> None:
        self._only = only
        self._files = files
        self._by_spelling: dict[str, Settings] = {}
        self._by_folder: dict[str, Settings] = {}

    def of(self, name: str) -> Settings:
        """Those of the file; of standard input those of the present folder.

        Raises:
            UsageError: a file of settings cannot be read, is no TOML, or says what specc does not understand.
        """
        if self._only is not None:
            return self._only
        folder = "" if name == STDIN else os.path.dirname(name)
        if folder not in self._by_spelling:
            # What stands before a .. may be a link.
            spelled = self._files.real if ".." in Path(folder).parts else self._files.absolute
            here, below = spelled(folder or "."), []
            while (nearest := self._by_folder.get(here)) is None:
                below.append(here)
                if nearest := _in_folder(here, self._files):
                    break
                above = os.path.dirname(here)
                if above == here or self._files.look(os.path.join(here, ".git")):
                    nearest = NO_SETTINGS
                    break
                here = above
            self._by_folder.update(dict.fromkeys(below, nearest))
            self._by_spelling[folder] = nearest
        return self._by_spelling[folder]

    @property
    def used(self) -> tuple[Settings, ...]:
        """All settings that have been read, in the order of their files."""
        if self._only is not None:
            return (self._only,)
        read = {settings.origin: settings for settings in self._by_folder.values() if settings.root is not None}
        return tuple(read[origin] for origin in sorted(read))

    def excludes(self, name: str) -> bool:
        """Whether a search from far above would leave the file out: it, or a folder on the way to it, is excluded."""
        settings, path = self.of(name), name
        while settings.root is not None:
            if settings.exclude and matches(settings.relative(Path(path).as_posix()), settings.exclude):
                return True
            path = str(settings.root)
            is_last = settings.is_root or self._files.look(str(settings.root / ".git"))
            if self._only is not None or is_last or path == os.path.dirname(path):
                break
            settings = self.of(path)
        return False


def configuration(config: str | None = None) -> Configuration:
    """The settings of all files, or those in the file ``config`` for every one of them. Raises UsageError."""
    if config is None:
        return Configuration()
    settings = _from_file(Path(config), DISK)
    if settings is None:
        raise UsageError(f"--config {config} sets nothing: it has no table [tool.specc]")
    return Configuration(settings)


def _in_folder(folder: str, files: FileSystem) -> Settings | None:
    """What the files of a folder set."""
    paths = (os.path.join(folder, name) for name in SETTINGS)
    both = [settings for path in paths if files.is_file(path) and (settings := _from_file(Path(path), files))]
    if len(both) > 1:
        raise UsageError(f"both {both[0].origin} and {both[1].origin} have settings: keep them in one of the two")
    return both[0] if both else None


def _from_file(path: Path, files: FileSystem) -> Settings | None:
    """What the file sets; None of a pyproject.toml that is not about specc."""
    shown = files.shown(path.as_posix())
    if files is DISK and not (relative := os.path.relpath(path)).startswith(os.path.join("..", "..", "..")):
        shown = Path(relative).as_posix()
    try:
        table = settings_table(str(path), files)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {system_reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown} is not TOML: {error}") from None
    if table is None:
        return None
    root = Path(files.real(str(path))).parent
    if path.name == "pyproject.toml":
        return _read(table, f"{shown}, [tool.specc]", root, files)
    tool = table.get("tool")
    if isinstance(tool, dict) and "specc" in tool:
        raise UsageError(
            f"{shown}: [tool.specc] is for pyproject.toml; in another file settings stand without it: "
            "[tool.specc.budget] is [budget], and what [tool.specc] has stands at the top"
        )
    if path.name not in SETTINGS and "root" in table:
        raise UsageError(f"{shown}: root says where a project ends: it stands in a specc.toml or pyproject.toml there")
    return _read(table, shown, root, files)


def _read(table: object, origin: str, root: Path, files: FileSystem) -> Settings:
    values = _checked(table, origin, dict, "a table")
    known: dict[str, Callable[[object, str], Any]] = {
        "root": partial(_checked, kind=bool, what="true or false"),
        "include": _patterns,
        "exclude": _patterns,
        "select": _codes,
        "ignore": _codes,
        "fail-on": _fail_on,
        "baseline": partial(_checked, kind=str, what="a text"),
        "per-file-ignores": _per_file,
        "budget": _budgets,
    }
    for key in values:
        if key not in known:
            from specc.diagnostics.spelling import advice  # only a wrong key asks for it

            raise UsageError(f"{origin}: there is no setting {key}; {advice(key, known)}")
    read = {key: known[key](value, f"{origin}: {key}") for key, value in values.items()}
    rules = Rules(read.pop("select", None), read.pop("ignore", ()))
    names = {"root": "is_root", "fail-on": "fail_on", "per-file-ignores": "per_file", "budget": "budgets"}
    return Settings(
        root, origin, rules=rules, files=files, **{names.get(key, key): value for key, value in read.items()}
    )


def _per_file(value: object, where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = _checked(value, where, dict, "a table").items()
    return tuple((_pattern(pattern, where), _codes(codes, f"{where}: {pattern}")) for pattern, codes in table)


def _budgets(value: object, where: str) -> tuple[tuple[str, Budget], ...]:
    """The numbers for every file, then those for patterns, in the order written."""
    table = _checked(value, where, dict, "a table")
    patterns = {key: value for key, value in table.items() if isinstance(value, dict) and key != "at"}
    general = {key: value for key, value in table.items() if key not in patterns}
    budgets = [("**", read_budget(general, where))] if general else []
    budgets += [
        (_pattern(pattern, where), read_budget(value, f"{where}: {pattern}")) for pattern, value in patterns.items()
    ]
    # Sizes without a limit that asks for them would guard nothing.
    sized = any(limit.number != "params" for _, budget in budgets for limit in budget.limits)
    if not sized and any(budget.at for _, budget in budgets):
        raise UsageError(
            f"{where}: at says at which sizes macs, memory and peak_memory are meant, and none of them has a limit: "
            "give one, or leave out at"
        )
    return tuple(budgets)


def _texts(value: object, where: str) -> tuple[str, ...]:
    texts = _checked(value, where, list, "a list of texts")
    return tuple(_checked(text, where, str, "a list of texts") for text in texts)


def _patterns(value: object, where: str) -> tuple[str, ...]:
    return tuple(_pattern(text, where) for text in _texts(value, where))


def _pattern(text: str, where: str) -> str:
    """A pattern that can fit something."""
    if not text.removeprefix("./").strip("/"):
        raise UsageError(f"{where}: {text!r} fits no path; ** fits all of them")
    if "\\" in text:
        raise UsageError(f"{where}: folders are parted by /, and {text} has a backslash")
    return text


def _codes(value: object, where: str) -> tuple[str, ...]:
    return lint_codes(_texts(value, where), where)


def _fail_on(value: object, where: str) -> str:
    if value not in FAIL_ON:
        raise UsageError(f"{where} must be one of {', '.join(FAIL_ON)}, not {value!r}")
    return str(value)


def _checked(value: object, where: str, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        raise UsageError(f"{where} must be {what}, not {value!r}")
    return value
