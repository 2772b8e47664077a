"""Oracles: the safetensors library and torch's strict ``load_state_dict``, both ways."""

import io
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import nn

from specc.diagnostics import UsageError
from specc.ir.init import Constant, Fixed, Uniform
from specc.ir.op import Parameter
from specc.weights import Initialised, Randomised, read_weights, tensor, tensors, write_safetensors

STATE = (
    ("0.weight", Parameter("weight", (5, 1, 3, 3), Uniform(1 / 3))),
    ("0.bias", Parameter("bias", (5,), Uniform(1 / 3))),
    ("1.weight", Parameter("weight", (5,), Constant(1.0))),
    ("1.bias", Parameter("bias", (5,), Constant(0.0))),
    ("1.running_mean", Parameter("running_mean", (5,), Constant(0.0), trainable=False, buffer=True)),
    ("1.running_var", Parameter("running_var", (5,), Constant(1.0), trainable=False, buffer=True)),
    ("1.num_batches_tracked", Parameter("num_batches_tracked", (), Constant(0.0), False, buffer=True, integer=True)),
)
EDGE = (("edge.weight", Parameter("weight", (1, 1, 1, 2), Fixed((1.0, -1.0)), trainable=False)),)


def net():
    return nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5))


def written(weights, state=STATE):
    file = io.BytesIO()
    write_safetensors(file, state, weights)
    return file.getvalue()


@pytest.fixture
def good():
    """A file's tensors as PyTorch has them."""
    torch.manual_seed(0)
    made = net()
    made(torch.randn(2, 1, 8, 8))  # so that the statistics are no longer zeros and ones
    return {name: value.contiguous() for name, value in made.state_dict().items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def refusal(path, state=STATE):
    with pytest.raises(UsageError) as caught:
        read_weights(path, state)
    return str(caught.value)


# --- written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [Initialised(1), Randomised(1)])
def test_the_library_and_torch_read_what_is_written(path, weights):
    path.write_bytes(written(weights))
    loaded = safetensors.torch.load_file(path)
    net().load_state_dict(loaded, strict=True)
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == sorted(name for name, _ in STATE)
        for name, parameter in STATE:
            expected = tensor(weights, name, parameter)
            for value in (loaded[name].numpy(), file.get_tensor(name)):
                assert value.dtype == expected.dtype == (np.int64 if parameter.integer else np.float32)
                assert value.shape == expected.shape == parameter.shape
                assert np.array_equal(value, expected)
    assert loaded["1.num_batches_tracked"].item() == 0


def test_same_bytes_every_time(monkeypatch):
    first = written(Initialised(1))
    assert written(Initialised(1)) == first
    assert written(Initialised(2)) != first
    monkeypatch.setattr(tensors, "CHUNK", 7)
    assert written(Initialised(1)) == first


def test_every_tensor_is_aligned():
    """Readers that map a file view each tensor in place; 5 float32 before an int64 would put it astray."""
    data = written(Initialised(1), (STATE[1], STATE[-1]))
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert all(entry["data_offsets"][0] % {"F32": 4, "I64": 8}[entry["dtype"]] == 0 for entry in header.values())


def test_network_without_tensors(path):
    path.write_bytes(written(Initialised(0), ()))
    assert safetensors.torch.load_file(path) == {}
    read_weights(path, ())


def test_a_source_that_gives_too_little_is_our_bug():
    class Short:
        def chunks(self, path, parameter):
            yield np.zeros(3, np.float32)

    with pytest.raises(ValueError, match="12 bytes came for shape"):
        written(Short(), STATE[:1])
    with pytest.raises(ValueError, match="3 elements came for shape"):
        tensor(Short(), *STATE[0])


# --- read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 4, 2**16])
def test_what_torch_wrote_is_read(path, good, chunk, monkeypatch):
    monkeypatch.setattr(tensors, "CHUNK", chunk)
    safetensors.torch.save_file(good, path, metadata={"format": "pt"})
    weights = read_weights(path, STATE)
    for name, parameter in STATE:
        assert np.array_equal(tensor(weights, name, parameter), good[name].numpy())
    assert tensor(weights, *STATE[-1]).item() == 1
    assert max(piece.size for piece in weights.chunks(*STATE[0])) <= chunk


def test_what_we_wrote_is_read_back(path):
    path.write_bytes(written(Randomised(3)))
    assert written(read_weights(path, STATE)) == path.read_bytes()


def test_a_missing_counter_is_zero(path, good):
    del good["1.num_batches_tracked"]
    safetensors.torch.save_file(good, path)
    assert tensor(read_weights(path, STATE), *STATE[-1]).item() == 0


def test_everything_that_does_not_fit_is_said_at_once(path, good):
    del good["0.bias"], good["1.running_var"]
    good["0.weight"] = torch.zeros(5, 1, 5, 5)
    good["1.weight"] = good["1.weight"].char()
    good["1.num_batches_tracked"] = good["1.num_batches_tracked"].float()
    good["fc.weight"], good["\x1b[2Jfc"] = torch.zeros(1), torch.zeros(1)
    safetensors.torch.save_file(good, path)
    assert refusal(path) == "\n".join(
        [
            f"{path} does not fit the network:",
            "  missing:",
            "    0.bias [5]",
            "    1.running_var [5]",
            "  not in the network:",
            "    '\\x1b[2Jfc' [1]",
            "    fc.weight [1]",
            "  of another shape:",
            "    0.weight is [5, 1, 5, 5], needs [5, 1, 3, 3]",
            "  of another type; convert the file first:",
            "    1.weight is int8, needs float32",
            "    1.num_batches_tracked is float32, needs int64",
        ]
    )


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.int64, "int64"),
        (torch.int32, "int32"),
        (torch.uint16, "uint16"),
        (torch.bool, "BOOL"),
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.complex64, "C64"),
    ],
)
def test_only_what_float32_holds_is_taken(path, good, dtype, name):
    good["0.bias"] = torch.ones(5).to(dtype)
    safetensors.torch.save_file(good, path)
    assert f"    0.bias is {name}, needs float32" in refusal(path)


