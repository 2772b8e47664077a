"""One model of a file, elaborated: the phases in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, SpecError, UsageError
from specc.diagnostics.finding import NO_CONDITION, Condition
from specc.elaborate.arguments import unused_parameters
from specc.elaborate.contracts import GraphOutput, duplicate_ports, input_ports, outputs, unused
from specc.elaborate.drafts import DraftBlock
from specc.elaborate.errors import Invalid, Unknown, collecting, in_form, invalid
from specc.elaborate.evaluation import evaluate
from specc.elaborate.files import Imports, environment
from specc.elaborate.lowering import lower
from specc.elaborate.scopes import Environment, Scope, require_name
from specc.elaborate.values import UNKNOWN, Value, relocated
from specc.elaborate.walk import Walk
from specc.elaborate.where import explained
from specc.ir.graph import Graph, Port
from specc.source import Span
from specc.syntax import ast

if TYPE_CHECKING:
    from specc.analyses import Costs
    from specc.elaborate.model_cache import EarlierModel, ModelCache


@dataclass(eq=False)
class Checked:
    """A model that fits together.

    Attributes:
        blocks: the names, where they are defined, of the blocks that it calls.
    """

    graph: Graph
    blocks: tuple[Span, ...] = ()

    @cached_property
    def costs(self) -> Costs:
        """Its numbers."""
        from specc.analyses import Costs  # most specs are checked without them

        return Costs(self.graph)

    def at(self, sizes: Mapping[str, int]) -> Checked:
        """The model at values of its symbolic sizes.

        Raises:
            UsageError: a size is missing, is none of the contract, or is not allowed by it.
        """
        try:
            return Checked(self.graph.at(sizes), self.blocks)
        except ValueError as error:
            raise UsageError(str(error)) from None


class Sketch(NamedTuple):
    """What is known of a model that may not fit: of a mistake and of what follows from it nothing is.

    Attributes:
        root: the steps that fit, without names.
        faults: the places of the mistakes, those of the file around it too; none where all is known.
    """

    inputs: tuple[Port, ...]
    root: DraftBlock
    faults: tuple[Span, ...]


def choose(file: ast.File, name: str | None = None, how: str = "model=") -> ast.ModelDefinition:
    """The model called ``name``; without a name, the only one.

    Args:
        how: the words with which the caller's user names a model: ``model=``, ``--model``.

    Raises:
        SpecError: the file holds no model.
        UsageError: no model of that name, or several and no name.
    """
    models = {model.name: model for model in file.models}
    if not models:
        raise SpecError([_no_model(file, file.source.name)])
    if name is None and len(models) > 1:
        named = [f'{how}"{model}"' if how.endswith("=") else f"{how} {model}" for model in models]
        raise UsageError(f"{file.source.name} has several models: choose with {' or '.join(named)}")
    if name is not None and name not in models:
        from specc.diagnostics.spelling import advice

        has = advice(str(name), models, f"it has {', '.join(models)}")
        raise UsageError(f"{file.source.name} has no model called {name}; {has}")
    return models[name] if name is not None else next(iter(models.values()))


def check_file(file: ast.File, imports: Imports | None = None, cache: ModelCache | None = None) -> tuple[Checked, ...]:
    """Every model of the file, with its parameters at their defaults.

    A file of blocks and lets alone is there to be imported: its blocks are checked where they are called.

    Args:
        imports: what other specs of the same run have imported.
        cache: models of earlier texts, which are not elaborated again.

    Raises:
        SpecError: with the mistakes of all of them.
    """
    imports = imports or Imports()
    names = environment(file, imports)
    known = cache.of(file, names, imports) if cache else None
    if not file.models and not names.places:
        raise SpecError([_no_model(file, imports.files.shown(file.source.name))])
    checked: list[Checked] = []
    findings: dict[Diagnostic, None] = dict.fromkeys(names.findings)
    for model in file.models:
        try:
            if known and (earlier := known.get(model)):
                checked.append(Checked(*earlier))
                continue
            network = _explained(model, {}, names)
            checked.append(network)
            if known:
                known.put(model, network.graph, network.blocks)
        except SpecError as error:
            findings |= dict.fromkeys(error.diagnostics)
            if known:
                known.refuse(model, error.diagnostics)
    if findings:
        raise SpecError(list(findings))
    return tuple(checked)


def sketches(
    file: ast.File, imports: Imports, cache: ModelCache | None = None, *, renewed: bool = True
) -> tuple[tuple[ast.ModelDefinition, Sketch | Checked | EarlierModel], ...]:
    """As far as it is known, every model of the file whose inputs are, with its parameters at their defaults.

    Args:
        cache: models of earlier texts, which are taken as they are.
        renewed: these have the places that they have now, not those of the text before.
    """
    names = environment(file, imports)
    known = cache.of(file, names, imports) if cache else None
    found: list[tuple[ast.ModelDefinition, Sketch | Checked | EarlierModel]] = []
    for model in file.models:
        if known and not renewed and (before := known.earlier(model)):
            found.append((model, before))
            continue
        if known and (earlier := known.get(model)):
            found.append((model, Checked(*earlier)))
            continue
        findings: list[Diagnostic] = []
        scope = _parameters(model, {}, names, findings)
        try:
            inputs = input_ports(model, scope)
        except (Invalid, Unknown):
            continue
        walk = Walk(model, inputs, scope, names)
        walk.run()
        findings += (*walk.network.findings.values(), *names.findings)
        if known and findings:
            known.refuse(model, findings)
        faults = tuple(place.span for finding in findings for place in (finding.primary, *finding.trace))
        found.append((model, Sketch(inputs, walk.root, faults)))
    return tuple(found)


def fitting(file: ast.File, imports: Imports, cache: ModelCache) -> Iterator[tuple[ast.ModelDefinition, EarlierModel]]:
    """The models that fit, with their parameters at their defaults, where the file around them has no mistakes.

    Those of which it is known that they do not fit are not tried again.

    Args:
        cache: models of earlier texts, which keep their places; the others are put there.
    """
    names = environment(file, imports)
    known = cache.of(file, names, imports)
    for model in file.models:
        found = known.earlier(model)
        if found is None:
            if known.fits_not(model):
                continue
            try:
                network = _elaborated(model, {}, names)
            except SpecError as error:
                known.refuse(model, error.diagnostics)
                continue
            known.put(model, network.graph, network.blocks)
            found = known.earlier(model)
            assert found is not None, "it was put there"
        yield model, found


def elaborate(
    file: ast.File, model: ast.ModelDefinition, settings: Mapping[str, Value], imports: Imports | None = None
) -> Checked:
    """Prove that ``model`` fits together.

    Args:
        settings: values of the model's parameters; the others take their defaults.
        imports: where imported files are; None: on the disk.

    Raises:
        SpecError: every independent mistake.
        UsageError: a setting that is no parameter.
    """
    require_parameters(model, settings)
    return Template(file, model, imports).elaborate(settings)


def require_parameters(model: ast.ModelDefinition, names: Iterable[str]) -> None:
    """Raises UsageError where a name is none of the model's parameters."""
    params = [param.name for param in model.params]
    for name in names:
        if name not in params:
            from specc.diagnostics.spelling import advice

            has = advice(name, params, f"it has {', '.join(params) or 'none'}")
            raise UsageError(f"model {model.name} has no parameter called {name}; {has}")


