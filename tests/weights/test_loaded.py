"""Files of every format, against their own writers: numpy.savez, torch.save, safetensors.torch."""

import argparse
import enum
import functools
import gc
import io
import os
import pickle
import struct
import subprocess
import sys
import textwrap
import zipfile
from contextlib import suppress
from pathlib import PurePosixPath

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from specc.diagnostics import MissingDependency, UsageError
from specc.ir.op import Parameter
from specc.weights import read_weights, tensor, tensors
from tests.weights.test_safetensors import EDGE, STATE, net


@pytest.fixture
def good():
    """A state dict with statistics that are no zeros and ones."""
    torch.manual_seed(0)
    made = net()
    made(torch.randn(2, 1, 8, 8))
    return {name: value.contiguous() for name, value in made.state_dict().items()}


def arrays(state):
    return {name: value.numpy() for name, value in state.items()}


WRITERS = {
    "safetensors": safetensors.torch.save_file,
    "npz": lambda state, path: np.savez(path, **arrays(state)),
    "compressed npz": lambda state, path: np.savez_compressed(path, **arrays(state)),
    "pt": torch.save,
    "old pt": lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False),
}
every_format = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
in_numpy = pytest.mark.parametrize("write", [WRITERS["npz"], WRITERS["compressed npz"]], ids=["npz", "compressed"])


@pytest.fixture
def path(tmp_path):
    """Without a suffix (savez adds none where one is there): what a file is, its content says."""
    return tmp_path / "weights.bin"


def save(write, state, path):
    """To exactly ``path``."""
    written = path.with_name("written.npz")
    write(state, written)
    written.replace(path)


def read(path, state=STATE, match="name"):
    weights = read_weights(path, state, match)
    return {name: tensor(weights, name, parameter) for name, parameter in state}


def refusal(path, state=STATE, match="name"):
    with pytest.raises(UsageError) as caught:
        read(path, state, match)
    return str(caught.value)


def same(read_in, state):
    return all(np.array_equal(read_in[name], value.numpy()) for name, value in state.items())


# --- what is read -------------------------------------------------------------------------------------


@every_format
@pytest.mark.parametrize("chunk", [1, 4, 2**16])
def test_what_others_wrote_is_read(path, good, write, chunk, monkeypatch):
    monkeypatch.setattr(tensors, "CHUNK", chunk)
    save(write, good, path)
    assert same(read(path), good)
    weights = read_weights(path, STATE)
    assert weights.notes == ()
    for name, parameter in STATE:
        for piece in weights.chunks(name, parameter):
            assert piece.size <= chunk
            assert piece.dtype == tensors.element_type(parameter)


@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod."])
@pytest.mark.parametrize(
    ("kind", "suffix", "entry"),
    [
        ("safetensors", ".safetensors", None),
        ("npz", ".npz", None),
        ("compressed npz", ".npz", None),
        ("pt", ".pth", None),
        ("old pt", "", None),
        ("pt", ".pt", "state_dict"),
        ("old pt", ".pt", "model"),
    ],
)
def test_a_prefix_is_left_out_and_said(tmp_path, good, kind, suffix, entry, prefix):
    path, wrapped = tmp_path / f"w{suffix}", {prefix + name: value for name, value in good.items()}
    save(WRITERS[kind], wrapped if entry is None else {entry: wrapped, "epoch": 3}, path)
    assert same(read(path), good)
    assert read_weights(path, STATE).said[-1].startswith(f"{path}: all {len(good)} of its names begin with {prefix}, ")


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", ".pth", ".txt"])
@every_format
def test_the_content_tells_the_format_not_the_name(tmp_path, good, write, suffix):
    save(write, good, tmp_path / f"w{suffix}")
    assert same(read(tmp_path / f"w{suffix}"), good)


