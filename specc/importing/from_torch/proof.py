"""The proof of an imported module: the spec's own module in PyTorch computes what the given one computes.

As for a file the truth is PyTorch's in float64, errors are counted in roundings, and the bounds are the same; what is
judged is the given module in float32, on the numbers and at the sizes that every proof runs. Then once more with
random numbers in both, so that no fault hides behind ones and zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Interpreter, Node
from torch.utils import _pytree

from specc.diagnostics.words import listed
from specc.importing.delivery import ImportedWeights
from specc.importing.misreading import Misreading, Values, misreading
from specc.importing.network import ImportedNetwork
from specc.importing.structure import Spec
from specc.ir.graph import Graph
from specc.options import ProofOptions
from specc.verify import network_proof
from specc.verify.cases import Feed, Inputs, Plan, plan_of
from specc.verify.network_proof import NetworkRuns
from specc.verify.parity import STRESSED, one_thread
from specc.verify.proof_settings import ProofSettings
from specc.verify.reference import TorchRefused
from specc.verify.result import Parity, Row
from specc.verify.sessions import ModelRefused
from specc.verify.stress import PartlyRandom, is_worthwhile, not_worthwhile_note
from specc.weights import Weights, tensor
from specc.weights.tensors import InMemory

SHOWN = 5
"""Tensors named in a note; the rest is counted."""

State = Mapping[torch.Tensor, torch.Tensor]
"""Numbers for tensors of a module."""


@dataclass(frozen=True)
class OriginalModule:
    """A module in eval mode, and its program that was read, as an `Origin`.

    A program that computes what the spec does, where the module does not, was read rightly: then the module's code goes
    another way than it went when it was traced.
    """

    network: ImportedNetwork
    program: ExportedProgram
    module: nn.Module
    proof: ProofOptions

    def proven(self, spec: Spec) -> Parity:
        return proven(self.network, spec, self.module, self.proof)

    def misread(self, spec: Spec) -> Misreading | None:
        """With the module's own numbers, and then with random ones, as in the proof."""
        settings = ProofSettings(level="full" if self.proof.level == "full" else "quick")
        own = InMemory(ImportedWeights(self.network, spec))
        with one_thread(), torch.no_grad():
            found = misreading(self.network, spec, own, settings.level, settings.seed, self._values)
            if found is not None:
                return found
            others, state, _ = _randomised(self.network, spec, self.module, own, settings.seed)
            with _holding(state):
                return misreading(self.network, spec, others, settings.level, settings.seed, self._values)

    def _values(self, inputs: Inputs, names: Sequence[str]) -> Values | None:
        """What the calls of the program give."""
        calls = _Calls(self.program, frozenset(names))
        try:
            calls.run_on([torch.from_numpy(np.array(inputs[port.name])) for port in self.network.inputs])
        except RuntimeError:
            return None
        return calls.values


class _Calls(Interpreter):
    """Runs a program call by call, and keeps what they give before another one changes it in place."""

    def __init__(self, program: ExportedProgram, wanted: frozenset[str]) -> None:
        super().__init__(program.graph_module)
        self._program = program
        self._wanted = wanted
        self.values: dict[str, Any] = {}

    def run_on(self, inputs: Iterable[torch.Tensor]) -> None:
        stored = {**self._program.constants, **self._program.state_dict}
        given = iter(inputs)
        arguments: list[Any] = []
        for spec, node in zip(self._program.graph_signature.input_specs, self._placeholders(), strict=True):
            is_input = spec.kind is InputKind.USER_INPUT and isinstance(node.meta.get("val"), torch.Tensor)
            is_stored = spec.kind is not InputKind.USER_INPUT
            arguments.append(next(given) if is_input else stored[str(spec.target)] if is_stored else spec.arg.value)
        self.run(*arguments)

    def _placeholders(self) -> list[Node]:
        return [node for node in self._program.graph.nodes if node.op == "placeholder"]

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.name in self._wanted and isinstance(result, torch.Tensor):
            self.values[n.name] = result.detach().cpu().numpy().copy()
        return result


