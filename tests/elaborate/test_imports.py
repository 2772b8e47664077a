"""Imports: what they bring, and that they never leave the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import specc
from specc.api import Model
from specc.diagnostics import Code, Diagnostic, SpecError
from specc.elaborate import check_file
from specc.elaborate.files import MOST_IMPORTS
from specc.source import Source
from specc.syntax import parse, read

BLOCKS = "block basic(c) { conv(c, 3, padding=1) -> relu }\nlet width = 8\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project; beside it stands a file that is none of its own."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").touch()
    (tmp_path / "outside.cnn").write_text(BLOCKS)
    return root


def write(root: Path, **files: str) -> None:
    """Files by their path, ``__`` for ``/``."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".cnn")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def model(imports: str, steps: str = "basic(4)") -> str:
    return f"{imports}\nmodel Net : [N, 3, 8, 8] {{ {steps} }}\n"


def steps(path: Path) -> list[str]:
    return [node.name for node in specc.load(path).graph.nodes]


def refused(path: Path) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        check_file(parse(read(path)))
    return caught.value.diagnostics


def refusal(path: Path) -> Diagnostic:
    (diagnostic,) = refused(path)
    return diagnostic


def test_blocks_and_lets_of_other_folders(project: Path) -> None:
    write(project, lib__blocks=BLOCKS, nets__net=model('from "../lib/blocks.cnn" import basic, width', "basic(width)"))
    assert steps(project / "nets" / "net.cnn") == ["basic1.conv1", "basic1.relu1"]
    assert specc.load(project / "nets" / "net.cnn").params == 8 * 3 * 9 + 8


def test_the_working_directory_does_not_matter(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, lib__blocks=BLOCKS, nets__net=model('from "../lib/blocks.cnn" import basic'))
    expected = steps(project / "nets" / "net.cnn")
    for folder, path in (
        (project, "nets/net.cnn"),
        (project / "nets", "net.cnn"),
        (project / "lib", "../nets/net.cnn"),
    ):
        monkeypatch.chdir(folder)
        assert steps(Path(path)) == expected


def test_standard_input_imports_from_the_working_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, lib__blocks=BLOCKS)
    monkeypatch.chdir(project / "lib")
    (checked,) = check_file(parse(Source("<stdin>", model('from "blocks.cnn" import basic'))))
    assert Model(checked).params == 4 * 27 + 4


def test_what_a_file_imports_can_be_imported_from_it(project: Path) -> None:
    write(project, blocks=BLOCKS, more='from "blocks.cnn" import basic\n', net=model('from "more.cnn" import basic'))
    assert steps(project / "net.cnn") == ["basic1.conv1", "basic1.relu1"]


def test_a_default_is_of_its_file_only(project: Path) -> None:
    own = "default conv(bias = false)\n"
    write(
        project,
        blocks=BLOCKS,
        without=own + BLOCKS,
        net=own + model('from "blocks.cnn" import basic', "basic(4) -> conv(2, 1)"),
        other=model('from "without.cnn" import basic', "basic(4) -> conv(2, 1)"),
    )
    assert [key for key, _ in specc.load(project / "net.cnn").graph.state] == [
        "basic1.conv1.weight", "basic1.conv1.bias", "conv1.weight",
    ]  # fmt: skip
    assert [key for key, _ in specc.load(project / "other.cnn").graph.state] == [
        "basic1.conv1.weight", "conv1.weight", "conv1.bias",
    ]  # fmt: skip


def test_a_default_of_an_imported_block(project: Path) -> None:
    text = model('from "blocks.cnn" import basic\ndefault basic(c = 5)', "basic -> basic(4)")
    write(project, blocks=BLOCKS, net=text)
    assert [node.type.sample[0] for node in specc.load(project / "net.cnn").graph.nodes] == [5, 5, 4, 4]


def test_a_file_imported_on_two_ways_is_one_file(project: Path) -> None:
    """Its mistakes are told once."""
    write(
        project,
        blocks=BLOCKS + "let wrong = 1 // 0\n",
        left='from "blocks.cnn" import basic\n',
        right='from "./blocks.cnn" import basic\nblock two(c) { basic(c) -> basic(c) }\n',
        net=model('from "left.cnn" import basic\nfrom "right.cnn" import two', "basic(4) -> two(4)"),
    )
    diagnostic = refusal(project / "net.cnn")
    assert diagnostic.message == "1 // 0 divides by zero"
    assert diagnostic.primary.span.source.name.endswith("blocks.cnn")
    assert diagnostic.primary.span.position == (3, 13)


