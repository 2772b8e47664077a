"""Names of sizes that say nothing, or cannot mean what they say: those sizes are open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from onnx import ModelProto, TensorShapeProto

from specc.onnxfile import OnnxFile

_NUMBER = re.compile(r"\s*[-+]?\d+\s*")
"""``-1``, as some tools write for any size: as a name, and not as the number it would be."""


def with_open_sizes(file: OnnxFile) -> tuple[OnnxFile, tuple[str, ...]]:
    """The file without such names, and what whoever imports it should know; the file itself where it has none.

    A name that is a number, as in ``["-1", 3, "1", "1"]``, is none. One that the batch and another axis have, as in
    ``["dynamic", 3, "dynamic", "dynamic"]``, would say that an image is as high as there are samples: it only says that
    these sizes are open.
    """
    shapes = [value.type.tensor_type.shape.dim for value in file.proto.graph.input]
    names = [size.dim_param for shape in shapes for size in shape if size.dim_param]
    numbers = {name for name in names if _NUMBER.fullmatch(name)}
    batches = {shape[0].dim_param for shape in shapes if shape and shape[0].dim_param}
    is_below = any(size.dim_value < 0 for shape in shapes for size in shape)
    both = {size.dim_param for shape in shapes for size in shape[1:]} & batches - numbers
    if file.is_lean or not (numbers | both or is_below):
        return file, ()
    model = ModelProto()
    model.CopyFrom(file.proto)
    for size in _sizes(model):
        if size.dim_param in numbers | both:
            size.ClearField("dim_param")
        elif size.dim_value < 0:
            size.ClearField("dim_value")
    notes = _notes(sorted(numbers), sorted(both))
    below = ["the file has sizes of -1, which are none: they are open"] if is_below else []
    return OnnxFile(file.source, model), (*notes, *below)


def _sizes(model: ModelProto) -> Iterator[TensorShapeProto.Dimension]:
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield from value.type.tensor_type.shape.dim


def _notes(numbers: list[str], both: list[str]) -> Iterator[str]:
    for name in numbers:
        yield f'the file calls a size "{name}", which is a name there and no number: that size is open'
    for name in both:
        yield f'the file calls the batch and other sizes "{name}", as if they were equal: each of them is open'
