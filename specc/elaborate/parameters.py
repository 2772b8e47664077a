"""Arguments of blocks and models: every one finds its parameter or is refused at its place."""

from __future__ import annotations

from collections.abc import Mapping

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate import hints
from specc.elaborate.arguments import name_of
from specc.elaborate.errors import Invalid, Unknown, in_form, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.naming import require_name
from specc.elaborate.scopes import Scope
from specc.elaborate.values import UNKNOWN, Value, relocated
from specc.syntax import ast


class BlockPlan:
    """Which argument of a call is which parameter of the block: the same in every round that comes to the call."""

    __slots__ = ("_arguments", "_call", "_findings", "block")

    def __init__(
        self,
        block: ast.BlockDefinition,
        call: ast.Call,
        arguments: tuple[ast.Argument, ...],
        defaults: Mapping[str, ast.Argument],
    ) -> None:
        """Plan the call. The arguments and defaults are as of `specc.elaborate.arguments.OperatorPlan`."""
        self.block = block
        self._call = call
        self._findings: list[Diagnostic] = []
        own = self._assigned(arguments)
        self._arguments = [(param, own.get(param.name) or defaults.get(param.name)) for param in block.params]

    def values(self, scope: Scope, inner: Scope) -> tuple[dict[str, Value] | None, list[Diagnostic]]:
        """The values of the parameters, defined in ``inner`` too; None and the reasons where they are wrong.

        Args:
            scope: what the arguments see.
            inner: what the parameters' own defaults see: the block's file, its input, the parameters before.
        """
        findings = self._findings.copy()
        values: dict[str, Value] = {}
        is_known = True
        for param, argument in self._arguments:
            value = UNKNOWN
            try:
                value = values[param.name] = self._value(param, argument, scope, inner)
            except Invalid as problem:
                findings.append(problem.diagnostic)
            except Unknown:
                is_known = False
            inner.define(param.name, value)
        if not findings:
            return (values if is_known else None), findings
        if any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
            # An argument by a wrong name is most likely the one that is missing.
            findings = [finding for finding in findings if finding.code != Code.MISSING_ARGUMENT]
        return None, findings

    def _assigned(self, arguments: tuple[ast.Argument, ...]) -> dict[str, ast.Argument]:
        """Each argument under the parameter that it names, or stands for by its position."""
        block, findings = self.block, self._findings
        names = [param.name for param in block.params]
        positional = [argument for argument in arguments if argument.name is None]
        by_name = [argument for argument in arguments if argument.name is not None]
        own = dict(zip(names, positional, strict=False))
        for argument in positional[len(names) :]:
            most = f"{len(names) or 'no'} argument{'s' if len(names) != 1 else ''}"
            message = f"{block.name} takes {most}, not {len(positional)}"
            label = Label(argument.span, "one too many")
            findings.append(Diagnostic(Code.UNKNOWN_ARGUMENT, message, label, helps=(self._signature,)))
        for argument in by_name:
            name = argument.name or ""
            if name not in names:
                near = suggestion(name, names, "argument")
                message = f"{block.name} has no argument called {short(name)}"
                helps = () if near else (self._signature,)
                finding = Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(name_of(argument)), helps=helps)
                findings.append(finding.suggesting(near))
            elif name in own:
                first = Label(own[name].span, "first here")
                message = f"{name} of {block.name} is given twice"
                findings.append(Diagnostic(Code.BAD_ARGUMENT, message, Label(argument.span, "again here"), (first,)))
            else:
                own[name] = argument
        return own

    def _value(self, param: ast.Param, argument: ast.Argument | None, scope: Scope, inner: Scope) -> Value:
        require_name(param.name, param.span)
        if argument is not None:
            value = evaluate(argument.value, scope)
            # A list used again costs time again.
            return inner.budget.charge(value, argument.span) if isinstance(argument.value, ast.Name) else value
        if param.default is not None:
            return evaluate(param.default, inner)
        message = f"{self.block.name} needs {param.name}"
        raise invalid(Code.MISSING_ARGUMENT, message, self._call.name_span, helps=(self._signature,))

    @property
    def _signature(self) -> str:
        """``basic(c, stride = 1)``, as the block's own line has it."""
        return f"{self.block.name}({', '.join(param.span.text for param in self.block.params)})"


def model_parameter(model: ast.ModelDefinition, param: ast.Param, settings: Mapping[str, Value], scope: Scope) -> Value:
    """The value of one parameter of a model: as set from outside, or its default. Raises Invalid, Unknown."""
    require_name(param.name, param.span)
    if param.name in settings:
        return relocated(settings[param.name], param.span)
    if param.default is None:
        with_default = in_form(param.span, f"{param.name} = …", f"`{{{param.name}: …}}`")
        raise invalid(
            Code.MISSING_ARGUMENT,
            f"model {model.name} needs a value for {param.name}",
            param.span,
            helps=(f"--set {param.name}=…, or give it a default here: {with_default}",),
        )
    return evaluate(param.default, scope)


def unused_parameters(item: ast.BlockDefinition | ast.ModelDefinition) -> list[Diagnostic]:
    """Parameters that nothing in the body, the contract or another default reads: an argument must not be ignored."""
    left = {param.name for param in item.params}
    for part in ast.parts((item.params, item.contract, item.body)):
        if not left:
            return []
        if isinstance(part, (ast.Name, ast.Call, ast.Merge)):
            left.discard(part.name)
    what = "block" if isinstance(item, ast.BlockDefinition) else "model"
    findings: list[Diagnostic] = []
    for param in item.params:
        if param.name in left:
            # The contract may have a name like it: that is a symbolic size, whatever its name.
            near = suggestion(param.name, ast.names_in(item.contract))
            advice = f"did you mean {param.name} where the contract says {near.names[0]}?" if near else "leave it out"
            helps = () if near else hints.unread_text(param.name, item.body)
            message = f"the parameter {short(param.name)} of {what} {short(item.name)} is never used"
            findings.append(Diagnostic(Code.UNUSED, message, Label(param.span), helps=helps or (advice,)))
    return findings