def test_a_mistake_in_an_imported_block_shows_both_files(project: Path) -> None:
    write(project, blocks="block basic(c) { conv(c, 9) }\n", net=model('from "blocks.cnn" import basic'))
    diagnostic = refusal(project / "net.cnn")
    assert diagnostic.code is Code.KERNEL_TOO_LARGE
    assert Path(diagnostic.primary.span.source.name).name == "blocks.cnn"
    assert [(Path(label.span.source.name).name, label.text) for label in diagnostic.trace] == [
        ("net.cnn", "in basic(c = 4)")
    ]


def test_a_syntax_error_stands_in_its_own_file(project: Path) -> None:
    write(project, blocks="block basic(c) { conv(c 3) }\n", net=model('from "blocks.cnn" import basic'))
    diagnostic = refusal(project / "net.cnn")
    assert diagnostic.code is Code.SYNTAX
    assert Path(diagnostic.primary.span.source.name).name == "blocks.cnn"


def test_a_file_that_is_not_text(project: Path) -> None:
    write(project, net=model('from "blocks.cnn" import basic'))
    (project / "blocks.cnn").write_bytes(b"block basic(c) { relu } # \xff\n")
    assert refusal(project / "net.cnn").code is Code.UNREADABLE


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.cnn", "there is no such file"),
        ("lib", "is a folder"),
        ("/blocks.cnn", "an import names a file by its relative path"),
        ("lib\\\\blocks.cnn", "an import names a file by its relative path"),
        ("", "an empty text is none"),
        ("../outside.cnn", "climbs above the project's folder"),
        ("lib/../../outside.cnn", "climbs above the project's folder"),
        ("../project/../outside.cnn", "climbs above the project's folder"),
        ("nowhere/../../outside.cnn", "climbs above the project's folder"),
    ],
)
def test_paths_that_are_refused(project: Path, path: str, words: str) -> None:
    write(project, lib__blocks=BLOCKS, net=model(f'from "{path}" import basic'))
    diagnostic = refusal(project / "net.cnn")
    assert diagnostic.code is Code.IMPORT
    assert words in diagnostic.message
    assert diagnostic.primary.span.text == f'"{path}"'


def test_without_a_project_a_spec_stays_in_its_folder(tmp_path: Path) -> None:
    write(tmp_path, blocks=BLOCKS, nets__blocks=BLOCKS, nets__net=model('from "../blocks.cnn" import basic'))
    if any((above / mark).exists() for above in tmp_path.parents for mark in (".git", "pyproject.toml", "specc.toml")):
        pytest.skip("the folder of temporary files is a project")
    assert "climbs above" in refusal(tmp_path / "nets" / "net.cnn").message
    write(tmp_path, nets__net=model('from "blocks.cnn" import basic'))
    assert len(steps(tmp_path / "nets" / "net.cnn")) == 2


@pytest.mark.parametrize("mark", [".git", "pyproject.toml", "specc.toml"])
def test_what_makes_a_folder_a_project(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).touch()
    write(tmp_path, blocks=BLOCKS, nets__net=model('from "../blocks.cnn" import basic'))
    assert len(steps(tmp_path / "nets" / "net.cnn")) == 2


