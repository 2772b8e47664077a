"""A module, or a program that was exported, as a spec with its weights: proven to be it, and then put in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn
from torch.export import ExportedProgram

from specc.importing.delivery import Failure, Imported, delivered, only_spec
from specc.importing.from_torch.exporting import (
    Shape,
    conditions_taken,
    evaluated,
    exported,
    in_float32,
    loaded_program,
    module_of,
    shapes_of,
    shapes_taken,
)
from specc.importing.from_torch.proof import OriginalModule
from specc.importing.from_torch.reading import read_program
from specc.importing.naming import identifier
from specc.importing.network import ImportedNetwork
from specc.options import ProofOptions

HALF = "the module computes in half precision, and the spec in float32: its proof is of the module with all numbers so"

TRAINING = "the module was in training mode: the spec is what it computes in eval mode"


def import_module(
    module: nn.Module,
    inputs: Any,
    places: tuple[Path, Path] | None,
    proof: ProofOptions | None,
    failure: Failure,
    title: str = "",
) -> Imported:
    """Read a module, and put its spec and its weights in place, if any is given: proven, or nothing.

    Args:
        inputs: tensors as examples, or shapes: see `exporting.shapes_of`.
        places: of the spec and of its weights.
        title: what messages call the module; the name of its class if left out.

    Raises:
        ParityError: the proof failed.
        UsageError: something in the module cannot be said; a file cannot be written.
    """
    name = type(module).__name__
    shapes = shapes_of(inputs)
    wide = in_float32(module, title or name)
    with evaluated(wide) as was_training:
        program = exported(wide, shapes, title or name)
        network = _read(program, name, title or name, shapes)
        notes = [*([TRAINING] if was_training else []), *([HALF] if wide is not module else [])]
        network = replace(network, notes=(*network.notes, *notes))
        return _delivered(network, program, wide, places, proof, failure)


def import_file(source: Path, places: tuple[Path, Path], proof: ProofOptions | None, failure: Failure) -> Imported:
    """As `import_module`, of a program that ``torch.export.save`` has written."""
    program = loaded_program(source)
    shapes = shapes_taken(program)
    network = _read(program, source.stem, source.name, shapes, conditions_taken(program, shapes))
    return _delivered(network, program, program.module(check_guards=False), places, proof, failure)


def import_class(
    source: Path, name: str, inputs: Sequence[str], places: tuple[Path, Path], proof: ProofOptions | None,
    failure: Failure,
) -> Imported:  # fmt: skip
    """As `import_module`, of what a class or a function in a Python file gives; the file is run."""
    return import_module(module_of(source, name), inputs, places, proof, failure, f"{source}:{name}")


def _read(
    program: ExportedProgram, name: str, title: str, shapes: Sequence[Shape], conditions: str = ""
) -> ImportedNetwork:
    called = identifier(name, fallback="Network")
    return read_program(program, called[0].upper() + called[1:], title, shapes, conditions)


def _delivered(
    network: ImportedNetwork, program: ExportedProgram, module: nn.Module, places: tuple[Path, Path] | None,
    proof: ProofOptions | None, failure: Failure,
) -> Imported:  # fmt: skip
    origin = OriginalModule(network, program, module, proof) if proof is not None else None
    if places is None:
        return only_spec(network, origin, failure)
    return delivered(network, *places, origin, failure)
