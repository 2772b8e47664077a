"""A plugin of mypy: the words of a finding are read by `specc.report` alone.

What code must know of a finding, it asks of a field: of ``code``, ``where``, ``fix``, ``suggestion``, ``fact`` or
``identity``. A sentence that another module takes apart is a fact in hiding, and breaks when somebody improves it.

What mypy itself cannot see stays open: values of type ``Any``, and findings in a container that is made a text whole.
"""

from collections.abc import Callable

from mypy.nodes import StrExpr
from mypy.plugin import AttributeContext, FunctionContext, MethodContext, Plugin
from mypy.types import Instance, TupleType, Type, UnionType, get_proper_type

_FINDING = "specc.diagnostics.finding"
_WORDS = {
    f"{_FINDING}.{words}"
    for words in (
        "Diagnostic.message",
        "Diagnostic.notes",
        "Diagnostic.helps",
        "Diagnostic.advice",
        "Label.text",
        "Suggestion.text",
        "Suggestion.note",
    )
}
_SPEAKING = {f"{_FINDING}.{name}" for name in ("Diagnostic", "Label", "Suggestion", "SpecError")}
"""Classes whose instances as a whole have words."""
_WHOLE = {
    "builtins.str",
    "builtins.repr",
    "builtins.format",
    "builtins.vars",
    "dataclasses.asdict",
    "dataclasses.astuple",
}
"""Functions that make a text, or plain values, of all that a value is."""
_READERS = (
    "specc.report",
    "specc.diagnostics",  # makes findings of findings, and of a cache's
    "specc.project.baseline",  # writes them beside what a finding is known by, for whoever reads the file
)


class WordsPlugin(Plugin):
    """Refuses to read words, by an attribute or of a value as a whole, wherever they are not for people to read."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        return _attribute if fullname in _WORDS else None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        return {"builtins.getattr": _getattr}.get(fullname, _text if fullname in _WHOLE else None)

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        return _text if fullname == "builtins.str.format" else None  # and so mypy sees an f-string


def _attribute(context: AttributeContext) -> Type:
    _refuse(context)
    return context.default_attr_type


def _getattr(context: FunctionContext) -> Type:
    """A name that is no literal may be any."""
    (value, *_), (name, *_) = context.arg_types[0], context.args[1]
    for fullname in _classes(value):
        if fullname in _SPEAKING and (not isinstance(name, StrExpr) or f"{fullname}.{name.value}" in _WORDS):
            _refuse(context)
    return context.default_return_type


def _text(context: FunctionContext | MethodContext) -> Type:
    if any(fullname in _SPEAKING for types in context.arg_types for value in types for fullname in _classes(value)):
        _refuse(context)
    return context.default_return_type


def _classes(value: Type) -> list[str]:
    """The class of a value, or each that it may be of."""
    value = get_proper_type(value)
    if isinstance(value, UnionType):
        return [name for item in value.items for name in _classes(item)]
    if isinstance(value, TupleType):  # of a NamedTuple
        value = value.partial_fallback
    return [base.fullname for base in value.type.mro] if isinstance(value, Instance) else []


def _refuse(context: AttributeContext | FunctionContext | MethodContext) -> None:
    module: str = context.api.tree.fullname  # type: ignore[attr-defined] # of the checker, not of its interface
    if not any(module == reader or module.startswith(f"{reader}.") for reader in _READERS):
        message = "words of a finding are read in specc.report alone: ask its fields, or give it another one"
        context.api.fail(message, context.context)


def plugin(_: str) -> type[Plugin]:
    """What mypy asks for."""
    return WordsPlugin
