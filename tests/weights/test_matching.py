"""Which tensor of a file is which of the network's: the answers worked out by hand."""

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from specc.diagnostics import UsageError
from specc.ir.init import Constant
from specc.ir.op import Parameter
from specc.weights import Initialised, read_weights, tensor, write_safetensors
from specc.weights.matching import matched
from specc.weights.tensors import Archive, TensorEntry


class Listed(Archive):
    def pieces(self, name):
        raise AssertionError("matching reads no numbers")


def archive(entries, *, sorted_by_name=False):
    """Entries as (name, shape), float32; names that end in _tracked are int64."""
    found = {name: TensorEntry("int64" if name.endswith("_tracked") else "float32", shape) for name, shape in entries}
    return Listed(source="FILE", entries=found, sorted_by_name=sorted_by_name)


def state(*entries):
    def parameter(name, shape):
        return Parameter(name.rpartition(".")[2], shape, Constant(0.0), integer=name.endswith("_tracked"))

    return tuple((name, parameter(name, shape)) for name, shape in entries)


def prefixed(prefix, entries):
    return [(f"{prefix}{name}", shape) for name, shape in entries]


def listed(module):
    return [(name, tuple(value.shape)) for name, value in module.state_dict().items()]


def refusal(ours, theirs, match, **facts):
    with pytest.raises(UsageError) as caught:
        matched(state(*ours), archive(theirs, **facts), match)
    first, *lines = str(caught.value).splitlines()
    assert first == "FILE does not fit the network:"
    return lines


def taken(ours, theirs):
    return matched(state(*ours), archive(theirs), "name")


OURS = [("conv.weight", (4, 3, 3, 3)), ("bn.weight", (4,)), ("bn.bias", (4,)), ("fc.weight", (2, 4)), ("fc.bias", (2,))]
THEIRS = [(f"net.{i}", shape) for i, (_, shape) in enumerate(OURS)]
COUNTERS = [("a.num_batches_tracked", ()), ("b.num_batches_tracked", ())]
SUGGESTED = '  the shapes agree in order: --match order (match="order" in Python) takes the tensors so'


def test_by_name_in_any_order():
    names, _ = matched(state(*OURS), archive(reversed(OURS)), "name")
    assert names == {name: name for name, _ in OURS}


def test_by_order_under_any_name():
    names, _ = matched(state(*OURS), archive(THEIRS), "order")
    assert names == {name: f"net.{i}" for i, (name, _) in enumerate(OURS)}


def test_one_refusal_holds_everything():
    theirs = [("conv.weight", (4, 3, 5, 5)), ("bn.weigth", (4,)), ("fc.weight", (2, 4)), ("head.bias", (2,))]
    assert refusal(OURS, theirs, "name") == [
        "  missing:",
        "    bn.weight [4]; did you mean bn.weigth, which the file has?",
        "    bn.bias [4]",
        "    fc.bias [2]",
        "  not in the network:",
        "    bn.weigth [4]",
        "    head.bias [2]",
        "  of another shape:",
        "    conv.weight is [4, 3, 5, 5], needs [4, 3, 3, 3]",
    ]


def test_near_names_are_of_the_right_shape():
    assert refusal([("fc.weight", (2,))], [("fc.weigth", (3,))], "name")[1] == "    fc.weight [2]"


