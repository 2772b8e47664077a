"""Targets: files of networks and of numbers: ONNX, what lies beside it, and weights in three formats."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from io import BytesIO
from pathlib import Path
from random import Random
from typing import ClassVar

import numpy as np
import onnx

from specc.api import Model, loads
from specc.bundle.inspection import inspect
from specc.bundle.recheck import recheck
from specc.bundle.sidecar import read_sidecar, sidecar_path
from specc.diagnostics import ParityError, UsageError
from specc.onnxfile import OnnxFile
from specc.report.artifacts import inspection_json, inspection_text, recheck_json, recheck_text
from specc.weights import Initialised, read_weights, tensor
from tests.bundle.compiled import SPEC, compiled
from tests.bundle.mutations import changed_bytes, changed_fields
from tests.fuzz import texts
from tests.fuzz.target import Target, require


class _Compiled(Target):
    """Files about a small network that is compiled once."""

    @cached_property
    def _originals(self) -> Path:
        """Its file, and one each with functions and with weights in another file."""
        folder = self.folder / "originals"
        folder.mkdir(exist_ok=True)
        path = compiled(folder)
        loads(SPEC).to_onnx(folder / "functions.onnx", functions=True, verify=False)
        onnx.save(
            onnx.load(path), folder / "apart.onnx", save_as_external_data=True, size_threshold=0, location="w.data"
        )
        shutil.copy(folder / "w.data", self.folder / "w.data")
        shutil.copy(sidecar_path(path), self.folder / "net.specc.json")
        return folder

    def _placed(self, name: str, data: bytes) -> Path:
        assert self._originals
        path = self.folder / name
        path.write_bytes(data)
        return path


class OnnxModel(_Compiled):
    """A damaged ONNX file: inspected, run on its golden pair, and one in ten proven."""

    name, share = "onnx", 10

    def draw(self, random: Random) -> bytes:
        data = self._originals.joinpath(
            random.choice(("digits", "digits", "functions", "apart")) + ".onnx"
        ).read_bytes()
        change = random.choice((changed_bytes, changed_fields))
        return change(data, random)

    def answer(self, data: bytes) -> object:
        path = self._placed("net.onnx", data)
        found = inspect(path)
        shown = inspection_json(found)
        json.loads(shown)
        said = [inspection_text(found), shown]
        sidecar = sidecar_path(path)
        with suppress(ParityError):
            result = recheck(OnnxFile(path), read_sidecar(sidecar), sidecar)
            said += [recheck_text("x", path, result), recheck_json("x", path, result)]
        if len(data) % 10 == 0:
            with suppress(ParityError, UsageError):
                said.append(str(loads(SPEC).verify(OnnxFile(path), seed=0).passed))
        return said


class SidecarFile(_Compiled):
    """A damaged sidecar beside a file that is whole."""

    name, share = "sidecar", 10

    def draw(self, random: Random) -> bytes:
        data = sidecar_path(self._originals / "digits.onnx").read_bytes()
        if random.random() < 0.3:
            return changed_bytes(data, random)
        return texts.changed_json(data.decode(), random).encode("utf-8", "surrogatepass")

    def answer(self, data: bytes) -> object:
        path = self._placed("whole.onnx", (self._originals / "digits.onnx").read_bytes())
        sidecar = self._placed("whole.specc.json", data)
        found = inspect(path)
        said = [inspection_text(found), inspection_json(found)]
        with suppress(ParityError):
            said.append(recheck_text("x", path, recheck(path, read_sidecar(sidecar), sidecar)))
        return said


class _Weights(Target):
    """A file of weights, matched by name and by order, every number read."""

    suffix: ClassVar[str]

    @cached_property
    def _model(self) -> Model:
        return loads("model M : [N, 1, 8, 8] { conv(3, 3) -> bn -> relu -> flatten -> fc(2) }")

    @cached_property
    def _numbers(self) -> dict[str, np.ndarray]:
        return {name: tensor(Initialised(3), name, parameter) for name, parameter in self._model.graph.state}

    @cached_property
    def _original(self) -> bytes:
        raise NotImplementedError

    def draw(self, random: Random) -> bytes:
        return changed_bytes(self._original, random)

    def answer(self, data: bytes) -> object:
        path = self.folder / f"weights{self.suffix}"
        path.write_bytes(data)
        said, refused = [], None
        for match in ("name", "order"):
            try:
                weights = read_weights(path, self._model.graph.state, match)  # type: ignore[arg-type]
                for name, parameter in self._model.graph.state:
                    numbers = tensor(weights, name, parameter)
                    require(numbers.shape == parameter.shape, f"{name} has another shape")
                    require(np.isfinite(numbers).all(), f"{name} is no number")
                    said.append(numbers.tobytes())
                said.append(weights.notes)
            except UsageError as error:
                refused = error
                said.append(tuple(error.lines))
        if refused is not None:
            raise UsageError("\n".join(map(str, said)))
        return said


class Safetensors(_Weights):
    name, share, suffix = "safetensors", 12, ".safetensors"

    @cached_property
    def _original(self) -> bytes:
        self._model.save_weights(self.folder / "seed.safetensors", seed=3)
        return (self.folder / "seed.safetensors").read_bytes()

    def draw(self, random: Random) -> bytes:
        if random.random() < 0.4:
            return changed_bytes(self._original, random)
        size = int.from_bytes(self._original[:8], "little")
        header = texts.changed_json(self._original[8 : 8 + size].decode(), random).encode("utf-8", "surrogatepass")
        return len(header).to_bytes(8, "little") + header + self._original[8 + size :]

    def answer(self, data: bytes) -> object:
        try:
            return super().answer(data)
        except UsageError as error:
            # Of tensors that share their bytes, the safetensors library names now this one, now that one.
            if "invalid offset for tensor" in str(error):
                raise UsageError("invalid offset") from None
            raise


def rezipped(original: bytes, random: Random, is_changed: Callable[[str], bool]) -> bytes:
    """A sound archive of damaged members: bytes that change in the archive alone are caught by its checksums."""
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(original)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, changed_bytes(content, random) if is_changed(name) else content)
    return file.getvalue()


class Npz(_Weights):
    name, share, suffix = "npz", 8, ".npz"

    @cached_property
    def _original(self) -> bytes:
        file = BytesIO()
        np.savez(file, **self._numbers)  # type: ignore[arg-type]  # of mypy's, which takes a name for an option
        return file.getvalue()

    def draw(self, random: Random) -> bytes:
        if random.random() < 0.4:
            return changed_bytes(self._original, random)
        changed = random.choice(zipfile.ZipFile(BytesIO(self._original)).namelist())
        return rezipped(self._original, random, lambda name: name == changed)


class Checkpoint(_Weights):
    name, share, suffix = "pth", 4, ".pth"

    @cached_property
    def _original(self) -> bytes:
        import torch

        file = BytesIO()
        torch.save({name: torch.from_numpy(numbers.copy()) for name, numbers in self._numbers.items()}, file)
        return file.getvalue()

    def draw(self, random: Random) -> bytes:
        if random.random() < 0.4:
            return changed_bytes(self._original, random)
        return rezipped(self._original, random, lambda name: name.endswith(".pkl"))


TARGETS = (OnnxModel, SidecarFile, Safetensors, Npz, Checkpoint)
