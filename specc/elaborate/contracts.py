"""Contracts: what goes into a model and what it gives out, what a block takes and gives, and the shapes in them."""

from __future__ import annotations

from math import prod

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.finding import NO_CONDITION, Condition, conjunction
from specc.elaborate import hints
from specc.elaborate.drafts import Construction
from specc.elaborate.errors import Invalid, Unknown, ambiguous, collecting, in_form, invalid, suggestion
from specc.elaborate.evaluation import evaluate, truth
from specc.elaborate.scopes import ABSENT, Scope
from specc.elaborate.values import Signal, display, is_whole, kind_of
from specc.elaborate.where import define_sizes
from specc.ir.conditions import where_equal
from specc.ir.graph import Port
from specc.ir.size import Dim, Size
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST
from specc.source import Span
from specc.syntax import ast

GraphOutput = tuple[Port, Signal]
"""An output and the value that it gives out."""

MOST_AXES = 32
"""PyTorch stops at 64, runtimes earlier; no network needs more than a handful."""

MOST_ELEMENTS = 2**40
"""No tensor may be larger: 4 TiB of float32."""

# ---- the inputs of a model ------------------------------------------------------------------------------------------


def input_ports(model: ast.ModelDefinition, scope: Scope, besides: Condition = NO_CONDITION) -> tuple[Port, ...]:
    """The model's inputs. The symbolic sizes of its contract are defined in ``scope``.

    Args:
        besides: what is asked of the sizes besides the contract's ``where``. Raises ValueError where it cannot hold.
    """
    contract = model.contract
    if contract is None:
        language = f"write model {model.name} : [N, 3, 32, 32] {{ … }}, with your own sizes"
        example = in_form(model.name_span, language, "add `input: [N, 3, 32, 32]`, with your own sizes")
        message = f"model {model.name} does not say what goes in"
        raise invalid(Code.CONTRACT, message, model.name_span, helps=(example,))
    if not contract.inputs:
        raise invalid(Code.CONTRACT, f"model {model.name} has no input", contract.span)
    define_sizes(contract, scope, besides)
    ports: list[Port] = []
    for stated in contract.inputs:
        shape = stated.shape
        if len(shape.dims) < 2:
            raise invalid(
                Code.CONTRACT,
                "an input has at least a batch and one more axis",
                shape.span,
                helps=("[N, 784] is a batch of flat inputs, [N, 3, 32, 32] one of images",),
            )
        batch, *sample = (size(dim, scope) for dim in shape.dims)
        ports.append(Port(stated.name or "input", within_limit(TensorType(batch, tuple(sample)), shape.span)))
    first = ports[0].type.batch
    for stated, port in zip(contract.inputs, ports, strict=True):
        if port.type.batch != first:
            raise invalid(
                Code.CONTRACT,
                f"the inputs of a model have one batch, and {port.name} has {port.type.batch}",
                stated.shape.dims[0].span,
                secondary=(Label(contract.inputs[0].shape.dims[0].span, f"the batch is {first} here"),),
            )
    return tuple(ports)


# ---- shapes ---------------------------------------------------------------------------------------------------------


def size(expression: ast.Expr, scope: Scope) -> Dim:
    """One entry of a shape: a whole number of at least 1, or a symbolic size."""
    value = evaluate(expression, scope)
    if isinstance(value, Size):
        return value
    if not is_whole(value):
        raise invalid(
            Code.BAD_VALUE,
            f"a size is a whole number, and {expression.span.text} is {kind_of(value)}",
            expression.span,
            helps=hints.real_for_whole(value, expression),
        )
    if not 1 <= value <= LARGEST:
        message = f"a size is at least 1 and below 2^31, and this one is {display(value)}"
        raise invalid(Code.BAD_VALUE, message, expression.span)
    return int(value)


def within_limit(tensor: TensorType, span: Span) -> TensorType:
    """The type; refuses one of too many axes, or of too many elements."""
    if tensor.rank > MOST_AXES:
        raise invalid(Code.LIMIT, f"a tensor here has {tensor.rank} axes, and the most is {MOST_AXES}", span)
    # How large a symbolic size gets, only the caller knows; but not even the smallest may be too large.
    elements = prod([size if isinstance(size, int) else size.least or 0 for size in tensor.sample])
    if elements > MOST_ELEMENTS:
        least = "" if tensor.is_fixed else "at least "
        raise invalid(
            Code.LIMIT, f"a tensor of {tensor} has {least}{elements:,} elements a sample, and the most is 2^40", span
        )
    return tensor