class TestPrefixes:
    """Every name begins with that of the model that the network was a part of."""

    @pytest.mark.parametrize("prefix", ["net.", "model.backbone.", "module.net.", "0."])
    def test_it_is_left_out_and_said(self, prefix):
        assert taken(OURS, prefixed(prefix, OURS)) == (
            {name: prefix + name for name, _ in OURS},
            (f"all 5 of its names begin with {prefix}: left out",),
        )

    def test_only_where_all_fits(self):
        """One tensor too many, one of another shape, one of another type."""
        more = [*OURS, ("other.weight", (7,))]
        assert refusal(OURS, prefixed("net.", more), "name")[:2] == [
            "  all 6 of its names begin with net.",
            "  without it they do not all fit either:",
        ]
        reshaped = prefixed("net.", [(OURS[0][0], (1,)), *OURS[1:]])
        assert refusal(OURS, reshaped, "name")[-1] == "    conv.weight is [1], needs [4, 3, 3, 3]"

    def test_by_order_the_other_match_is_advised(self):
        """Of a file whose order says nothing."""
        assert refusal(OURS, prefixed("net.", OURS), "order", sorted_by_name=True) == [
            "  all 5 of its names begin with net.",
            "  without it all of them fit by name: leave out --match order",
        ]

    def test_what_does_not_fit_even_without_it(self):
        assert refusal(OURS, prefixed("backbone.", OURS[:3]), "name") == [
            "  all 3 of its names begin with backbone.",
            "  without it they do not all fit either:",
            "  missing:",
            *(f"    {name} {list(shape)}" for name, shape in OURS[3:]),
        ]

    def test_a_scope_of_the_network_is_none(self):
        ours = prefixed("net.", OURS)
        assert refusal(ours, ours[1:], "name") == ["  missing:", "    net.conv.weight [4, 3, 3, 3]"]
        assert refusal([*ours, *OURS], ours, "name")[0] == "  missing:"

    def test_parts_of_names_are_none(self):
        """What is before all names ends at a dot."""
        lines = refusal([("a", (2,)), ("b", (3,))], [("xa", (2,)), ("xb", (3,))], "name")
        assert lines[:2] == [SUGGESTED, "  missing:"]


class TestParts:
    """The network is whole in the file, below a prefix, and something else is beside it."""

    def test_it_is_refused_with_what_takes_the_part(self):
        lines = refusal(OURS, [*prefixed("net.", OURS), ("loss.weight", (3,)), ("teacher.bias", (1,))], "name")
        assert lines == [
            "  the network is in it as a part, below net.; beside it: loss.weight, teacher.bias",
            "  this is that part alone: {name.removeprefix('net.'): tensor for name, tensor in state_dict.items() "
            "if name.startswith('net.')}",
        ]
        state_dict = {f"net.{name}": shape for name, shape in OURS} | {"loss.weight": (3,)}
        assert eval(lines[1].partition(": ")[2], {"state_dict": state_dict}) == dict(OURS)

    def test_one_of_two_is_not_chosen(self):
        lines = refusal(OURS, [*prefixed("a.net.", OURS), *prefixed("b.net.", OURS)], "name")
        assert lines[0] == "  the network is in it as a part, below a.net. and once more below b.net."

    def test_few_of_those_beside_it_are_named(self):
        many = [(f"other.{i}", (1,)) for i in range(9)]
        assert refusal(OURS, [*prefixed("net.", OURS), *many], "name")[0].endswith("other.2, other.3, 5 more")

    def test_a_part_of_another_shape_is_none(self):
        theirs = [*prefixed("net.", [*OURS[:-1], (OURS[-1][0], (99,))]), ("loss.weight", (3,))]
        assert refusal(OURS, theirs, "name")[0] == "  missing:"