class TestMonorepo:
    """Where imports of ``packages/a/net.cnn`` end: ``../../shared.cnn`` lies at the top, ``../a.cnn`` in packages."""

    SHARED = 'from "../../shared.cnn" import basic'
    NEAR = 'from "../near.cnn" import basic'

    @pytest.fixture
    def package(self, tmp_path: Path) -> Path:
        """A package with a pyproject.toml of its own; the top is what each test makes of it."""
        package = tmp_path / "top" / "packages" / "a"
        package.mkdir(parents=True)
        (package / "pyproject.toml").write_text('[project]\nname = "a"\n')
        (tmp_path / "top" / "shared.cnn").write_text(BLOCKS)
        (tmp_path / "top" / "packages" / "near.cnn").write_text(BLOCKS)
        return package

    def climbs(self, package: Path, imports: str) -> bool:
        """Whether the import leads nowhere, because the project ends below."""
        (package / "net.cnn").write_text(model(imports))
        try:
            specc.load(package / "net.cnn")
        except SpecError as error:
            return "climbs above the project's folder" in error.diagnostics[0].message
        return False

    @pytest.mark.parametrize("git", ["folder", "file"])
    @pytest.mark.parametrize("settings", ["", '[tool.specc.budget]\nparams = "1M"\n', "[tool.specc]\nroot = false\n"])
    def test_the_repository_is_the_border(self, package: Path, git: str, settings: str) -> None:
        """Of a worktree and a submodule ``.git`` is a file. Settings that say nothing of it are no border."""
        top = package.parents[1]
        (top / ".git").mkdir() if git == "folder" else (top / ".git").write_text("gitdir: elsewhere\n")
        (package / "pyproject.toml").write_text(f'[project]\nname = "a"\n{settings}')
        assert not self.climbs(package, self.SHARED)
        write(top.parent, outside=BLOCKS)
        assert self.climbs(package, 'from "../../../outside.cnn" import basic')

    def test_a_submodule_is_a_repository(self, package: Path) -> None:
        (package.parents[1] / ".git").mkdir()
        (package / ".git").write_text("gitdir: ../../.git/modules/a\n")
        assert self.climbs(package, self.SHARED)

    @pytest.mark.parametrize(
        ("name", "text"), [("specc.toml", "root = true"), ("pyproject.toml", "[tool.specc]\nroot = true")]
    )
    def test_settings_may_say_where_it_is(self, package: Path, name: str, text: str) -> None:
        """The nearest, be it within a repository or where there is none."""
        (package.parent / name).write_text(text)
        for _ in range(2):
            assert not self.climbs(package, self.NEAR)
            assert self.climbs(package, self.SHARED)
            (package.parents[1] / ".git").mkdir(exist_ok=True)
        (package / "specc.toml").write_text("root = true")
        assert self.climbs(package, self.NEAR)

    def test_an_outer_root_counts_where_an_inner_has_settings(self, package: Path) -> None:
        (package / "specc.toml").write_text("ignore = ['S0507']")
        (package.parents[1] / "specc.toml").write_text("root = true")
        assert not self.climbs(package, self.SHARED)

    def test_without_a_repository_the_nearest_settings(self, package: Path) -> None:
        (package.parents[1] / "pyproject.toml").write_text("[tool.specc]\n")
        assert not self.climbs(package, self.SHARED)
        (package.parent / "specc.toml").touch()
        assert self.climbs(package, self.SHARED)
        assert not self.climbs(package, self.NEAR)

    def test_without_settings_either_the_nearest_project(self, package: Path) -> None:
        (package.parents[1] / "pyproject.toml").write_text("[project]\n")
        assert self.climbs(package, self.NEAR)

    @pytest.mark.parametrize("text", ["root = tru", '[tool.specc]\nroot = "true"', "\xff", "tool = 1\nspecc = 1"])
    def test_what_is_broken_is_no_border(self, package: Path, text: str) -> None:
        """That it is broken is told where its settings are used."""
        (package.parents[1] / ".git").mkdir()
        (package / "pyproject.toml").write_text(f"{text} # specc", encoding="latin-1")
        assert not self.climbs(package, self.SHARED)

    def test_a_link_within_the_repository(self, package: Path) -> None:
        top = package.parents[1]
        (top / ".git").mkdir()
        (package / "lib.cnn").symlink_to(top / "shared.cnn")
        assert not self.climbs(package, 'from "lib.cnn" import basic')
        write(top.parent, outside=BLOCKS)
        (package / "lib.cnn").unlink()
        (package / "lib.cnn").symlink_to(top.parent / "outside.cnn")
        (package / "net.cnn").write_text(model('from "lib.cnn" import basic'))
        assert "goes through a symlink out of the project's folder" in refusal(package / "net.cnn").message


@pytest.mark.parametrize("way", ["file", "folder"])
def test_a_symlink_out_of_the_project(project: Path, way: str) -> None:
    (project / "link.cnn").symlink_to(project.parent / "outside.cnn")
    (project / "folder").symlink_to(project.parent)
    write(project, net=model(f'from "{"link.cnn" if way == "file" else "folder/outside.cnn"}" import basic'))
    diagnostic = refusal(project / "net.cnn")
    assert diagnostic.code is Code.IMPORT
    assert "goes through a symlink out of the project's folder" in diagnostic.message


def test_a_symlink_within_the_project(project: Path) -> None:
    write(project, lib__blocks=BLOCKS, net=model('from "link.cnn" import basic'))
    (project / "link.cnn").symlink_to(project / "lib" / "blocks.cnn")
    assert len(steps(project / "net.cnn")) == 2


def test_a_project_that_is_reached_through_a_symlink(project: Path) -> None:
    write(project, lib__blocks=BLOCKS, net=model('from "lib/blocks.cnn" import basic'))
    (project.parent / "alias").symlink_to(project)
    assert len(steps(project.parent / "alias" / "net.cnn")) == 2


def test_a_symlink_to_itself(project: Path) -> None:
    (project / "loop.cnn").symlink_to(project / "loop.cnn")
    write(project, net=model('from "loop.cnn" import basic'))
    assert refusal(project / "net.cnn").code is Code.IMPORT


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_file(project: Path) -> None:
    os.mkfifo(project / "pipe.cnn")
    write(project, net=model('from "pipe.cnn" import basic'))
    assert refusal(project / "net.cnn").code is Code.IMPORT


CYCLES = {
    "itself": {"net": "net"},
    "each other": {"net": "a", "a": "net"},
    "below": {"net": "a", "a": "b", "b": "c", "c": "a"},
}


