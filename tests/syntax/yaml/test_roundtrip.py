"""The language to YAML and back: nothing is lost but comments."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML

from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import ast, parse, read
from specc.syntax.format import formatted
from specc.syntax.tokens import number_value
from specc.syntax.trivia import comments
from specc.syntax.yaml import language_text, nodes
from specc.syntax.yaml.writer import to_yaml
from tests.elaborate.random_specs import Spec
from tests.elaborate.random_specs import specs as random_specs
from tests.syntax.yaml.texts import EXAMPLES, ROOT, specs, without_places

each_spec = pytest.mark.parametrize("path", specs(), ids=lambda path: str(path.relative_to(ROOT)))


def source_of(path: Path) -> Source:
    """The spec under a name that has no suffix to be taken for YAML's."""
    return Source("net.cnn", read(path).text)


def uncommented(source: Source) -> Source:
    """The spec without its comments, and without the lines that hold nothing else; the version's pin is kept."""
    pieces, at = [], 0
    for comment in comments(source):
        if comment.start == 0 and to_yaml(source).startswith("#"):
            continue
        end = comment.start + len(comment.text)
        start = source.text.rfind("\n", 0, comment.start) + 1 if comment.alone else comment.start
        pieces.append(source.text[at:start])
        at = min(end + 1, len(source.text)) if comment.alone else end
    return Source(source.name, "".join([*pieces, source.text[at:]]))


def plain(node: nodes.Node | None) -> Any:
    """The data of a YAML tree, as the core schema has it."""
    match node:
        case None:
            return None
        case nodes.List():
            return [plain(item) for item in node.items]
        case nodes.Mapping():
            return {plain(pair.key): plain(pair.value) for pair in node.pairs.values()}
    word = nodes.literal(node.value) if node.plain else None
    if word is None:
        return node.value
    if word in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word]
    return -number_value(word[1:]) if word.startswith("-") else number_value(word)


def by_another_reader(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def graphs(file: ast.File) -> list[Any]:
    return [
        (g.inputs, g.outputs, g.symbols, [(n.name, n.op, n.inputs, n.type, n.parameters) for n in g.nodes])
        for g in (checked.graph for checked in check_file(file))
    ]


def refused(file: ast.File) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as error:
        check_file(file)
    return sorted((finding.code, finding.message) for finding in error.value.diagnostics)


def holds(source: Source) -> None:
    """What is true of every spec: the same tree, the same text after formatting, and YAML that is YAML."""
    text = to_yaml(source)
    again = Source("net.yaml", text)
    assert without_places(parse(again)) == without_places(parse(source))
    back = language_text(again)
    assert to_yaml(Source("net.cnn", back)) == text
    # The formatter keeps how lines end; YAML does not.
    assert formatted(Source("net.cnn", back)) == formatted(uncommented(source)).replace("\r\n", "\n")
    assert by_another_reader(text) == plain(nodes.tree(again))


def test_there_are_specs() -> None:
    assert len(specs()) > 150
    assert len(REFUSED) > 50


@each_spec
def test_specs(path: Path) -> None:
    holds(source_of(path))


@settings(deadline=None, max_examples=30)
@given(random_specs())
def test_random_specs(spec: Spec) -> None:
    source = Source("net.cnn", spec.text)
    holds(source)
    assert graphs(parse(Source("net.yaml", to_yaml(source)))) == graphs(parse(source))


CHECKED = [
    *sorted((ROOT / "examples").rglob("*.cnn")),
    *sorted((ROOT / "tests/elaborate/corpus/accepted").glob("*.cnn")),
]


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_same_graphs(path: Path) -> None:
    source = read(path)
    yaml = Source(str(path.with_suffix(".yaml")), to_yaml(source))
    found = graphs(parse(yaml))
    assert found == graphs(parse(source))
    assert not parse(source).models or found


REFUSED = [path for path in specs() if path.parent == ROOT / "tests/elaborate/corpus/refused"]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_the_same_refusals(path: Path) -> None:
    """In the same words, for these are of the language: what YAML says otherwise is only where."""
    source = Source(str(path), path.read_bytes().decode())
    assert refused(parse(Source(str(path.with_suffix(".yaml")), to_yaml(source)))) == refused(parse(source))


def test_lenet_is_lenet() -> None:
    by_hand = next(path for path in EXAMPLES if path.name == "lenet.cnn.yaml")
    assert graphs(parse(read(by_hand))) == graphs(parse(read(ROOT / "examples" / "lenet.cnn")))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples(path: Path) -> None:
    """The examples in YAML check, and are written as the writer writes, but for what a person prefers."""
    file = parse(read(path))
    assert check_file(file)
    language = Source("net.cnn", language_text(read(path)))
    again = Source("net.yaml", to_yaml(language))
    assert without_places(parse(again)) == without_places(parse(Source("net.yaml", read(path).text)))


@pytest.mark.parametrize(
    "value", ["[1, 2]", "[]", "[[1]]", '[H, "a"]', '"a"', '"=3"', '"224"', '""', "none", "true", "-1"]
)
@pytest.mark.parametrize(
    "form",
    [
        "model M : [N, {}] {{ relu }}",
        "model M : [N, H] where {} {{ relu }}",
        "model M : [N, H] where H > 1, {} {{ relu }}",
        "block b : [{0}] -> [N, {0}] where {0} {{ relu }}",
        "model M : [N, 3] {{ relu -> [N, {}] }}",
        "model M : [N, 3] {{ assert {} }}",
        "model M : [N, 3] {{ repeat {} {{ relu }} }}",
    ],
)
def test_what_is_wrong_is_as_wrong_in_yaml(form: str, value: str) -> None:
    """A list is no condition, and a text no size: elaboration says so, of both forms."""
    source = Source("net.cnn", form.format(value) + "\n")
    written = Source("net.cnn.yaml", to_yaml(source))
    assert without_places(parse(written)) == without_places(parse(source))
