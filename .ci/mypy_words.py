"""A plugin of mypy: the words of a finding are read by `specc.report` alone.

What code must know of a finding, it asks of a field: of ``code``, ``where``, ``fix``, ``suggestion``, ``fact`` or
``identity``. A sentence that another module takes apart is a fact in hiding, and breaks when somebody improves it.
"""

from collections.abc import Callable

from mypy.plugin import AttributeContext, Plugin
from mypy.types import Type

_FINDING = "specc.diagnostics.finding"
_WORDS = {
    f"{_FINDING}.{words}"
    for words in ("Diagnostic.message", "Diagnostic.notes", "Diagnostic.helps", "Diagnostic.advice", "Label.text")
}
_READERS = (
    "specc.report",
    "specc.diagnostics",  # makes findings of findings, and of a cache's
    "specc.project.baseline",  # writes them beside what a finding is known by, for whoever reads the file
)


class WordsPlugin(Plugin):
    """Refuses attributes that hold words, wherever they are not for people to read."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        return _refuse if fullname in _WORDS else None


def _refuse(context: AttributeContext) -> Type:
    module: str = context.api.tree.fullname  # type: ignore[attr-defined] # of the checker, not of its interface
    if not any(module == reader or module.startswith(f"{reader}.") for reader in _READERS):
        message = "words of a finding are read in specc.report alone: ask its fields, or give it another one"
        context.api.fail(message, context.context)
    return context.default_attr_type


def plugin(_: str) -> type[Plugin]:
    """What mypy asks for."""
    return WordsPlugin