class TestWrappers:
    """Every name begins with what a wrapper of PyTorch's has put there."""

    PARALLEL = "DataParallel or DistributedDataParallel"

    @pytest.mark.parametrize(
        ("prefix", "wrapper"),
        [
            ("module.", PARALLEL),
            ("_orig_mod.", "torch.compile"),
            ("module._orig_mod.", f"{PARALLEL}, around torch.compile"),
            ("_orig_mod.module.", f"torch.compile, around {PARALLEL}"),
        ],
    )
    def test_whose_it_is_is_said(self, prefix, wrapper):
        names, notes = taken(OURS, prefixed(prefix, OURS))
        assert names == {name: prefix + name for name, _ in OURS}
        assert notes == (f"all 5 of its names begin with {prefix}, which {wrapper} has added: left out",)

    def test_the_names_are_those_of_pytorch(self):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        wrappers = {"module.": nn.DataParallel, "_orig_mod.": lambda inner: torch.compile(inner, backend="eager")}
        for outer, wrap in wrappers.items():
            assert set(taken(listed(net), listed(wrap(net)))[0].values()) == {*wrap(net).state_dict()}
            for inner, other in wrappers.items():
                if inner != outer:
                    _, (note,) = taken(listed(net), listed(wrap(other(net))))
                    assert f" begin with {outer}{inner}, " in note

    @pytest.mark.parametrize("prefix", ["", "net."])
    def test_a_part_that_was_compiled_by_itself(self, prefix):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4)))
        ours = listed(net)
        net[1] = torch.compile(net[1], backend="eager")
        names, notes = taken(ours, prefixed(prefix, listed(net)))
        assert [*names.values()] == [prefix + name for name in net.state_dict()]
        assert notes[0] == "some of its names have _orig_mod., which torch.compile has added: left out"
        assert notes[1:] == ((f"all 7 of its names begin with {prefix}: left out",) if prefix else ())

    def test_a_compiled_part_of_another_network_is_told_by_its_own_names(self):
        lines = refusal(OURS, [("conv._orig_mod.weight", (1,)), *OURS[1:]], "name")
        assert "    conv._orig_mod.weight [1]" in lines

    def test_counters_may_be_left_out(self):
        assert taken([*OURS, *COUNTERS], prefixed("module.", OURS))[0] == {name: f"module.{name}" for name, _ in OURS}

    def test_by_order_such_a_file_is_taken(self):
        names, notes = matched(state(*OURS), archive(prefixed("module.", OURS)), "order")
        assert notes == ()
        assert names == {name: f"module.{name}" for name, _ in OURS}

    def test_what_does_not_fit_even_without_it(self):
        theirs = prefixed("module.", [("conv.weight", (4, 3, 5, 5)), *OURS[1:4], ("head.bias", (2,))])
        assert refusal(OURS, theirs, "name") == [
            f"  all 5 of its names begin with module., which {self.PARALLEL} has added",
            "  without it they do not all fit either:",
            "  missing:",
            "    fc.bias [2]",
            "  not in the network:",
            "    head.bias [2]",
            "  of another shape:",
            "    conv.weight is [4, 3, 5, 5], needs [4, 3, 3, 3]",
        ]
        assert refusal(OURS, theirs, "order") == [
            "  of another shape:",
            "    conv.weight (module.conv.weight in the file) is [4, 3, 5, 5], needs [4, 3, 3, 3]",
        ]

    def test_where_all_is_another_the_names_are_said(self):
        lines = refusal(OURS, prefixed("module.", THEIRS), "name")
        assert lines[:2] == [SUGGESTED, "  missing:"]

    def test_one_name_without_it(self):
        lines = refusal(OURS, [*prefixed("module.", OURS[:-1]), OURS[-1]], "name")
        assert lines[:2] == [SUGGESTED, "  missing:"]

    def test_a_spec_whose_own_names_begin_so(self):
        ours = prefixed("module.", OURS)
        assert taken(ours, ours) == ({name: name for name, _ in ours}, ())
        assert refusal(ours, ours[1:], "name") == ["  missing:", "    module.conv.weight [4, 3, 3, 3]"]
        assert taken(ours, prefixed("_orig_mod.", ours))[0]["module.conv.weight"] == "_orig_mod.module.conv.weight"

    def test_an_empty_file(self):
        assert refusal(OURS, [], "name")[0] == "  missing:"


def test_order_is_suggested_only_where_it_has_been_tried():
    assert refusal(OURS, THEIRS, "name")[0] == SUGGESTED
    assert SUGGESTED not in refusal(OURS, THEIRS[::-1], "name")
    assert SUGGESTED not in refusal(OURS, THEIRS[:-1], "name")
    assert SUGGESTED not in refusal(OURS, THEIRS, "name", sorted_by_name=True)


def test_name_is_suggested_only_where_it_has_been_tried():
    suggested = "  all of it fits by name: leave out --match order"
    assert refusal(OURS, OURS[::-1], "order")[0] == suggested
    assert suggested not in refusal(OURS, THEIRS[::-1], "order")


def test_what_is_missing_in_order_is_found_by_aligning_shapes():
    assert refusal(OURS, [*THEIRS[:3], THEIRS[4]], "order") == ["  missing:", "    fc.weight [2, 4]"]
    extra = [*THEIRS[:3], ("net.extra", (9,)), *THEIRS[3:]]
    assert refusal(OURS, extra, "order") == ["  not in the network:", "    net.extra [9]"]
    other = [*THEIRS[:3], ("net.3", (5, 4)), *THEIRS[4:]]
    assert refusal(OURS, other, "order") == [
        "  of another shape:",
        "    fc.weight (net.3 in the file) is [5, 4], needs [2, 4]",
    ]


