"""S0512, S0513: inputs that read as images in another order of axes, and bytes that meet weights as they came."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analyses.dataflow import BYTES, layouts
from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety, Severity
from specc.elaborate import Checked
from specc.ir.graph import Node
from specc.ir.init import Fixed
from specc.ir.types import TensorType, times
from specc.lint.lints import Lint, Match, Network
from specc.syntax import ast, is_yaml


def image_inputs(file: ast.File, checked: tuple[Checked, ...]) -> Iterator[Diagnostic]:
    """One finding for each."""
    for model, network in zip(file.models, checked, strict=True):
        stated = model.contract.inputs if model.contract is not None else ()
        for place, port in zip(stated, network.graph.inputs, strict=True):
            finding = _of(place.shape, port.type) if place.shape is not None else None
            # What a permute brings in front, as of images that a camera gives, is meant to be last.
            if finding and layouts(network.graph)[0][port.name] != "NHWC":
                yield finding


def _of(shape: ast.Shape, value: TensorType) -> Diagnostic | None:
    from specc.elaborate.image_axes import channels_last, image, without_batch  # no image in its usual order needs it

    sizes = [dim.span.text for dim in shape.dims]
    if meant := without_batch(value):
        channels, places = value.sample
        samples = "one sample" if value.batch == 1 else f"{value.batch} samples, each"
        message = f"{value} is a batch of {samples} of {channels} channels and {places} places"
        help_ = f"{image(value.batch, meant)}, with N for any number of them"
        sizes.insert(0, "N")
        label = Label(shape.dims[0].span, "this is the batch")
    elif meant := channels_last(value):
        batch = "" if value.rank == 4 else f"is a batch of {value.batch} and "
        message = f"{value} {batch}has {value.sample[0]} channels of {times(value.spatial)} places"
        help_ = f"channels come before the places: {image(value.sample[-1], meant)}"
        label = Label(shape.dims[-1].span, "these are places")
        sizes = [*(["N"] if value.rank == 3 else sizes[:1]), sizes[-1], *sizes[-3:-1]]
    else:
        return None
    fix = None
    is_free = value.rank == 4 or "N" not in shape.span.source.text.replace("[", " ").replace(",", " ").split()
    if is_free and not is_yaml(shape.span.source.name):
        fix = Fix((Edit(shape.span, f"[{', '.join(sizes)}]"),), Safety.UNSAFE)
    return Diagnostic(Code.IMAGE_AXES, message, label, helps=(help_,), severity=Severity.WARNING, fix=fix)


def _unscaled_bytes(node: Node, network: Network) -> Match | None:
    """Only where nothing but choosing and moving stands between the input and weights that are trained."""
    # Of one axis they are factors, of a norm or a slope, and no matter how large what they meet is.
    weights = [parameter for parameter in node.parameters if len(parameter.shape) > 1 and parameter.name == "weight"]
    if not network.bytes or not any(weight.trainable and not isinstance(weight.init, Fixed) for weight in weights):
        return None
    if network.weighed[node.inputs[0]] != BYTES or node.op.norm(*node.input_types) is not None:
        return None
    return Match(
        node,
        f"{node.op.kind} takes bytes as they are, from 0 to 255",
        "nothing has scaled them",
        notes=("weights start for numbers around 0 and 1, and published ones are trained for them",),
        helps=("affine(1 / 255), or standardize with mean and deviation of the data, in front of it does that",),
    )


LINTS = (Lint(Code.UNSCALED_BYTES, "macs", _unscaled_bytes, everywhere=False),)
