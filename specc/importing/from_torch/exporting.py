"""Programs of modules: exported with the sizes left open that were named, or read from a file."""

from __future__ import annotations

import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from specc.diagnostics import UsageError
from specc.diagnostics.words import visible
from specc.syntax.tokens import is_name

Shape = tuple[int | str, ...]

BATCH = "N"
_SAMPLES = 2
"""Of the example that a module is traced with: the exporter takes a batch of 1 for a number of the network."""

_EXAMPLES = (64, 224, 512)
"""What an open size is tried with, one after the other; of several open ones each has half as much again."""

_AXES = {3: "L", 4: "HW", 5: "DHW"}


def shapes_of(inputs: Any) -> tuple[Shape, ...]:
    """The shapes of one or several inputs: tensors as examples, whose batch stays open, or shapes.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(inputs, torch.Tensor):
        return ((BATCH, *inputs.shape[1:]),)
    if isinstance(inputs, str):
        return (_shape(re.split(r"[,x]" if "," not in inputs else ",", inputs.strip(" []()")), inputs),)
    if isinstance(inputs, Sequence) and any(isinstance(each, int) for each in inputs):
        return (_shape(inputs, inputs),)
    if isinstance(inputs, Sequence) and inputs:
        return tuple(shape for each in inputs for shape in shapes_of(each))
    raise UsageError(f'the inputs are {inputs!r}: give tensors as examples, or shapes, as in "[N, 3, 224, 224]"')


def _shape(sizes: Sequence[Any], given: object) -> Shape:
    entries = [str(size).strip() for size in sizes]
    right = all((entry.isdecimal() and int(entry) > 0) or is_name(entry) for entry in entries)
    if len(entries) < 2 or not right:
        raise UsageError(
            f"the input {visible(str(given))} is no shape: write the batch first, then numbers, and names of what "
            "stays open, as in [N, 3, 224, 224] or 1x3x224x224"
        )
    return tuple(int(entry) if entry.isdecimal() else entry for entry in entries)


@contextmanager
def evaluated(module: nn.Module) -> Iterator[bool]:
    """The module in eval mode, and afterwards as it was; says whether a part of it was in training mode."""
    modes = [(each, each.training) for each in module.modules()]
    for each, _ in modes:
        each.training = False
    try:
        yield any(training for _, training in modes)
    finally:
        for each, training in modes:
            each.training = training


_HALVES = (torch.float16, torch.bfloat16)


def in_float32(module: nn.Module, title: str) -> nn.Module:
    """The module itself, or a copy with every number of half precision as float32, which is that number.

    Raises:
        UsageError: it has numbers that float32 would round.
    """
    tensors = module.state_dict(keep_vars=True)
    kinds = {name: each.dtype for name, each in tensors.items() if isinstance(each, torch.Tensor)}
    if (double := next((name for name, kind in kinds.items() if kind == torch.float64), None)) is not None:
        raise UsageError(f"{title} has {double} as float64, and a spec computes in float32: call module.float() first")
    return deepcopy(module).float() if any(kind in _HALVES for kind in kinds.values()) else module


def exported(module: nn.Module, shapes: Sequence[Shape], title: str) -> ExportedProgram:
    """The program of a module in eval mode.

    Raises:
        UsageError: ``torch.export`` does not take the module, or the module does not take a size that should stay open.
    """
    symbols = list(dict.fromkeys(size for shape in shapes for size in shape[1:] if isinstance(size, str)))
    is_open = bool(symbols)
    failure: Exception | None = None
    for base in _EXAMPLES if is_open else _EXAMPLES[:1]:
        sizes = {symbol: base + base // 2 * place for place, symbol in enumerate(symbols)}
        try:
            program = _traced(module, shapes, sizes)
        except Exception as error:  # noqa: BLE001 - whatever the module's own code and the exporter raise
            failure = failure or error
            continue
        _require_open(program, shapes, title)
        return program
    assert failure is not None
    text = " ".join(str(failure).split())[:400]
    raise UsageError(f"torch.export does not take {title}: {type(failure).__name__}: {visible(text)}") from failure


def _traced(module: nn.Module, shapes: Sequence[Shape], sizes: dict[str, int]) -> ExportedProgram:
    random = torch.Generator().manual_seed(0)
    device = next((tensor.device for tensor in module.state_dict().values()), torch.device("cpu"))
    examples, dynamic = [], []
    for batch, *rest in shapes:
        shape = [batch if isinstance(batch, int) else _SAMPLES]
        shape += [size if isinstance(size, int) else sizes[size] for size in rest]
        examples.append(torch.rand(shape, generator=random).to(device))
        dynamic.append({axis: Dim.AUTO for axis, size in enumerate((batch, *rest)) if isinstance(size, str)})
    with _quiet(), torch.no_grad():
        return torch.export.export(module, tuple(examples), dynamic_shapes=_as_taken(module, dynamic), strict=False)


def _as_taken(module: nn.Module, dynamic: list[dict[int, Any]]) -> Any:
    """What stays open, as the arguments of ``forward`` are: those of ``*inputs`` are one."""
    kinds = [parameter.kind for parameter in inspect.signature(module.forward).parameters.values()]
    return (tuple(dynamic),) if kinds[:1] == [inspect.Parameter.VAR_POSITIONAL] else tuple(dynamic)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter logs pages about sizes that it does not understand, and that nobody asked it for."""
    logger = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _require_open(program: ExportedProgram, shapes: Sequence[Shape], title: str) -> None:
    """Refuse a size that should stay open, and that the module's code has fixed."""
    for (name, sizes), shape in zip(_inputs(program), shapes, strict=True):
        for axis, (size, wanted) in enumerate(zip(sizes, shape, strict=True)):
            fixed = size if isinstance(size, int) else size.node.maybe_as_int()
            if isinstance(wanted, str) and fixed is not None:
                raise UsageError(
                    f"{title} does not leave {wanted}, axis {axis} of {name}, open: its code computes with the number "
                    f"itself, {fixed} in the example; give the number that it is made for"
                )


