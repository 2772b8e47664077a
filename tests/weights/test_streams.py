"""Oracles: Philox and the uniform mapping worked out in plain integers, torch's own layers, mpmath's
and torch's normal quantiles, and Kolmogorov-Smirnov on big tensors."""

import hashlib
import os
import subprocess
import sys
from fractions import Fraction
from math import log, sqrt
from statistics import NormalDist

import mpmath  # comes with torch
import numpy as np
import pytest
import torch
from torch import nn

from specc.diagnostics import UsageError
from specc.ir.init import INITIALISERS, Constant, Fixed, Normal, Uniform, named, pytorch_default
from specc.ir.op import Parameter
from specc.weights import Initialised, Randomised, ahead, tensor, tensors
from specc.weights.streams import quantiles

BIG = 200_000
ENOUGH = 40_000
"""Numbers of two samples among which a difference of 5 percent is seen."""


def draw(init, shape=(BIG,), path="a.weight", seed=0, **kind):
    return tensor(Initialised(seed), path, Parameter("weight", shape, init, **kind))


def stressed(init, shape, name="weight", seed=0, **kind):
    return tensor(Randomised(seed), f"a.{name}", Parameter(name, shape, init, **kind))


def distance(a, b):
    """Kolmogorov and Smirnov's: the greatest gap between two samples' distribution functions."""
    a, b = np.sort(a, axis=None), np.sort(b, axis=None)
    everywhere = np.concatenate([a, b])
    return np.abs(
        np.searchsorted(a, everywhere, "right") / a.size - np.searchsorted(b, everywhere, "right") / b.size
    ).max()


def critical(a, b, p=1e-4):
    """The gap that two samples of one distribution exceed with probability ``p`` (Smirnov's limit)."""
    return sqrt(-log(p / 2) / 2) * sqrt(1 / a.size + 1 / b.size)


def assert_alike(ours, theirs):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype == np.float32
    assert distance(ours, theirs) < critical(ours, theirs)
    assert distance(ours * 1.05, theirs) > critical(ours, theirs), "too few elements to notice 5 percent"


# --- the stream, to the bit ---------------------------------------------------------------------------


def philox(counter, key):
    """Philox4x64-10 of Salmon et al. 2011 on 256-bit ``counter`` and 128-bit ``key``: four 64-bit words."""
    mask = 2**64 - 1
    c = [counter >> 64 * i & mask for i in range(4)]
    k = [key & mask, key >> 64]
    for _ in range(10):
        a, b = c[0] * 0xD2E7470EE14C6C93, c[2] * 0xCA5A826395121157
        c = [b >> 64 ^ c[1] ^ k[0], b & mask, a >> 64 ^ c[3] ^ k[1], a & mask]
        k = [k[0] + 0x9E3779B97F4A7C15 & mask, k[1] + 0xBB67AE8584CAA73B & mask]
    return c


