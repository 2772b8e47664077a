"""Contracts: what goes into a model and what it gives out, what a block takes and gives, and the shapes in them."""

from __future__ import annotations

import re
from math import prod

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.finding import NO_CONDITION, Condition, conjunction
from specc.diagnostics.words import listed
from specc.elaborate import hints
from specc.elaborate.drafts import Construction, DraftBlock
from specc.elaborate.errors import Invalid, Unknown, ambiguous, collecting, in_form, invalid, suggestion
from specc.elaborate.evaluation import evaluate, truth
from specc.elaborate.scopes import Scope, require_name
from specc.elaborate.values import UNKNOWN, Signal, display, is_whole, kind_of
from specc.elaborate.where import define_sizes
from specc.ir.conditions import where_equal
from specc.ir.graph import Port
from specc.ir.size import Dim, Size
from specc.ir.types import DTYPES, DType, TensorType
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
    batches: list[Span] = []
    for stated in contract.inputs:
        if (shape := stated.shape) is None:
            helps: tuple[str, ...] = (f"write `{stated.name}: [N, 3, 32, 32]`, with your own sizes",)
            if all(port.shape is None for port in contract.inputs):
                names = ", ".join(port.span.text for port in contract.inputs)
                helps = (*helps, f"or, where these are the sizes of one input, `[{names}]`")
            raise invalid(Code.CONTRACT, f"the input {stated.name} states no shape", stated.span, helps=helps)
        if len(shape.dims) < 2:
            raise invalid(
                Code.CONTRACT,
                "an input has at least a batch and one more axis",
                shape.span,
                helps=(_with_batch(shape),),
            )
        if any(isinstance(dim, ast.Name) and dim.name == "_" for dim in shape.dims):
            message, helps = "an input states each of its sizes", ("a name, such as `H`, is any size",)
            place = next(dim.span for dim in shape.dims if isinstance(dim, ast.Name) and dim.name == "_")
            raise invalid(Code.CONTRACT, message, place, helps=helps)
        batches.append(shape.dims[0].span)
        dtype = _input_dtype(stated)
        batch, *sample = (size(dim, scope) for dim in shape.dims)
        ports.append(Port(stated.name or "input", within_limit(TensorType(batch, tuple(sample)), shape.span), dtype))
    first = ports[0].type.batch
    for place, port in zip(batches, ports, strict=True):
        if port.type.batch != first:
            raise invalid(
                Code.CONTRACT,
                f"the inputs of a model have one batch, and {port.name} has {port.type.batch}",
                place,
                secondary=(Label(batches[0], f"the batch is {first} here"),),
            )
    return tuple(ports)


def _with_batch(shape: ast.Shape) -> str:
    """What is said of a shape of one size at most, with that size."""
    size = shape.dims[0].span.text if shape.dims and isinstance(shape.dims[0], ast.Number) else "784"
    return f"[N, {size}] is a batch of flat inputs, [N, 3, 32, 32] one of images"


# ---- types of elements ----------------------------------------------------------------------------------------------

_KNOWN_TYPE = re.compile(r"(u?int|b?float|complex)\d*|bool|half|double|long")
"""What is a type elsewhere, and no slip."""


def _input_dtype(stated: ast.PortDeclaration) -> DType:
    """What a model's input takes."""
    if stated.dtype is None:
        if stated.name == "uint8":
            message = "uint8 is a type, and here it is the name of an input of float32 numbers"
            written = in_form(stated.span, "`uint8 [N, 3, 32, 32]`", '`input: "uint8 [N, 3, 32, 32]"`')
            helps: tuple[str, ...] = (f"an input that takes bytes is {written}, with your own sizes",)
            raise invalid(Code.CONTRACT, message, stated.span, helps=helps)
        return "float32"
    name = stated.dtype.name
    for dtype in DTYPES:
        if dtype == name:
            return dtype
    helps = ()
    # A type of other programs is no slip of one that is meant.
    near = None if _KNOWN_TYPE.fullmatch(name) else suggestion(name, DTYPES)
    if near is None and ("float" in name or name in ("half", "double")):
        helps = ("leave it out: a network computes in float32, and converters make other files of a finished one",)
    elif near is None:
        helps = ("uint8 is for the numbers 0 to 255, as images have them; all others come in as float32",)
    message = f"an input is float32 or uint8, not {name}"
    raise invalid(Code.CONTRACT, message, stated.dtype.span, helps=helps, suggestion=near)