def test_as_many_tensors_are_paired_one_by_one():
    """What else has a shape that was looked for does not matter: ``scale`` is where it is."""
    ours = [("conv.weight", (4, 4, 3, 3)), ("scale", (4, 1, 1)), ("bn.weight", (4,)), ("bn.bias", (4,))]
    theirs = [("0.weight", (4, 4, 3, 3)), ("1", (4,)), ("2.weight", (4,)), ("2.bias", (4,))]
    assert refusal(ours, theirs, "order") == [
        "  of another shape:",
        "    scale (1 in the file) is [4], needs [4, 1, 1]",
    ]
    theirs[1] = ("1", (1,))
    assert refusal(ours, theirs, "order") == [
        "  of another shape:",
        "    scale (1 in the file) is [1], needs [4, 1, 1]",
    ]


def test_long_lists_are_paired_as_they_come():
    ours = [(f"{i}.w", (i,)) for i in range(3000)]
    lines = refusal(ours, [(f"t{i}", (i + 1,)) for i in range(2999)], "order")
    assert lines[:2] == ["  missing:", "    2999.w [2999]"]
    assert len(lines) == 2 + 1 + 2999


def test_a_weight_never_pairs_with_a_bias():
    """Sorted names bring bias, running_mean, running_var, weight, all of one shape."""
    names = ("weight", "bias", "running_mean", "running_var")
    ours, theirs = ([(f"{of}.{name}", (4,)) for name in order] for of, order in (("bn", names), ("0", sorted(names))))
    assert refusal(ours, theirs, "order") == [
        "  of another kind, paired by order:",
        "    bn.weight with 0.bias",
        "    bn.bias with 0.running_mean",
        "    bn.running_mean with 0.running_var",
        "    bn.running_var with 0.weight",
    ]


def test_other_words_for_a_weight_are_no_contradiction():
    assert matched(state(("bn.weight", (4,))), archive([("bn.gamma", (4,))]), "order")[0] == {"bn.weight": "bn.gamma"}
    assert matched(state(("gamma", (4,))), archive([("scale.weight", (4,))]), "order")[0] == {"gamma": "scale.weight"}


class TestCounters:
    @pytest.mark.parametrize("match", ["name", "order"])
    @pytest.mark.parametrize("counters", [COUNTERS, []])
    def test_all_or_none(self, match, counters):
        names, _ = matched(state(*OURS, *COUNTERS), archive([*counters, *OURS]), match)
        assert names == {name: name for name, _ in [*OURS, *counters]}

    @pytest.mark.parametrize("match", ["name", "order"])
    def test_some_are_missing(self, match):
        lines = refusal([*OURS, *COUNTERS], [*OURS, COUNTERS[0]], match)
        assert lines == ["  missing:", "    b.num_batches_tracked []"]

    @pytest.mark.parametrize("match", ["name", "order"])
    def test_some_too_many(self, match):
        assert refusal(OURS, [*OURS, COUNTERS[0]], match) == [
            "  not in the network:",
            "    a.num_batches_tracked []",
        ]

    def test_they_pair_among_themselves(self):
        theirs = [("t_tracked", ()), *THEIRS[:2], ("u_tracked", ()), *THEIRS[2:]]
        names, _ = matched(state(COUNTERS[0], *OURS, COUNTERS[1]), archive(theirs), "order")
        assert names["a.num_batches_tracked"] == "t_tracked"
        assert names["b.num_batches_tracked"] == "u_tracked"
        assert names["fc.bias"] == "net.4"

    def test_a_scalar_weight_is_no_counter(self):
        assert refusal([("gain", ())], [("n_tracked", ())], "order") == [
            "  missing:",
            "    gain []",
            "  not in the network:",
            "    n_tracked []",
        ]