def words(purpose, seed, path, count):
    key = int.from_bytes(hashlib.sha256(f"specc/{purpose}/{seed}/{path}".encode()).digest()[:16], "little")
    return [word for counter in range(1, count // 4 + 2) for word in philox(counter, key)][:count]


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_uniform_elements_are_these_very_numbers(seed):
    bound = 1 / sqrt(75)
    expected = [
        np.float32((Fraction(w >> 11, 2**52) - 1) * Fraction(bound)) for w in words("init", seed, "c.weight", 50)
    ]
    drawn = draw(Uniform(bound), (2, 5, 5), "c.weight", seed).ravel()
    # Two roundings instead of one: at most a unit in the last place away, nearly always none.
    np.testing.assert_array_almost_equal_nulp(drawn, np.array(expected, np.float32), nulp=1)
    assert np.mean(drawn == np.array(expected)) > 0.9


def test_normal_elements_are_these_very_numbers():
    inverse = NormalDist(3.0, 0.5).inv_cdf
    expected = [inverse(((w >> 12) + 0.5) / 2**52) for w in words("init", 7, "fc.weight", 40)]
    np.testing.assert_allclose(draw(Normal(0.5, 3.0), (40,), "fc.weight", 7), expected, rtol=1e-7)


def test_first_numbers_never_change():
    """Released files must come out of the same seed for ever."""
    assert [x.hex() for x in map(float, draw(Uniform(0.5), (3,), "conv1.weight", 42))] == FIRST_UNIFORM
    assert [x.hex() for x in map(float, draw(Normal(1.0), (3,), "conv1.weight", 42))] == FIRST_NORMAL


FIRST_UNIFORM = ["-0x1.2e1dda0000000p-3", "-0x1.82e68a0000000p-4", "-0x1.f500800000000p-2"]
FIRST_NORMAL = ["-0x1.83b7040000000p-2", "-0x1.e9879c0000000p-3", "-0x1.2653b40000000p+1"]


RELEASED = {
    (Initialised, 0): "ef3fccfc955bf3e769e2f5bfc11bc56f7e25c82a38b7ac76bcd07e618b29f80d",
    (Initialised, 7): "e1da666e6546de6e74a5a1ca8488ceb46ee41064f8916a3af39056ea07a3860f",
    (Initialised, 2**63 - 1): "3948901fc6c8d10181556cf126a3698c13dafdc2df4554482e86af4670f9d420",
    (Randomised, 0): "4da4ebbb13aacb0b13ba8043950adff1b84a57c99180794c4b104698b05d772a",
    (Randomised, 7): "5fd36b3e002ce3cea1b94c59079ae3351821df71e6d706b89a1ce66d6ec8f728",
    (Randomised, 2**63 - 1): "762d8f8862b455a958d14e7ff72f14e09e4b96379aef7d79d12be826d9dd973f",
}
"""What version 0.1 drew, one number after the other in one thread: SHA-256 of seven tensors of 253,259 numbers."""


@pytest.mark.parametrize(("source", "seed"), RELEASED)
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_many_numbers_never_change(monkeypatch, source, seed, threads):
    """Nor with more threads, whose pieces begin anywhere among the four numbers of a counter."""
    monkeypatch.setattr(ahead, "_processors", lambda: threads)
    monkeypatch.setattr(tensors, "CHUNK", 50_003)
    shape = (251, 1009)
    numbers = Fixed(tuple(i / 7 for i in range(251 * 1009)))
    starts = [Uniform(1 / 3), Normal(0.05, 0.5), Uniform(0.0), Uniform(1e-30), Normal(1e-3), Constant(1.25), numbers]
    hashed = hashlib.sha256()
    for i, init in enumerate(starts):
        hashed.update(tensor(source(seed), f"layer{i}.weight", Parameter("weight", shape, init)))
    assert hashed.hexdigest() == RELEASED[source, seed]


@pytest.mark.parametrize("init", [Uniform(0.1), Normal(0.1), Constant(2.0), Fixed(tuple(map(float, range(1000))))])
@pytest.mark.parametrize("chunk", [1, 7, 64, 999, 1000, 2**20])
def test_size_of_the_pieces_makes_no_difference(monkeypatch, init, chunk):
    whole = draw(init, (1000,))
    monkeypatch.setattr(tensors, "CHUNK", chunk)
    parts = list(Initialised(0).chunks("a.weight", Parameter("weight", (1000,), init)))
    assert [part.size for part in parts[:-1]] == [chunk] * (len(parts) - 1)
    assert all(part.ndim == 1 and part.dtype == np.float32 for part in parts)
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_pieces_are_small():
    sizes = [part.size for part in Initialised(0).chunks("a", Parameter("a", (3, 1000, 1000), Uniform(1.0)))]
    assert sum(sizes) == 3_000_000
    assert max(sizes) <= 2**20


def test_order_makes_no_difference():
    parameters = [Parameter(f"w{i}", (1000,), Uniform(1.0)) for i in range(4)]
    forwards = {p.name: tensor(Initialised(3), p.name, p) for p in parameters}
    source = Initialised(3)
    interleaved = zip(*(source.chunks(p.name, p) for p in reversed(parameters)), strict=True)
    for p, part in zip(reversed(parameters), next(interleaved), strict=True):
        assert np.array_equal(forwards[p.name], part)


SCRIPT = """
import hashlib
from specc.ir.init import Normal, Uniform
from specc.ir.op import Parameter
from specc.weights import Initialised, tensor
for init in (Uniform(0.1), Normal(0.1)):
    print(hashlib.sha256(tensor(Initialised(5), "a", Parameter("a", (200_003,), init)).tobytes()).hexdigest())
"""


def test_processor_and_hash_seed_make_no_difference():
    """NumPy with and without the vector instructions of newer processors."""
    found = np._core._multiarray_umath.__cpu_features__
    vectors = [name for name in np._core._multiarray_umath.__cpu_dispatch__ if found.get(name)]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=here | extra, capture_output=True, text=True, check=True
        ).stdout
        for extra in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "NPY_DISABLE_CPU_FEATURES": " ".join(vectors)})
    }
    assert len(printed) == 1


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30, 1.0, True, None, "1"])
@pytest.mark.parametrize("kind", [Initialised, Randomised])
def test_seed_out_of_range(kind, seed):
    with pytest.raises(UsageError) as caught:
        kind(seed)
    assert str(caught.value) == f"a seed is a whole number from 0 to 2^63 - 1, not {seed!r}"