def agree(shape: ast.Shape, value: Signal, scope: Scope, code: Code, giver: str) -> None:
    """Refuse unless the value has this shape, pointing at the one size that differs. Its type is known."""
    actual = value.type
    assert actual is not None, "whoever calls knows the type"
    cause = Label(value.span, f"gives {actual}")
    if len(shape.dims) != actual.rank:
        raise invalid(
            code,
            f"{giver} {actual}, of {actual.rank} axes, and {shape.span.text} has {len(shape.dims)}",
            shape.span,
            secondary=(cause,),
            helps=hints.missing_batch(actual, shape, scope),
        )
    stated: list[Dim] = []
    for dim in shape.dims:
        try:
            stated.append(size(dim, scope))
        except Invalid as problem:
            if problem.diagnostic.code != Code.UNKNOWN_NAME or not isinstance(dim, ast.Name):
                raise
            message = f"{dim.name} is neither a parameter nor a size of the input"
            similar = suggestion(dim.name, scope.known(), "value")
            raise invalid(Code.UNKNOWN_NAME, message, dim.span, suggestion=similar) from None
    different = [axis for axis, (s, a) in enumerate(zip(stated, actual.shape, strict=True)) if s != a]
    if different:
        span = shape.dims[different[0]].span if len(different) == 1 else shape.span
        raise invalid(
            code,
            f"{giver} {actual}, not [{', '.join(map(str, stated))}]",
            span,
            f"is {actual.shape[different[0]]}" if len(different) == 1 else "",
            secondary=(cause,),
            where=conjunction(where_equal(stated[axis], actual.shape[axis]) for axis in different),
            helps=hints.input_for_current([shape.dims[axis] for axis in different], scope),
        )


# ---- the contract of a block ----------------------------------------------------------------------------------------


def check_input(contract: ast.Contract, name: str, current: Signal, scope: Scope) -> None:
    """Hold the contract of the block ``name`` against what goes in; the names of its sizes are defined in ``scope``.

    Raises:
        Invalid: it does not hold.
        Unknown: an earlier error left the value unknown.
    """
    for ports in (contract.inputs, contract.outputs or ()):
        if len(ports) > 1:
            raise invalid(
                Code.CONTRACT,
                "a block takes one value and gives one",
                ports[1].span,
                helps=("hand other values over as arguments: up(256, e4)",),
            )
    if current.type is None:
        raise Unknown
    for port in contract.inputs:
        # A name that means nothing yet takes the size at its place.
        for dim, actual in zip(port.shape.dims, current.type.shape, strict=False):
            if isinstance(dim, ast.Name) and not scope.has(dim.name):
                scope.names[dim.name] = actual
        agree(port.shape, current, scope, Code.CONTRACT, "the block is given")
        if port.name:
            scope.names[port.name] = current.seen
    for condition in contract.where:
        if not truth(condition, scope):
            message = f"block {name} needs {condition.span.text}, and is given {current.type}"
            raise invalid(Code.CONTRACT, message, condition.span)


def check_output(contract: ast.Contract, name: str, result: Signal | None, scope: Scope) -> None:
    """Hold the contract against what the block gives, where that is known. Raises Invalid."""
    if result is not None and result.type is not None:
        for port in contract.outputs or ():
            agree(port.shape, result, scope, Code.CONTRACT, f"the block {name} gives")


# ---- the outputs of a model -----------------------------------------------------------------------------------------


def outputs(
    model: ast.ModelDefinition, network: Construction, scope: Scope, last: Signal
) -> tuple[list[GraphOutput], list[Diagnostic]]:
    """The model's outputs, its contract (if stated) proven.

    An output gives out the value of the step labelled with its name. The body's last value is an output too:
    of the port that no label names; where every port has its label, of the one whose label is the last before
    it (``score: fc(1) -> sigmoid`` labels the weights of fc, and gives out the sigmoid).
    """
    stated = model.contract.outputs if model.contract else None
    if not stated:
        return ([(Port("output", last.type), last)] if last.type else []), []
    proven: list[GraphOutput] = []
    findings: list[Diagnostic] = []
    with collecting(findings.append):
        for port, value in zip(stated, _output_values(stated, network, scope, last), strict=True):
            if value.type is not None:
                with collecting(findings.append):
                    agree(port.shape, value, scope, Code.CONTRACT, "the model gives")
                    proven.append((Port(port.name or "output", value.type), value))
    return proven, findings


