"""What a project says of itself, in ``[tool.specc]`` of pyproject.toml or in specc.toml; no key is ignored."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from specc.diagnostics import UsageError
from specc.project.budget import Budget, read_budget
from specc.project.codes import Rules, refuse_unknown
from specc.project.globs import matches

T = TypeVar("T")

FAIL_ON = ("error", "warning", "never")


class Settings(NamedTuple):
    """A project's settings, checked.

    Attributes:
        root: the folder that its patterns and paths start from; None where no file sets anything.
        origin: the file they come from, as it is shown.
        include: patterns of specs that a folder is searched for, besides those with specc's own suffixes.
        exclude: patterns of files and folders that no search enters.
        rules: which lints are on.
        per_file: patterns, and the codes that are off in the files that fit them.
        budgets: patterns, and what the models of files that fit them may cost.
    """

    root: Path | None = None
    origin: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: Rules = Rules()
    fail_on: str = "error"
    baseline: str | None = None
    per_file: tuple[tuple[str, tuple[str, ...]], ...] = ()
    budgets: tuple[tuple[str, Budget], ...] = ()

    def relative(self, name: str) -> str:
        """The path as the patterns see it."""
        if self.root is None or name == "<stdin>":
            return name
        return Path(os.path.relpath(name, self.root)).as_posix()

    def ignored_in(self, name: str) -> tuple[str, ...]:
        """The codes that are off in this file."""
        path = self.relative(name) if self.per_file else ""
        return tuple(code for pattern, codes in self.per_file if matches(path, (pattern,)) for code in codes)

    def budget(self, name: str) -> Budget | None:
        """What a model of this file may cost: of each number the last pattern that fits decides."""
        path = self.relative(name) if self.budgets else ""
        found = [budget for pattern, budget in self.budgets if matches(path, (pattern,))]
        if not found:
            return None
        merged = found[0]
        for budget in found[1:]:
            merged = merged.overridden(budget)
        return merged


NO_SETTINGS = Settings()


def settings(config: str | None = None) -> Settings:
    """The settings in ``config``; without one, those of the nearest folder above the present one that has some.

    Raises:
        UsageError: the file cannot be read, is no TOML, or says what specc does not understand.
    """
    if config is not None:
        return _from_file(Path(config))
    for folder in (here := Path.cwd(), *here.parents):
        for name in ("specc.toml", "pyproject.toml"):
            if os.path.isfile(folder / name):  # noqa: PTH113 - Path.is_file raises where a folder is closed to us
                found = _from_file(folder / name)
                if found.root is not None:
                    return found
    return NO_SETTINGS


def _from_file(path: Path) -> Settings:
    import tomllib  # most projects of one spec have no such file

    shown = _shown(path)
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown} is no TOML: {error}") from None
    if path.name != "pyproject.toml":
        return _read(document, shown, path.resolve().parent)
    tool = document.get("tool", {})
    if not isinstance(tool, dict) or "specc" not in tool:
        return NO_SETTINGS
    return _read(tool["specc"], f"{shown}, [tool.specc]", path.resolve().parent)


def _shown(path: Path) -> str:
    """Relative to the present folder, where that is short."""
    relative = os.path.relpath(path)
    return Path(relative).as_posix() if not relative.startswith(os.path.join("..", "..", "..")) else path.as_posix()  # noqa: PTH118


def _read(table: object, origin: str, root: Path) -> Settings:
    given = _table(table, origin)
    known: dict[str, Callable[[object, str], Any]] = {
        "include": _texts,
        "exclude": _texts,
        "select": _codes,
        "ignore": _codes,
        "fail-on": _fail_on,
        "baseline": _text,
        "per-file-ignores": lambda value, where: tuple(
            (pattern, _codes(codes, f"{where}: {pattern}")) for pattern, codes in _table(value, where).items()
        ),
        "budget": lambda value, where: _budgets(_table(value, where), where),
    }
    _refuse_unknown_keys(given, known, origin)
    read = {key: known[key](value, f"{origin}: {key}") for key, value in given.items()}
    rules = Rules(read.pop("select", None), read.pop("ignore", ()))
    names = {"fail-on": "fail_on", "per-file-ignores": "per_file", "budget": "budgets"}
    return Settings(root, origin, rules=rules, **{names.get(key, key): value for key, value in read.items()})


def _budgets(table: Mapping[str, object], where: str) -> tuple[tuple[str, Budget], ...]:
    """The numbers for every file, then those for patterns, in the order written."""
    patterns = {key: value for key, value in table.items() if isinstance(value, dict) and key != "at"}
    general = {key: value for key, value in table.items() if key not in patterns}
    found = [("**", read_budget(general, where))] if general else []
    return (*found, *((pattern, read_budget(value, f"{where}: {pattern}")) for pattern, value in patterns.items()))


def _refuse_unknown_keys(given: Mapping[str, object], known: Mapping[str, object], origin: str) -> None:
    for key in given:
        if key not in known:
            from specc.project.near import near

            raise UsageError(f"{origin}: there is no setting {key}; {near(key, known)}")


def _table(value: object, where: str) -> dict[str, Any]:
    return _checked(value, dict, where, "a table")


def _text(value: object, where: str) -> str:
    return _checked(value, str, where, "a text")


def _texts(value: object, where: str) -> tuple[str, ...]:
    texts = _checked(value, list, where, "a list of texts")
    return tuple(_checked(text, str, where, "a list of texts") for text in texts)


def _codes(value: object, where: str) -> tuple[str, ...]:
    codes = _texts(value, where)
    refuse_unknown(codes, where)
    return codes


def _fail_on(value: object, where: str) -> str:
    if value not in FAIL_ON:
        raise UsageError(f"{where} is one of {', '.join(FAIL_ON)}, not {value}")
    return str(value)


def _checked(value: object, kind: type[T], where: str, what: str) -> T:
    if not isinstance(value, kind):
        raise UsageError(f"{where} must be {what}, not {value!r}")
    return value