# --- streams do not know of each other ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"path": "conv1.weight"}, {"path": "conv2.weight"}),
        ({"path": "conv1.weight"}, {"path": "conv1.bias"}),
        ({"seed": 0}, {"seed": 1}),
        ({"path": "a", "seed": 11}, {"path": "1/a", "seed": 1}),
    ],
)
def test_streams_are_independent(one, other):
    a, b = draw(Uniform(1.0), **one), draw(Uniform(1.0), **other)
    assert not np.isin(a, b).mean() > 0.1
    for shift in (0, 1, 4):
        assert abs(np.corrcoef(a[shift:], b[: BIG - shift])[0, 1]) < 5 / sqrt(BIG)


def test_stress_draws_other_numbers_than_the_initialisation():
    a, b = draw(Uniform(1 / 3), (BIG, 9)), stressed(Uniform(1 / 3), (BIG, 9))
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / sqrt(a.size)


def test_elements_of_a_stream_are_independent():
    a = draw(Uniform(1.0))
    for shift in (1, 2, 3, 4, 64):
        assert abs(np.corrcoef(a[shift:], a[:-shift])[0, 1]) < 5 / sqrt(BIG)


# --- as PyTorch ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.Conv2d(3, ENOUGH, 3),
        lambda: nn.Conv1d(8, ENOUGH, 1, groups=4),
        lambda: nn.ConvTranspose2d(4, ENOUGH, 2),
        lambda: nn.Linear(7, ENOUGH),
    ],
    ids=["conv", "grouped", "convtranspose", "linear"],
)
def test_layers_start_as_in_pytorch(layer):
    torch.manual_seed(0)
    made = layer()
    default = pytorch_default(tuple(made.weight.shape))
    for name in ("weight", "bias"):
        theirs = getattr(made, name)
        ours = draw(default, tuple(theirs.shape), name)
        assert_alike(ours, theirs)
        assert float(np.abs(ours).max()) <= default.bound
        assert float(np.abs(ours).max()) > default.bound * (1 - 100 / ours.size)


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("shape", [(400, 500), (100, 40, 5, 10)])
def test_named_initialisers_are_those_of_torch(name, shape):
    torch.manual_seed(0)
    theirs = getattr(nn.init, f"{name}_")(torch.empty(shape))
    ours = draw(named(name, shape), shape)
    if name in ("zeros", "ones"):
        assert np.array_equal(ours, theirs.numpy())
    else:
        assert_alike(ours, theirs)


@pytest.mark.parametrize("bound", [1 / sqrt(k) for k in (1, 2, 3, 9, 25, 576, 4608)] + [0.1, 0.0, 1e-30])
def test_bounds_hold_after_rounding(bound):
    drawn = draw(Uniform(bound)).astype(np.float64)
    assert drawn.min() >= -bound
    assert drawn.max() <= bound


