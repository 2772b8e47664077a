"""What the comment at the head of every program says of a file, a line each, in no language of programs."""

from __future__ import annotations

from collections.abc import Iterator

from specc.bundle.sidecar import InputEntry, OutputEntry, Sidecar, SymbolEntry
from specc.diagnostics.words import listed

_AXES = {"N": "batch", "C": "channels", "F": "features", "L": "places", "D": "slices", "H": "rows", "W": "columns"}


def notes(sidecar: Sidecar) -> Iterator[str]:
    """The interface. Every line ends in a full stop: a name at its end might join it to the next one."""
    for port in sidecar.inputs:
        yield f"input {_declared(port)}"
        if port.dtype == "uint8":
            yield "  Bytes, from 0 to 255, as they are in the image."
    for port in sidecar.outputs:
        yield f"output {_declared(port)}"
        if port.range is not None:
            yield f"  {_bounds(*port.range)}"
    for name, symbol in sidecar.symbols.items():
        yield f"{name} may be {_values(symbol)}."


def untested(sidecar: Sidecar) -> str:
    """Why there is no golden pair."""
    if sidecar.verdict.passed is None:
        return "nothing was proven when the file was compiled"
    return "it would have been too large"


def _declared(port: InputEntry | OutputEntry) -> str:
    laid_out = ""
    if port.layout is not None:
        laid_out = f", laid out {port.layout}: {', '.join(_AXES.get(letter, letter) for letter in port.layout)}"
    return f"{port.name}: {port.dtype} [{', '.join(map(str, port.shape))}]{laid_out}."


def _bounds(least: float | None, most: float | None) -> str:
    ends = [f"at least {least:g}"] if least is not None else []
    ends += [f"at most {most:g}"] if most is not None else []
    return f"Every number is {listed(ends)}." if ends else "Every number may come out."


def _values(symbol: SymbolEntry) -> str:
    """``6, 8, 10 and so on``, ``2, 4 and so on up to 64``, ``1 or 2``"""
    most, step = symbol.most, symbol.modulus
    first = [size for size in range(symbol.least, symbol.least + 4 * step, step) if most is None or size <= most]
    if len(first) < 4:
        return " or ".join(map(str, first)) or "nothing"
    return f"{', '.join(map(str, first[:3]))} and so on{'' if most is None else f' up to {most}'}"