def test_a_scalar_is_no_vector_of_one(path, good):
    good["1.num_batches_tracked"] = torch.tensor([1])
    safetensors.torch.save_file(good, path)
    assert "1.num_batches_tracked is [1], needs []" in refusal(path)


def test_every_tensor_that_does_not_fit_is_listed(path):
    safetensors.torch.save_file({f"old.{i:03}": torch.zeros(1) for i in range(200)}, path)
    message = refusal(path) + "\n"
    assert all(f"    old.{i:03} [1]\n" in message for i in range(200))
    assert all(f"    {name} {list(p.shape)}\n" in message for name, p in STATE[:-1])


@pytest.mark.parametrize("chunk", [4, 2**16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused_where_it_is_read(path, good, value, chunk, monkeypatch):
    monkeypatch.setattr(tensors, "CHUNK", chunk)
    good["0.weight"][4, 0, 1, 2] = value
    safetensors.torch.save_file(good, path)
    weights = read_weights(path, STATE)
    with pytest.raises(UsageError) as caught:
        tensor(weights, *STATE[0])
    assert str(caught.value) == f"{path}: 0.weight[4, 0, 1, 2] is {value}; weights must be finite numbers"


def test_frozen_constants_of_the_spec_must_agree(path):
    safetensors.torch.save_file({"edge.weight": torch.tensor([[[[1.0, -1.0]]]])}, path)
    assert tensor(read_weights(path, EDGE), *EDGE[0]).tolist() == [[[[1, -1]]]]
    safetensors.torch.save_file({"edge.weight": torch.tensor([[[[1.0, -2.0]]]])}, path)
    assert refusal(path, EDGE) == (
        f"{path} does not fit the network: the spec freezes edge.weight[0, 0, 0, 1] at -1.0, and the file has -2.0"
    )


def test_constants_that_train_may_differ(path):
    state = (("edge.weight", Parameter("weight", (1, 1, 1, 2), Fixed((1.0, -1.0)))),)
    safetensors.torch.save_file({"edge.weight": torch.tensor([[[[1.0, -2.0]]]])}, path)
    assert tensor(read_weights(path, state), *state[0]).tolist() == [[[[1, -2]]]]


# --- files that are none ------------------------------------------------------------------------------


def test_missing_file_and_folder(path, tmp_path):
    assert refusal(path) == f"cannot read {path}: no such file or directory"
    assert refusal(tmp_path) == f"cannot read {tmp_path}: it is no regular file"
    path.write_text("")
    assert refusal(path / "deeper") == f"cannot read {path / 'deeper'}: not a directory"


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices in the file system")
def test_pipe_and_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", type(tmp_path)("/dev/null")):
        assert refusal(place) == f"cannot read {place}: it is no regular file"


def header_of(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(header, data):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def lie(name, **facts):
    header, data = header_of(written(Initialised(0)))
    header[name] |= facts
    return with_header(header, data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        b"PK\x03\x04 a zip archive, cut short",
        (2**63).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"[1]\n",
        (2).to_bytes(8, "little") + b"{",
        written(Initialised(0))[:-1],
        written(Initialised(0))[:60],
        written(Initialised(0)) + b"\0",
        lie("0.bias", data_offsets=[0, 20]),
        lie("0.bias", data_offsets=[10**15, 10**15 + 20]),
        lie("0.bias", shape=[6]),
        lie("0.bias", shape=[2**40, 2**40]),
        lie("0.bias", shape=[-5]),
        lie("0.bias", dtype="F33"),
    ],
)
def test_damaged_and_foreign_files(path, content):
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"cannot read {path}: it is ")
    assert "damaged" in message or not content


WHOLE = written(Initialised(0))


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), cut=st.integers(0, 8))
def test_any_damage_is_refused_or_plainly_there(tmp_path_factory, at, byte, cut):
    """One byte changed, some missing at the end: an error in words, or exactly the file's numbers."""
    damaged = bytearray(WHOLE[: len(WHOLE) - cut])
    damaged[min(at, len(damaged) - 1)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(damaged)
    try:
        weights = read_weights(path, STATE)
        read = {name: tensor(weights, name, parameter) for name, parameter in STATE}
    except UsageError:
        return
    theirs = safetensors.numpy.load_file(path)
    assert all(np.array_equal(read[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("change", ["cut short", "replaced", "removed"])
def test_file_that_changes_under_way(path, good, change):
    safetensors.torch.save_file(good, path)
    weights = read_weights(path, STATE)
    if change == "cut short":
        os.truncate(path, 400)
    else:
        path.unlink()
    if change == "replaced":
        path.write_bytes(written(Initialised(0)))
    with pytest.raises(UsageError, match=r"changed while it was being read|no such file or directory"):
        tensor(weights, *STATE[0])


# --- big ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in KiB")
def test_memory_does_not_grow_with_the_network(path):
    """25 million parameters, 100 MB on disk, written and read back in less than 32 MiB."""
    code = """
        import resource, sys
        from pathlib import Path
        from specc.atomic import replace
        from specc.ir.init import Normal, Uniform
        from specc.ir.op import Parameter
        from specc.weights import Initialised, read_weights, write_safetensors
        def used():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        def state(rows):
            return (("a", Parameter("a", (rows, 1000), Uniform(0.1))), ("b", Parameter("b", (rows, 200), Normal(0.1))))
        path = Path(sys.argv[1])
        for rows in (100, 21_000):
            with replace(path) as file:
                write_safetensors(file, state(rows), Initialised(0))
            weights = read_weights(path, state(rows))
            for name, parameter in state(rows):
                for piece in weights.chunks(name, parameter):
                    pass
            print(used())
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True, check=True
    )
    assert path.stat().st_size > 100_000_000
    path.unlink()
    small, large = map(int, done.stdout.split())
    assert large - small < 32