def _inputs(program: ExportedProgram) -> list[tuple[str, tuple[Any, ...]]]:
    """The name and the sizes of every input as the program has it."""
    names = set(program.graph_signature.user_inputs)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    return [(node.name, tuple(node.meta["val"].shape)) for node in nodes if isinstance(node.meta["val"], torch.Tensor)]


def shapes_taken(program: ExportedProgram) -> tuple[Shape, ...]:
    """The shapes of a program's inputs, with names for the sizes that it leaves open."""
    names: dict[str, str] = {}
    shapes = []
    for _, sizes in _inputs(program):
        shape: list[int | str] = []
        for axis, size in enumerate(sizes):
            if isinstance(size, int):
                shape.append(size)
            elif axis == 0:
                shape.append(BATCH)
            else:
                letters = _AXES.get(len(sizes), "")
                name = letters[axis - 2] if axis > 1 and letters else f"S{axis}"
                while str(size) not in names and name in names.values():
                    name = f"{name}_2" if "_" not in name else f"{name}2"
                shape.append(names.setdefault(str(size), name))
        shapes.append(tuple(shape))
    return tuple(shapes)


def conditions_taken(program: ExportedProgram, shapes: Sequence[Shape]) -> str:
    """What a program that was stored asks of the sizes that have these names: ``H >= 5, W % 32 == 0``.

    It checks them when it is called; but for the 2 that `torch.export` says of every open size, and does not heed.
    """
    conditions: dict[str, None] = {}
    for (_, sizes), shape in zip(_inputs(program), shapes, strict=True):
        for size, name in zip(sizes[1:], shape[1:], strict=True):
            if isinstance(size, int) or not isinstance(name, str):
                continue
            formula = size.node.expr
            unknown = next(iter(formula.free_symbols))
            factor, rest = formula.coeff(unknown), formula.coeff(unknown, 0)
            if formula != factor * unknown + rest or not (factor.is_Integer and rest.is_Integer):
                continue
            if factor > 1:
                conditions[f"{name} % {factor} == {rest % factor}"] = None
            bounds = program.range_constraints.get(unknown)
            if bounds is None:
                continue
            if bounds.lower.is_Integer and bounds.lower > _SAMPLES:
                conditions[f"{name} >= {factor * bounds.lower + rest}"] = None
            if bounds.upper.is_Integer:
                conditions[f"{name} <= {factor * bounds.upper + rest}"] = None
    return ", ".join(conditions)


def loaded_program(path: Path) -> ExportedProgram:
    """Raises UsageError where the file is no exported program."""
    _require_file(path)
    try:
        with _quiet():
            return torch.export.load(path)
    except Exception as error:  # a zip file, pickles and JSON of any kind
        text = " ".join(str(error).split())[:300]
        raise UsageError(f"{path} is no program that torch.export.save has written: {visible(text)}") from error


def _require_file(path: Path) -> None:
    if not os.path.isfile(path):  # of a name that is too long, too
        raise UsageError(f"{path}: no such file")


def module_of(path: Path, name: str) -> nn.Module:
    """What a class or a function without arguments in a Python file gives; the file is run.

    Raises:
        UsageError: there is no such file or name, it needs arguments, or gives something else.
    """
    _require_file(path)
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - its name ends in .py
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[path.stem] = module
    torch.manual_seed(0)
    try:
        spec.loader.exec_module(module)
        found = getattr(module, name, None)
        if found is None:
            names = [
                key for key, each in vars(module).items() if isinstance(each, type) and issubclass(each, nn.Module)
            ]
            own = [key for key in names if vars(module)[key].__module__ == path.stem]
            there = f"; it has {', '.join(own)}" if own else ""
            raise UsageError(f"{path} has no {name}{there}")
        made = found if isinstance(found, nn.Module) else found()
    except UsageError:
        raise
    except Exception as error:  # of code that is the user's own
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise UsageError(
            f"{path}:{name} gives no module: {visible(text)}; where it needs arguments, write a function without any"
        ) from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    if not isinstance(made, nn.Module):
        raise UsageError(f"{path}:{name} gives a {type(made).__name__}, and no torch.nn.Module")
    return made.eval()