@pytest.mark.parametrize(
    ("name", "source", "dtype"),
    [(name, torch.float16, dtype) for name in WRITERS for dtype in (torch.float16, torch.float32, torch.float64)]
    + [(name, torch.bfloat16, torch.bfloat16) for name in WRITERS if "npz" not in name],  # NumPy has none
)
def test_numbers_that_float32_holds_are_taken(path, name, source, dtype):
    """Every finite number of 16 bits."""
    write, every = WRITERS[name], torch.from_numpy(np.arange(2**16, dtype=np.uint16).view(np.int16)).view(source)
    values = every[torch.isfinite(every)].to(dtype)
    state = (("w", Parameter("w", tuple(values.shape), STATE[0][1].init)),)
    save(write, {"w": values}, path)
    expected = values.to(torch.float32).numpy()
    found = read(path, state)["w"]
    assert found.dtype == np.float32
    assert np.array_equal(found.view(np.uint32), expected.view(np.uint32))  # -0.0 and subnormal numbers too


@every_format
@pytest.mark.parametrize(
    ("value", "shown"), [(0.1, "0.1"), (1e300, "1e+300"), (1e-50, "1e-50"), (1 + 2**-24, "1.0000000596046448")]
)
def test_float64_numbers_that_float32_has_not_are_refused(path, good, write, value, shown):
    good["0.weight"] = good["0.weight"].double()
    good["0.weight"][4, 0, 1, 2] = value
    save(write, good, path)
    assert refusal(path) == (
        f"{path}: 0.weight[4, 0, 1, 2] is {shown}; no float32 has this value: convert the file to float32 first"
    )


def test_an_archive_is_closed_when_its_weights_are_forgotten(path, good):
    """By itself, whoever still holds the file: forgotten together, the file might go first, and complain."""
    np.savez(path.with_suffix(".npz"), **arrays(good))
    weights = read_weights(path.with_suffix(".npz"), STATE)
    opened = weights.archive.zip
    assert opened.fp is not None
    del weights
    gc.collect()
    assert opened.fp is None


@every_format
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64])
def test_whole_numbers_and_others_are_no_weights(path, good, write, dtype):
    good["0.bias"] = torch.ones(5).to(dtype)
    save(write, good, path)
    assert "  of another type; convert the file first:\n    0.bias is " in refusal(path)


@every_format
@pytest.mark.parametrize("dtype", [torch.int32, torch.float32])
def test_a_counter_is_int64(path, good, write, dtype):
    good["1.num_batches_tracked"] = torch.tensor(1, dtype=dtype)
    save(write, good, path)
    assert f"1.num_batches_tracked is {dtype}, needs int64".replace("torch.", "") in refusal(path)


@every_format
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_not_finite_is_refused(path, good, write, value, dtype):
    good["0.weight"] = good["0.weight"].to(dtype)
    good["0.weight"][4, 0, 1, 2] = value
    save(write, good, path)
    assert refusal(path) == f"{path}: 0.weight[4, 0, 1, 2] is {value}; weights must be finite numbers"


@every_format
def test_frozen_constants_of_the_spec_must_agree(path, write):
    save(write, {"edge.weight": torch.tensor([[[[1.0, -1.0]]]])}, path)
    assert read(path, EDGE)["edge.weight"].tolist() == [[[[1, -1]]]]
    save(write, {"anything": torch.tensor([[[[1.0, -2.0]]]])}, path)
    assert refusal(path, EDGE, "order").endswith("freezes edge.weight[0, 0, 0, 1] at -1.0, and the file has -2.0")


@every_format
@pytest.mark.parametrize("match", ["name", "order"])
def test_counters_that_a_file_lacks_are_zero_and_that_is_said(path, good, write, match):
    del good["1.num_batches_tracked"]
    good = dict(reversed(good.items())) if match == "name" else good
    if match == "order" and write is WRITERS["safetensors"]:
        pytest.skip("the library sorts by name")
    save(write, good, path)
    weights = read_weights(path, STATE, match)
    assert tensor(weights, *STATE[-1]).item() == 0
    assert weights.notes == ("it holds no num_batches_tracked: the network's 1 are 0",)


