"""ONNX files compared with each other and with specs: by the networks that are read from them, as they run.

A file says nothing of what is there for training alone, nor of steps that change nothing. So both sides are compared
without these (`runtime_graph`), and whether a weight is trained is no question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from specc.compare.declared import DeclaredPorts, compare_declared
from specc.compare.difference import FILE_SECTIONS, Difference, FileDifference, Unread, compare
from specc.compare.header import Header, compare_headers
from specc.compare.numbers import Reader, compare_numbers
from specc.compare.runtime_graph import RuntimeGraph
from specc.diagnostics import SpecError, UsageError
from specc.importing.from_onnx.precision import in_float32
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import Spec, structured
from specc.ir.graph import Graph, Port
from specc.ir.init import Fixed
from specc.onnxfile import OnnxFile, PortInfo
from specc.weights.tensors import Array

FLOATS = ("float64", "float32", "bfloat16", "float16")
"""The types that a precision is of."""


@dataclass(frozen=True)
class Version:
    """One side of a comparison.

    Attributes:
        name: of the network.
        declared: the interface as the file says it.
        network: None where the file is no network of the language, as ``unread`` says.
        numbers: of an ONNX file what reads its tensors, by their names in the state dict of the network; of a spec
            those that it fixes.
        header: of an ONNX file; None of a spec.
    """

    name: str
    declared: DeclaredPorts
    network: RuntimeGraph | None
    numbers: Reader
    header: Header | None
    unread: Unread | None = None


def spec_version(graph: Graph) -> Version:
    """A network of a spec."""
    ports = graph.inputs, [port for port, _ in graph.outputs]
    declared = DeclaredPorts(*(tuple(map(_declaration, side)) for side in ports))
    fixed = {path: (p.init, p.shape) for path, p in graph.state if isinstance(p.init, Fixed) and not p.trainable}
    numbers = {path: partial(_array, init, shape) for path, (init, shape) in fixed.items()}
    return Version(graph.name, declared, RuntimeGraph.of(graph), numbers, None)


def _array(init: Fixed, shape: tuple[int, ...]) -> Array:
    return np.asarray(init.values, np.float32).reshape(shape)


def _declaration(port: Port) -> PortInfo:
    sizes = tuple(size if isinstance(size, int) else str(size) for size in port.type.shape)
    return PortInfo(port.name, port.dtype, sizes)


def file_version(file: OnnxFile) -> Version:
    """The network of an ONNX file.

    Raises:
        UsageError: it cannot be read, or is no ONNX file.
    """
    name = file.proto.graph.name or Path(file.name).stem
    declared, header = DeclaredPorts(file.inputs, file.outputs), _header(file)
    try:
        network = read_network(in_float32(file) or file)
        spec = structured(network)
    except UsageError as error:
        return Version(name, declared, None, {}, header, Unread(file.name, error.lines))
    except SpecError as error:
        return Version(name, declared, None, {}, header, Unread(file.name, (), error.diagnostics))
    origins = {port.name: port.origin for port in network.inputs} | {port.name: port.origin for port in network.outputs}
    dtypes = {port.name: port.dtype for port in (*file.inputs, *file.outputs)}
    owners = _owners(spec)
    graph = RuntimeGraph.of(spec.graph, name, origins, dtypes, owners)
    numbers = {}
    for key, tensor in spec.tensors.items():
        module, _, own = key.rpartition(".")
        numbers[f"{owners[module]}.{own}" if module in owners else key] = network.tensors[tensor].read
    return Version(name, declared, graph, numbers, header)


def _owners(spec: Spec) -> dict[str, str]:
    """Of modules that cannot be called as in the file (`W`, where that is a size), what they are called there."""
    owners: dict[str, str] = {}
    for node in spec.graph.nodes:
        paths = {node.path(each): each.name for each in node.parameters if not each.integer}
        if any(path in spec.renamed for path in paths):
            names = [(spec.tensors[path], f".{own}") for path, own in paths.items()]
            modules = {name.removesuffix(own) for name, own in names if name.endswith(own)}
            if len(modules) == 1 and all(own != "." and name.endswith(own) for name, own in names):
                owners[node.module] = modules.pop()
    return owners


def compare_versions(before: Version, after: Version, sizes: Mapping[str, int] | None = None) -> FileDifference:
    """What changed.

    Args:
        sizes: at which costs are counted.

    Raises:
        UsageError: ``sizes`` lacks one, or gives one that is not allowed; numbers cannot be read.
    """
    header = compare_headers(before.header, after.header)
    are_files = before.header is not None and after.header is not None
    beside = FILE_SECTIONS if are_files else ("file",) if header.changed else ()
    names = before.name, after.name
    if before.network is None or after.network is None:
        interface = compare_declared(before.declared, after.declared)
        unread = tuple(version.unread for version in (before, after) if version.unread is not None)
        return FileDifference(*names, interface, None, None, header, beside, unread)
    old, new = before.network, after.network
    written = old.written, new.written
    networks = _of_files(compare(old.graph, new.graph, sizes=sizes, other_name=True, written=written))
    numbers = None
    if are_files or (before.numbers and after.numbers):
        numbers = compare_numbers(networks.weights.pairs, before.numbers, after.numbers)
    if numbers is not None and not are_files:  # a spec has only those that it fixes
        numbers, beside = numbers._replace(left_out=0), ("numbers", *beside)
    return FileDifference(*names, networks.interface, networks, numbers, header, beside)


def _of_files(difference: Difference) -> Difference:
    """Without what a file says nothing of: which weights are trained, and of one network the order of its steps."""
    numbers = [number for number in difference.cost.numbers if number.name != "trainable parameters"]
    if difference.graph.proven_same:
        # Runtimes order the steps by themselves, and what is in memory together depends on that.
        numbers = [n._replace(after=n.before) if n.name == "peak memory" else n for n in numbers]
    weights = difference.weights._replace(frozen=(), trainable=())
    return difference._replace(weights=weights, cost=difference.cost._replace(numbers=tuple(numbers)))


# ---- the header ---------------------------------------------------------------------------------------------


def _header(file: OnnxFile) -> Header:
    types = {tensor.dtype for tensor in file.stored} | {port.dtype for port in (*file.inputs, *file.outputs)}
    beside = file.data_sizes
    return Header(
        opsets=file.opsets,
        ir_version=file.proto.ir_version,
        producer=file.producer,
        metadata=file.metadata,
        precision=tuple(name for name in FLOATS if name in types),
        data_files={location: size is not None for location, size in beside.items()},
        size=file.size + sum(size or 0 for size in beside.values()),
    )
