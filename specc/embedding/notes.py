"""What the comment at the head of every program says of a file, a line each, in no language of programs."""

from __future__ import annotations

from collections.abc import Iterator

from specc.bundle.sidecar import InputEntry, InputNormalisation, PortEntry, Sidecar, SymbolEntry
from specc.diagnostics.words import listed

_AXES = {"N": "batch", "C": "channels", "F": "features", "L": "places", "D": "slices", "H": "rows", "W": "columns"}


def notes(sidecar: Sidecar) -> Iterator[str]:
    """The interface. Every line ends in a full stop: a name at its end might join it to the next one."""
    for taken in sidecar.inputs:
        yield f"input {_declared(taken)}"
        yield f"  {_numbers(taken)}"
    for given in sidecar.outputs:
        yield f"output {_declared(given)}"
        if given.range is not None:
            yield f"  Every number is {bounds(*given.range)}."
    for name, symbol in sidecar.symbols.items():
        yield f"{name} may be {_values(symbol)}."


def untested(sidecar: Sidecar) -> str:
    """Why there is no golden pair."""
    if sidecar.verdict.passed is None:
        return "nothing was proven when the file was compiled"
    return "it would have been too large"


def _declared(port: PortEntry) -> str:
    laid_out = ""
    if port.layout is not None:
        laid_out = f", laid out {port.layout}: {', '.join(_AXES.get(letter, letter) for letter in port.layout)}"
    return f"{port.name}: {port.dtype} [{', '.join(map(str, port.shape))}]{laid_out}."


def _numbers(port: InputEntry) -> str:
    kind = "Bytes from 0 to 255" if port.dtype == "uint8" else "Numbers"
    if "normalisation" not in port.model_fields_set:  # of a version before that
        return f"{kind}."
    if port.normalisation is None:
        return f"{kind}, as the network was trained on them: it normalises nothing by itself."
    return f"{kind}, as they come: the network itself computes {formula(port.normalisation)}."


def formula(normalisation: InputNormalisation) -> str:
    """``(x - 0.5)/0.25``, ``(x - mean)/std with mean 0.4 and 0.5 and std 0.2``"""
    mean, std = ([f"{number:g}" for number in numbers] for numbers in (normalisation.mean, normalisation.std))
    if len(mean) == 1:
        return f"(x - {mean[0]})/{std[0]}"
    along = f" along axis {normalisation.axis}"
    return f"(x - mean)/std{along} with mean {', '.join(mean)} and std {', '.join(std)}"


def bounds(least: float | None, most: float | None) -> str:
    """``at least 0 and at most 1``"""
    ends = [f"at least {least:g}"] if least is not None else []
    ends += [f"at most {most:g}"] if most is not None else []
    return listed(ends) if ends else "of any size"


def _values(symbol: SymbolEntry) -> str:
    """``6, 8, 10 and so on``, ``2, 4 and so on up to 64``, ``1 or 2``"""
    most, step = symbol.most, symbol.modulus
    first = [size for size in range(symbol.least, symbol.least + 4 * step, step) if most is None or size <= most]
    if len(first) < 4:
        return " or ".join(map(str, first)) or "nothing"
    return f"{', '.join(map(str, first[:3]))} and so on{'' if most is None else f' up to {most}'}"
