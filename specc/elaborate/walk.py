"""The statements of a model, one after the other, into its blocks and through its loops.

A step that is wrong gives a value of unknown type, which silences what follows from it; so one run finds
every independent mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate import steps
from specc.elaborate.binder import bind, signature
from specc.elaborate.bounds import MOST_DEPTH, Budget
from specc.elaborate.calls import bind_parameters, labels_in, shown_arguments
from specc.elaborate.contract import agree, match
from specc.elaborate.expressions import evaluate, prepared, truth
from specc.elaborate.files import Definition
from specc.elaborate.frames import Draft, Frame, Given, Shared
from specc.elaborate.naming import label_problem, name_problem
from specc.elaborate.scope import UNKNOWN, Scope, Unknown
from specc.elaborate.trouble import Trouble, did_you_mean, short, trouble
from specc.elaborate.values import Prepared, Tensor, Value, is_plain, kind_of, written
from specc.ir.graph import Handed
from specc.ir.op import Op, Refusal
from specc.ir.size import Size
from specc.ops import find, names
from specc.source import Span
from specc.syntax import ast


class Walk:
    """One model on its way to a graph."""

    def __init__(self, model: Frame, inputs: tuple[str, ...], statements: tuple[ast.Statement, ...] = ()) -> None:
        self._statements = statements
        self.drafts: list[Draft] = []
        self.shared: list[Shared] = []
        self.assertions: list[tuple[ast.Assert, Scope]] = []
        self._inputs = inputs
        self._findings: dict[tuple[object, ...], Diagnostic] = {}
        self._frame = model
        self._trace: list[Label] = []
        self._active: list[Definition | Shared] = []
        self._depth = 0
        self._budget = Budget()

    def enter(self, name: str, place: ast.Port, value: Given) -> None:
        """Make an input of the model known: its name is taken, and where the contract gives it, it is a value."""
        if place.name is not None:
            self._claim(ast.Label(place.span, name), self._frame.scope)
            self._frame.scope.define(name, value.seen)
        self._frame.labels[name] = place.span

    @property
    def findings(self) -> list[Diagnostic]:
        return list(self._findings.values())

    def report(self, findings: Iterable[Diagnostic]) -> None:
        """Keep the mistakes; of one place in a block or loop only the first, with the calls that led there."""
        for finding in findings:
            key = (finding.code, finding.primary.span, "" if self._trace else finding.message)
            if key not in self._findings:
                self._findings[key] = replace(finding, trace=tuple(reversed(self._trace)))

    def walk(
        self, statements: tuple[ast.Statement, ...], current: Given | None, scope: Scope, name: str | None = None
    ) -> Given | None:
        """Follow ``statements`` from ``current`` and return the last value.

        Args:
            current: None where there is none yet: a model of several inputs begins with one of them.
            name: what the only step of these is called, where they are a round of a loop.
        """
        if self._depth >= MOST_DEPTH:
            span = statements[0].span
            raise trouble(Code.LIMIT, f"blocks, groups and loops stand more than {MOST_DEPTH} deep in each other", span)
        self._depth += 1
        for statement in statements:
            if current is not None:
                scope.define("_", current.seen)
            try:
                self._budget.spend(1, statement.span)
                current = self._statement(statement, current, scope, name)
            except Trouble as problem:
                self.report([problem.diagnostic])
                current = self._lost(statement, current, scope)
            except Unknown:
                current = self._lost(statement, current, scope)
        self._depth -= 1
        return current

    def _lost(self, statement: ast.Statement, current: Given | None, scope: Scope) -> Given | None:
        """What stands after a statement that failed: a step's value is unknown, and so is what it names."""
        if isinstance(statement, (ast.Let, ast.Shared)):
            scope.define(statement.name, UNKNOWN)
        if isinstance(statement, (ast.Let, ast.Shared, ast.Assert, ast.Checkpoint)):
            return current
        if statement.label is not None and not self._frame.scope.holds(statement.label.name):
            self._frame.scope.define(statement.label.name, UNKNOWN)
        return Given(None, None, statement.span)

    def _statement(
        self, statement: ast.Statement, current: Given | None, scope: Scope, name: str | None
    ) -> Given | None:
        match statement:
            case ast.Let():
                define(statement, scope)
                return current
            case ast.Assert():
                # Proven when the whole network is known, but ``_`` means the value at this place.
                here = Scope({"_": current.seen} if current else {}, scope)
                self.assertions.append((statement, here))
                return current
            case ast.Shared():
                self._declare(statement, scope)
                return current
            case ast.Checkpoint():
                self._checkpoint(statement, current, scope)
                return current
            case ast.Enclosing():
                self._no_label(statement)
                return self._enclosing(statement)
            case ast.Call():
                return self._call(statement, current, scope, name)
            case ast.Merge():
                return self._merge(statement, current, scope)
            case ast.Group():
                return self._group(statement, statement.body, current, scope, name)
            case ast.If():
                return self._if(statement, current, scope, name)
            case ast.Repeat():
                return self._repeat(statement, current, scope, name)
            case ast.For():
                return self._for(statement, current, scope, name)

    # ---- calls --------------------------------------------------------------------------------------

    def _call(self, call: ast.Call, current: Given | None, scope: Scope, name: str | None) -> Given | None:
        if call.bare and (earlier := self._earlier_value(call, current, scope)) is not None:
            return earlier
        target = self._target(call, scope)
        if current is None:
            raise self._nothing_yet(call.name_span)
        if isinstance(target.target, Definition):
            return self._block(call, target, target.target, current, scope, name)
        if isinstance(target.target, Shared):
            return self._shared(call, target.target, current)
        return self._operator(call, target, target.target, current, scope, name)

    def _target(self, step: ast.Call | ast.Merge, scope: Scope) -> Prepared:
        """What is called. Raises Trouble where the name stands for nothing that can be."""
        value = scope.find(step.name) if scope.has(step.name) else None
        if value is UNKNOWN:
            raise Unknown
        target = prepared(step.name, scope)
        if target is not None:
            return target
        if value is not None:
            raise trouble(
                Code.UNKNOWN_LAYER,
                f"{step.name} is {kind_of(value)} here, and no step",
                step.name_span,
                helps=("a value takes no arguments",) if isinstance(value, Tensor) else (),
            )
        raise trouble(
            Code.UNKNOWN_LAYER,
            f"no layer is called {short(step.name)}",
            step.name_span,
            helps=self._elsewhere(step) or did_you_mean(step.name, {*names(), *scope.known()}),
        )

    def _elsewhere(self, step: ast.Call | ast.Merge) -> tuple[str, ...]:
        """Where a label of that name stands, if this place does not see it."""
        here = next((d.block.body.statements for d in reversed(self._active) if isinstance(d, Definition)), None)
        label = next((label for label in labels_in(here or self._statements) if label.name == step.name), None)
        if label is None:
            return ()
        line, _ = label.span.position
        if label.span.start > step.span.start:
            return (f"{step.name} is labelled further down, in line {line}: a value is used behind its label",)
        return (f"{step.name} is labelled in line {line}, in a block, group, loop or branch that this place is not in",)

    def _earlier_value(self, call: ast.Call, current: Given | None, scope: Scope) -> Given | None:
        """A bare name that stands for a value: ``_``, an input, a labelled step, a value handed to the block."""
        if call.name == "_":
            self._no_label(call)
            if current is None:
                raise self._nothing_yet(call.name_span)
            return current
        value = scope.find(call.name) if scope.has(call.name) else None
        if not isinstance(value, Tensor):
            return None
        self._no_label(call)
        return value.given

    def _nothing_yet(self, span: Span) -> Trouble:
        return trouble(
            Code.RANK,
            "the model has several inputs, and nothing says which one this step takes",
            span,
            helps=(f"begin with one of them: {', '.join(self._inputs)}",),
        )

    def _enclosing(self, step: ast.Enclosing) -> Given:
        if self._frame.entry is None:
            raise self._nothing_yet(step.span)
        return self._frame.entry

    def _operator(
        self, call: ast.Call, target: Prepared, kind: type[Op], current: Given, scope: Scope, name: str | None
    ) -> Given:
        self._claim(call.label, scope, kind)
        arguments = (*target.arguments, *call.arguments)
        defaults = self._frame.environment.defaults_for(kind, call.span)
        bound, findings = bind(call, kind, arguments, defaults, scope)
        self.report(findings)
        if kind.arity != (1, 1):
            raise trouble(
                Code.RANK,
                f"{call.name} joins several values",
                call.span,
                helps=(f"{call.name} {{ | … | … }} with one arm for each, _ for the current value",),
            )
        return self._step(call, bound, (current,), name)

    def _merge(self, merge: ast.Merge, current: Given | None, scope: Scope) -> Given:
        target = self._target(merge, scope)
        kind = target.target
        if not isinstance(kind, type) or kind.arity == (1, 1):
            helps = (signature(kind),) if isinstance(kind, type) else ()
            raise trouble(Code.RANK, f"{merge.name} takes one value, not arms", merge.name_span, helps=helps)
        self._claim(merge.label, scope, kind)
        arguments = (*target.arguments, *merge.arguments)
        defaults = self._frame.environment.defaults_for(kind, merge.span)
        bound, findings = bind(merge, kind, arguments, defaults, scope)
        self.report(findings)
        arms = [self.walk(arm.statements, current, Scope({}, scope)) for arm in merge.arms]
        empty = next((arm for arm, given in zip(merge.arms, arms, strict=True) if given is None), None)
        if empty is not None:
            raise self._nothing_yet(empty.span)
        return self._step(merge, bound, tuple(given for given in arms if given is not None), None)

    def _step(
        self, step: ast.Call | ast.Merge, bound: steps.Bound | None, inputs: tuple[Given, ...], name: str | None
    ) -> Given:
        span = step.name_span.to(step.span)
        types = tuple(given.type for given in inputs if given.type is not None)
        if bound is None or len(types) < len(inputs):
            return self._remember(step.label, Given(None, None, span))
        try:
            result, parameters = steps.inferred(bound.op, types, span)
        except Refusal as refusal:
            raise steps.refused(refusal, step, bound, inputs, self.drafts) from None
        label = step.label.name if step.label else name
        draft = Draft(len(self.drafts), bound.op, inputs, types, result, parameters, label, span)
        self.drafts.append(draft)
        self._frame.members.append(draft)
        return self._remember(step.label, Given(draft.index, result, span))

    # ---- blocks -------------------------------------------------------------------------------------

    def _block(
        self,
        call: ast.Call,
        target: Prepared,
        definition: Definition,
        current: Given,
        scope: Scope,
        name: str | None,
    ) -> Given | None:
        block = definition.block
        self._claim(call.label, scope)
        self._refuse_recursion(definition, block.name, call.name_span)
        if not self._active:
            self._budget.block(call, scope)  # what is called from there is part of this forecast
        arguments = (*target.arguments, *call.arguments)
        defaults = self._frame.environment.defaults_for(definition, call.span)
        inner = Scope({"in": current.seen}, definition.environment.scope)
        values, findings = bind_parameters(block, call, arguments, defaults, scope, inner)
        self.report(findings)
        if values is None:
            return self._remember(call.label, Given(None, None, call.span))
        self.report(definition.unused)
        frame = Frame(
            "block",
            block.name,
            call.name_span.to(call.span),
            inner,
            definition.environment,
            current,
            current,
            call.label.name if call.label else name,
            tuple((key, _kept(value)) for key, value in values.items() if not isinstance(value, (Tensor, Size))),
            tuple((key, value.given) for key, value in values.items() if isinstance(value, Tensor)),
        )
        called = f"{block.name}({shown_arguments(values)})"
        return self._inside(frame, call.label, definition, called, lambda: self._body(block, frame, current))

    def _body(self, block: ast.Block, frame: Frame, current: Given) -> Given | None:
        contract = block.contract
        if contract is not None:
            self._take_in(contract, frame, current)
        result = self.walk(block.body.statements, current, frame.scope)
        if contract is not None and contract.outputs and result is not None and result.type is not None:
            self._give_out(contract, frame, result)
        return result

    def _take_in(self, contract: ast.Contract, frame: Frame, current: Given) -> None:
        """Hold the block's contract against what it is given; the names of its sizes are defined."""
        for ports in (contract.inputs, contract.outputs or ()):
            if len(ports) > 1:
                raise trouble(
                    Code.CONTRACT,
                    "a block takes one value and gives one",
                    ports[1].span,
                    helps=("hand other values over as arguments: up(256, e4)",),
                )
        if current.type is None:
            raise Unknown
        for port in contract.inputs:
            cause = Label(current.span, f"gives {current.type}")
            match(port.shape, current.type, frame.scope, cause)
            if port.name:
                frame.scope.define(port.name, current.seen)
        for condition in contract.where:
            if not truth(condition, frame.scope):
                message = f"block {frame.title} needs {condition.span.text}, and is given {current.type}"
                raise trouble(Code.CONTRACT, message, condition.span)

    def _give_out(self, contract: ast.Contract, frame: Frame, result: Given) -> None:
        assert contract.outputs is not None, "asked by the caller"
        assert result.type is not None, "asked by the caller"
        for port in contract.outputs:
            cause = Label(result.span, f"gives {result.type}")
            agree(port.shape, result.type, frame.scope, Code.CONTRACT, f"the block {frame.title} gives", cause)

    def _refuse_recursion(self, target: Definition | Shared, name: str, span: Span) -> None:
        if target not in self._active:
            return
        inner = self._active[self._active.index(target) :]
        chain = [d.block.name if isinstance(d, Definition) else d.name for d in inner]
        raise trouble(
            Code.RECURSION,
            f"{name} would contain itself",
            span,
            notes=(" calls ".join([*chain, name]),),
            helps=("repeat and for say how often something comes; a network has a fixed depth",),
        )

    def _inside(
        self,
        frame: Frame,
        label: ast.Label | None,
        target: Definition | Shared | None,
        called: str,
        body: Callable[[], Given | None],
    ) -> Given | None:
        """Run ``body`` with ``frame`` as the place where steps and labels go.

        Args:
            target: what is called, if anything is, and
            called: how, with the values of its arguments.
        """
        outer, self._frame = self._frame, frame
        if target is not None:
            self._active.append(target)
            self._trace.append(Label(frame.span, f"in {called}"))
        try:
            frame.result = body()
        except (Trouble, Unknown) as problem:
            if isinstance(problem, Trouble):
                self.report([problem.diagnostic])
            frame.result = Given(None, None, frame.span)
        finally:
            self._frame = outer
            if target is not None:
                self._active.pop()
                self._trace.pop()
        if frame.members:
            outer.members.append(frame)
        return self._remember(label, frame.result) if frame.result else None

    def _group(
        self,
        step: ast.Group | ast.If,
        body: ast.Body,
        current: Given | None,
        scope: Scope,
        name: str | None,
    ) -> Given | None:
        """``label: { … }`` names its steps under one name; without a label it only holds them together."""
        label = step.label.name if step.label else name
        if label is None:
            return self.walk(body.statements, current, Scope({}, scope))
        return self._under(
            "group", label, step, step.label, current, scope, lambda inner: self.walk(body.statements, current, inner)
        )

    def _under(
        self,
        kind: Literal["group", "loop", "round"],
        name: str,
        step: ast.Step,
        label: ast.Label | None,
        current: Given | None,
        scope: Scope,
        body: Callable[[Scope], Given | None],
    ) -> Given | None:
        """Run ``body`` with its steps under ``name``, which ``label`` claims if the spec has written one."""
        self._claim(label, scope)
        here = self._frame
        frame = Frame(kind, name, step.span, Scope({}, scope), here.environment, here.entry, current, name)
        return self._inside(frame, label, None, "", lambda: body(frame.scope))

    # ---- conditions and loops -----------------------------------------------------------------------

    def _if(self, step: ast.If, current: Given | None, scope: Scope, name: str | None) -> Given | None:
        taken = step.body if truth(step.test, scope) else step.otherwise
        if taken is None:
            return current
        if step.label is None and (name is None or _sole(taken.statements) is not None):
            return self.walk(taken.statements, current, Scope({}, scope), name)
        return self._group(step, taken, current, scope, name)

    def _repeat(self, step: ast.Repeat, current: Given | None, scope: Scope, name: str | None) -> Given | None:
        rounds = evaluate(step.rounds, scope)
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 0:
            given = kind_of(rounds) if isinstance(rounds, Size) else written(rounds)
            message = f"repeat takes a whole number of at least 0, not {given}"
            raise trouble(Code.BAD_VALUE, message, step.rounds.span)
        self._budget.loop(rounds, step.body, scope, step.rounds.span)
        return self._loop(step, [()] * rounds, (), current, scope, name)

    def _for(self, step: ast.For, current: Given | None, scope: Scope, name: str | None) -> Given | None:
        table = evaluate(step.table, scope)
        if not isinstance(table, tuple):
            message = f"for goes through a list, and {step.table.span.text} is {kind_of(table)}"
            raise trouble(Code.BAD_VALUE, message, step.table.span)
        if problem := next((p for label in step.names if (p := name_problem(label.name))), None):
            raise trouble(Code.BAD_LABEL, problem, step.names[0].span)
        rows = [_row(step, place, entry) for place, entry in enumerate(table)]
        self._budget.loop(len(rows), step.body, scope, step.table.span)
        return self._loop(step, rows, tuple(label.name for label in step.names), current, scope, name)

    def _loop(
        self,
        step: ast.Repeat | ast.For,
        rows: list[tuple[Value, ...]],
        variables: tuple[str, ...],
        current: Given | None,
        scope: Scope,
        name: str | None,
    ) -> Given | None:
        """The rounds one after the other, each of its own name: its number."""
        label = step.label.name if step.label else name
        if label is None:
            return self._rounds(step, rows, variables, current, scope)
        return self._under(
            "loop",
            label,
            step,
            step.label,
            current,
            scope,
            lambda inner: self._rounds(step, rows, variables, current, inner),
        )

    def _rounds(
        self,
        step: ast.Repeat | ast.For,
        rows: list[tuple[Value, ...]],
        variables: tuple[str, ...],
        current: Given | None,
        scope: Scope,
    ) -> Given | None:
        sole = _sole(step.body.statements)
        header = Span(step.span.source, step.span.start, step.body.span.start)
        for place, row in enumerate(rows):
            if self._budget.is_gone or scope.is_spent:
                raise Unknown  # no further round says more
            number = self._next_round(header)
            values = dict(zip(variables, row, strict=True))
            self._trace.append(Label(header, f"round {place + 1} of {len(rows)}" + _with(values)))
            inner = Scope(values, scope)
            if sole is not None:
                current = self.walk(step.body.statements, current, inner, number)
            else:
                current = self._round(step, number, current, inner)
            self._trace.pop()
        return current

    def _next_round(self, header: Span) -> str:
        """The next round's number, which is its name among all that stands here."""
        number = str(self._frame.rounds)
        self._frame.rounds += 1
        earlier = self._frame.labels.setdefault(number, header)
        if earlier is not header:
            self.report([_two_of_a_name(number, header, earlier)])
        return number

    def _round(self, step: ast.Repeat | ast.For, number: str, current: Given | None, scope: Scope) -> Given | None:
        return self._under(
            "round", number, step, None, current, scope, lambda inner: self.walk(step.body.statements, current, inner)
        )

    # ---- shared steps -------------------------------------------------------------------------------

    def _declare(self, statement: ast.Shared, scope: Scope) -> None:
        self._claim(ast.Label(statement.name_span, statement.name), scope)
        shared = Shared(statement, scope, self._frame)
        scope.define(statement.name, Prepared(statement.name, shared))
        self.shared.append(shared)

    def _shared(self, call: ast.Call, shared: Shared, current: Given) -> Given | None:
        """Apply shared steps: the same tensors as at their other places."""
        if not call.bare:
            raise trouble(Code.UNKNOWN_ARGUMENT, f"{call.name} is shared steps, and takes no arguments", call.span)
        self._claim(call.label, shared.scope)
        self._refuse_recursion(shared, shared.name, call.name_span)
        frame = Frame(
            "block",
            shared.name,
            call.name_span.to(call.span),
            Scope({}, shared.scope),
            shared.frame.environment,
            shared.frame.entry,
            current,
            call.label.name if call.label else None,
            shared=shared,
            sole=_sole(shared.statement.steps) is not None,
        )
        shared.applied = True
        statements = shared.statement.steps
        return self._inside(frame, call.label, shared, shared.name, lambda: self.walk(statements, current, frame.scope))

    # ---- labels and checkpoints ---------------------------------------------------------------------

    def _checkpoint(self, checkpoint: ast.Checkpoint, current: Given | None, scope: Scope) -> None:
        self._no_label(checkpoint)
        if current is None:
            raise self._nothing_yet(checkpoint.span)
        if current.type is not None:
            cause = Label(current.span, f"gives {current.type}")
            agree(checkpoint.shape, current.type, scope, Code.CHECKPOINT, "the shape here is", cause)

    def _remember(self, label: ast.Label | None, given: Given) -> Given:
        if label and not find(label.name):  # ``fc: fc(10)`` names weights; as a step, fc stays the layer
            self._frame.scope.define(label.name, given.seen)
        return given

    def _no_label(self, step: ast.Call | ast.Checkpoint | ast.Enclosing) -> None:
        if step.label is not None:
            raise trouble(
                Code.BAD_LABEL,
                f"{step.label.name} labels no layer, so it would name nothing",
                step.label.span,
                helps=("put the label on the layer that makes the value",),
            )

    def _claim(self, label: ast.Label | None, scope: Scope, kind: type[Op] | None = None) -> None:
        """Take a label for a step, or report why it cannot have it."""
        if label is None:
            return
        name, earlier = label.name, self._frame.labels.get(label.name)
        problem = None if kind and find(name) is kind else label_problem(name)
        if earlier is not None:
            self.report([_two_of_a_name(name, label.span, earlier)])
        elif problem:
            self.report([Diagnostic(Code.BAD_LABEL, problem, Label(label.span), helps=("choose another label",))])
        elif self._hides(name, scope):
            what = f"{name} is a parameter, a let or a loop's variable here, and a label cannot hide it"
            self.report([Diagnostic(Code.BAD_LABEL, what, Label(label.span), helps=("choose another label",))])
        self._frame.labels.setdefault(name, label.span)

    def _hides(self, name: str, scope: Scope) -> bool:
        """Whether a label would hide a parameter, a let or a loop variable; blocks and outer labels it may."""
        if not scope.has(name):
            return False
        return self._frame.scope.holds(name) or not isinstance(scope.find(name), (Prepared, Tensor))


