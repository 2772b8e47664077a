"""A file, its items and their contracts, from YAML's nodes to pieces of the language's text."""

from __future__ import annotations

from specc.syntax.yaml.nodes import List, Mapping, Node, Scalar
from specc.syntax.yaml.steps import Steps, after_blank
from specc.syntax.yaml.transcript import Piece
from specc.syntax.yaml.values import Pieces, Values, is_null, kind_of, mark, opening, short
from specc.syntax.yaml.words import ITEMS, did_you_mean, without_blank


class Items:
    def __init__(self, values: Values, steps: Steps) -> None:
        self._values = values
        self._steps = steps
        self._find = values.find

    def file(self, node: Node | None) -> Pieces:
        if node is None or is_null(node):
            return
        if not isinstance(node, List):
            message = f"a spec in YAML is a list of models, blocks and other items, not {kind_of(node)}"
            first = node.first.key if isinstance(node, Mapping) and node.pairs else node
            self._find(message, first, "begin each of them with `- `")
            return
        for place, item in enumerate(node.items):
            if place:
                yield mark("\n\n" if after_blank(self._values.source.text, item) else "\n", item)
            yield self._item(item)
        yield mark("\n", node)

    def _item(self, node: Node) -> Pieces:
        known = "`model`, `block`, `let`, `default` and `from`"
        if not isinstance(node, Mapping) or not node.pairs:
            help_ = without_blank(node.value) if isinstance(node, Scalar) else ""
            self._find(f"an item of a spec is a mapping with one of {known}, not {kind_of(node)}", node, help_)
            return iter(())
        head = next((key for key in node.pairs if key in ITEMS), "")
        if not head:
            key = node.first.key
            help_ = did_you_mean(key.value, tuple(ITEMS)) or "steps stand in the `body` of a model"
            self._find(f"an item of a spec has one of {known}, not `{short(key.value)}`", key, help_)
        elif self._steps.keys(node, head, ITEMS[head]):
            match head:
                case "from":
                    return self._import(node)
                case "let":
                    return self._steps.let(node)
                case "default":
                    return self._default(node)
            return self._network(node, head)
        return iter(())

    def _import(self, node: Mapping) -> Pieces:
        yield opening("from ", node)
        yield self._values.text(node.pairs["from"].value, "the path of a file")
        names = node.pairs["import"].value
        yield mark(" import ", names)
        yield self._values.names(names, "what is imported")

    def _default(self, node: Mapping) -> Pieces:
        pair = self._steps.only_pair(node.pairs["default"], "default", ITEMS["default"].example)
        if pair is None:
            return
        if is_null(pair.value):
            self._find("`default` gives arguments", pair.key, f"as in {ITEMS['default'].example}")
        yield opening("default ", node)
        yield self._values.name(pair.key, "a layer")
        yield self._values.arguments(pair.value)

    def _network(self, node: Mapping, head: str) -> Pieces:
        yield opening(f"{head} ", node)
        yield self._values.name(node.pairs[head].value, f"what `{head}` is called")
        if "params" in node.pairs:
            yield self._params(node.pairs["params"].value)
        yield self._contract(node)
        body = node.pairs["body"].value
        yield mark(" ", body)
        yield self._steps.body(body)

    # ---- interfaces -----------------------------------------------------------------------------------

    def _params(self, node: Node) -> Pieces:
        if not isinstance(node, List):
            self._find(f"`params` is a list, not {kind_of(node)}", node, "as in `params: [c, {stride: 1}]`")
            return
        yield mark("(", node)
        for place, entry in enumerate(node.items):
            if place:
                yield mark(", ", node)
            yield self._param(entry)
        yield mark(")", node)

    def _param(self, node: Node) -> Pieces:
        if not isinstance(node, Mapping):
            yield self._values.name(node, "a parameter")
        elif len(node.pairs) != 1:
            place = list(node.pairs.values())[1].key if node.pairs else node
            self._find("a parameter is a name, or one pair of its name and default", place, "as in `[c, {stride: 1}]`")
        else:
            yield self._values.name(node.first.key, "a parameter")
            yield Piece(" = ", node.first.key.end, node.first.key.end)
            yield self._values.value(node.first.value)

    def _contract(self, node: Mapping) -> Pieces:
        if "input" not in node.pairs:
            late = next((node.pairs[key].key for key in ("output", "where") if key in node.pairs), None)
            if late:
                self._find(f"`{late.value}` needs an `input`", late, "as in `input: [N, 3, 32, 32]`")
            return
        taken = node.pairs["input"].value
        yield mark(" : ", taken)
        yield self._ports(taken)
        if "output" in node.pairs:
            given = node.pairs["output"].value
            yield mark(" -> ", given)
            yield self._ports(given)
        if "where" in node.pairs:
            yield self._where(node.pairs["where"].value)

    def _ports(self, node: Node) -> Pieces:
        if not isinstance(node, Mapping):
            yield self._steps.shape(node)
            return
        if not node.pairs:
            self._find("here stand one or more names, each with its shape", node, "as in `{image: [N, 3, 32, 32]}`")
        yield mark("(", node)
        for place, pair in enumerate(node.pairs.values()):
            if place:
                yield mark(", ", node)
            yield self._values.name(pair.key, "a port")
            yield Piece(": ", pair.key.end, pair.key.end)
            yield self._steps.shape(pair.value)
        yield mark(")", node)

    def _where(self, node: Node) -> Pieces:
        clauses = node.items if isinstance(node, List) else [node]
        if not clauses:
            self._find("`where` lists at least one condition", node, "leave it out where there is none")
        yield mark(" where ", node)
        for place, clause in enumerate(clauses):
            if place:
                yield mark(", ", node)
            yield self._clause(clause)

    def _clause(self, node: Node) -> Pieces:
        if isinstance(node, Scalar):
            return self._values.expression(node, hole="condition")
        self._find(f"a condition is a text, not {kind_of(node)}", node, 'as in `where: ["H % 8 == 0"]`')
        return iter(())
