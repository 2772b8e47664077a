"""The contract of an operator: one class, all that the operator means.

An operator is a frozen Pydantic model whose fields are its attributes, in PyTorch's order and with
PyTorch's names and defaults. It knows no spans and imports no framework; it refuses by raising
`Refusal`, and describes PyTorch and ONNX in the neutral terms of `specc.ir.targets`.
"""

# No `from __future__ import annotations` in the files that define operators: Pydantic would compile every
# annotation from its text, for every class again, which takes a fifth of the time of a whole `specc check`.
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from specc.diagnostics.finding import Condition
from specc.ir.init import Init
from specc.ir.record import Record
from specc.ir.rounding import Rounding
from specc.ir.targets import Builder, Ref, TorchCall, TorchModule
from specc.ir.traits import (
    ANY,
    UNKNOWN,
    Axes,
    Coefficient,
    Convolution,
    Norm,
    Range,
    Scaling,
    Window,
    hull,
    moved,
    scaled,
)
from specc.ir.types import TensorType, fixed


class Refusal(Record, Exception):
    """An operator will not take these inputs with these attributes; says why, with the arithmetic.

    Attributes:
        code: one of the S-codes of `specc.diagnostics.Code`, as text.
        message: the headline, complete in itself, with the user's own numbers.
        argument: the attribute at fault; None where the step as a whole is.
        label: the words beside the underline.
        against: the attribute that it contradicts, to be shown as a second place.
        cause: 0-based index of the input whose shape is the cause, to be shown as a second place.
        notes: facts, such as the formula with its numbers.
        helps: fixes that have been tried.
        where: of a claim that does not hold for every size, a condition that makes it hold: ``H % 16 == 0``.
    """

    code: str
    message: str
    argument: str | None = None
    label: str = ""
    cause: int | None = None
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    where: Condition | None = None
    against: str | None = None

    def __str__(self) -> str:
        return self.message


class Parameter(Record):
    """A tensor that belongs to a step.

    Attributes:
        name: "weight", "running_mean" …; the empty name is the step itself (``scale``'s factor).
        shape: as PyTorch stores it.
        init: how it starts; for "parameters" that PyTorch calls buffers, their constant.
        trainable: False for a frozen parameter (``requires_grad=False``) and for every buffer.
        buffer: in the state dict, but no parameter: not counted in ``params``.
        integer: int64 instead of float32 (``num_batches_tracked``).
        beside: PyTorch's layer has none of that name as it is made, and is given it.
    """

    name: str
    shape: tuple[int, ...]
    init: Init
    trainable: bool = True
    buffer: bool = False
    integer: bool = False
    beside: bool = False

    def with_init(self, init: Init) -> "Parameter":
        """The same tensor with another start."""
        return Parameter(self.name, self.shape, init, self.trainable, self.buffer, self.integer, self.beside)


