"""State dicts of PyTorch's own parametrizations: refused, and what the refusal says to do is right, bit for bit."""

import warnings

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from specc.diagnostics import UsageError
from specc.ir.init import Constant
from specc.ir.op import Parameter
from specc.weights import read_weights, tensor

WAYS = {
    "weight_norm": weight_norm,
    "weight_norm of all": lambda layer: weight_norm(layer, dim=None),
    "weight_norm of the second": lambda layer: weight_norm(layer, dim=1),
    "weight_norm of a bias": lambda layer: weight_norm(weight_norm(layer), "bias"),
    "spectral_norm": spectral_norm,
    "prune": lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    "prune of both": lambda layer: prune.random_unstructured(prune.identity(layer, "weight"), "bias", 0.5),
    "prune below weight_norm": lambda layer: prune.l1_unstructured(weight_norm(layer), "weight_v", 0.5),
    "parametrizations.weight_norm": parametrizations.weight_norm,
    "parametrizations.spectral_norm": parametrizations.spectral_norm,
    "parametrizations.orthogonal": parametrizations.orthogonal,
    "two parametrizations": lambda layer: parametrizations.spectral_norm(parametrizations.weight_norm(layer)),
}
SAVED = {
    "w.pth": torch.save,
    "w.safetensors": lambda state, path: safetensors.torch.save_file(
        {n: t.contiguous() for n, t in state.items()}, path
    ),
    "w.npz": lambda state, path: np.savez(path, **{name: value.numpy() for name, value in state.items()}),
}


def network(way):
    """Layers of three kinds, alike to the last bit but for what is done to them."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 5, 2), nn.Linear(5, 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # that weight_norm is the old way
        return nn.Sequential(*map(way, layers))


def wanted():
    """The tensors of the plain network."""
    plain = network(lambda layer: layer).state_dict()
    return tuple(
        (name, Parameter(name.rpartition(".")[2], tuple(value.shape), Constant(0.0))) for name, value in plain.items()
    )


def refusal(path, match, state=None):
    with pytest.raises(UsageError) as caught:
        read_weights(path, state or wanted(), match)
    first, *lines = str(caught.value).splitlines()
    assert first == f"{path} does not fit the network:"
    return lines


def run_what_it_says(lines, model):
    """Do what the lines of Python in a refusal say."""
    rest = "  with them in place it does not fit either:"
    said = lines[: lines.index(rest)] if rest in lines else lines
    code = "\n".join(line.removeprefix("    ") for line in said if line.startswith("    "))
    exec(code, {"torch": torch, "model": model})


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("match", ["name", "order"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_said_is_right(tmp_path, way, match, name):
    model = network(WAYS[way])
    SAVED[name](model.state_dict(), tmp_path / name)
    lines = refusal(tmp_path / name, match)
    assert not any("did you mean" in line or "missing" in line for line in lines)
    model.eval()
    for _ in range(2):  # one hook computes what the next takes the time after
        model[:2](torch.rand(1, 3, 5, 5))
        model[2](torch.rand(1, 5))
    computed = {
        f"{i}.{of}": getattr(model[i], of).detach().numpy().copy() for i in range(3) for of in ("weight", "bias")
    }
    run_what_it_says(lines, model.train())
    SAVED[name](model.state_dict(), tmp_path / name)
    weights = read_weights(tmp_path / name, wanted())
    for path, parameter in wanted():
        assert np.array_equal(tensor(weights, path, parameter), computed[path])


def test_the_words(tmp_path):
    torch.save(network(weight_norm).state_dict(), tmp_path / "w.pth")
    assert refusal(tmp_path / "w.pth", "name") == [
        "  0.weight is not in it: torch.nn.utils.weight_norm computes it from 0.weight_g and 0.weight_v, "
        "and 2 more likewise",
        "  let PyTorch put what is computed in place in the model, and save the state dict anew:",
        "    from torch.nn.utils import remove_weight_norm",
        "    for layer in model.eval().modules():",
        "        if hasattr(layer, 'weight_g'):",
        "            remove_weight_norm(layer, 'weight')",
    ]


def test_what_does_not_fit_even_so(tmp_path):
    torch.save(network(parametrizations.weight_norm).state_dict(), tmp_path / "w.pth")
    lines = refusal(tmp_path / "w.pth", "name", wanted()[1:])
    assert lines[-4:] == [
        "            parametrize.remove_parametrizations(layer, 'weight')",
        "  with them in place it does not fit either:",
        "  not in the network:",
        "    0.weight [4, 3, 3, 3]",
    ]


def test_below_a_wrapper(tmp_path):
    torch.save(nn.DataParallel(network(spectral_norm)).state_dict(), tmp_path / "w.pth")
    lines = refusal(tmp_path / "w.pth", "name")
    assert lines[0].startswith("  module.0.weight is not in it: torch.nn.utils.spectral_norm computes it from ")
    assert not any("fit" in line for line in lines), "with the weights in place the prefix is left out, and all fits"


def test_a_layer_alone(tmp_path):
    torch.save(parametrizations.weight_norm(nn.Conv2d(3, 4, 3)).state_dict(), tmp_path / "w.pth")
    shapes = {"weight": (4, 3, 3, 3), "bias": (4,)}
    state = tuple((name, Parameter(name, shape, Constant(0.0))) for name, shape in shapes.items())
    assert refusal(tmp_path / "w.pth", "name", state)[0].startswith("  weight is not in it: ")


def test_by_order_no_part_is_taken_for_a_weight(tmp_path):
    """The shapes agree in order: weight and mask with two weights."""
    model = nn.Sequential(prune.identity(nn.Linear(3, 3, bias=False), "weight"))
    torch.save(model.state_dict(), tmp_path / "w.pth")
    state = tuple((f"{i}.weight", Parameter("weight", (3, 3), Constant(0.0))) for i in range(2))
    assert "prune" in refusal(tmp_path / "w.pth", "order", state)[0]


@pytest.mark.parametrize(
    "shapes",
    [
        {"a.weight_v": (4, 3), "a.weight_g": (5,)},
        {"a.weight_v": (4, 3)},
        {"a.weight_orig": (4, 3), "a.weight_mask": (4,)},
        {"a.weight_orig": (4, 3), "a.weight_u": (5,)},
        {"a.weight_v": (4, 3), "a.weight_g": (4, 1), "a.weight": (4, 3)},
        {"parametrizations.weight.0.scale": (4, 3)},
    ],
)
def test_other_tensors_that_are_called_alike(tmp_path, shapes):
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "w.pth")
    state = (("a.weight", Parameter("weight", (4, 3), Constant(0.0))), ("b", Parameter("b", (1,), Constant(0.0))))
    assert not any("torch.nn.utils" in line for line in refusal(tmp_path / "w.pth", "name", state))


def test_a_network_whose_own_tensors_are_called_so(tmp_path):
    shapes = {"a.weight_v": (4, 3), "a.weight_g": (4, 1)}
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "w.pth")
    state = tuple((name, Parameter("weight", shape, Constant(0.0))) for name, shape in shapes.items())
    assert read_weights(tmp_path / "w.pth", state).names == {name: name for name in shapes}
