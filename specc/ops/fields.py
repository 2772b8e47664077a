"""The types of operator attributes, each with the words that say what is expected."""

from collections.abc import Iterator
from struct import pack, unpack
from typing import Annotated, get_args

from pydantic import Field, WithJsonSchema
from pydantic.fields import FieldInfo

from specc.ir import init
from specc.ir.size import Size
from specc.ir.targets import Value

LARGEST = 2**31 - 1
"""The largest size any runtime indexes an axis with (int32 in cuDNN and in ONNX Runtime's kernels)."""

LARGEST_REAL = 3.4028234663852886e38
"""The largest float32: PyTorch refuses a larger scalar, ONNX would quietly store infinity."""


def float32(number: float) -> float:
    """The float32 nearest to ``number``. Raises OverflowError beyond `LARGEST_REAL`."""
    return float(unpack("<f", pack("<f", number))[0])


def is_float32(number: float) -> bool:
    """Whether float32 holds the number as it is."""
    return abs(number) <= LARGEST_REAL and float32(number) == number


class Expect:
    """What an attribute takes, to complete the sentence "kernel must be …, not -3"."""

    def __init__(self, text: str) -> None:
        self.text = text


_Positive = Annotated[int, Field(ge=1, le=LARGEST)]
_Natural = Annotated[int, Field(ge=0, le=LARGEST)]

Positive = Annotated[_Positive, Expect("a whole number of at least 1 (and below 2^31)")]
Natural = Annotated[_Natural, Expect("a whole number of at least 0 (and below 2^31)")]
Integer = Annotated[int, Field(ge=-LARGEST, le=LARGEST), Expect("a whole number (below 2^31)")]
Positives = Annotated[
    _Positive | tuple[_Positive, ...],
    Expect("whole numbers of at least 1 (and below 2^31): one for every axis, or a list of one for each"),
]
Naturals = Annotated[
    _Natural | tuple[_Natural, ...],
    Expect("whole numbers of at least 0 (and below 2^31): one for every axis, or a list of one for each"),
]
Integers = Annotated[
    tuple[Annotated[int, Field(ge=-LARGEST, le=LARGEST)], ...], Expect("a list of whole numbers (below 2^31)")
]
Real = Annotated[
    float, Field(ge=-LARGEST_REAL, le=LARGEST_REAL, allow_inf_nan=False), Expect("a finite number (below 3.4e38)")
]
_Real = Annotated[float, Field(ge=-LARGEST_REAL, le=LARGEST_REAL, allow_inf_nan=False)]
Reals = Annotated[
    _Real | Annotated[tuple[_Real, ...], Field(min_length=1)],
    Expect("a finite number (below 3.4e38), or a list of one for each channel"),
]
PositiveReal = Annotated[
    float, Field(gt=0, le=LARGEST_REAL, allow_inf_nan=False), Expect("a number above 0 (and below 3.4e38)")
]
NonNegativeReal = Annotated[
    float, Field(ge=0, le=LARGEST_REAL, allow_inf_nan=False), Expect("a number of at least 0 (and below 3.4e38)")
]
Epsilon = Annotated[
    float,
    Field(ge=2**-126, le=LARGEST_REAL),
    Expect("a number above 0 that float32 can hold (at least 1.18e-38)"),
]
"""What keeps a norm from dividing by zero; a smaller one would be zero in float32."""
Probability = Annotated[float, Field(ge=0, le=1), Expect("a probability, from 0 to 1")]
Flag = Annotated[bool, Expect("true or false")]
Bias = Annotated[bool | tuple[object, ...], Expect("true or false, or a list of one number for each output")]
Constants = Annotated[tuple[object, ...], Expect("a (nested) list of numbers")]
Like = Annotated[
    Value,
    Expect("a value of the network: a label, `in`, or a block's parameter that is one"),
    WithJsonSchema({"not": {}}),  # no number or text of YAML is one
]
Initialiser = Annotated[init.Initialiser, Expect("one of " + ", ".join(f'"{name}"' for name in init.INITIALISERS))]


def expected(field: FieldInfo) -> str:
    """What the attribute takes, in words; every attribute of every operator has them."""
    # Pydantic moves the outermost words into the metadata; those inside are about a part of the type.
    return next(part.text for part in (*field.metadata, *_parts(field.annotation)) if isinstance(part, Expect))


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The texts that an attribute takes; none where it takes none."""
    return tuple(part for part in _parts(field.annotation) if isinstance(part, str))


def takes_sizes(field: FieldInfo) -> bool:
    """Whether the attribute may be a size that is known as a formula only."""
    return any(part is Size for part in _parts(field.annotation))


def takes_whole_numbers(field: FieldInfo) -> bool:
    """Whether the attribute may be a whole number, or a list with some in it."""
    return any(part is int for part in _parts(field.annotation))


def _parts(annotation: object) -> Iterator[object]:
    """A type and all that it is made of: the types inside, the texts of literals, what annotates them."""
    yield annotation
    yield from getattr(annotation, "__metadata__", ())
    for inner in get_args(annotation):
        yield from _parts(inner)
