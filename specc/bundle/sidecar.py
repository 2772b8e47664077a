"""The sidecar of an ONNX file: its format, as it is written, read and published as a JSON Schema.

``lenet.specc.json`` stands beside ``lenet.onnx`` and says what a program must know to use that very file, and how to
test itself on it. No torch and no onnxruntime is needed to read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from specc.atomic import require_regular
from specc.bundle import SUFFIX
from specc.diagnostics import UsageError
from specc.diagnostics.words import system_reason, visible

FORMAT: Final = 1
"""It grows where a field goes or changes its meaning; fields may be added within a format."""

SHOWN = 5
"""Faults named in one message; the rest is counted."""

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


def _whole(value: object) -> object:
    """Pydantic takes true and 1.0 for 1."""
    if type(value) is not int:
        raise PydanticCustomError("literal_error", "Input should be 1")
    return value


First = Annotated[Literal[1], BeforeValidator(_whole)]
Origin = Annotated[str, Field(pattern="^(seed [0-9]+|sha256:[0-9a-f]{64})$")]


class SidecarPart(BaseModel):
    """Base of the parts. Fields that a later specc has added are in ``model_extra``."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="allow", allow_inf_nan=False, use_attribute_docstrings=True
    )


class DataFile(SidecarPart):
    """The weights of a network that is too large for one file."""

    name: str
    """In the folder of the ONNX file."""
    sha256: Sha256


class ModelFile(SidecarPart):
    """The file that the sidecar is about."""

    name: str
    """Without a folder: the two stand beside each other."""
    sha256: Sha256
    """Of all its bytes, in hexadecimal digits."""
    data: DataFile | None
    """Where the weights are, if not inside; null: inside."""
    opset: Count
    ir_version: Count


class SymbolEntry(SidecarPart):
    """The values that a symbolic size may take: least <= v <= most and v % modulus == residue."""

    least: Count
    most: Count | None
    """null: there is no greatest."""
    modulus: Annotated[int, Field(ge=1)]
    residue: Count


class InputNormalisation(SidecarPart):
    """What the network itself does with an input first: every number x becomes (x - mean)/std."""

    mean: tuple[float, ...]
    """One for all, or one for each place of the axis."""
    std: tuple[float, ...]
    axis: Annotated[int, Field(ge=1)] | None
    """Which axis of the input they lie along, the batch being 0; null where there is one number for all."""


class PortEntry(SidecarPart):
    """An input or output of the network."""

    name: str
    dtype: Literal["float32", "uint8"]
    """Of an output float32."""
    shape: tuple[int | str, ...]
    """Numbers, or formulas of the symbols: "N", "floor((H + 1)/2)"."""
    layout: str | None
    """What the axes are, as "NCHW": N batch, C channels, F features, L, HW or DHW places. null: no layer says it."""
    range: tuple[float | None, float | None] | None
    """Least and greatest number, null where there is no such bound. Of an output: between which every result lies,
    whatever the input; null: anywhere. Of an input it is the same as ``tried``, and no bound: its first name."""


class InputEntry(PortEntry):
    """An input of the network."""

    tried: tuple[float, float] | None = None
    """The least and the greatest number that the proof has fed in; others are taken, too. null without a proof."""
    normalisation: InputNormalisation | None = None
    """What the network does with its numbers by itself, so that whoever feeds it must not; null: nothing."""


class OutputEntry(PortEntry):
    """An output of the network."""

    labels: tuple[str, ...] | None
    """What each channel stands for; null: not said."""


class CostsEntry(SidecarPart):
    """Of one sample. null where it depends on symbolic sizes."""

    params: Count
    """Elements of all parameters."""
    trainable_params: Count
    macs: Count | None
    """Multiply-accumulates."""
    activation_memory: Count | None
    """Bytes of the results of all steps, as float32."""
    peak_memory: Count | None
    """Bytes that inference needs at once."""


class BudgetEntry(SidecarPart):
    """A limit from the project's configuration."""

    cost: str
    """params, macs, memory (the activation_memory) or peak_memory."""
    most: Count
    has: Count | None
    """null where the configuration does not say at which sizes."""
    at: dict[str, int]
    """The sizes at which the limit is meant."""


class WorstErrors(SidecarPart):
    """The largest errors, counted in roundings: how far rounding every intermediate value moves a channel."""

    onnx: float
    torch: float
    """PyTorch's own, in float32."""


class Verdict(SidecarPart):
    """What the proof has found. Without a proof all but the words is null or empty."""

    words: str
    """The same as in the file's metadata: "proven on cpu: …", "not checked"."""
    passed: bool | None
    provider: str | None
    proof: Literal["quick", "full"] | None = None
    """How much of it was run; null where a file is older than the choice."""
    versions: dict[str, str]
    """Of torch and onnxruntime, as they were."""
    checks: Count
    """Of the network as a whole."""
    steps: Count
    """That were judged each by itself."""
    worst: WorstErrors | None
    notes: tuple[str, ...]