@pytest.mark.parametrize("cycle", CYCLES)
def test_cycles(project: Path, cycle: str) -> None:
    for name, other in CYCLES[cycle].items():
        write(
            project,
            **{
                name: model(f'from "{other}.cnn" import basic')
                if name == "net"
                else f'from "{other}.cnn" import basic\n'
            },
        )
    diagnostic = refusal(project / "net.cnn")
    assert diagnostic.code is Code.IMPORT
    assert "imports itself" in diagnostic.message
    (chain,) = diagnostic.notes
    assert [Path(name).stem for name in chain.split(" imports ")] == {
        "itself": ["net", "net"],
        "each other": ["net", "a", "net"],
        "below": ["net", "a", "b", "c", "a"],
    }[cycle]


def test_a_cycle_through_a_symlink(project: Path) -> None:
    (project / "alias.cnn").symlink_to(project / "net.cnn")
    write(project, net=model('from "alias.cnn" import basic'))
    assert "imports itself" in refusal(project / "net.cnn").message


@pytest.mark.parametrize("deep", [MOST_IMPORTS, MOST_IMPORTS + 1])
def test_how_deep_imports_nest(project: Path, deep: int) -> None:
    write(project, net=model('from "f1.cnn" import basic'), **{f"f{deep}": BLOCKS})
    write(project, **{f"f{i}": f'from "f{i + 1}.cnn" import basic\n' for i in range(1, deep)})
    if deep == MOST_IMPORTS:
        assert len(steps(project / "net.cnn")) == 2
    else:
        assert refusal(project / "net.cnn").code is Code.LIMIT


def test_names_that_are_not_there(project: Path) -> None:
    other = BLOCKS + "model Other : [N, 3] { relu }\n"
    write(project, blocks=other, net=model('from "blocks.cnn" import basik, Other, zoo', "relu"))
    near, whole, none = refused(project / "net.cnn")
    assert near.message == "blocks.cnn has no block and no let called basik"
    assert near.advice == ("did you mean basic?",)
    assert whole.helps == ("it is a model there: only blocks and lets are imported",)
    assert none.message == "blocks.cnn has no block and no let called zoo"


def test_models_of_an_imported_file_are_not_checked(project: Path) -> None:
    write(
        project, blocks=BLOCKS + "model Broken : [N, 3] { conv(8, 3) }\n", net=model('from "blocks.cnn" import basic')
    )
    assert len(steps(project / "net.cnn")) == 2


def test_a_block_sees_the_names_of_its_own_file(project: Path) -> None:
    text = "let width = 4\nblock inner { fc(width) }\nblock outer { inner }\n"
    write(project, blocks=text, net='from "blocks.cnn" import outer\nlet width = 9\nmodel Net : [N, width] { outer }\n')
    assert specc.load(project / "net.cnn").params == 9 * 4 + 4


def test_a_file_of_blocks_is_there_to_be_imported(project: Path) -> None:
    write(project, blocks=BLOCKS)
    assert check_file(parse(read(project / "blocks.cnn"))) == ()


@pytest.mark.parametrize(
    ("written", "helps"),
    [
        ("commn.cnn", ("did you mean common.cnn?",)),
        ("./commn.cnn", ("did you mean ./common.cnn?",)),
        ("COMMON.cnn", ("did you mean common.cnn?",)),
        ("common", ("did you mean common.cnn?",)),
        ("common.cnn.yaml", ("did you mean common.cnn?",)),
        ("lib/pair.cnn", ("did you mean lib/pairs.cnn or lib/pairs.cnn.yaml?",)),
        ("../nets/lib/pair.cnn", ("did you mean ../nets/lib/pairs.cnn or ../nets/lib/pairs.cnn.yaml?",)),
        ("nett.cnn", ()),  # net.cnn imports it
        ("readme.cnn", ()),
        ("lost.cnn", ()),
        ("folder.cnn", ()),
        ("lob/pairs.cnn", ()),
        ("zzz.cnn", ()),
    ],
)
def test_a_lost_file_has_others_beside_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, written: str, helps: tuple[str, ...]
) -> None:
    write(project, nets__common=BLOCKS, nets__net=model(f'from "{written}" import basic'))
    nets = project / "nets"
    write(nets, lib__pairs=BLOCKS)
    (nets / "lib" / "pairs.cnn.yaml").touch()
    (nets / "readme.yaml").touch()
    (nets / "lost.cnn").symlink_to("gone.cnn")
    (nets / "folders.cnn").mkdir()
    for folder, path in ((project, "nets/net.cnn"), (nets, "net.cnn"), (project.parent, str(nets / "net.cnn"))):
        monkeypatch.chdir(folder)
        (diagnostic,) = refused(Path(path))
        assert (diagnostic.code, diagnostic.helps) == (Code.IMPORT, helps)
