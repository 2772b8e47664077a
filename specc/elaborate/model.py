"""One model of a file, elaborated: the phases in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specc.analyses import Costs, costs
from specc.diagnostics import Code, Diagnostic, Label, SpecError, UsageError
from specc.elaborate.assertions import prove, unknown_names
from specc.elaborate.body import Body, Draft, Given, define
from specc.elaborate.contract import input_port, output_port
from specc.elaborate.expressions import UNKNOWN, Scope, Unknown, evaluate
from specc.elaborate.naming import Unnamed, name_problem, name_steps
from specc.elaborate.trouble import Trouble, did_you_mean, not_yet, trouble
from specc.elaborate.values import Value
from specc.ir.graph import Graph, Node, Port
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast


@dataclass(frozen=True)
class Checked:
    """A model that fits together, with its numbers."""

    graph: Graph
    costs: Costs


def choose(file: ast.File, name: str | None = None) -> ast.Model:
    """The model called ``name``; without a name, the only one.

    Raises:
        SpecError: the file holds no model.
        UsageError: no model of that name, or several and no name.
    """
    models = {model.name: model for model in file.models}
    if not models:
        raise SpecError([_no_model(file)])
    if name is None and len(models) > 1:
        raise UsageError(f"{file.source.name} has several models: choose with --model {' or --model '.join(models)}")
    if name is not None and name not in models:
        near = did_you_mean(str(name), models) or (f"it has {', '.join(models)}",)
        raise UsageError(f"{file.source.name} has no model called {name}; {near[0]}")
    return models[name] if name is not None else next(iter(models.values()))


def check_file(file: ast.File) -> tuple[Checked, ...]:
    """Every model of the file, with its parameters at their defaults.

    Raises:
        SpecError: with the mistakes of all of them.
    """
    if not file.models:
        raise SpecError([_no_model(file)])
    checked: list[Checked] = []
    findings: dict[Diagnostic, None] = {}
    for model in file.models:
        try:
            checked.append(elaborate(file, model, {}))
        except SpecError as error:
            findings |= dict.fromkeys(error.diagnostics)
    if findings:
        raise SpecError(list(findings))
    return tuple(checked)


def elaborate(file: ast.File, model: ast.Model, settings: Mapping[str, Value]) -> Checked:
    """Prove that ``model`` fits together.

    Args:
        settings: values of the model's parameters; the others take their defaults.

    Raises:
        SpecError: every independent mistake.
        UsageError: a setting that is no parameter.
    """
    _refuse_foreign(model, settings)
    findings: list[Diagnostic] = []
    scope = _file_scope(file, findings)
    if any(isinstance(item, ast.Default) for item in file.items):
        raise SpecError(findings)  # what follows would be checked against arguments that nobody meant
    _bind_params(model, settings, scope, findings)
    try:
        entry = input_port(model, scope)
    except Trouble as problem:
        raise SpecError([*findings, problem.diagnostic]) from None
    except Unknown:
        raise SpecError(findings) from None
    body, result = _walk(file, model, scope, entry, findings)
    exit_port = _leave(model, scope, entry, body, result, findings)
    if findings or exit_port is None:
        raise SpecError(findings + unknown_names(body.assertions))
    graph = _assemble(model.name, entry, exit_port, body, result)
    counted = costs(graph)
    if failed := prove(body.assertions, counted):
        raise SpecError(failed)
    return Checked(graph, counted)


def _no_model(file: ast.File) -> Diagnostic:
    return Diagnostic(
        Code.NO_MODEL,
        f"{file.source.name} describes no model" + ("" if file.source.text.strip() else ": it is empty"),
        Label(file.source.span(0, 0)),
        helps=("a model looks like this: model Net : [N, 1, 28, 28] -> [N, 10] { flatten -> fc(10) }",),
    )


def _refuse_foreign(model: ast.Model, settings: Mapping[str, Value]) -> None:
    params = [param.name for param in model.params]
    for name in settings:
        if name not in params:
            near = did_you_mean(name, params) or (f"it has {', '.join(params) or 'none'}",)
            raise UsageError(f"model {model.name} has no parameter called {name}; {near[0]}")


def _file_scope(file: ast.File, findings: list[Diagnostic]) -> Scope:
    """The file's own lets; what is not supported yet is refused here."""
    scope = Scope({})
    seen: dict[str, Span] = {}
    for item in file.items:
        try:
            match item:
                case ast.Let():
                    define(item, scope)
                case ast.Import():
                    raise not_yet("imports are", item.path_span)
                case ast.Default():
                    raise not_yet("default is", item.name_span)
                case ast.Block():
                    raise not_yet("blocks are", item.name_span)
                case ast.Model() if item.name in seen:
                    findings.append(
                        Diagnostic(
                            Code.DUPLICATE_LABEL,
                            f"two models are called {item.name}",
                            Label(item.name_span, "again here"),
                            (Label(seen[item.name], "first here"),),
                        )
                    )
                case ast.Model():
                    seen[item.name] = item.name_span
        except (Trouble, Unknown) as problem:
            if isinstance(problem, Trouble):
                findings.append(problem.diagnostic)
            if isinstance(item, ast.Let) and not scope.holds(item.name):
                scope.define(item.name, UNKNOWN)
    return Scope({}, scope)