def test_extreme_words_stay_inside(monkeypatch):
    """0 and 2^64 - 1, which no run will ever meet: the ends of the interval, and finite normals."""

    class Ends:
        def random_raw(self, size):
            return np.resize(np.array([0, 2**64 - 1], np.uint64), size)

    monkeypatch.setattr("specc.weights.streams._stream", lambda *_: Ends())
    for bound in (1 / 3, 0.1, 1 / sqrt(7)):  # in float32 the first two come out larger, the last one smaller
        ends = draw(Uniform(bound), (2,)).astype(np.float64)
        assert -bound <= ends[0] < -bound * (1 - 2e-7)
        assert bound * (1 - 2e-7) < ends[1] <= bound
    low, high = draw(Normal(1.0), (2,))
    assert low == -high
    assert 8 < high < 8.3


def test_normal_quantiles_against_mpmath():
    rng = np.random.default_rng(0)
    small = 10.0 ** -rng.uniform(0, 15.9, 300)
    p = np.concatenate([rng.random(300), small, 1 - small, [2.0**-53, 0.075, 0.925, 1 - 2.0**-53]])
    p = p[(p > 0) & (p < 1)]
    with mpmath.workdps(40):
        exact = [float(mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(float(x)) - 1)) for x in p]
    np.testing.assert_allclose(quantiles(p), exact, rtol=1e-15)


def test_normal_quantiles_against_torch():
    p = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 10_001), 2.0 ** -np.arange(1, 54)])
    np.testing.assert_allclose(quantiles(p), torch.special.ndtri(torch.from_numpy(p)).numpy(), rtol=1e-13, atol=1e-15)


def test_constants_and_the_counter():
    assert np.array_equal(draw(Constant(0.25), (3,)), np.full(3, 0.25, np.float32))
    counter = draw(Constant(0.0), (), integer=True)
    assert (counter.shape, counter.dtype, counter.item()) == ((), np.int64, 0)


def test_fixed_numbers_are_rounded_once():
    values = (0.1, -1.0, 1e-50, 3.4028235e38, 0.0, 16777217.0)
    assert np.array_equal(draw(Fixed(values), (3, 2)), np.array(values).astype(np.float32).reshape(3, 2))


@pytest.mark.parametrize("init", [Fixed((0.0, 1e39)), Constant(-1e300)])
def test_numbers_beyond_float32_are_refused(init):
    with pytest.raises(UsageError, match=r"^edge\.weight: (1e\+39|-1e\+300) is beyond the range of float32"):
        draw(init, (2,), "edge.weight")


# --- under stress -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "init",
    [pytorch_default((400, 5, 10)), Normal(3.0), Constant(0.0, "nn.init.zeros_"), Constant(1.0, "nn.init.ones_")],
)
def test_stressed_weights(init):
    drawn = stressed(init, (400, 5, 10))
    torch.manual_seed(0)
    assert_alike(drawn, torch.empty(400, 5, 10).uniform_(-1 / sqrt(50), 1 / sqrt(50)))


@pytest.mark.parametrize(
    ("init", "low", "high"),
    [
        (Constant(1.0), 0.5, 1.5),  # running_var must stay above 0
        (Constant(0.0), -0.5, 0.5),
        (Constant(0.25), -0.25, 0.75),
        (Constant(-100.0), -150, -50),
        (Constant(0.0, "nn.init.zeros_"), -0.5, 0.5),
        (Uniform(0.2), -0.2, 0.2),
    ],
)
def test_stressed_vectors(init, low, high):
    drawn = stressed(init, (BIG,))
    torch.manual_seed(0)
    assert_alike(drawn, torch.empty(BIG).uniform_(low, high))
    assert low <= drawn.min() < drawn.max() <= high


def test_stressed_norms_over_several_axes_stay_around_their_constant():
    drawn = stressed(Constant(1.0), (8, 5, 5))
    assert drawn.min() >= 0.5
    assert np.unique(drawn).size == drawn.size


def test_stress_leaves_the_specs_own_numbers_and_counters():
    assert np.array_equal(stressed(Fixed((1.0, -1.0)), (1, 1, 1, 2)).ravel(), [1, -1])
    for seed in range(9):
        assert stressed(Constant(3.0), (), "num_batches_tracked", seed, buffer=True, integer=True).item() == 3
