"""Arguments of blocks and models: every one finds its parameter or is refused at its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.errors import Invalid, in_form, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.naming import name_problem
from specc.elaborate.scope import UNKNOWN, Scope, Unknown
from specc.elaborate.values import Value, display, relocated
from specc.syntax import ast


class BlockPlan:
    """Which argument of a call is which parameter of the block: the same in every round that comes to the call."""

    __slots__ = ("_call", "_findings", "_given", "block")

    def __init__(
        self,
        block: ast.Block,
        call: ast.Call,
        arguments: tuple[ast.Argument, ...],
        defaults: Mapping[str, ast.Argument],
    ) -> None:
        """Plan the call. The arguments and defaults are as of `specc.elaborate.arguments.OperatorPlan`."""
        self.block = block
        self._call = call
        self._findings: list[Diagnostic] = []
        given = _assigned(block, arguments, defaults, self._findings)
        self._given = [(param, given.get(param.name)) for param in block.params]

    def values(self, scope: Scope, inner: Scope) -> tuple[dict[str, Value] | None, list[Diagnostic]]:
        """The values of the parameters, defined in ``inner`` too; None and the reasons where they are wrong.

        Args:
            scope: what the arguments see.
            inner: what the parameters' own defaults see: the block's file, its input, the parameters before.
        """
        findings = self._findings.copy()
        values: dict[str, Value] = {}
        complete = True
        for param, argument in self._given:
            value = UNKNOWN
            try:
                value = values[param.name] = _value(self.block, self._call, param, argument, scope, inner)
            except Invalid as problem:
                findings.append(problem.diagnostic)
            except Unknown:
                complete = False
            inner.define(param.name, value)
        if not findings:
            return (values if complete else None), findings
        return None, _without_missing(findings)


def _without_missing(findings: list[Diagnostic]) -> list[Diagnostic]:
    """Not what is missing where there is an argument by a wrong name: most likely they are one mistake."""
    if any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
        return [finding for finding in findings if finding.code != Code.MISSING_ARGUMENT]
    return findings


def model_parameter(model: ast.Model, param: ast.Param, settings: Mapping[str, Value], scope: Scope) -> Value:
    """The value of one parameter of a model: as set from outside, or its default. Raises Invalid, Unknown."""
    if problem := name_problem(param.name):
        raise invalid(Code.BAD_LABEL, problem, param.span)
    if param.name in settings:
        return relocated(settings[param.name], param.span)
    if param.default is None:
        raise invalid(
            Code.MISSING_ARGUMENT,
            f"model {model.name} needs a value for {param.name}",
            param.span,
            helps=(f"--set {param.name}=…, or give it a default here: {_with_default(param)}",),
        )
    return evaluate(param.default, scope)


def _with_default(param: ast.Param) -> str:
    return in_form(param.span, f"{param.name} = …", f"`{{{param.name}: …}}`")


def shown_arguments(values: Mapping[str, Value]) -> str:
    """``c = 64, stride = 2``"""
    return ", ".join(f"{name} = {display(value)}" for name, value in values.items())


def unused_parameters(item: ast.Block | ast.Model) -> list[Diagnostic]:
    """Parameters that nothing in the body, the contract or another default reads: an argument must not be ignored."""
    left = {param.name for param in item.params}
    for part in ast.parts((item.params, item.contract, item.body)):
        if not left:
            return []
        if isinstance(part, (ast.Name, ast.Call, ast.Merge)):
            left.discard(part.name)
    stated = names_in(item.contract)
    read = names_in(item.body) | stated | {name for p in item.params for name in names_in(p.default)}
    what = "block" if isinstance(item, ast.Block) else "model"
    return [
        Diagnostic(
            Code.UNUSED,
            f"the parameter {short(param.name)} of {what} {short(item.name)} is never used",
            Label(param.span),
            helps=_instead(param.name, stated) or _unread(param, item.body) or ("leave it out",),
        )
        for param in item.params
        if param.name not in read
    ]


def _instead(name: str, stated: set[str]) -> tuple[str, ...]:
    """What may have been meant, where the contract has a name like it: that is a symbolic size, whatever its name."""
    near = suggestion(name, stated)
    return (f"did you mean {name} where the contract says {near.names[0]}?",) if near else ()


def _unread(param: ast.Param, body: ast.Body) -> tuple[str, ...]:
    from specc.elaborate.instead import of_unread

    return of_unread(param.name, body)


def names_in(tree: object) -> set[str]:
    """Every name that is read somewhere in a part of the syntax tree."""
    return {part.name for part in ast.parts(tree) if isinstance(part, (ast.Name, ast.Call, ast.Merge))}


def labels_in(tree: object) -> Iterable[ast.Label]:
    """Every label of a step somewhere in a part of the syntax tree."""
    labels = (getattr(part, "label", None) for part in ast.parts(tree))
    return (label for label in labels if isinstance(label, ast.Label))


def first_labels(tree: object) -> dict[str, ast.Label]:
    """The first label of each name."""
    labels: dict[str, ast.Label] = {}
    for label in labels_in(tree):
        labels.setdefault(label.name, label)
    return labels


def _assigned(
    block: ast.Block,
    arguments: tuple[ast.Argument, ...],
    defaults: Mapping[str, ast.Argument],
    findings: list[Diagnostic],
) -> dict[str, ast.Argument]:
    """Each argument under the parameter that it names, or stands for by its position."""
    params = [param.name for param in block.params]
    positional = [argument for argument in arguments if argument.name is None]
    given: dict[str, ast.Argument] = {}
    for name, argument in _named(params, arguments, positional):
        if name is None:
            findings.append(_too_many(block, argument, len(positional)))
        elif name not in params:
            findings.append(_no_such(block, name, argument))
        elif name in given:
            first = Label(given[name].span, "first here")
            message = f"{name} of {block.name} is given twice"
            findings.append(Diagnostic(Code.BAD_ARGUMENT, message, Label(argument.span, "again here"), (first,)))
        else:
            given[name] = argument
    return {**defaults, **given}


def _named(
    params: list[str], arguments: tuple[ast.Argument, ...], positional: list[ast.Argument]
) -> Iterable[tuple[str | None, ast.Argument]]:
    for place, argument in enumerate(positional):
        yield (params[place] if place < len(params) else None), argument
    yield from ((argument.name, argument) for argument in arguments if argument.name is not None)


def _value(
    block: ast.Block,
    call: ast.Call,
    param: ast.Param,
    argument: ast.Argument | None,
    scope: Scope,
    inner: Scope,
) -> Value:
    if problem := name_problem(param.name):
        raise invalid(Code.BAD_LABEL, problem, param.span)
    if argument is not None:
        value = evaluate(argument.value, scope)
        return inner.spend(value, argument.span) if isinstance(argument.value, ast.Name) else value
    if param.default is not None:
        return evaluate(param.default, inner)
    raise invalid(
        Code.MISSING_ARGUMENT,
        f"{block.name} needs {param.name}",
        call.name_span,
        helps=(_signature(block),),
    )


def _signature(block: ast.Block) -> str:
    """``basic(c, stride = 1)``, as the block's own line has it."""
    return f"{block.name}({', '.join(param.span.text for param in block.params)})"


def _no_such(block: ast.Block, name: str, argument: ast.Argument) -> Diagnostic:
    near = suggestion(name, [param.name for param in block.params], "argument")
    helps = () if near else (_signature(block),)
    span = argument.span.source.span(argument.span.start, argument.span.start + len(name))
    message = f"{block.name} has no argument called {short(name)}"
    return Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(span), helps=helps).suggesting(near)


def _too_many(block: ast.Block, argument: ast.Argument, given: int) -> Diagnostic:
    most = len(block.params)
    message = f"{block.name} takes {most or 'no'} argument{'s' if most != 1 else ''}, not {given}"
    return Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(argument.span, "one too many"), helps=(_signature(block),))