class TestOrderOfFiles:
    """Two tensors of one shape: only the order tells them apart."""

    MADE = {"z": torch.zeros(3), "a": torch.ones(3)}
    OURS = state(("first", (3,)), ("second", (3,)))

    def read(self, path):
        weights = read_weights(path, self.OURS, "order")
        return [tensor(weights, *entry)[0] for entry in self.OURS]

    @pytest.mark.parametrize("zipped", [True, False])
    def test_pytorch(self, tmp_path, zipped):
        torch.save(self.MADE, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
        assert self.read(tmp_path / "w.pt") == [0, 1]

    def test_npz(self, tmp_path):
        np.savez(tmp_path / "w.npz", **{name: value.numpy() for name, value in self.MADE.items()})
        assert self.read(tmp_path / "w.npz") == [0, 1]

    def test_arrays_without_names(self, tmp_path):
        """arr_10 comes after arr_9, whatever the alphabet says."""
        np.savez(tmp_path / "w.npz", *(np.full(3, i, np.float32) for i in range(12)))
        ours = state(*((f"{i}", (3,)) for i in range(12)))
        weights = read_weights(tmp_path / "w.npz", ours, "order")
        assert [tensor(weights, *entry)[0] for entry in ours] == [*range(12)]

    def test_our_own_safetensors(self, tmp_path):
        path, written = tmp_path / "w.safetensors", state(("z", (3,)), ("a", (3,)), ("n_tracked", ()))
        with path.open("wb") as file:
            write_safetensors(file, written, Initialised(0))
        assert matched(self.OURS, archive([("z", (3,)), ("a", (3,))]), "order")[0] == {"first": "z", "second": "a"}
        weights = read_weights(path, (*self.OURS, written[2]), "order")
        assert weights.names == {"first": "z", "second": "a", "n_tracked": "n_tracked"}

    def test_the_safetensors_library_sorts_by_name(self, tmp_path):
        safetensors.torch.save_file(self.MADE, tmp_path / "w.safetensors")
        with pytest.raises(UsageError, match="its tensors are sorted by name, as the safetensors library writes them"):
            self.read(tmp_path / "w.safetensors")

    def test_which_does_no_harm_where_all_shapes_differ(self, tmp_path):
        safetensors.torch.save_file({"z": torch.zeros(2), "a": torch.ones(3)}, tmp_path / "w.safetensors")
        weights = read_weights(tmp_path / "w.safetensors", state(("first", (3,)), ("second", (2,))), "order")
        assert weights.names == {"first": "a", "second": "z"}


def test_a_module_with_other_names():
    """PyTorch itself: one network twice, with named modules and numbered ones."""

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.norm, self.head = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3)

    named, numbered = Named().state_dict(), nn.Sequential(*Named().children()).state_dict()
    ours = state(*((name, tuple(value.shape)) for name, value in named.items()))
    names, _ = matched(ours, archive([(name, tuple(value.shape)) for name, value in numbered.items()]), "order")
    assert names == dict(zip(named, numbered, strict=True))


SHAPES = st.lists(st.sampled_from([(1,), (2,), (1, 2), ()]), max_size=6)


@given(SHAPES, SHAPES)
def test_by_order_fits_where_the_shapes_are_the_same_and_nowhere_else(ours, theirs):
    wanted = state(*((f"o{i}", shape) for i, shape in enumerate(ours)))
    found = archive([(f"t{i}", shape) for i, shape in enumerate(theirs)])
    if ours == theirs:
        assert matched(wanted, found, "order")[0] == {f"o{i}": f"t{i}" for i in range(len(ours))}
        return
    with pytest.raises(UsageError) as caught:
        matched(wanted, found, "order")
    lines = str(caught.value).splitlines()
    missing = lines[lines.index("  missing:") :] if "  missing:" in lines else []
    extra = [line for line in lines if line.startswith("    t")]
    ours_missing = [line for line in missing if line.startswith("    o") and "needs" not in line]
    assert len(ours) - len(ours_missing) == len(theirs) - len(extra)  # the rest are pairs


@given(st.sets(st.sampled_from("abcdefgh")), st.sets(st.sampled_from("abcdefgh")))
def test_by_name_lists_exactly_the_differences(ours, theirs):
    wanted, found = state(*((n, (1,)) for n in sorted(ours))), archive([(n, (1,)) for n in sorted(theirs)])
    if ours == theirs:
        assert matched(wanted, found, "name")[0] == {name: name for name in ours}
        return
    with pytest.raises(UsageError) as caught:
        matched(wanted, found, "name")
    listed = [line.split()[0] for line in str(caught.value).splitlines() if line.startswith("    ")]
    assert sorted(listed) == sorted(ours ^ theirs)