@pytest.mark.parametrize("chunk", [7, 2**16])
@pytest.mark.parametrize(
    "laid_out",
    [
        np.asfortranarray,
        lambda a: a.astype(a.dtype.newbyteorder(">")),
        lambda a: a[::-1][::-1],
        lambda a: np.asfortranarray(a.astype(">f8")),
    ],
)
@in_numpy
def test_arrays_however_they_lie(path, write, laid_out, chunk, monkeypatch):
    monkeypatch.setattr(tensors, "CHUNK", chunk)
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    (np.savez if write is WRITERS["npz"] else np.savez_compressed)(path.with_suffix(".npz"), w=laid_out(values))
    state = (("w", Parameter("w", (3, 4, 5), STATE[0][1].init)),)
    assert np.array_equal(read(path.with_suffix(".npz"), state)["w"], values)


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda t: t.to(memory_format=torch.channels_last),
        lambda t: t.transpose(0, 3).contiguous().transpose(0, 3),
        lambda t: t.clone().requires_grad_(),
        nn.Parameter,
        lambda t: torch.cat([t, t])[4:],
    ],
)
def test_tensors_however_they_lie(path, laid_out):
    value = torch.randn(4, 3, 5, 2, generator=torch.Generator().manual_seed(0))
    torch.save({"w": laid_out(value)}, path)
    state = (("w", Parameter("w", (4, 3, 5, 2), STATE[0][1].init)),)
    assert np.array_equal(read(path, state)["w"], value.numpy())


def test_tied_tensors_of_a_module(path):
    """One storage under two names: both names are read."""
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    tied[1].weight = tied[0].weight
    torch.save(tied.state_dict(), path)
    state = tuple((f"{i}.weight", Parameter("weight", (3, 3), STATE[0][1].init)) for i in (0, 1))
    assert same(read(path, state), tied.state_dict())


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_the_one_state_dict_of_a_checkpoint_is_taken_and_that_is_said(path, good, key):
    optimiser = torch.optim.SGD(net().parameters(), 0.1).state_dict()
    torch.save({"epoch": 3, key: good, "optimizer": optimiser}, path)
    assert same(read(path), good)
    assert read_weights(path, STATE).notes == (f"the weights are its entry {key}; not read: epoch, optimizer",)


class Choice(enum.Enum):
    FIRST = 1


class Settings(dict):
    pass


