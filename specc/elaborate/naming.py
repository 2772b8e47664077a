"""Names and labels: what may be one, who may have which, and lets, which are told apart from labels."""

from __future__ import annotations

from functools import lru_cache

from specc.diagnostics import Code
from specc.diagnostics.words import visible
from specc.elaborate.errors import invalid
from specc.elaborate.evaluation import evaluate
from specc.elaborate.scopes import Scope
from specc.elaborate.values import CONSTANTS, display, is_whole
from specc.ops import find
from specc.source import Span
from specc.syntax import ast
from specc.syntax.tokens import is_name


def name_problem(name: str) -> str | None:
    """Why nothing can be called ``name``; None where it can."""
    if find(name):
        return f"{name} is a layer, and no other thing can be called so"
    if name in CONSTANTS:
        return f"{name} is a constant, and no other thing can be called so"
    if name == "_":
        return "_ is the current value, and no other thing can be called so"
    return None


def require_name(name: str, span: Span) -> None:
    """Raises Invalid where nothing can be called ``name``."""
    if problem := name_problem(name):
        raise invalid(Code.BAD_LABEL, problem, span)


LONGEST_LABEL = 200


@lru_cache(maxsize=1024)  # in the rounds of a loop each label comes again: 5 % of the elaboration of examples/zoo
def label_problem(label: str) -> str | None:
    """Why ``label`` cannot name a step; None where it can. Names of layers and of constants can."""
    if label in _NO_LABELS:
        return _NO_LABELS[label]
    if len(label) > LONGEST_LABEL:
        return f"a label has at most {LONGEST_LABEL} characters, and this one has {len(label):,}"
    wrong = next((c for c in label if c in _NOT_IN_LABELS or c.isspace() or not c.isprintable()), None)
    if wrong is None:
        return None
    reason = _NOT_IN_LABELS.get(wrong, "a blank or a character that nobody sees is none of a name")
    return f"`{visible(wrong)}` cannot stand in a label: {reason}"


_NO_LABELS = {
    "": "a label has at least one character",
    "_": "_ is the current value, and no other thing can be called so",
    "training": "training is where PyTorch's modules keep their mode, and a step cannot be called so",
}
_NOT_IN_LABELS = {
    ".": "a dot parts a step's name from that of the group it is in",
    "/": "what a step needs besides is called after it, behind a slash",
    ":": "a step is asked for as SPEC:STEP",
    '"': "quotation marks end a text",
    "\\": "it begins an escape",
    "{": "braces are kept for formulas",
    "}": "braces are kept for formulas",
}


def resolved(label: ast.Binder, scope: Scope) -> ast.Binder:
    """The label with its formulas computed. Raises Invalid, Unknown."""
    if not label.parts:
        return label
    name = ""
    for part in label.parts:
        value = part if isinstance(part, str) else evaluate(part, scope)
        if not isinstance(part, str) and not isinstance(value, str) and not is_whole(value):
            message = f"a label is made of whole numbers and texts, and {part.span.text} is {display(value)}"
            raise invalid(Code.BAD_LABEL, message, part.span)
        name += str(value)
    return label._replace(name=name)


def stands_for_value(label: ast.Binder) -> bool:
    """Whether the value of the step goes by its label.

    Not where the word means something else: a layer's name stays the layer, `in` the input. Such a label names the
    weights only, and so does one that is no name, or is computed.
    """
    return not label.parts and is_name(label.name) and not find(label.name) and label.name not in CONSTANTS


def refuse_label(step: ast.Call | ast.Checkpoint | ast.Enclosing) -> None:
    """Raises Invalid where a step that makes no value of its own has a label."""
    if step.label is not None:
        raise invalid(
            Code.BAD_LABEL,
            f"{step.label.name} labels no layer, so it would name nothing",
            step.label.span,
            helps=("put the label on the layer that makes the value",),
        )


def define(let: ast.Let, scope: Scope) -> None:
    """``let name = value``; a name may be given once in a scope."""
    require_name(let.name, let.name_span)
    if scope.holds(let.name):
        raise invalid(
            Code.DUPLICATE_LABEL,
            f"{let.name} has a value here already",
            let.name_span,
            helps=("values never change: choose another name",),
        )
    scope.define(let.name, evaluate(let.value, scope))