class Template:
    """A model whose parameters are open: what does not depend on their values is done once for all of them.

    It can be sent to another process, with the texts that it was made of.

    Attributes:
        findings: what is wrong with the file around the model, whatever the values.
    """

    def __init__(self, file: ast.File, model: ast.ModelDefinition, imports: Imports | None = None) -> None:
        self.model = model
        self._names = environment(file, imports)
        self.findings = tuple(self._names.findings)
        # Lists are counted for each network: those of one take nothing from the next.
        self._counts = [(budget, budget.count) for budget in self._names.budgets()]

    def elaborate(self, settings: Mapping[str, Value]) -> Checked:
        """The model with these values of its parameters. Raises SpecError."""
        self._recount()
        try:
            return _explained(self.model, settings, self._names)
        except SpecError as error:
            raise SpecError([*self.findings, *error.diagnostics]) from None

    def scope(self, settings: Mapping[str, Value]) -> Scope:
        """The names that the model's contract sees: its parameters with these values, and those of the file.

        Raises:
            SpecError: a parameter has no value, or its default none.
        """
        self._recount()
        findings: list[Diagnostic] = []
        scope = _parameters(self.model, settings, self._names, findings)
        if findings:
            raise SpecError(findings)
        return scope

    def _recount(self) -> None:
        for budget, count in self._counts:
            budget.count = count