def _two_of_a_name(name: str, again: Span, first: Span) -> Diagnostic:
    return Diagnostic(
        Code.DUPLICATE_LABEL,
        f"two things are called {name}",
        Label(again, "again here"),
        (Label(first, "first here"),),
    )


def _kept(value: Value) -> object:
    """An argument as the graph keeps it."""
    return value if is_plain(value) else Handed(written(value))


def define(let: ast.Let, scope: Scope) -> None:
    """``let name = value``; a name may be given once in a scope."""
    if problem := name_problem(let.name):
        raise trouble(Code.BAD_LABEL, problem, let.name_span)
    if scope.holds(let.name):
        raise trouble(
            Code.DUPLICATE_LABEL,
            f"{let.name} has a value here already",
            let.name_span,
            helps=("values never change: choose another name",),
        )
    scope.define(let.name, evaluate(let.value, scope))


def _sole(statements: tuple[ast.Statement, ...]) -> ast.Step | None:
    """The only step of a round, where it may take the round's number as its name."""
    found = [s for s in statements if not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint, ast.Shared))]
    declares = any(isinstance(s, ast.Shared) for s in statements)
    if len(found) != 1 or found[0].label is not None or declares:
        return None
    return found[0] if isinstance(found[0], (ast.Call, ast.Group, ast.Repeat, ast.For, ast.If)) else None


def _row(step: ast.For, place: int, entry: Value) -> tuple[Value, ...]:
    """The values of the loop's names in one round."""
    if len(step.names) == 1:
        return (entry,)
    if isinstance(entry, tuple) and len(entry) == len(step.names):
        return entry
    what = f"has {len(entry)} values" if isinstance(entry, tuple) else f"is {kind_of(entry)}"
    wanted = ", ".join(label.name for label in step.names)
    raise trouble(
        Code.BAD_VALUE,
        f"row {place + 1} of the table {what}, and {wanted} take {len(step.names)}",
        step.table.span,
        f"row {place + 1} is {written(entry)}",
    )


def _with(values: dict[str, Value]) -> str:
    return "".join(f"{', ' if i else ': '}{name} = {written(value)}" for i, (name, value) in enumerate(values.items()))