def proven(network: ImportedNetwork, spec: Spec, module: nn.Module, proof: ProofOptions) -> Parity:
    """Whether the spec's network is the module, which is in eval mode."""
    settings = ProofSettings(level="full" if proof.level == "full" else "quick")
    graph, weights = spec.graph, InMemory(ImportedWeights(network, spec))
    with one_thread(), torch.no_grad():
        rows, notes = _pass(graph, weights, module, settings)
        if all(row.passed for row in rows) and is_worthwhile(graph, weights):
            others, state, own = _randomised(network, spec, module, weights, settings.seed)
            with _holding(state):
                again, more = _pass(graph, others, module, settings)
            rows += [replace(row, case=f"{STRESSED}{row.case}") for row in again]
            notes += [f"randomised state: {note}" for note in (*own, *more) if note not in notes]
        else:
            notes += not_worthwhile_note(graph, weights)
    said = (
        ("proof", settings.level),
        ("PyTorch", metadata.version("torch")),
        ("seed of the inputs", str(settings.seed)),
    )
    return Parity(provider="cpu", rows=tuple(rows), settings=said, notes=tuple(notes), level=settings.level)


@contextmanager
def _holding(state: State) -> Iterator[None]:
    """The module with other numbers, and afterwards its own.

    ``torch.func.functional_call`` would leave other numbers in a module that is registered under two names.
    """
    own = {each: each.detach().clone() for each in state}
    try:
        for each, numbers in state.items():
            each.copy_(numbers)
        yield
    finally:
        for each, numbers in own.items():
            each.copy_(numbers)


def _pass(graph: Graph, weights: Weights, module: nn.Module, settings: ProofSettings) -> tuple[list[Row], list[str]]:
    """The checks with one set of numbers, which the module holds, and notes."""
    plan: Plan = plan_of(graph, settings.level)
    notes = [*network_proof.size_notes(graph, settings.level)]
    try:
        tried = network_proof.trials(graph, weights, plan, settings)
    except TorchRefused as refused:
        return [Row("PyTorch", False, str(refused))], notes
    results = tuple(_result(graph, module, trial.feed, settings.seed) for trial in tried)
    runs = NetworkRuns(False, (), results, ())
    rows = [replace(row, optimised=None) for row in network_proof.judged_runs(graph, tried, runs, None)]
    constant, more = network_proof.constant_outputs(graph, tried)
    return [*network_proof.shape_faults(graph, tried), *rows, *constant], [*notes, *more]


def _result(graph: Graph, module: nn.Module, feed: Feed, seed: int) -> list[Any] | ModelRefused:
    """What the module gives in float32, in the order of the outputs."""
    device = next((each.device for each in module.state_dict().values()), torch.device("cpu"))
    given = feed.inputs(graph, seed)
    # A module may change what it is given.
    inputs = tuple(torch.from_numpy(np.array(given[port.name])).to(device) for port in graph.inputs)
    try:
        result = module(*inputs)
    except Exception as error:  # noqa: BLE001 - of code that is the user's own
        return ModelRefused(f"the module fails: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    leaves = [each for each in _pytree.tree_leaves(result) if isinstance(each, torch.Tensor)]
    if len(leaves) != len(graph.outputs):
        return ModelRefused(f"the module gives {len(leaves)} tensors, and the spec has {len(graph.outputs)}")
    return [each.detach().cpu().numpy() for each in leaves]


def _randomised(
    network: ImportedNetwork, spec: Spec, module: nn.Module, weights: Weights, seed: int
) -> tuple[Weights, State, list[str]]:
    """Random numbers for the spec, and for the module where it has the very same tensors."""
    own = {name: each for name, each in module.state_dict(keep_vars=True).items() if isinstance(each, torch.Tensor)}
    same = dict(_same(network, spec, weights, own))
    parameters = dict(spec.graph.state)
    others = [path for path, parameter in parameters.items() if path not in same and not parameter.integer]
    drawn = PartlyRandom(seed, weights, frozenset(path for path in parameters if path not in same))
    state = {
        own[name]: torch.from_numpy(np.array(tensor(drawn, path, parameters[path]))).reshape(own[name].shape)
        for path, name in same.items()
    }
    notes = []
    if others:
        named = listed(others[:SHOWN]) if len(others) <= SHOWN else f"{', '.join(others[:SHOWN])} …"
        notes.append(f"{named}: computed of the module's tensors, with the given numbers alone")
    return InMemory(drawn), state, notes


def _same(
    network: ImportedNetwork, spec: Spec, weights: Weights, own: Mapping[str, torch.Tensor]
) -> Iterator[tuple[str, str]]:
    """Paths in the spec with the names in the module, of tensors that are the same to the bit."""
    for path, parameter in spec.graph.state:
        origin = network.tensors[spec.tensors[path]].origin if path in spec.tensors else ""
        if parameter.integer or origin not in own:
            continue
        numbers = own[origin].detach().cpu().numpy()
        if numbers.shape == tuple(parameter.shape) and np.array_equal(numbers, tensor(weights, path, parameter)):
            yield path, origin
