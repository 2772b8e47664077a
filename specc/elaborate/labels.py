"""Names and labels: what may be one, who may have which, and lets, which are told apart from labels."""

from __future__ import annotations

from functools import lru_cache

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.words import visible
from specc.elaborate.drafts import DraftBlock
from specc.elaborate.errors import in_form, invalid, short
from specc.elaborate.evaluation import evaluate
from specc.elaborate.scopes import ABSENT, Definition, Scope
from specc.elaborate.values import CONSTANTS, Partial, Signal, display, is_whole
from specc.ir.op import Op
from specc.ir.size import Size
from specc.ops import find
from specc.source import Span
from specc.syntax import ast
from specc.syntax.labels import WHOLE, is_name


@lru_cache(maxsize=1024)  # a network has the same few names again and again
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


@lru_cache(maxsize=1024)  # in the rounds of a loop each label comes again
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


def resolved(label: ast.Label, scope: Scope) -> ast.Label:
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


def claim(label: ast.Label, block: DraftBlock, scope: Scope, kind: type[Op] | None = None) -> list[Diagnostic]:
    """Take a label for a step of ``block``; the reason where the step cannot have it.

    Args:
        kind: of the step, if it is an operator: only then is its label no second meaning of that layer's name.
    """
    name, place, names = label.name, label.span, block.names
    earlier = names.labels.setdefault(name, place)
    if earlier is not place:
        by_round = WHOLE.fullmatch(name) is not None and len(name) < 10 and int(name) < names.rounds
        return [two_of_a_name(name, place, earlier, by_round=by_round)]
    if name in names.scopes:
        return [_two_rounds(label, names.scopes[name])]
    names.scopes[name] = scope
    if _could_be_called(name, block, scope, kind, place):
        block.scope.mark_ambiguous(name, (place,))
    if name[:1].isdigit() and place.text == name and not WHOLE.fullmatch(name):
        message = f"a label is a name or a plain whole number, and {name} is none"
        advice = "choose another label"
        if label_problem(name) is None:
            advice = in_form(place, f'in quotes it is one: `"{name}": …`', f'in quotes it is one: `"{name}"`')
        return [Diagnostic(Code.BAD_LABEL, message, Label(place), helps=(advice,))]
    if (problem := label_problem(name)) is not None:
        advice = "choose another label"
        if "." in name:
            group, _, step = (short(part) or "…" for part in name.partition("."))
            advice = in_form(
                place,
                f"`{group}: {{ {step}: … }}` is the step {group}.{step}",
                f"a group labelled {group} with a step labelled {step} in it is the step {group}.{step}",
            )
        return [Diagnostic(Code.BAD_LABEL, problem, Label(place), helps=(advice,))]
    # Blocks and labels further out may be hidden, a parameter, a let or a loop's variable may not.
    value = scope.get(name) if is_name(name) else ABSENT
    if value is not ABSENT and (block.scope.holds(name) or not isinstance(value, (Partial, Signal))):
        what = "a size" if isinstance(value, Size) else "a parameter, a let or a loop's variable"
        problem = f"{name} is {what} here, and a label cannot hide it"
        helps = (f"call that other thing something else, or choose another label than {name}",)
        return [Diagnostic(Code.BAD_LABEL, problem, Label(place), helps=helps)]
    return []


def _could_be_called(name: str, block: DraftBlock, scope: Scope, kind: type[Op] | None, place: Span) -> bool:
    """Whether ``name`` alone is a step as well: another layer than that which it labels, a block without arguments."""
    layer = find(name)
    if layer is not None:
        return layer is not kind
    called = scope.get(name)
    if not isinstance(called, Partial):
        return False
    if not isinstance(called.target, Definition):
        return True
    params = called.target.block.params
    bound = {argument.name for argument in called.arguments} | {*block.environment.defaults_for(called.target, place)}
    bound |= {param.name for param, _ in zip(params, (a for a in called.arguments if a.name is None), strict=False)}
    return all(param.default is not None or param.name in bound for param in params)


def _two_rounds(label: ast.Label, first: Scope) -> Diagnostic:
    """One label of two rounds whose steps belong to one block."""
    names = sorted(ast.names_in(label.parts))
    values = ", ".join(f"{name} = {display(first.get(name))}" for name in names if first.has(name))
    before = f"it was {label.name} with {values} already" if values else f"it was {label.name} already"
    helps = ("the label must be another one in every round",)
    if not label.parts:
        before = "it was given in an earlier round"
        helps = ("the rounds have no numbers here, since a label in them is computed: compute this one too",)
    message = f"two things are called {label.name}"
    return Diagnostic(Code.DUPLICATE_LABEL, message, Label(label.span, before), helps=helps)


def two_of_a_name(name: str, again: Span, first: Span, *, by_round: bool = False) -> Diagnostic:
    """Two things of one name.

    Args:
        by_round: whether one of the two is a round of a loop without a label, which is called by its number.
    """
    how = in_form(again, "`layers: repeat …`", "`label: layers` beside it")
    return Diagnostic(
        Code.DUPLICATE_LABEL,
        f"two things are called {name}",
        Label(again, "again here"),
        (Label(first, "first here"),),
        notes=("the rounds of a loop without a label are called by their numbers",) if by_round else (),
        helps=(f"give the loop a label: {how}",) if by_round else (),
    )


def stands_for_value(label: ast.Label) -> bool:
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
