"""What to write for a step in the words of another tool, tried at its place: ``conv2d(3, 16, 3)`` is ``conv(16, 3)``.

A proposal is only made where each of its steps takes the value before it, with the names that are known there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from pydantic import ValidationError

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Safety, SpecError
from specc.diagnostics.signatures import CHANNELS_FIRST
from specc.diagnostics.vocabulary import LAYERS, squeezed, term_of
from specc.elaborate.arguments import OperatorPlan
from specc.elaborate.errors import Invalid, Unknown
from specc.elaborate.evaluation import evaluate, layer
from specc.elaborate.hints import last_axis
from specc.elaborate.inference import inferred
from specc.elaborate.scopes import ABSENT, Scope
from specc.elaborate.values import Partial, Signal
from specc.ir.op import Op, Refusal
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.source import Source
from specc.syntax import ast, is_yaml
from specc.syntax.mistakes.renaming import layer_named, other_numbers
from specc.syntax.mistakes.translation import Meaning, Translation, translated
from specc.syntax.parser import parse

MOST_SHOWN = 120
"""Characters of a proposal: nobody reads a longer one."""


class Proposal(NamedTuple):
    """A step in the words of the language, tried.

    Attributes:
        text: the steps.
        help: what to write, and why.
        fix: the same as an edit; None in YAML.
        told: what the input tells, of what was given: ``channels``; empty if nothing.
    """

    text: str
    help: str
    fix: Fix | None
    told: str

    def added_to(self, finding: Diagnostic) -> Diagnostic:
        """The finding with it, unless there is an edit that says more surely what was meant."""
        if finding.fix is not None:
            return finding
        return replace(finding.with_help(self.help), fix=self.fix)


def proposed(step: ast.Call | ast.Merge, current: Signal | None, scope: Scope) -> Proposal | None:
    """What to write for a step; None where nothing is certain, or what is would not fit there."""
    if current is None or current.type is None:
        return None
    written = step.name_span.to(step.span).text
    if isinstance(step, ast.Merge):
        name = layer_named(step.name)
        translation = Translation(f"{name}{written[len(step.name) :]}" if name else "")
    else:
        translation = _called(step, written, current.type, scope)
    text = translation.text
    is_same = "".join(text.split()) == "".join(written.split())
    if not text or is_same or len(text) > MOST_SHOWN or (at := fits(text, current, scope)) is Fit.NOWHERE:
        return None
    if not is_yaml(step.span.source.name):
        edit = Edit(step.name_span.to(step.span), text)
        is_theirs = at is Fit.EVERYWHERE and not other_numbers(step.name, text)
        fix = Fix((edit,), Safety.DISPLAY_ONLY) if is_theirs else None
        return Proposal(text, _help(step.name, translation, text), fix, translation.told)
    from specc.syntax.yaml.writer import line_in_yaml

    shown = line_in_yaml(text)
    return Proposal(text, _help(step.name, translation, shown), None, translation.told) if shown else None


def difference(word: str) -> tuple[str, ...]:
    """What differs in a layer of another tool that is only called something else here, as helps."""
    term = term_of(word, LAYERS)
    return (term.note,) if term.agrees and term.note else ()


def misfit(step: ast.Call | ast.Merge, word: str, scope: Scope) -> tuple[str, ...] | None:
    """What is said of arguments that the layer ``word`` refuses, as helps; None where it takes those of the step.

    A word with them is no slip of it: to put the word right alone would lead to another layer than was meant.
    """
    target = layer(word)
    kind = target.target if target is not None else None
    if not isinstance(kind, type) or not issubclass(kind, Op):
        return None
    refused: list[Diagnostic] = []
    OperatorPlan(step, kind, step.arguments, {}).bound(scope, lambda *found: refused.extend(found), lambda *_: ())
    if all(finding.fix and finding.fix.safety is not Safety.DISPLAY_ONLY for finding in refused):
        return None  # slips of arguments are put right as well
    return tuple(help_ for argument in step.arguments for help_ in last_axis(argument, kind.model_fields))


def channels_first(step: ast.Call | ast.Merge, current: Signal | None, scope: Scope) -> tuple[str, ...]:
    """What is said of a word that some tools write with the input's channels, where its numbers do not tell: as a
    help.
    """
    form = CHANNELS_FIRST.get(step.name) or CHANNELS_FIRST.get(squeezed(step.name))
    placed = [argument for argument in step.arguments if argument.name is None]
    if form is None or len(placed) <= form.most_placed - 1 or current is None or current.type is None:
        return ()
    known = (
        f"{step.name} is called {form.layer} here, and takes no channels of its input, which has "
        f"{current.type.sample[0]}"
    )
    first = placed[0].span.text
    if first.isdigit():
        written = step.name_span.to(step.span).text
        text, _ = translated(written, lambda name: _meaning(name, scope), int(first))
        if text and fits(text, current, scope) is Fit.EVERYWHERE:
            return (f"{known}: `{text}`, if {first} is meant to be these",)
    return (known,)


def _called(step: ast.Call, written: str, type_: TensorType, scope: Scope) -> Translation:
    is_linear = squeezed(step.name) in ("linear", "fc")
    axis = type_.sample[-1] if is_linear else type_.sample[0]
    text, told = translated(
        f"{written}()" if step.bare else written,
        lambda name: _meaning(name, scope),
        axis if isinstance(axis, int) else None,
    )
    layer_, bracket, rest = text.partition("(")
    if layer_ == "linear" and type_.rank == 2:  # the two are one for flat features, and fc is for these alone
        text = f"fc{bracket}{rest}"
    if layer_ == "fc" and type_.rank > 2 and squeezed(step.name) == "dense" and not _is_image(step, type_):
        text = f"linear{bracket}{rest}"
    elif layer_ == "fc" and type_.rank > 2:  # as others do it by themselves
        text = f"flatten -> {text}"
    return Translation(text, told)


def _help(word: str, translation: Translation, shown: str) -> str:
    layer_ = re.split(r"[ ({]", translation.text.removeprefix("flatten -> "))[0]
    told = f"the input tells its {translation.told}" if translation.told else ""
    names = {*term_of(word, LAYERS).names, layer_named(word)}
    names |= {"linear"} if "fc" in names else set()
    names |= {"bn"} if "batchnorm" in names else {"fc"} if "linear" in names else set()
    is_other = layer(word) is None and layer_ in names
    called = f"{word} is called {layer_} here" if is_other else ""
    is_flat = translation.text.startswith("flatten -> fc(")
    flat = "it takes flat features" if is_flat else ""
    why = ", and ".join(filter(None, (called, told, flat)))
    also = other_numbers(word, translation.text)
    if is_flat and squeezed(word) == "dense":
        outputs = re.split(r"[,)]", translation.text.removeprefix("flatten -> fc("))[0]
        also = f"; Keras itself takes its last axis alone, the channels of each place: that is `conv({outputs}, 1)`"
    return f"{why}: write `{shown}`{also}" if why else f"write `{shown}`{also}"


def _is_image(step: ast.Call, type_: TensorType) -> bool:
    """Whether a value has its channels first, as far as can be told: not those that a `permute` has put last."""
    before = step.span.source.text[: step.span.start]
    orders = re.findall(r"permute\W+(\d(?:, ?\d)*)", before.rsplit("model ", 1)[-1])
    return type_.rank > 3 and not (orders and re.match(r"0, ?2, ?3", orders[-1]))


def _meaning(name: str, scope: Scope) -> Meaning:
    if name in ("in", "_", "_in_"):
        return "value"
    value = scope.get(name)
    if isinstance(value, Signal):
        return "value"
    if isinstance(value, (int, float, Size)) and not isinstance(value, bool):
        return "number"
    return "" if value is ABSENT else "parameter"


# ---- the trial ------------------------------------------------------------------------------------------------------


class _Untried(Exception):
    """Something that a trial does not follow."""


class Fit(Enum):
    """At which sizes of the contract steps can stand at a place."""

    EVERYWHERE = 1
    SOMEWHERE = 2
    NOWHERE = 3


def fits(text: str, current: Signal, scope: Scope) -> Fit:
    """Whether these steps can stand behind the current value: layers, merges of such, and values by name."""
    try:
        file = parse(Source("", f"model M : [N, 1] {{ {text} }}\n"))
        for model in file.models:
            _chain(model.body.statements, current, scope)
    except Refusal as refusal:
        return Fit.SOMEWHERE if refusal.code == Code.UNPROVEN else Fit.NOWHERE
    except (SpecError, Invalid, Unknown, ValidationError, _Untried):
        return Fit.NOWHERE
    return Fit.EVERYWHERE


def _chain(statements: tuple[ast.Statement, ...], current: Signal, scope: Scope) -> Signal:
    for statement in statements:
        inner = Scope({"_": current.seen}, scope)
        match statement:
            case ast.Call(bare=True, name="_"):
                continue
            case ast.Enclosing():
                value = scope.get("in")
            case ast.Reference():
                value = evaluate(statement.value, inner)
            case ast.Call() if isinstance(known := scope.get(statement.name), Signal) and statement.bare:
                value = known
            case ast.Call():
                value = _applied(statement, (current,), inner)
            case ast.Merge():
                arms = tuple(_chain(arm.statements, current, inner) for arm in statement.arms if arm.each is None)
                value = _applied(statement, arms, inner)
            case _:
                raise _Untried
        if not isinstance(value, Signal):
            raise _Untried
        current = value
    return current


def _applied(step: ast.Call | ast.Merge, inputs: tuple[Signal, ...], scope: Scope) -> Signal:
    """Raises what a wrong step does, or `_Untried`."""
    value = scope.get(step.name)
    target = value if isinstance(value, Partial) else layer(step.name)
    kind = target.target if target is not None else None
    if not isinstance(kind, type) or not issubclass(kind, Op):
        raise _Untried
    findings: list[Diagnostic] = []
    bound = OperatorPlan(step, kind, step.arguments, {}).bound(
        scope, lambda *found: findings.extend(found), lambda *_: ()
    )
    types = tuple(value.type for value in inputs if value.type is not None)
    if bound is None or findings or bound.values or len(types) < len(inputs):
        raise _Untried
    if isinstance(step, ast.Call) and not kind.takes_one():
        raise _Untried
    if isinstance(step, ast.Merge) and kind.arity == (1, 1):
        raise _Untried
    type_, _ = inferred(bound.op, types, step.span)
    return Signal(None, type_, step.span)