def _require_float32(stated: ast.PortDeclaration, what: str) -> None:
    """Refuse another type than that of all values inside a network; ``what`` is of it, as "an output is"."""
    if stated.dtype is not None and stated.dtype.name != "float32":
        name = stated.dtype.name
        message, helps = f"{what} float32, not {name}", [f"leave `{name}` out"]
        if name == "uint8":
            message = f"{what} float32: uint8 is the type of a model's input alone"
            helps.append("an input's bytes are cast to float32 before the first step")
        raise invalid(Code.CONTRACT, message, stated.dtype.span, helps=tuple(helps))


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
        helps = ("a name, such as `N`, is any size",) if value == -1 else ()
        raise invalid(Code.BAD_VALUE, message, expression.span, helps=helps)
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


def agree(
    shape: ast.Shape,
    value: Signal,
    scope: Scope,
    code: Code,
    giver: str,
    inputs: tuple[ast.PortDeclaration, ...] = (),
) -> None:
    """Refuse unless the value has this shape, pointing at the one size that differs. Its type is known.

    Args:
        inputs: of a block, whose shapes give names to sizes.
    """
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
    for dim, known in zip(shape.dims, actual.shape, strict=True):
        if isinstance(dim, ast.Name) and dim.name == "_":  # whatever it is
            stated.append(known)
            continue
        try:
            stated.append(size(dim, scope))
        except Invalid as problem:
            if problem.diagnostic.code != Code.UNKNOWN_NAME or not isinstance(dim, ast.Name):
                raise
            message = f"{dim.name} is neither a parameter nor a size of the input"
            similar = suggestion(dim.name, scope.known(), "value")
            helps: tuple[str, ...] = ()
            if dim is shape.dims[0] and isinstance(actual.batch, int):
                helps, similar = hints.named_batch(dim.name, scope) or helps, None
            raise invalid(Code.UNKNOWN_NAME, message, dim.span, suggestion=similar, helps=helps) from None
    different = [axis for axis, (s, a) in enumerate(zip(stated, actual.shape, strict=True)) if s != a]
    if different:
        span = shape.dims[different[0]].span if len(different) == 1 else shape.span
        named = _naming([shape.dims[axis] for axis in different], inputs)
        raise invalid(
            code,
            f"{giver} {actual}, not [{', '.join(map(str, stated))}]",
            span,
            f"is {actual.shape[different[0]]}" if len(different) == 1 else "",
            secondary=(cause, *(Label(dim.span, f"{dim.name} is {scope.get(dim.name)}") for dim in named)),
            where=conjunction(where_equal(stated[axis], actual.shape[axis]) for axis in different),
            helps=(
                *hints.batch_for_channels(actual, stated, scope),
                *hints.input_for_current([shape.dims[axis] for axis in different], scope),
            ),
        )


def _naming(dims: list[ast.Expr], inputs: tuple[ast.PortDeclaration, ...]) -> list[ast.Name]:
    """The places in the shapes of a block's inputs at which names among ``dims``, which stand elsewhere, got a size."""
    first: dict[str, ast.Name] = {}
    for port in inputs:
        for dim in port.shape.dims if port.shape is not None else ():
            if isinstance(dim, ast.Name):
                first.setdefault(dim.name, dim)
    names = [dim for dim in dims if isinstance(dim, ast.Name) and dim.name in first]
    return [first[dim.name] for dim in names if first[dim.name] is not dim]


# ---- the contract of a block ----------------------------------------------------------------------------------------


