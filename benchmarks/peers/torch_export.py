"""A module that specc has written, exported by PyTorch with the same names and open sizes.

    python benchmarks/peers/torch_export.py FACTS.json FILE.onnx dynamo|script [--verify] [--state]

The facts, of `benchmarks.exports`: where the module's source is, its class, its inputs and outputs.
"""

import json
import sys
import warnings
from pathlib import Path

import torch

warnings.simplefilter("ignore")
facts, file, way, *options = sys.argv[1:]
network = json.loads(Path(facts).read_text("utf-8"))
sys.path.insert(0, network["folder"])
model = getattr(__import__(network["module"]), network["name"])().eval()
if "--state" in options:
    model.load_state_dict(torch.load(Path(network["folder"], "state.pt")))
inputs = tuple(torch.randn(port["shape"]) for port in network["inputs"])
names = {"input_names": [port["name"] for port in network["inputs"]], "output_names": network["outputs"]}
opened = [{axis: name for axis, name in enumerate(port["sizes"]) if name} for port in network["inputs"]]
if way == "dynamo":
    shapes = tuple(dict.fromkeys(axes, torch.export.Dim.AUTO) for axes in opened)
    torch.onnx.export(model, inputs, file, dynamo=True, verify="--verify" in options, dynamic_shapes=shapes, **names)
else:
    axes = {port["name"]: axes for port, axes in zip(network["inputs"], opened, strict=True)}
    torch.onnx.export(model, inputs, file, dynamo=False, dynamic_axes=axes, **names)
