"""Where settings come from, what they may say, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from specc.project.paths import matches
from specc.project.settings import configuration
from tests.cli.conftest import Specc
from tests.project.specs import BAD, BIAS, FINE, FLOOR, write


class TestWhere:
    @pytest.mark.parametrize(
        ("name", "text"),
        [("specc.toml", 'fail-on = "warning"'), ("pyproject.toml", '[tool.specc]\nfail-on = "warning"')],
    )
    def test_in_either_file(
        self, specc: Specc, here: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, nets__a=FLOOR)
        assert specc("check").code == 0
        (here / name).write_text(text)
        assert specc("check").code == 1
        monkeypatch.chdir(here / "nets")
        assert specc("check").code == 1

    def test_not_in_both(self, specc: Specc, here: Path) -> None:
        (here / "specc.toml").write_text("")
        (here / "pyproject.toml").write_text("[tool.specc]\n")
        result = specc("check")
        assert result.code == 2
        assert result.err == (
            "error: both specc.toml and pyproject.toml, [tool.specc] have settings: keep them in one of the two\n"
        )

    def test_a_pyproject_of_others_is_none(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, nets__a=FLOOR)
        (here / "nets" / "pyproject.toml").write_text("[tool.other]\nspecc = 1\n")
        (here / "specc.toml").write_text('fail-on = "warning"')
        monkeypatch.chdir(here / "nets")
        assert specc("check").code == 1

    def test_the_nearest_alone(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, nets__a=FLOOR)
        (here / "specc.toml").write_text('fail-on = "warning"')
        assert specc("check").code == 1
        (here / "nets" / "specc.toml").write_text("")
        assert specc("check").code == 0
        monkeypatch.chdir(here / "nets")
        assert specc("check").code == 0

    def test_none_from_outside_of_the_repository(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR)
        (here.parent / "specc.toml").write_text('fail-on = "warning"')
        assert specc("check").code == 0
        (here / ".git").rmdir()
        assert specc("check").code == 1

    @pytest.mark.parametrize("name", ["pyproject.toml", "specc.toml", "ci.toml"])
    def test_a_named_one(self, specc: Specc, here: Path, name: str) -> None:
        write(here, a=FLOOR)
        (here / "specc.toml").write_text('fail-on = "never"')
        (here / "ci").mkdir()
        table = "[tool.specc]\n" if name == "pyproject.toml" else ""
        (here / "ci" / name).write_text(f'{table}fail-on = "warning"')
        assert specc("check", "--config", f"ci/{name}").code == 1

    def test_paths_in_it_start_from_its_folder(self, specc: Specc, here: Path) -> None:
        write(here, nets__a=BAD, zoo__a=BAD)
        (here / "nets" / "specc.toml").write_text('exclude = ["/a.cnn"]')
        assert "1 error in 1 of 1 file" in specc("check", "--config", "nets/specc.toml").out

    def test_through_a_link(self, specc: Specc, here: Path) -> None:
        write(here, nets__a=BAD, zoo__a=BAD)
        (here / "nets" / "specc.toml").write_text('exclude = ["/a.cnn"]')
        (here / "link").symlink_to("nets")
        assert "1 error in 1 of 1 file" in specc("check", "--config", "link/specc.toml").out

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("none.toml", "error: none.toml cannot be read: no such file or directory\n"),
            (".", "error: . cannot be read: is a directory\n"),
            ("pyproject.toml", "error: --config pyproject.toml sets nothing: it has no table [tool.specc]\n"),
        ],
    )
    def test_a_named_one_that_is_none(self, specc: Specc, here: Path, name: str, message: str) -> None:
        write(here, a=FINE)
        (here / "pyproject.toml").write_text("[project]\n")
        result = specc("check", "--config", name)
        assert (result.code, result.out, result.err) == (2, "", message)

    def test_a_table_for_pyproject_is_refused_elsewhere(self, specc: Specc, here: Path) -> None:
        write(here, a=FINE)
        (here / "ci.toml").write_text("[tool.specc.budget]\nparams = 1\n")
        result = specc("check", "--config", "ci.toml")
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "error: ci.toml: [tool.specc] is for pyproject.toml; in another file settings stand without it: "
            "[tool.specc.budget] is [budget], and what [tool.specc] has stands at the top\n"
        )
        (here / "ci.toml").write_text("[tool]\nother = 1\n")
        assert "there is no setting tool" in specc("check", "--config", "ci.toml").err


class TestWhat:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("exlude = []", "there is no setting exlude; did you mean exclude?"),
            ("fail_on = 'never'", "there is no setting fail_on; did you mean fail-on?"),
            ("budgets = {}", "there is no setting budgets; did you mean budget?"),
            ("zzz = 1", "there is no setting zzz; there are baseline, budget, exclude, fail-on, ignore, include, "),
            ("fail-on = 'errors'", "fail-on must be one of error, warning, never, not 'errors'"),
            ("fail-on = []", "fail-on must be one of error, warning, never, not []"),
            ("select = 'S0502'", "select must be a list of texts, not 'S0502'"),
            ("select = [502]", "select must be a list of texts, not 502"),
            ("select = ['S0104']", "select: S0104 is an error: without a network that fits there is nothing to overl"),
            ("ignore = ['E501']", "ignore: E501 is no code of a lint; they go from S0501 to S0514, and S0404 is the"),
            ("ignore = ['']", "ignore: an empty text is no code of a lint"),
            ("baseline = 1", "baseline must be a text, not 1"),
            ("include = '*.yaml'", "include must be a list of texts, not '*.yaml'"),
            ("exclude = ['/']", "exclude: '/' fits no path; ** fits all of them"),
            ("exclude = ['a\\b']", "exclude: folders are parted by /, and a\\b has a backslash"),
            ("per-file-ignores = []", "per-file-ignores must be a table, not []"),
            ("per-file-ignores.'a' = 'S05'", "per-file-ignores: a must be a list of texts, not 'S05'"),
            ("per-file-ignores.'a' = ['S01']", "per-file-ignores: a: S01 is no code of a lint"),
        ],
    )
    def test_what_is_not_understood(self, specc: Specc, here: Path, text: str, message: str) -> None:
        write(here, a=FINE)
        (here / "specc.toml").write_text(text)
        result = specc("check")
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("error: specc.toml: ")
        assert message in result.err
        (here / "specc.toml").unlink()
        (here / "pyproject.toml").write_text(f"[tool.specc]\n{text}")
        assert specc("check").err.startswith("error: pyproject.toml, [tool.specc]: ")

    @pytest.mark.parametrize("text", [b"a = ", b"\xff", b"a = 1\na = 2", b"[" * 5000, b"a = " + b"9" * 5000])
    @pytest.mark.parametrize("name", ["specc.toml", "pyproject.toml"])
    def test_what_is_not_toml(self, specc: Specc, here: Path, name: str, text: bytes) -> None:
        write(here, a=FINE)
        (here / name).write_bytes(b"# specc\n" + text)
        result = specc("check")
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"error: {name} is not TOML: ")
        # A pyproject.toml that does not even name specc is other people's: a template of one, perhaps.
        (here / name).write_bytes(text)
        assert specc("check").code == (0 if name == "pyproject.toml" else 2)

    def test_a_table_that_is_none(self, specc: Specc, here: Path) -> None:
        (here / "pyproject.toml").write_text("[tool]\nspecc = 3")
        assert specc("check").err == "error: pyproject.toml, [tool.specc] must be a table, not 3\n"

    def test_select_and_ignore(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR, b=BIAS)
        shown = []
        for text in (
            "",
            "select = ['S0502']",
            "ignore = ['S0502']",
            "select = ['S05']\nignore = ['S0505']",
            "select = []",
        ):
            (here / "specc.toml").write_text(text)
            out = specc("check").out
            shown.append([code for code in ("S0502", "S0505") if code in out])
        assert shown == [["S0502", "S0505"], ["S0502"], ["S0505"], ["S0502"], []]

    def test_the_command_line_goes_before_them(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR, b=BIAS)
        (here / "specc.toml").write_text("select = ['S0502']\nfail-on = 'warning'")
        result = specc("check", "--select", "S0505", "--fail-on", "error")
        assert result.code == 0
        assert "S0505" in result.out
        assert "S0502" not in result.out
        (here / "specc.toml").write_text("ignore = ['S0502']")
        assert "S0502" in specc("check", "--ignore", "S0505").out

    def test_per_file(self, specc: Specc, here: Path) -> None:
        write(here, a=FLOOR, nets__b=FLOOR, nets__c=BIAS)
        (here / "specc.toml").write_text("per-file-ignores = { 'nets/*' = ['S0505'], 'c.cnn' = ['S0502'] }")
        result = specc("check", "--format", "concise")
        assert result.out.startswith("a.cnn:2:3: warning[S0505]")
        assert result.out.count("warning[") == 1
        assert "2 findings silenced" in result.out

    def test_per_file_leaves_errors(self, specc: Specc, here: Path) -> None:
        write(here, a=BAD)
        (here / "specc.toml").write_text("per-file-ignores.'a.cnn' = ['S05', 'S0404']")
        assert specc("check").code == 1


def test_what_is_read(here: Path) -> None:
    (here / "specc.toml").write_text(
        'include = ["nets/*.yaml"]\nexclude = ["old"]\nselect = ["S05"]\nignore = ["S0507"]\nfail-on = "warning"\n'
        'baseline = "b.json"\n[per-file-ignores]\n"a" = ["S0501"]\n[budget]\nparams = "1k"\nat = {H = 2}\n'
        '[budget."x/**"]\nmacs = 3\n'
    )
    found = configuration().of("net.cnn")
    assert (found.root, found.origin, found.include, found.exclude) == (here, "specc.toml", ("nets/*.yaml",), ("old",))
    assert (found.rules, found.fail_on, found.baseline) == ((("S05",), ("S0507",)), "warning", "b.json")
    assert found.per_file == (("a", ("S0501",)),)
    budget = found.budget("x/y.cnn")
    assert budget is not None
    assert {limit.number: limit.most for limit in budget.limits} == {"params": 1000, "macs": 3}
    assert dict(budget.at) == {"H": 2}


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("*.cnn", ["a.cnn", "b/a.cnn", ".cnn"], ["acnn", "a.cnn2", "a.cnn.yaml"]),
        ("a?.cnn", ["ab.cnn"], ["a.cnn", "a/.cnn"]),
        ("/a", ["a", "a/b"], ["b/a", "ab"]),
        ("a/b", ["a/b", "a/b/c"], ["x/a/b", "a/bc"]),
        ("**/b", ["b", "a/b", "a/a/b/c"], ["ab"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "x/a/b"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("**", ["a", "a/b"], []),
        ("[ab].cnn", ["[ab].cnn"], ["a.cnn"]),
        ("a+(b)$.cnn", ["a+(b)$.cnn"], ["aa.cnn"]),
        ("a\n*", ["a\nb"], ["a"]),
        ("*", ["a", "a/b", "a\nb"], []),
        ("a/**", ["a/b\nc"], []),
    ],
)
def test_patterns(pattern: str, fits: list[str], others: list[str]) -> None:
    assert [path for path in fits if not matches(path, [pattern])] == []
    assert [path for path in others if matches(path, [pattern])] == []


def fits(pattern: list[str], names: list[str]) -> bool:
    """The definition, by trying everything: what is below a folder that fits does too."""
    if not pattern or not names:
        return not pattern
    if pattern[0] == "**":
        return len(pattern) == 1 or any(fits(pattern[1:], names[i:]) for i in range(len(names)))
    return fits_name(pattern[0], names[0]) and fits(pattern[1:], names[1:])


def fits_name(pattern: str, name: str) -> bool:
    if not pattern or not name:
        return not name and not pattern.strip("*")
    if pattern[0] == "*":
        return fits_name(pattern[1:], name) or fits_name(pattern, name[1:])
    return pattern[0] in ("?", name[0]) and fits_name(pattern[1:], name[1:])


def test_patterns_mean_what_their_definition_says() -> None:
    random = Random(7)
    seen = set()
    for _ in range(4000):
        names = ["".join(random.choices("ab", k=random.randint(1, 3))) for _ in range(random.randint(1, 6))]
        parts = random.choices(["**", "*", "a", "b", "?", "a*", "*b", "*a*b", "a?", "***"], k=random.randint(1, 5))
        expected = fits(["**", *parts] if len(parts) == 1 else parts, names)
        assert matches("/".join(names), ["/".join(parts)]) == expected, (parts, names)
        seen.add(expected)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 2000 + "b", "a" * 4000),
        ("**/" * 2000 + "b", "/".join(["a"] * 2000)),
        ("**/a/" * 1000 + "b", "/".join(["a"] * 2000)),
        ("**/*a*a*a*b/" * 500 + "b", "/".join(["aaaaaaaaab"] * 600)),
    ],
)
def test_no_pattern_takes_longer_than_the_square_of_a_path(pattern: str, path: str) -> None:
    """By trying every place for every star, the first would take longer than the age of the universe."""
    assert not matches(path, [pattern])
    assert matches(f"{path}b" if pattern.startswith("*a") else f"{path}/b", [pattern])
