"""One spec after the other, each checked anew: in the main process, or in a worker of its own."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from specc.diagnostics import SpecError, UsageError
from specc.diagnostics.words import is_out_of_memory
from specc.filesystem import DISK, FileSystem
from specc.project.budgets import Budget, budget_findings
from specc.project.cache import FileFindings
from specc.source import Source

if TYPE_CHECKING:
    from specc.elaborate import Imports
    from specc.elaborate.model_cache import ModelCache

T = TypeVar("T")


class FreshChecker:
    """Checks specs whatever was found before; what they import is read once.

    Args:
        files: where the specs are.
        models: those of earlier texts, which are not elaborated again.
    """

    def __init__(self, files: FileSystem = DISK, models: ModelCache | None = None) -> None:
        self._files = files
        self._models = models
        self._imports: Imports | None = None

    def check(self, source: Source, budget: Budget | None) -> FileFindings:
        """All findings of a spec, whatever of them is wanted."""
        from specc.elaborate import Imports, check_file  # not needed where all is in the cache
        from specc.lint import lint
        from specc.syntax import ast, parse

        self._collect()
        # One for all files, so that what many import is parsed once; `read` has what this one imports.
        self._imports = imports = self._imports or Imports(self._files)
        imports.forget()
        try:
            file = self._models.tree(source) if self._models else parse(source)
            source = file.source
            checked = check_file(file, imports, self._models)
        except SpecError as error:
            return FileFindings(0, False, error.diagnostics, (source, *imports.read.values()))
        findings = lint(file, checked, self._models)
        if budget is not None:
            for model, network in zip(file.models, checked, strict=True):
                findings += budget_findings(network, model.name_span, budget)
        own = tuple(
            (item.name, item.name_span.position[0]) for item in file.items if isinstance(item, ast.BlockDefinition)
        )
        called = tuple(dict.fromkeys((name.source.name, name.text) for one in checked for name in one.blocks))
        sources = (source, *imports.read.values())
        return FileFindings(len(checked), not checked, tuple(findings), sources, own, called)

    def attempt(self, source: Source, budget: Budget | None) -> FileFindings | str:
        """As `check`, or the message of an error that must not end the check of other files."""
        return guarded(source.name, lambda: self.check(source, budget))

    def _collect(self) -> None:
        """Free what the file before has left, where Python does not do so by itself, as in the command.

        Nearly all of it is as young as that file, and nothing older is looked at: 5,000 networks take 7 % more time,
        and 66 MB instead of 940.
        """
        if gc.isenabled():
            return
        if self._imports is None:
            gc.freeze()
        else:
            gc.collect(0)


def guarded(name: str, call: Callable[[], T]) -> T | str:
    """What the call returns, or the message of an error that must not end the check of other files.

    Such an error is a mistake of specc's own, which ``SPECC_TRACEBACK`` in the environment has raised, or one of the
    user's that no place of the file has: settings that say nothing, an imported file that is there and cannot be read.
    """
    try:
        return call()
    except UsageError as error:
        return str(error)
    except Exception as error:
        if os.environ.get("SPECC_TRACEBACK"):
            raise
        return internal_error(name, error)


def internal_error(name: str, error: Exception) -> str:
    """What is said of a file that could not be dealt with: a mistake of specc's own, or want of memory."""
    if is_out_of_memory(error):
        return f"{name}: this takes more memory than there is"
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}:{last.lineno}"
    return (
        f"{name}: internal error: {type(error).__name__}: {error} ({place}); this is a mistake in specc, not in your "
        "spec: please report it, with the spec and what SPECC_TRACEBACK=1 in the environment shows"
    )
