"""What single calls of PyTorch are in the language: proven as every import is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import specc
from specc.diagnostics import UsageError

pytestmark = pytest.mark.imported


class Calls(nn.Module):
    """A module with this forward."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module | nn.Parameter | Tensor) -> None:
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def body(module: nn.Module, shape: str, folder: Path) -> str:
    """The steps of the spec, in one line; the proof has passed."""
    torch.manual_seed(0)
    specc.from_torch(module, shape, folder / "net.cnn")
    _, _, rest = (folder / "net.cnn").read_text().partition("{")
    return " ".join(rest.rsplit("}", 1)[0].split())


IMAGES, ROWS = "[N, 4, 6, 10]", "[N, 9, 16]"


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda m, x: functional.normalize(x), "normalize"),
        (lambda m, x: functional.normalize(x, p=1.0, dim=-1, eps=1e-6), "normalize(1, dim=3, eps=1e-06)"),
        (lambda m, x: x.flip(1), "concat { | slice(3, 4) | slice(2, 3) | slice(1, 2) | slice(0, 1) }"),
        (lambda m, x: x[:, [2, 0, 1]], "concat { | slice(2, 3) | slice(0, 2) }"),
        (lambda m, x: torch.where(x > 0, x, 0.1 * x), "leakyrelu(0.1)"),
        (lambda m, x: x.masked_fill(x < 0, 0), "relu"),
        (lambda m, x: functional.interpolate(x, scale_factor=2, mode="nearest-exact"), "upsample(scale_factor=2)"),
        (lambda m, x: x.max(1, keepdim=True)[0], "amax(1, keepdim=true)"),
        (lambda m, x: functional.rrelu(x, 0.1, 0.3), "leakyrelu(0.2)"),
        (lambda m, x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))), "gelu"),
        (lambda m, x: functional.lp_pool2d(x, 2, 2), "lppool(2, 2)"),
        (lambda m, x: x.movedim(1, -1), "permute(0, 2, 3, 1)"),
        (lambda m, x: x.view(x.size(0), 2, 2, 6, 10).transpose(1, 2).reshape(x.shape), "channelshuffle(2)"),
    ],
)
def test_calls(forward: Callable[..., Tensor], expected: str, tmp_path: Path) -> None:
    assert body(Calls(forward), IMAGES, tmp_path) == expected


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: x.var((2, 3), keepdim=True),
        lambda m, x: x.std(1, unbiased=False),
        lambda m, x: torch.var_mean(x, (2, 3))[0],
        lambda m, x: torch.logsumexp(1000 * x, 1),
        lambda m, x: x.amin((2, 3)),
        lambda m, x: torch.addcmul(x, x, x, value=0.5).lerp(x, 0.3),
    ],
)
def test_calls_of_many_steps(forward: Callable[..., Tensor], tmp_path: Path) -> None:
    assert body(Calls(forward), IMAGES, tmp_path)


def heads(m: Any, x: Tensor, **options: Any) -> Tensor:
    """As vision transformers have them."""
    n, length, width = x.shape
    q, k, v = m.qkv(x).reshape(n, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4).unbind(0)
    y = functional.scaled_dot_product_attention(q, k, v, **options)
    return m.proj(y.transpose(1, 2).reshape(n, length, width))  # type: ignore[no-any-return]


@pytest.mark.parametrize("options", [{}, {"scale": 0.3}], ids=["", "scale"])
def test_attention(options: dict[str, Any], tmp_path: Path) -> None:
    module = Calls(lambda m, x: heads(m, x, **options), qkv=nn.Linear(16, 48), proj=nn.Linear(16, 16))
    assert f"affine({options.get('scale', 0.5)}) -> softmax(dim=-1)" in body(module, ROWS, tmp_path)


def attended(forward: Callable[..., Tensor], **options: Any) -> Calls:
    """A module of attention, with numbers in its biases."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(16, 4, **options)
    for each in attention.parameters():
        if each.dim() == 1:
            nn.init.uniform_(each)
    return Calls(forward, attn=attention)


@pytest.mark.parametrize(
    ("forward", "options", "expected"),
    [
        (lambda m, x: m.attn(x, x, x)[0], {"batch_first": True}, ""),
        (lambda m, x: m.attn(x, x[:, :5], x[:, :5], need_weights=False)[0], {"batch_first": True},
         " { | _ | slice(0, 5) | slice(0, 5) }"),
        (lambda m, x: m.attn(x, 3 * x, x)[0], {"batch_first": True}, " { | _ | affine(3) | _ }"),
        (lambda m, x: m.attn(x, x, x)[0], {"batch_first": True, "dropout": 0.1}, ""),
    ],
    ids=["itself", "another", "keys", "dropout"],
)  # fmt: skip
def test_modules_of_attention(
    forward: Callable[..., Tensor], options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    assert body(attended(forward, **options), ROWS, tmp_path) == f"attn: multiheadattention(4){expected}"


def test_a_layer_of_an_encoder(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True)
    assert "norm1: layernorm -> self_attn: multiheadattention(4) -> dropout(0.1)" in body(layer, "[N, T, 16]", tmp_path)


MASK = torch.triu(torch.full((9, 9), -1e9), 1)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (lambda: attended(lambda m, x: m.attn(x, x, x)[1], batch_first=True), "it gives out its weights"),
        (lambda: attended(lambda m, x: m.attn(x, x, x)[0]), "make it with batch_first=True"),
        (lambda: attended(lambda m, x: m.attn(x, x, x, attn_mask=MASK)[0], batch_first=True), "it masks places"),
        (lambda: attended(lambda m, x: m.attn(x, x, x)[0], batch_first=True, add_bias_kv=True), "it computes repeat"),
        (lambda: attended(lambda m, x: m.attn(x, x[..., :8], x[..., :8])[0], batch_first=True, kdim=8, vdim=8),
         "it reads attn.q_proj_weight"),
        (lambda: attended(lambda m, x: m.attn(m.attn(x, x, x)[0], x, x)[0], batch_first=True), "takes one value, not"),
        (lambda: Calls(lambda m, x: heads(m, x, is_causal=True), qkv=nn.Linear(16, 48), proj=nn.Linear(16, 16)),
         "it masks places"),
        (lambda: Calls(lambda m, x: torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1),
                       token=nn.Parameter(torch.ones(1, 1, 16))), "no operator joins a learned row"),
        (lambda: Calls(lambda m, x: torch.where(m.mask, x, 0.0), mask=torch.eye(9, 16) > 0), "a mask that is stored"),
        (lambda: Calls(lambda m, x: x.argmax(1)), "it gives places, whole numbers"),
        (lambda: Calls(lambda m, x: torch.einsum("bij,bij->b", x, x)), "does not sum over one letter"),
        (lambda: nn.Linear(16, 4).double(), "as float64, and a spec computes in float32"),
    ],
)  # fmt: skip
def test_what_is_refused(module: Callable[[], nn.Module], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        body(module(), ROWS, tmp_path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves(dtype: torch.dtype, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).to(dtype)
    assert body(module, IMAGES, tmp_path) == "0: conv(4, 1) -> 1: bn"
    assert module[0].weight.dtype == dtype, "it is as it was"