def _explained(model: ast.ModelDefinition, settings: Mapping[str, Value], names: Environment) -> Checked:
    """The proof of one of a file's models.

    Raises:
        SpecError: with the mistakes of the model, and with the condition on its sizes that would mend them, if there is
            one. None are those of the file around it, which a file of a thousand models would have for each of them.
    """
    try:
        return _elaborated(model, settings, names)
    except SpecError as error:
        if not any(finding.where for finding in error.diagnostics):
            raise
        again = partial(_elaborated, model, settings, names)
        raise explained(error, model, lambda besides: again(besides).graph) from None


def _elaborated(
    model: ast.ModelDefinition, settings: Mapping[str, Value], names: Environment, besides: Condition = NO_CONDITION
) -> Checked:
    """The phases in order: parameters, inputs, the walk through the body, outputs, the graph, assertions.

    Args:
        besides: what is asked of the sizes besides the contract's ``where``. Raises ValueError where it cannot hold.
    """
    findings = unused_parameters(model)
    scope = _parameters(model, settings, names, findings)
    try:
        inputs = input_ports(model, scope, besides)
    except Invalid as problem:  # without inputs there is nothing to check
        raise SpecError([*findings, problem.diagnostic]) from None
    except Unknown:
        raise SpecError(findings) from None
    walk = Walk(model, inputs, scope, names)
    last, network = walk.run(), walk.network
    findings += network.findings.values()
    # Where the file has mistakes besides, what is missing may be missing for them.
    is_sound = not names.findings and not findings
    if not network.nodes and is_sound:
        findings.append(Diagnostic(Code.NO_MODEL, f"model {model.name} has no steps", Label(model.body.span)))
    out: list[GraphOutput] = []
    if last is not None and last.type is not None and model.contract is not None:
        out, wrong = outputs(model, walk.root, network, last)
        if is_sound and not findings and not wrong:
            findings += unused(inputs, model.contract.inputs, network, out)
        findings += wrong
        findings += duplicate_ports(model.contract, inputs, out)
    checked = None
    if not findings and not names.findings:
        blocks = tuple(definition.block.name_span for definition in walk.calls.blocks)
        checked = Checked(lower(model.name, inputs, out, walk.root), blocks)
    if walk.assertions:
        from specc.elaborate.assertions import prove, unknown_names  # most specs have none

        tests = ((assertion.test, names_seen) for assertion, names_seen in walk.assertions)
        findings += prove(walk.assertions, checked.costs) if checked else unknown_names(tests)
    if findings or checked is None:
        raise SpecError(findings)
    return checked


def _parameters(
    model: ast.ModelDefinition, settings: Mapping[str, Value], names: Environment, findings: list[Diagnostic]
) -> Scope:
    """The parameters with their values, inside the names of the file; what is wrong is added to ``findings``."""
    scope = Scope({}, names.scope)
    for param in model.params:
        with collecting(findings.append):
            require_name(param.name, param.span)
            if param.name in settings:
                scope.names[param.name] = relocated(settings[param.name], param.span)
            elif param.default is not None:
                scope.names[param.name] = evaluate(param.default, scope)
            else:
                with_default = in_form(param.span, f"{param.name} = …", f"`{{{param.name}: …}}`")
                message = f"model {model.name} needs a value for {param.name}"
                helps = (f"--set {param.name}=…, or give it a default here: {with_default}",)
                raise invalid(Code.MISSING_ARGUMENT, message, param.span, helps=helps)
        scope.names.setdefault(param.name, UNKNOWN)
    return scope


def _no_model(file: ast.File, name: str) -> Diagnostic:
    start = file.source.span(0, 0)
    example = in_form(
        start,
        "model Net : [N, 1, 28, 28] -> [N, 10] { flatten -> fc(10) }",
        "`- {model: Net, input: [N, 1, 28, 28], output: [N, 10], body: [flatten, fc: 10]}`",
    )
    return Diagnostic(
        Code.NO_MODEL,
        f"{name} describes no model" + ("" if file.source.text.strip() else ": it is empty"),
        Label(start),
        helps=(f"a model looks like this: {example}",),
    )


def constant(file: ast.File) -> Value:
    """The value of a file that is a single ``let``: how the commands read values of parameters.

    Raises:
        SpecError: it has none.
    """
    (let,) = (item for item in file.items if isinstance(item, ast.Let))
    try:
        return evaluate(let.value, Scope({}))
    except Invalid as problem:
        raise SpecError([problem.diagnostic]) from None
