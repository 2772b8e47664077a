"""Specs that are refused, with the words beside them; specs that are accepted, held against PyTorch.

``SPECC_UPDATE=1`` rewrites the expected words: read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import specc
from specc.api import Model
from specc.diagnostics import Code, SpecError
from specc.elaborate import check_file
from specc.ir.size import Size
from specc.ir.symbols import samples
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse

CORPUS = Path(__file__).parent / "corpus"
REFUSED = sorted((CORPUS / "refused").glob("*.cnn"))
ACCEPTED = sorted((CORPUS / "accepted").glob("*.cnn"))


def refusal(path: Path) -> SpecError:
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source(path.name, path.read_text())))
    return caught.value


def test_the_corpus_is_there() -> None:
    assert len(REFUSED) >= 40
    assert len(ACCEPTED) >= 10


@pytest.mark.parametrize("path", REFUSED, ids=lambda p: p.stem)
def test_refused_in_these_words(path: Path) -> None:
    words = render(refusal(path).diagnostics).rstrip() + "\n"
    expected = path.with_suffix(".err")
    if os.environ.get("SPECC_UPDATE"):
        expected.write_text(words)
    assert words == expected.read_text()


def test_every_expectation_has_its_spec() -> None:
    assert {p.stem for p in (CORPUS / "refused").glob("*.err")} == {p.stem for p in REFUSED}


def test_the_corpus_shows_every_code_of_elaboration() -> None:
    shown = {d.code for path in REFUSED for d in refusal(path).diagnostics}
    elsewhere = {Code.UNREADABLE, Code.SYNTAX, Code.BRACKETS, Code.LANGUAGE_VERSION, Code.BUDGET}
    elsewhere |= {code for code in Code if code.startswith("S05")}  # lints
    assert set(Code) - elsewhere == shown


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda p: p.stem)
def test_accepted_is_what_pytorch_makes_of_it(path: Path) -> None:
    network = specc.load(path)
    module = network.to_torch(seed=1)
    assert sum(p.numel() for p in module.parameters()) == network.params
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == network.trainable_params
    assert list(module.state_dict()) == [name for name, _ in network.graph.state]

    for sized in at_several_sizes(network):
        entries, leaves = sized.graph.inputs, sized.graph.outputs
        symbolic = isinstance(entries[0].type.batch, Size)
        for batch in (1, 3) if symbolic else (entries[0].type.batch,):
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                results = module(*(torch.randn(batch, *port.type.sample) for port in entries))
            shapes = [tuple(r.shape) for r in (results if isinstance(results, tuple) else (results,))]
            assert shapes == [(batch, *port.type.sample) for port, _ in leaves]
            assert counter.get_total_flops() == 2 * batch * sized.macs


def at_several_sizes(network: Model) -> list[Model]:
    """The network at the least sizes that its contract allows, at larger ones, and at such as differ by axis."""
    symbols = network.graph.symbols
    choices = [samples(symbol, 4) for symbol in symbols]
    picked = [
        [some[min(i + place * (i > 1), 3)] for place, some in enumerate(choices)] for i in range(4 if symbols else 1)
    ]
    return [network.at(**{s.name: size for s, size in zip(symbols, sizes, strict=True)}) for sizes in picked]


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda p: p.stem)
def test_accepted_is_at_parity(path: Path, tmp_path: Path) -> None:
    parity = specc.load(path).to_onnx(tmp_path / "network.onnx")
    assert parity is not None
    assert parity.passed


def test_settings_reach_the_parameters() -> None:
    path = CORPUS / "accepted" / "expressions.cnn"
    shallow = specc.load(path, deep=True, widths=[2, 8])
    assert shallow.graph.nodes[0].type.sample == (6, 6, 6)
    with pytest.raises(specc.UsageError, match="no parameter called depe; did you mean deep"):
        specc.load(path, depe=False)


def test_settings_from_python() -> None:
    path = CORPUS / "accepted" / "unet.cnn"
    assert specc.load(path, c=np.int64(4)).graph.nodes[0].type.sample[0] == 4
    with pytest.raises(specc.UsageError, match="cannot be a parameter's value"):
        specc.load(path, c=object())


def test_a_mistake_silences_only_what_follows_from_it() -> None:
    text = "model M : [N, 3, 8, 8] {\n  conv(4, 9)\n  maxpool(2)\n  [N, 4, 1, 1]\n  conv(4, 3, strid=1)\n}\n"
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("m.cnn", text)))
    assert [d.code for d in caught.value.diagnostics] == [Code.KERNEL_TOO_LARGE, Code.UNKNOWN_ARGUMENT]


def test_a_million_characters_are_answered_at_once() -> None:
    steps = " -> ".join(["relu"] * 20_000)
    (checked,) = check_file(parse(Source("long.cnn", f"model M : [N, 3] {{ {steps} }}")))
    assert len(checked.graph.nodes) == 20_000
    assert Model(checked).params == 0