class Evaluated:
    """Pickled, it has Python evaluate a text when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return eval, (f"__import__('os').mkdir({str(self.mark)!r})",)


@pytest.mark.parametrize(
    "hyperparameter",
    [
        PurePosixPath("data"),
        Choice.FIRST,
        argparse.Namespace(lr=0.1),
        Settings(lr=0.1),
        [Settings(lr=0.1), argparse.Namespace(lr=0.1)],
        functools.partial(torch.optim.SGD, lr=0.1),
        nn.CrossEntropyLoss(weight=torch.ones(3)),
        nn.ReLU,
        np.float64(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_lightning_keeps_beside_the_weights_is_not_looked_into(path, good, hyperparameter):
    beside = {"pytorch-lightning_version": "2.6.6", "hyper_parameters": {"x": hyperparameter}}
    torch.save({"state_dict": good, **beside}, path)
    assert same(read(path), good)
    said = "the weights are its entry state_dict; not read: pytorch-lightning_version, hyper_parameters"
    assert read_weights(path, STATE).notes == (said,)


def test_of_a_checkpoint_of_lightning_the_module_is_meant_whatever_tensors_are_beside_it(path, good):
    beside = {"hyper_parameters": {"class_weights": torch.ones(3)}, "averaging_state": {"n": torch.zeros(1)}}
    torch.save({"state_dict": good, **beside}, path)
    assert "no entry is clearly the one that is meant:" in refusal(path)
    torch.save({"pytorch-lightning_version": "2.6.6", "state_dict": good, **beside}, path)
    assert same(read(path), good)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_a_checkpoint_in_parts_is_refused_with_what_joins_them(tmp_path, good):
    from torch.distributed import checkpoint
    from torch.distributed.checkpoint import format_utils

    checkpoint.save({"state_dict": good}, checkpoint_id=tmp_path / "parts", no_dist=True)
    command = refusal(tmp_path / "parts").partition("makes one file of them: ")[2]
    module, *arguments = command.removeprefix("python -m ").split()
    assert (module, arguments[0]) == ("torch.distributed.checkpoint.format_utils", "dcp_to_torch")
    format_utils.dcp_to_torch_save(arguments[1], tmp_path / "whole.pt")
    assert same(read(tmp_path / "whole.pt"), good)


def test_objects_among_the_weights_are_refused(path, good):
    torch.save({"state_dict": good | {"0.bias": Settings()}, "pytorch-lightning_version": "2.6.6"}, path)
    assert "it holds more than tensors (tests.weights.test_loaded.Settings)" in refusal(path)


def test_code_beside_the_weights_is_not_run(path, good, tmp_path):
    mark = tmp_path / "was run"
    torch.save({"state_dict": good, "hyper_parameters": Evaluated(mark)}, path)
    assert same(read(path), good)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # the trap works


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda s: {"model": s, "model_ema": s},
            "no entry is clearly the one that is meant:\n    model: dict",
        ),
        (lambda s: {"net": s, "epoch": 3}, "no entry is clearly the one that is meant:\n    net: dict of 7 tensors"),
        (lambda s: {"model": s, "state_dict": s}, "\n    state_dict: dict of 7 tensors\n"),
        (lambda s: {"model": s | {"x": 3}}, "\n    model: dict of 8\n"),
        (lambda s: {"epoch": 3}, "\n    epoch: int\n"),
        (lambda s: {f"e{i}": i for i in range(30)}, "    e19: int\n    and 10 more\n"),
        (lambda s: {"model": s, "mean": torch.zeros(3)}, "no tensors under a name:\n    model: dict of 7 tensors"),
        (
            lambda s: s | {"version": 3},
            "but for these entries, which are no tensors under a name:\n    version: int",
        ),
        (lambda s: s | {7: torch.zeros(1)}, "no tensors under a name:\n    7: Tensor"),
        (lambda s: [s], "it holds an object of type list, not a state dict"),
        (lambda s: torch.zeros(3), "it holds an object of type Tensor, not a state dict"),
    ],
)
def test_what_is_no_clear_state_dict_is_refused_with_what_was_found(path, good, make, words):
    torch.save(make(good), path)
    assert words in refusal(path)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (torch.eye(5)[0].to_sparse(), "torch.sparse_coo float32"),
        (torch.zeros(5, device="meta"), "float32 without its numbers"),
        (torch.zeros(5).to(torch.float8_e4m3fn), "float8_e4m3fn"),
    ],
)
def test_tensors_that_are_no_plain_numbers(path, good, value, found):
    torch.save(good | {"0.bias": value}, path)
    assert f"    0.bias is {found}, needs float32" in refusal(path)


# --- foreign, damaged and malicious files ---------------------------------------------------------------


class Trap:
    """Pickled, it runs a command when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("environment", ["0", "1"])