def _bind_params(model: ast.Model, settings: Mapping[str, Value], scope: Scope, findings: list[Diagnostic]) -> None:
    for param in model.params:
        try:
            scope.define(param.name, _param_value(model, param, settings, scope))
        except Trouble as problem:
            findings.append(problem.diagnostic)
            scope.define(param.name, UNKNOWN)
        except Unknown:
            scope.define(param.name, UNKNOWN)


def _param_value(model: ast.Model, param: ast.Param, settings: Mapping[str, Value], scope: Scope) -> Value:
    if problem := name_problem(param.name):
        raise trouble(Code.BAD_LABEL, problem, param.span)
    if param.name in settings:
        return settings[param.name]
    if param.default is None:
        raise trouble(
            Code.MISSING_ARGUMENT,
            f"model {model.name} needs a value for {param.name}",
            param.span,
            helps=(f"--set {param.name}=…, or give it a default here: {param.name} = …",),
        )
    return evaluate(param.default, scope)


def _walk(
    file: ast.File, model: ast.Model, scope: Scope, entry: Port, findings: list[Diagnostic]
) -> tuple[Body, Given]:
    assert model.contract is not None, "input_port has refused a model without a contract"
    start = Given(None, entry.type, model.contract.inputs[0].shape.span)
    blocks = {item.name for item in file.items if isinstance(item, ast.Block)}
    blocks |= {label.name for item in file.items if isinstance(item, ast.Import) for label in item.names}
    body = Body(Scope({}, scope), start, {entry.name: model.contract.inputs[0].span}, frozenset(blocks))
    result = body.walk(model.body.statements, start)
    findings += body.findings
    return body, result


def _leave(
    model: ast.Model, scope: Scope, entry: Port, body: Body, result: Given, findings: list[Diagnostic]
) -> Port | None:
    """The output, and that nothing was computed in vain."""
    if result.type is None:
        return None
    if not body.drafts and not findings:
        findings.append(Diagnostic(Code.NO_MODEL, f"model {model.name} has no steps", Label(model.body.span)))
    if not findings:
        findings += _unused(body.drafts, result)
    try:
        port = output_port(model, result.type, scope, result.span)
    except Trouble as problem:
        findings.append(problem.diagnostic)
        return None
    except Unknown:
        return None
    findings += _same_ports(model, entry, port)
    return port


def _unused(drafts: list[Draft], result: Given) -> list[Diagnostic]:
    needed: set[int] = set()
    waiting = [result.producer]
    while waiting:
        producer = waiting.pop()
        if producer is not None and producer not in needed:
            needed.add(producer)
            waiting += [given.producer for given in drafts[producer].inputs]
    read = {given.producer for draft in drafts for given in draft.inputs}
    return [
        Diagnostic(
            Code.UNUSED,
            f"the value of this {draft.op.kind} is never used",
            Label(draft.span),
            helps=("every step must lead to the output",),
        )
        for i, draft in enumerate(drafts)
        if i not in needed and i not in read
    ]


def _assemble(name: str, entry: Port, leave: Port, body: Body, result: Given) -> Graph:
    steps = [Unnamed(d.op.kind, bool(d.op.parameters(*_types(d))), d.label, d.span) for d in body.drafts]
    names, collisions = name_steps(steps, {entry.name, leave.name})
    last = names[result.producer] if result.producer is not None else entry.name
    collisions += _port_collisions(names, last, entry, leave, body.drafts)
    if collisions:
        raise SpecError(collisions)

    def named(given: Given) -> str:
        return entry.name if given.producer is None else names[given.producer]

    nodes = tuple(
        Node(step, draft.op, tuple(map(named, draft.inputs)), _types(draft), draft.type, draft.span)
        for step, draft in zip(names, body.drafts, strict=True)
    )
    return Graph(name, (entry,), ((leave, last),), nodes)


def _port_collisions(names: list[str], last: str, entry: Port, leave: Port, drafts: list[Draft]) -> list[Diagnostic]:
    """A step may share the output's name only if it makes the output; the input's never."""
    return [
        Diagnostic(
            Code.BAD_LABEL,
            f"{step} is the name of the model's {'input' if step == entry.name else 'output'}, not of this value",
            Label(draft.span),
            helps=("label the step differently",),
        )
        for step, draft in zip(names, drafts, strict=True)
        if step == entry.name or (step == leave.name and step != last)
    ]


def _same_ports(model: ast.Model, entry: Port, leave: Port) -> list[Diagnostic]:
    """Input and output are two values, and a file can call only one of them so."""
    if entry.name != leave.name or model.contract is None:
        return []
    ports = (*model.contract.inputs, *(model.contract.outputs or ()))
    return [
        Diagnostic(
            Code.DUPLICATE_LABEL,
            f"input and output are both called {entry.name}",
            Label(ports[-1].span, "" if len(ports) > 1 else "an output without a name is called output"),
            tuple(Label(port.span, "first here") for port in ports[:-1]),
            helps=("name the ports differently: (x: …) -> (y: …)",),
        )
    ]


def _types(draft: Draft) -> tuple[TensorType, ...]:
    return tuple(given.type for given in draft.inputs if given.type is not None)


def constant(file: ast.File) -> Value:
    """The value of a file that is a single ``let``: how values are given from outside.

    Raises:
        SpecError: it has none.
    """
    (let,) = (item for item in file.items if isinstance(item, ast.Let))
    try:
        return evaluate(let.value, Scope({}))
    except Trouble as problem:
        raise SpecError([problem.diagnostic]) from None
