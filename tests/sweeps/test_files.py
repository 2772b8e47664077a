"""Parquet, Arrow and pictures; with pyarrow and matplotlib (make sweeps)."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from specc import MissingDependency, UsageError, sweep
from specc.sweeps.results import line, read_variants
from tests.cli.conftest import Specc
from tests.sweeps.conftest import SPEC

swept = pytest.mark.swept
GRID = ("--set", "width=4,8", "--set", "depth=1..4", "--set", "act=relu,leakyrelu(0.2)")


@pytest.fixture
def net_here(here: Path) -> str:
    (here / "net.cnn").write_text(SPEC)
    (here / "specc.toml").write_text("[budget]\nparams = 1000\n")
    return "net.cnn"


@swept
class TestArrow:
    def test_a_parquet_file_has_what_the_lines_have(self, specc: Specc, net_here: str, here: Path) -> None:
        from pyarrow import parquet

        assert specc("sweep", net_here, *GRID, "-o", "out", "--parquet", "out/v.parquet").code == 0
        rows = parquet.read_table(here / "out/v.parquet").to_pylist()
        expected = [json.loads(line(variant)) for variant in read_variants(here / "out")]
        for table in expected:
            table["margins"] = table["margins"] or {"params": None}
        assert rows == expected
        assert len(rows) == 16

    def test_columns_have_the_types_of_the_parameters(self, net: Path) -> None:
        of = sweep(net, {"width": [4, 8], "depth": "1..2", "act": ["relu", "leakyrelu(0.2)"]})
        table = of.to_arrow()
        types = {field.name: str(field.type) for field in table.schema.field("settings").type}
        assert types == {"width": "int64", "depth": "int64", "act": "string"}
        assert table.num_rows == 8
        mixed = sweep(net, {"width": [4, 8.5, "none", (1, 2)]}).to_arrow()
        assert mixed.column("settings").to_pylist() == [{"width": text} for text in ("4", "8.5", None, "[1, 2]")]
        assert sweep(net, {"width": [4, 8.5]}).to_arrow().column("settings")[1].as_py() == {"width": 8.5}

    def test_a_number_beyond_64_bits_is_refused(self, net: Path) -> None:
        with pytest.raises(UsageError, match="beyond 64 bits"):
            sweep(net, {"width": "10000000000000000000000..10000000000000000000001"}).to_arrow()


@swept
class TestPlot:
    COMMAND = (*GRID, "--where", "params < 900", "--pareto", "macs,-receptive_field", "--plot")

    def test_pictures_are_the_same_again(self, specc: Specc, net_here: str, here: Path) -> None:
        for name in ("a.svg", "b.svg", "a.png", "b.png"):
            assert specc("sweep", net_here, *self.COMMAND, name).code == 0
        assert (here / "a.svg").read_bytes() == (here / "b.svg").read_bytes()
        assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()
        assert (here / "a.png").read_bytes().startswith(b"\x89PNG")
        texts = [text.strip() for text in ElementTree.parse(here / "a.svg").getroot().itertext() if text.strip()]
        assert {"MACs", "receptive field", "Net: 16 variants"} <= {*texts}
        assert "width=4,depth=1,act=relu, 1 more" in texts

    def test_a_page_needs_nothing_else(self, specc: Specc, net_here: str, here: Path) -> None:
        assert specc("sweep", net_here, *self.COMMAND, "a.html").code == 0
        page = (here / "a.html").read_text()
        HTMLParser().feed(page)
        assert page.count("<tr>") > 2
        assert "<svg" in page
        assert "<script" not in page
        assert "default-src 'none'" in page

    def test_nothing_to_draw_is_a_picture_too(self, specc: Specc, net_here: str, here: Path) -> None:
        result = specc("sweep", net_here, "--set", "depth=5", "--pareto", "macs,params", "--plot", "a.html")
        assert result.code == 1
        assert (here / "a.html").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--plot", "a.png"), "add --pareto"),
        (("--plot", "a.gif", "--pareto", "macs,params"), ".png, .svg or .html"),
        (("--parquet", "net.cnn"), "net.cnn is read by this command"),
        (("--parquet", "a.parquet"), "pip install 'specc-nn[sweep]'"),
        (("--plot", "a.svg", "--pareto", "macs,params"), "pip install 'specc-nn[sweep]'"),
    ],
)
def test_what_cannot_be_is_refused(
    specc: Specc, net_here: str, here: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    for name in ("pyarrow", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    result = specc("sweep", net_here, *GRID, *options)
    assert result.code == 2
    assert words in result.err
    assert {path.name for path in here.iterdir()} == {".git", "net.cnn", "specc.toml"}


def test_arrow_says_what_it_needs(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependency, match="sweep"):
        sweep(net, {"width": [4]}).to_arrow()