def test_code_in_a_file_is_not_run(path, good, tmp_path, zipped, environment, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", environment)
    mark = tmp_path / "was run"
    torch.save(good | {"x": Trap(mark)}, path, _use_new_zipfile_serialization=zipped)
    assert "it holds more than tensors (" in refusal(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # the trap works


def test_code_in_an_array_is_not_run(path, tmp_path):
    mark = tmp_path / "was run"
    np.savez(path.with_suffix(".npz"), **{"edge.weight": np.array([[[[Trap(mark), 1]]]], object)})
    assert "edge.weight is object, needs float32" in refusal(path.with_suffix(".npz"), EDGE)
    assert not mark.exists()


def test_a_bare_pickle_is_not_loaded(path, tmp_path):
    path.write_bytes(pickle.dumps(Trap(tmp_path / "was run")))
    assert refusal(path).startswith(f"cannot read {path}: it is a bare pickle; torch.save(model.state_dict(), FILE)")
    assert not (tmp_path / "was run").exists()


def test_a_whole_model_is_refused_with_the_way_out(path):
    torch.save(net(), path)
    assert refusal(path) == (
        f"cannot read {path}: it holds more than tensors (torch.nn.modules.container.Sequential), which would have to "
        "be run; torch.save(model.state_dict(), FILE) keeps the tensors alone"
    )


def rezipped(content, compression=zipfile.ZIP_STORED, **more):
    """The archive written anew, with ``more`` members."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", compression) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
        for name, data in more.items():
            new.writestr(name, data)
    return target.getvalue()


def test_a_torchscript_program_is_refused(path, good):
    torch.save(good, path)
    path.write_bytes(rezipped(path.read_bytes(), **{"weights/constants.pkl": b"\x80\x02)."}))
    assert "it is a TorchScript program, not a state dict" in refusal(path)


def test_compressed_members_are_not_taken_for_numbers(path, good):
    """Mapped, they would be read as they lie."""
    torch.save(good, path)
    path.write_bytes(rezipped(path.read_bytes(), zipfile.ZIP_DEFLATED))
    assert "its members are compressed, and torch compresses none" in refusal(path)


def npy(header, data=b"", version=(1, 0)):
    width = {1: "<H", 2: "<I"}[version[0]]
    return b"\x93NUMPY" + bytes(version) + struct.pack(width, len(header)) + header + data


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 2), }"


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"not an array",
        npy(HEADER, b"\0" * 7),
        npy(HEADER, b"\0" * 9),
        npy(HEADER[:-1], b"\0" * 8),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2), }"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", b"\0" * 8),
        npy(b"{'descr': 'nothing', 'fortran_order': False, 'shape': (2,), }", b"\0" * 8),
        npy(b"(" * 9_000),
        npy(b"-" * 9_000 + b"1"),
        npy(b"__import__('os')"),
        npy(HEADER + b" " * 20_000, b"\0" * 8),
        npy(HEADER, b"\0" * 8)[:6] + b"\3" + npy(HEADER, b"\0" * 8)[7:],
    ],
    ids=range(14),
)
def test_arrays_that_are_none(path, member):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edge.weight.npy", member)
    assert refusal(path, EDGE).startswith(f"cannot read {path}: it is no .npz file, or damaged (")


def test_an_endless_header_is_not_unpacked(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edge.weight.npy", npy(HEADER + b" " * 10_000_000, b"\0" * 8, (2, 0)))
    assert f"the header of edge.weight.npy has {len(HEADER) + 10_000_000} bytes" in refusal(path, EDGE)


def test_an_array_of_its_own_version_two_is_read(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edge.weight.npy", npy(HEADER, struct.pack("<2f", 1, -1), (2, 0)))
    assert read(path, EDGE)["edge.weight"].tolist() == [[[[1, -1]]]]


def test_a_name_that_comes_twice_is_refused(path):
    member = npy(HEADER, struct.pack("<2f", 1, -1))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edge.weight.npy", member)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("edge.weight.npy", member)
    assert "edge.weight is in it twice" in refusal(path, EDGE)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in KiB")
def test_a_zip_bomb_is_not_unpacked(path):
    """256 MB of zeros in a quarter of one: listed as of another shape, in a few megabytes of memory."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (67108864,), }"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("w.npy", "w") as member:
        member.write(npy(header))
        for _ in range(256):
            member.write(bytes(2**20))
    code = """
        import resource, sys
        from pathlib import Path
        from specc.diagnostics import UsageError
        from specc.ir.init import Uniform
        from specc.ir.op import Parameter
        from specc.weights import read_weights
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            read_weights(Path(sys.argv[1]), (("w", Parameter("w", (3,), Uniform(1.0))),))
        except UsageError as error:
            print(error)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True, check=True
    )
    assert "w is [67108864], needs [3]" in done.stdout
    assert int(done.stdout.split()[-1]) < 32


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x93NUMPY\1\0", "one array alone; numpy.savez keeps arrays with their names"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file itself: git lfs pull"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x08\x08\x12\x07pytorch", "no safetensors, .npz or PyTorch file, or damaged"),
        (b"PK\x03\x04" + b"\0" * 50, "no PyTorch or .npz file, or damaged ("),
    ],
)
def test_foreign_files(path, content, words):
    path.write_bytes(content)
    assert refusal(path).startswith(f"cannot read {path}: it is {words}")


def test_an_archive_of_something_else(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert refusal(path).startswith(f"cannot read {path}: it is no .npz file, or damaged (")


WHOLE = {}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WRITERS)), st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 8))
def test_any_damage_is_refused_or_plainly_there(tmp_path_factory, format_name, at, byte, cut):
    """One byte changed, some missing at the end: an error in words, or numbers, never anything else."""
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    if format_name not in WHOLE:
        save(WRITERS[format_name], net().state_dict(), path)
        WHOLE[format_name] = path.read_bytes()
    damaged = bytearray(WHOLE[format_name][: len(WHOLE[format_name]) - cut])
    damaged[at % len(damaged)] = byte
    path.write_bytes(damaged)
    with suppress(UsageError):
        read(path)


@pytest.mark.parametrize("change", ["cut short", "replaced", "removed"])
@every_format
def test_a_file_that_changes_under_way(path, good, write, change):
    good["0.weight"] = torch.zeros(5, 1, 3, 3)
    save(write, good, path)
    weights = read_weights(path, STATE)
    if change == "cut short":
        os.truncate(path, 400)
    else:
        path.unlink()
    if change == "replaced":
        save(write, good, path)
    with pytest.raises(UsageError, match=r"changed while it was being read|no such file or directory"):
        tensor(weights, *STATE[0])


@every_format
def test_a_piece_stays_as_it_was_read(path, good, write):
    """Written over in place, a mapped file would change under those who hold its numbers."""
    save(write, good, path)
    piece = next(read_weights(path, STATE).chunks(*STATE[0]))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(bytes(size))
    assert np.array_equal(piece, good["0.weight"].numpy().ravel())


def test_a_network_that_the_file_was_not_read_for(path, good):
    torch.save(good, path)
    weights = read_weights(path, STATE)
    for name, parameter in (("2.weight", STATE[0][1]), ("0.weight", STATE[1][1])):
        with pytest.raises(UsageError, match="was read for another network"):
            tensor(weights, name, parameter)


# --- torch, where it is needed --------------------------------------------------------------------------


def test_without_torch_the_message_says_how_to_get_it(path, good, monkeypatch):
    torch.save(good, path)
    monkeypatch.delitem(sys.modules, "specc.weights.pytorch", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=r"needs torch, which is not installed: pip install 'specc-nn\[cpu\]'"):
        read_weights(path, STATE)


@pytest.mark.parametrize("name", ["safetensors", "npz"])
def test_other_files_need_no_torch(path, good, name):
    save(WRITERS[name], {"edge.weight": torch.tensor([[[[1.0, -1.0]]]])}, path)
    code = """
        import sys
        from pathlib import Path
        from specc.ir.init import Fixed
        from specc.ir.op import Parameter
        from specc.weights import read_weights, tensor
        state = (("edge.weight", Parameter("weight", (1, 1, 1, 2), Fixed((1.0, -1.0)), trainable=False)),)
        print(tensor(read_weights(Path(sys.argv[1]), state), *state[0]).tolist(), "torch" in sys.modules)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[[[[1.0, -1.0]]]] False\n"


# --- big ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status")
@pytest.mark.parametrize("name", ["npz", "compressed npz", "pt"])
def test_reading_takes_little_memory_of_its_own(path, name):
    """50 MB on disk. What is mapped from the file is the system's to drop, and not counted."""
    big = {f"{i}": torch.arange(1_250_000) % 7 + float(i) for i in range(10)}
    save(WRITERS[name], big, path)
    code = """
        import sys
        from pathlib import Path
        if sys.argv[2] == "pt":
            import torch
        from specc.ir.init import Uniform
        from specc.ir.op import Parameter
        from specc.weights import read_weights
        def used():
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024
        state = tuple((str(i), Parameter("w", (1_250_000,), Uniform(1.0))) for i in range(10))
        before = used()
        weights = read_weights(Path(sys.argv[1]), state)
        most = max(used() for name, parameter in state for _ in weights.chunks(name, parameter))
        print(most - before)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path), name], capture_output=True, text=True, check=True
    )
    path.unlink()
    assert int(done.stdout) < 32