class Op(BaseModel):
    """Base of all operators. Every method states a fact about one step.

    Those that every operator has are abstract. The others are traits, which are claimed where they hold: the default
    claims nothing.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        defer_build=True,  # a check builds the validators of the operators that it meets
        # No attribute begins with model_. That Pydantic looks takes a quarter of the time that the classes take.
        protected_namespaces=(),
    )

    kind: ClassVar[str]
    """The operator's name in the language, and in the names of unlabelled steps."""
    aliases: ClassVar[tuple[str, ...]] = ()
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Least and greatest number of inputs; None: any number."""
    positional: ClassVar[int | None] = None
    """How many attributes need not have their names in a call; None: all. In PyTorch a norm's first argument is the
    number of channels, which the input tells here: ``bn(64)`` must not mean an eps of 64."""
    measures: ClassVar[tuple[str, ...]] = ()
    """The attributes that are other values of the network, of which it takes the sizes alone: ``like``. Where they are
    given, these are its last inputs."""
    added: ClassVar[frozenset[str]] = frozenset()
    """The attributes that the operator had not from the first: where they have their default, what it was before is
    meant, and the digest of a network is what it was."""
    variadic: ClassVar[str | None] = None
    """The list-valued field whose elements may also be arguments of their own: ``permute(0, 2, 1)``."""
    passes: ClassVar[bool] = False
    """Whether it gives what it takes whatever its attributes are: as an argument (``act=identity``) it is no step."""
    unites: ClassVar[bool] = False
    """Whether of one value alone it gives just that: where a list comes to a single arm, the merge is no step."""
    keeps_order: ClassVar[bool] = False
    """Whether the result has the elements of the input in the same row-major order, in any shape."""
    activation: ClassVar[bool] = False
    """Whether it is a nonlinearity: of each element by itself (its window is `Pointwise`), or of those of an axis."""
    repeated: ClassVar[str] = "without weights in between, two activations are but one other curve"
    """Of an activation, what becomes of a value to which it is applied twice."""

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        """What to write where an attribute has a value that PyTorch takes and this operator does not, as helps.

        Args:
            name: the attribute; it may be one that only PyTorch has.
            values: all attributes of the call, as far as they are known.
        """
        return ()

    @classmethod
    def takes_one(cls) -> bool:
        """Whether it is called on the current value, without arms."""
        least, most = cls.arity
        return least == 1 and most is not None

    @abstractmethod
    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the result.

        Raises:
            Refusal: where PyTorch would refuse the inputs, or where a backend could not be right.
        """

    @abstractmethod
    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        """Every tensor the step owns, in PyTorch's state-dict order."""

    @abstractmethod
    def macs(self, *inputs: TensorType) -> int:
        """Multiply-accumulates for one sample, as PyTorch's flop counter counts them (halved)."""

    @abstractmethod
    def window(self, *inputs: TensorType) -> Window:
        """Which places of the input a place of the result reads: what receptive fields are computed from.

        Asked where sizes are numbers.
        """

    @abstractmethod
    def rounding(self, *inputs: TensorType) -> Rounding:
        """The step's arithmetic: what a right float32 engine may be off by."""

    @abstractmethod
    def torch(self, *inputs: TensorType) -> TorchModule | TorchCall:
        """The step in PyTorch."""

    @abstractmethod
    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        """Add the step's nodes for ``values`` and return the result's name."""

    def axes(self, *inputs: TensorType) -> Axes:
        """What the step does with axes, from which layouts are computed. The default says nothing."""
        return UNKNOWN

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        """Lines for `specc explain`: formulas with the numbers of this step filled in.

        The default says nothing: the shapes, parameters and MACs are shown for every step anyway.
        """
        return ()

    # ---- traits --------------------------------------------------------------------------------------

    def identity(self, *inputs: TensorType) -> str | None:
        """Why the step gives exactly what it takes, in training too; None where that is not so, or not its business.

        A pool to a size that the input happens to have is no identity: it says which size comes out, whatever comes in.
        """
        return None

    def selects(self, *inputs: TensorType) -> bool:
        """Whether every element of the result is an element of an input."""
        return self.keeps_order

    def homogeneous(self, *inputs: TensorType) -> bool:
        """Whether s times the inputs give s times the result, for every s > 0. Asked of steps without parameters."""
        return self.selects(*inputs)

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """Between which numbers the result lies where its inputs lie in ``ranges``, in training too."""
        return hull(ranges) if self.selects(*inputs) or self.identity(*inputs) else ANY

    def fixed_points(self) -> Range | None:
        """Numbers that an operator on single elements leaves as they are; None where none are claimed."""
        return None

    def zeroed(self) -> float:
        """The share p of what it sets to 0 in training, at random; the rest it divides by 1 - p."""
        return 0.0

    def stuck(self) -> str | None:
        """Why no gradient reaches its weights as they start; None where one does, or where nothing is trained."""
        return None

    def norm(self, *inputs: TensorType) -> Norm | None:
        """What statistics it normalises by; None where it is no normalisation."""
        return None

    def scaling(self, *inputs: TensorType) -> Scaling | None:
        """The known numbers by which it scales and shifts every element, and nothing more; None where it does not."""
        return None

    def bias_axis(self, *inputs: TensorType) -> int | None:
        """The axis of the sample along which ``bias`` is added last, where it has one that ``bias=false`` omits."""
        return None

    def convolution(self, *inputs: TensorType) -> Convolution | None:
        """Its filters; None where it has none."""
        return None

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        """What the step multiplies a sample by, in training too; then a ``bias`` is added. None where it is not linear.

        Asked where sizes are numbers, of steps that read one value. The default knows of elements that are but moved.
        """
        if self.keeps_order or self.identity(*inputs):
            return scaled([1.0] * fixed(inputs[0].elements))
        if not self.selects(*inputs):
            return None
        before, after = (tuple(map(fixed, x.sample)) for x in (inputs[0], self.infer(*inputs)))
        return moved(self.window(*inputs), before, after)

    @property
    def measured(self) -> int:
        """How many of its inputs, the last ones, are there for their sizes alone."""
        return sum(getattr(self, name) is not None for name in self.measures)

    def sized_by(self, x: TensorType, value: TensorType) -> "Op | None":
        """The same that takes the sizes of ``value`` for formulas among its attributes; None where these are others."""
        return None

    def non_default(self, *fields: str) -> dict[str, object]:
        """The named fields whose value is not the default, for readable calls."""
        return {f: getattr(self, f) for f in fields if getattr(self, f) != type(self).model_fields[f].default}


class Weightless(Op):
    """An operator without tensors of its own and without multiply-accumulates."""

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return ()

    def macs(self, *inputs: TensorType) -> int:
        return 0