class GoldenInput(SidecarPart):
    """Numbers for an input."""

    name: str
    shape: tuple[Count, ...]
    data: str
    """Of the port's dtype, little-endian, row-major, in base64."""


class GoldenOutput(GoldenInput):
    """PyTorch's float64 result, rounded to float32."""

    allowed: tuple[Annotated[float, Field(ge=0)], ...]
    """The largest difference, for each channel (axis 1); of an output that has only a batch, a single number."""


class GoldenPair(SidecarPart):
    """An input and the output that belongs to it."""

    sizes: dict[str, int]
    """The symbolic sizes here."""
    inputs: tuple[GoldenInput, ...]
    outputs: tuple[GoldenOutput, ...]


class Sidecar(SidecarPart):
    """What travels with an ONNX file that specc has compiled."""

    format: First
    """Of this description. It grows where a field goes or changes its meaning; fields may be added at any time."""
    specc: str
    """The version that wrote it."""
    model: str
    file: ModelFile
    spec: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
    """Of what the network means, however the spec is written: `specc inspect` shows it of a file."""
    settings: dict[str, str]
    """Parameters of the model that were set, as the language writes their values."""
    weights: Origin
    """The seed that they were drawn from, or the hash of their numbers."""
    runs_on: tuple[str, ...] = ()
    """The runtimes that it was to run on, as pip writes requirements: "onnxruntime>=1.16"."""
    symbols: dict[str, SymbolEntry]
    """Every symbolic size of inputs and outputs."""
    inputs: tuple[InputEntry, ...]
    outputs: tuple[OutputEntry, ...]
    costs: CostsEntry
    budgets: tuple[BudgetEntry, ...]
    verdict: Verdict
    golden: GoldenPair | None
    """null where nothing was proven, or where it would be too large."""


def sidecar_path(model: Path) -> Path:
    """``nets/lenet.specc.json`` of ``nets/lenet.onnx``."""
    return model.parent / (model.name.removesuffix(".onnx") + SUFFIX)


def golden_hash(golden: GoldenPair) -> str:
    """``sha256:…`` of the pair as JSON with sorted keys and without blanks, which the file's metadata keeps."""
    value = json.dumps(golden.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return f"sha256:{sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"


def sha256_of(path: Path) -> str:
    """Of the whole file, in hexadecimal digits. Raises UsageError where it cannot be read."""
    require_regular(path)
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {system_reason(error)}") from None


def read_sidecar(path: Path) -> Sidecar:
    """Raises UsageError where it cannot be read, is no sidecar, or is of a format that only a later specc knows."""
    return sidecar_of(read_json(path), path)


def sidecar_of(value: Mapping[str, Any], path: Path) -> Sidecar:
    """``value`` was read from ``path``. Raises UsageError as `read_sidecar`."""
    if is_newer(value):
        raise UsageError(
            f"{path} has format {value['format']}, written by specc {visible(str(value.get('specc')))}, and this specc "
            f"reads format {FORMAT}: install a newer one"
        )
    try:
        # Read anew by Pydantic: in strict mode it takes JSON's lists for tuples, and Python's not.
        return Sidecar.model_validate_json(json.dumps(value))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [
            f"  {visible('.'.join(map(str, fault['loc'])) or 'the whole')}: {visible(fault['msg'])}"
            for fault in faults[:SHOWN]
        ]
        lines += [f"  and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise UsageError(f"{path} is no sidecar of specc, or is damaged:", *lines) from None


def is_newer(value: Mapping[str, Any]) -> bool:
    """Whether it has a format that only a later specc knows."""
    form = value.get("format")
    return isinstance(form, int) and form > FORMAT


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file, whatever it holds. Raises UsageError."""
    require_regular(path)
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {system_reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON, or is cut short: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path} is no sidecar of specc: it holds no object")
    return value


def unknown(part: object, path: str = "") -> list[str]:
    """The fields that this specc does not know, in a part of a sidecar and all below it, as ``verdict.signature``."""
    match part:
        case SidecarPart():
            names = [f"{path}{name}" for name in part.model_extra or ()]
            parts = {name: getattr(part, name) for name in type(part).model_fields}
        case tuple():
            names, parts = [], {str(i): value for i, value in enumerate(part)}
        case dict():
            names, parts = [], part
        case _:
            return []
    return names + [name for key, value in parts.items() for name in unknown(value, f"{path}{key}.")]


def sidecar_schema() -> str:
    """The JSON Schema (draft 2020-12) as text: the same at every time, in every process."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:specc:sidecar:{FORMAT}",
        **Sidecar.model_json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