def _output_values(
    stated: tuple[ast.PortDeclaration, ...], network: Construction, scope: Scope, last: Signal
) -> list[Signal]:
    """The value of each output. Raises Invalid."""
    labelled: list[Signal | None] = []
    for port in stated:
        if port.name is not None and len(labels := scope.ambiguity(port.name)) > 1:
            raise ambiguous(port.name, port.span, labels)
        value = ABSENT if port.name is None else scope.get(port.name)
        if value is ABSENT:
            labelled.append(network.outputs.get(port.name or ""))
        else:
            labelled.append(value if isinstance(value, Signal) else Signal(None, None, port.span))
    unnamed = [port for port, value in zip(stated, labelled, strict=True) if value is None]
    producers = [value.producer for value in labelled if value is not None]
    if len(unnamed) > (0 if last.producer in producers else 1):
        # Shown at one that a label nearly names.
        similar = {port: suggestion(port.name or "", scope.known()) for port in unnamed}
        port = next((port for port in unnamed if similar[port]), unnamed[1] if len(unnamed) > 1 else unnamed[0])
        with_label = in_form(port.span, f"{port.name}: …", f"`{{label: {port.name}, …}}`")
        raise invalid(
            Code.CONTRACT,
            f"nothing is labelled {port.name}, and the last value is one output only",
            port.span,
            helps=() if similar[port] else (f"label the step that gives it, in the model's own body: {with_label}",),
            suggestion=similar[port],
        )
    values = [value or last for value in labelled]
    if not unnamed and last.producer not in producers:
        # The output that the last value was made from, a step at a time along first inputs.
        here = last.producer
        while isinstance(here, int):
            if here in producers:
                values[producers.index(here)] = last
                break
            here = network.nodes[here].inputs[0].producer
    return values


def _labelled(port: ast.PortDeclaration, network: Construction, scope: Scope) -> Signal | None:
    """The value called by the port's name; None where nothing is."""
    if port.name is None:
        return None
    if len(labels := scope.ambiguity(port.name)) > 1:
        raise ambiguous(port.name, port.span, labels)
    value = scope.get(port.name)
    if value is ABSENT:
        return network.outputs.get(port.name)
    return value if isinstance(value, Signal) else Signal(None, None, port.span)


def unused(
    inputs: tuple[Port, ...], stated: tuple[ast.PortDeclaration, ...], network: Construction, out: list[GraphOutput]
) -> list[Diagnostic]:
    """Steps whose value no output depends on, of a chain of such steps the last; shared steps that are never applied;
    inputs that nothing reads."""
    needed = {value.producer for _, value in out}
    read = needed | {value.producer for node in network.nodes for value in node.inputs}
    vain = []
    for node in reversed(network.nodes):  # a value is made before it is read
        if node.producer in needed:
            needed.update([value.producer for value in node.inputs])
        else:
            vain.append(node)
    in_vain = {value.producer for node in vain for value in node.inputs}
    last = {node.span: node.op.kind for node in reversed(vain) if node.producer not in in_vain}
    helps = ("every step must lead to the output",)
    return [
        *(
            Diagnostic(Code.UNUSED, f"the value of this {kind} is never used", Label(span), helps=helps)
            for span, kind in last.items()
        ),
        *(
            Diagnostic(Code.UNUSED, f"the shared steps {s.name} are never applied", Label(s.statement.name_span))
            for s, is_applied in network.shared.items()
            if not is_applied
        ),
        *(
            Diagnostic(Code.UNUSED, f"the input {port.name} is never used", Label(place.span))
            for port, place in zip(inputs, stated, strict=True)
            if port.name not in read
        ),
    ]


def duplicate_ports(contract: ast.Contract, inputs: tuple[Port, ...], out: list[GraphOutput]) -> list[Diagnostic]:
    """Every input and output is a value of its own, and a file can call only one of them so."""
    stated = [port.span for port in contract.outputs or ()] or [contract.span]
    places = [*(port.span for port in contract.inputs), *stated]
    names = [*(port.name for port in inputs), *(port.name for port, _ in out)]
    first: dict[str, Span] = {}
    findings: list[Diagnostic] = []
    for name, place in zip(names, places, strict=False):
        if first.setdefault(name, place) is not place:
            again = "again here" if contract.outputs else "an output without a name is called output"
            findings.append(
                Diagnostic(
                    Code.DUPLICATE_LABEL,
                    f"two ports are called {name}",
                    Label(place, again),
                    (Label(first[name], "first here"),),
                    helps=("name the ports differently: (x: …) -> (y: …)",),
                )
            )
    return findings