def check_inputs(contract: ast.Contract, name: str, values: tuple[Signal, ...], scope: Scope) -> None:
    """Hold the contract of the block ``name`` against what goes in; what it names is defined in ``scope``.

    Raises:
        Invalid: it does not hold.
        Unknown: an earlier error left the value unknown.
    """
    for port, current in zip(contract.inputs, values, strict=bool(contract.inputs)):
        _require_float32(port, "what a block takes is")
        if port.name and len(values) > 1:
            require_name(port.name, port.span)
        if port.name and port.name in scope.names:
            message = f"{port.name} is an input of block {name}, and a parameter of it"
            raise invalid(Code.DUPLICATE_LABEL, message, port.span, helps=("call one of them something else",))
        if port.name:
            scope.names[port.name] = current.seen
        if current.type is None:
            raise Unknown
        if port.shape is not None:
            # A name that means nothing yet takes the size at its place.
            for dim, actual in zip(port.shape.dims, current.type.shape, strict=False):
                if isinstance(dim, ast.Name) and dim.name != "_" and not scope.has(dim.name):
                    scope.names[dim.name] = actual
            agree(port.shape, current, scope, Code.CONTRACT, "the block is given", contract.inputs)
    if any(value.type is None for value in values):
        raise Unknown
    for condition in contract.where:
        if not truth(condition, scope):
            types = listed([str(value.type) for value in values])
            message = f"block {name} needs {condition.span.text}, and is given {types}"
            raise invalid(Code.CONTRACT, message, condition.span)


def given(contract: ast.Contract, block: DraftBlock, network: Construction, last: Signal) -> Signal:
    """The value of a block: of the outputs that it states the last, else that of its last step.

    Raises:
        Invalid: the contract is not kept.
    """
    stated, inside = contract.outputs or (), block.names.inside
    for port in stated:
        _require_float32(port, "what a block gives is")
    values = output_values(stated, block, network, last)
    for port in () if contract.inputs else stated:
        batch = next(iter(port.shape.dims), None) if port.shape else None
        if last.type is not None and isinstance(batch, ast.Name) and not block.scope.has(batch.name):
            block.scope.names[batch.name] = last.type.batch  # no input has said what it is called
    for port, value in zip(stated, values, strict=True):
        if port.shape is not None and value.type is not None:
            agree(port.shape, value, block.scope, Code.CONTRACT, f"the block {block.title} gives", contract.inputs)
    network.stated += [(block, port, value) for port, value in zip(stated, values, strict=True) if port.name]
    block.outputs = tuple([(port.name, value) for port, value in zip(stated, values, strict=True) if port.name])
    if block.outputs:
        inside.values.update(block.outputs)
        inside.outputs = {port.name: port.span for port in stated if port.name}
    return values[-1] if values else last


# ---- outputs --------------------------------------------------------------------------------------------------------


def outputs(
    model: ast.ModelDefinition, root: DraftBlock, network: Construction, last: Signal
) -> tuple[list[GraphOutput], list[Diagnostic]]:
    """The model's outputs, its contract (if stated) proven."""
    stated = model.contract.outputs if model.contract else None
    if not stated:
        return ([(Port("output", last.type), last)] if last.type else []), []
    proven: list[GraphOutput] = []
    findings: list[Diagnostic] = []
    with collecting(findings.append):
        for port, value in zip(stated, output_values(stated, root, network, last), strict=True):
            if value.type is not None:
                with collecting(findings.append):
                    _require_float32(port, "an output is")
                    if port.shape is not None:
                        agree(port.shape, value, root.scope, Code.CONTRACT, "the model gives")
                    proven.append((Port(port.name or "output", value.type), value))
    return proven, findings


def output_values(
    stated: tuple[ast.PortDeclaration, ...], block: DraftBlock, network: Construction, last: Signal
) -> list[Signal]:
    """The value of each output of a model or block.

    An output gives out the value of the step labelled with its name. The body's last value is an output too:
    of the port that no label names; where every port has its label, of the one whose label is the last before
    it (``score: fc(1) -> sigmoid`` labels the weights of fc, and gives out the sigmoid).

    Raises:
        Invalid: nothing has the name of an output.
    """
    labelled = [_labelled(port, block) for port in stated]
    unnamed = [port for port, value in zip(stated, labelled, strict=True) if value is None]
    producers = [value.producer for value in labelled if value is not None]
    if len(unnamed) > (0 if last.producer in producers else 1):
        # Shown at one that a label nearly names.
        similar = {port: suggestion(port.name or "", block.scope.known()) for port in unnamed}
        port = next((port for port in unnamed if similar[port]), unnamed[1] if len(unnamed) > 1 else unnamed[0])
        where = f"in the {block.kind}'s own body"
        with_label = in_form(port.span, f"{port.name}: …", f"`{{label: {port.name}, …}}`")
        raise invalid(
            Code.CONTRACT,
            f"nothing is labelled {port.name}, and the last value is one output only",
            port.span,
            helps=() if similar[port] else (f"label the step that gives it, {where}: {with_label}",),
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


def _labelled(port: ast.PortDeclaration, block: DraftBlock) -> Signal | None:
    """The value called by the port's name in the block's own body; None where nothing is."""
    if port.name is None:
        return None
    if len(labels := block.scope.ambiguity(port.name)) > 1:
        raise ambiguous(port.name, port.span, labels)
    if (value := block.names.inside.values.get(port.name)) is not None:
        return value
    value = block.scope.names.get(port.name)  # a let, an input
    return Signal(None, None, port.span) if value is UNKNOWN else value if isinstance(value, Signal) else None


def unused(
    inputs: tuple[Port, ...], stated: tuple[ast.PortDeclaration, ...], network: Construction, out: list[GraphOutput]
) -> list[Diagnostic]:
    """Steps whose value no output depends on, of a chain of such steps the last; shared steps that are never applied;
    inputs that nothing reads; and steps with weights of which the size alone is used."""
    needed = {value.producer for _, value in out}
    read = needed | {value.producer for node in network.nodes for value in node.inputs}
    vain, sized, untrained = [], set[int | str | None](), {}
    for node in reversed(network.nodes):  # a value is made before it is read
        values = [value.producer for value in node.inputs]
        if node.producer in needed:
            reads = len(values) - (node.op.measured if node.op.measures else 0)
            needed.update(values[:reads])
            sized.update(values[reads:])
        elif node.producer in sized:
            sized.update(values)
            if node.parameters:
                untrained[node.span] = node.op.kind
        else:
            vain.append(node)
    in_vain = {value.producer for node in vain for value in node.inputs}
    ends = {node.producer: node for node in reversed(vain) if node.producer not in in_vain}
    unread = {}
    for block, port, value in network.stated:
        if value.producer in ends:
            unread[block.span, port.name] = _unread(block, port)
    given_out = {value.producer for _, _, value in network.stated}
    last = {node.span: node.op.kind for producer, node in ends.items() if producer not in given_out}
    helps = ("every step must lead to the output",)
    return [
        *unread.values(),
        *(
            Diagnostic(
                Code.UNUSED,
                f"of the value of this {kind} the size alone is used: its weights would never be trained",
                Label(span),
                helps=("take the sizes of a value that is used, or of one without weights",),
            )
            for span, kind in reversed(untrained.items())
        ),
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


def _unread(block: DraftBlock, port: ast.PortDeclaration) -> Diagnostic:
    """An output of a block that nothing reads, nor any step behind it."""
    owner = block.label or block.title
    return Diagnostic(
        Code.UNUSED,
        f"the output {port.name} of {owner} is never used",
        Label(block.span, f"nothing reads {port.name} here"),
        (Label(port.span, f"{block.title} gives it"),),
        helps=("every step must lead to the output: use it, or let a parameter leave out the steps that make it",),
    )


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
