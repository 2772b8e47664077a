"""Groups of one shape become calls of a block: where the text gets shorter by it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from specc.importing.network import Argument, Expression, ValueOf
from specc.importing.structure.body import (
    REQUIRED,
    Block,
    BlockCall,
    EarlierValue,
    LabelledGroup,
    Required,
    SharedDeclaration,
    Statement,
    When,
    WrittenStep,
    all_statements,
    inner_bodies,
    read_values,
    statements,
)
from specc.importing.structure.parameters import BlockParameter, Sizes, named
from specc.importing.structure.unification import (
    MISSING,
    Key,
    Missing,
    NoCommonShape,
    Shapes,
    Unified,
    is_variant,
    same,
    unified,
)
from specc.ops.registry import names as layer_names
from specc.syntax.tokens import is_name

_MOST_PARAMETERS = 8
_VARYING = frozenset(("out_channels", "out_features", "stride", "groups", "p"))
"""The arguments in which a body and one that lacks some of its statements may differ."""
COST_OF_BLOCK = 30
COST_OF_CALL = 8
_COST_OF_ARGUMENT = 5
"""Characters, about, of a block's header, of a call, and of each of its arguments."""


def with_blocks(body: list[Statement], channels: Mapping[str, int | None], taken: Collection[str]) -> list[Block]:
    """The blocks of a model, whose groups become calls of them.

    Args:
        channels: of each value.
        taken: names that no block may have.
    """
    return _Blocks(body, channels, taken).run()


class _Class:
    """Groups of one shape, or of a shape and another that lacks some of its statements.

    Attributes:
        size: about how many characters the largest has.
        parameters: how many their block would have; None as long as nobody has asked.
    """

    def __init__(self, groups: list[LabelledGroup], keys: list[Key], size: int) -> None:
        self.groups = groups
        self.keys = keys
        self.size = size
        self.parameters: int | None = None


class _Blocks:
    def __init__(self, body: list[Statement], channels: Mapping[str, int | None], taken: Collection[str]) -> None:
        self._body = body
        self._channels = channels
        self._taken = {*taken, *layer_names()}
        self._class_of: dict[LabelledGroup, _Class] = {}
        self._parents: dict[LabelledGroup, LabelledGroup | None] = {}
        self._labels = {
            s.label for s in all_statements(body) if isinstance(s, (WrittenStep, LabelledGroup)) and s.label
        }
        self._blocks: dict[str, Block] = {}
        # Which values are called by name, in all and in each group, before any of them is a call.
        self._reads = Counter(read_values(body))
        self._inside: dict[LabelledGroup, Counter[str]] = {}

    def run(self) -> list[Block]:
        chosen = self._chosen()
        for block in sorted(chosen, key=lambda one: one.size):
            self._build(block.groups)
        return list(self._blocks.values())

    # ---- which ------------------------------------------------------------------------------------------------------

    def _chosen(self) -> list[_Class]:
        """The classes that are worth a block: the smaller first, since what is in a group may be calls then."""
        classes = self._classes(self._groups(self._body, None))
        self._class_of = {group: one for one in classes for group in one.groups}
        chosen: set[_Class] = set()
        for one in sorted(classes, key=lambda one: one.size):
            if len(one.groups) > 1 and self._pays(one, len(one.groups), chosen):
                chosen.add(one)
        while True:
            # What stands in a block counts once: others of its calls have it, too. Without the smallest that is not
            # worth a block, the others are longer.
            counts = self._calls(chosen)
            idle = [one for one in chosen if counts[one] < 2 or not self._pays(one, counts[one], chosen)]
            if not idle:
                return [one for one in classes if one in chosen]
            chosen.remove(min(idle, key=lambda one: (counts[one] > 1, one.size)))

    def _calls(self, chosen: set[_Class]) -> Counter[_Class]:
        """How many calls of each there are in the text; of rounds of a loop there is one."""
        counts: Counter[_Class] = Counter()
        bodies = [self._body]
        while bodies:
            row: tuple[_Class | None, str] = None, ""
            for statement in bodies.pop():
                one = self._class_of.get(statement) if isinstance(statement, LabelledGroup) else None
                if isinstance(statement, LabelledGroup) and one in chosen:
                    assert one is not None, "None is not chosen"
                    is_round = row == (one, statement.label) and len(one.keys) == 1
                    counts[one] += not is_round
                    if counts[one] == 1 and not is_round:
                        bodies.append(max((group.body for group in one.groups), key=size_of))
                    # Rounds are numbered from 0; of others the labels would have to be computed.
                    starts = statement.label == "0" or is_round
                    row = (one, str(int(statement.label) + 1)) if starts and statement.label else (None, "")
                else:
                    bodies += inner_bodies(statement)
                    row = None, ""
        return counts

    def _length(self, body: list[Statement], chosen: set[_Class]) -> int:
        """About how many characters a body has with calls of these blocks, equal ones in a row as a loop."""
        length, before = 0, None
        for statement in body:
            one = self._class_of.get(statement) if isinstance(statement, LabelledGroup) else None
            again = one is not None and one is before
            if again:
                length += _COST_OF_ARGUMENT
            elif one in chosen and isinstance(statement, LabelledGroup):
                length += 2 * COST_OF_CALL + len(statement.label or "")
            else:
                length += size_of([statement], inside=False)
                length += sum(self._length(inner, chosen) for inner in inner_bodies(statement))
            before = one
        return length

    def _groups(self, body: list[Statement], parent: LabelledGroup | None) -> list[LabelledGroup]:
        found: list[LabelledGroup] = []
        for statement in body:
            inner = parent
            if isinstance(statement, LabelledGroup):
                self._parents[statement] = parent
                inner = statement
                # Shared steps are seen where they are declared, and in no block.
                inside = list(all_statements(statement.body))
                declared = {s.name for s in inside if isinstance(s, SharedDeclaration)}
                is_closed = all(
                    not isinstance(s, WrittenStep) or s.shared is None or s.shared in declared for s in inside
                )
                if is_closed and not statement.goes_on and statement.start is not None:
                    found.append(statement)
                    self._inside[statement] = Counter(read_values(statement.body))
            for part in inner_bodies(statement):
                found += self._groups(part, inner)
        return found

    def _classes(self, groups: list[LabelledGroup]) -> list[_Class]:
        by_key: dict[Key, list[LabelledGroup]] = defaultdict(list)
        for group in groups:
            by_key[Shapes(group.body, group.start).of_body(group.body)].append(group)
        classes: list[_Class] = []
        for key, members in sorted(by_key.items(), key=lambda item: -size_of(item[1][0].body)):
            size = size_of(members[0].body)
            for other in classes:
                if size > other.size // 2 and len(other.keys) < 2 and self._vary(other, key, members):
                    other.groups += members
                    other.keys.append(key)
                    break
            else:
                classes.append(_Class(members, [key], size))
        return classes

    def _vary(self, other: _Class, key: Key, members: list[LabelledGroup]) -> bool:
        if not is_variant(other.keys[0], key) or _is_unit(other.groups[0].body):
            return False
        try:
            both = self._unified([other.groups[0], members[0]])
        except NoCommonShape:
            return False
        return _VARYING.issuperset(column.name for column in both.columns if column.constant is MISSING)

    def _unified(self, groups: list[LabelledGroup]) -> Unified:
        return unified([group.body for group in groups], [group.start for group in groups], self._blocks)

    def _pays(self, one: _Class, count: int, chosen: set[_Class]) -> bool:
        """Whether the text is shorter with so many calls of a block."""
        if one.parameters is None:
            try:
                both = self._unified(one.groups)
            except NoCommonShape:
                one.parameters = _MOST_PARAMETERS + 1
            else:
                one.parameters = len(named(both, self._sizes(one.groups), ())[0]) + len(both.captured)
        if one.parameters > _MOST_PARAMETERS:
            return False
        longest = max((group.body for group in one.groups), key=size_of)
        length = self._length(longest, chosen - {one})
        call = COST_OF_CALL + _COST_OF_ARGUMENT * one.parameters
        return length * (count - 1) > COST_OF_BLOCK + _COST_OF_ARGUMENT * one.parameters + call * count

    def _sizes(self, groups: list[LabelledGroup]) -> Sizes:
        before = [self._channels.get(group.start or "") for group in groups]
        return Sizes(before, [self._channels.get(group.value) for group in groups])

    # ---- one block --------------------------------------------------------------------------------------------------

    def _build(self, groups: list[LabelledGroup]) -> None:
        try:
            one = self._unified(groups)
        except NoCommonShape:  # what is in them has become blocks in more than one way
            return
        seen = self._share_labels(one, groups)
        labels = {s.label for s in statements(one.body) if isinstance(s, (WrittenStep, LabelledGroup)) and s.label}
        names = {*labels, *(s.step.operator for s in statements(one.body) if isinstance(s, WrittenStep)), *self._blocks}
        parameters, texts = named(one, self._sizes(groups), names)
        known = {groups[0].start or "": "in"}
        for number, value in enumerate(one.captured, 1):
            name = "skip" if len(one.captured) == 1 else f"skip{number}"
            while name in names:
                name += "_"
            names.add(name)
            known[value] = name
        name = self._name(groups)
        required = [p for p in parameters if p.default is REQUIRED]
        defaulted = [p for p in parameters if p.default is not REQUIRED]
        captured = [known[value] for value in one.captured]
        listed: list[tuple[str, Argument | Required]] = [(p.name, REQUIRED) for p in required]
        listed += [(value, REQUIRED) for value in captured]
        listed += [(p.name, p.default) for p in defaulted if not isinstance(p.default, Missing)]
        self._blocks[name] = Block(name, listed, with_texts(one.body, texts), known, seen)
        for index, group in enumerate(groups):
            group.call = BlockCall(name, self._arguments(index, required, one, captured, defaulted))

    @staticmethod
    def _arguments(
        index: int, required: list[BlockParameter], one: Unified, captured: list[str], defaulted: list[BlockParameter]
    ) -> dict[str, Argument]:
        arguments: dict[str, Argument] = {p.name: p.values[index] for p in required}  # type: ignore[misc]
        values = list(one.captured.values())
        arguments |= {name: ValueOf(values[place][index]) for place, name in enumerate(captured)}
        for parameter in defaulted:
            if not same(parameter.values[index], parameter.default):
                arguments[parameter.name] = parameter.values[index]  # type: ignore[assignment]
        return arguments

    def _share_labels(self, one: Unified, groups: list[LabelledGroup]) -> set[str]:
        """Where a value of one call is taken outside of it, the step has a label, which is the same in every call.

        Returns:
            these values, by their names in the one body.
        """
        seen: set[str] = set()
        inside: Counter[str] = Counter()
        results: set[str] = set()
        for group in groups:
            inside.update(self._inside[group])
            results.update(s.value for s in all_statements([group]) if isinstance(s, LabelledGroup) and not s.goes_on)
        for merged, layers in one.layers:
            values = {layer.value for layer in layers if layer is not None} - results  # those go by the group's label
            if not any(self._reads[value] > inside[value] for value in values):
                continue
            label = merged.label or self._new_label(merged.step.operator)
            merged.label, merged.is_automatic = label, False
            seen.add(merged.value)
            for layer in layers:
                if layer is not None:
                    layer.label, layer.is_automatic = label, False
        return seen

    def _new_label(self, stem: str) -> str:
        number = 1
        while f"{stem}{number}" in self._labels:
            number += 1
        self._labels.add(f"{stem}{number}")
        return f"{stem}{number}"

    def _name(self, groups: list[LabelledGroup]) -> str:
        """What the groups are called in common, or what the group around them is."""
        taken = {*self._taken, *self._blocks, *self._labels}
        stems = [stem for stem in self._stems(groups) if is_name(stem)]
        for name in [*stems, *(f"{stem}_block" for stem in stems)]:
            if name not in taken:
                return name
        number = 1
        while f"block{number}" in taken:
            number += 1
        return f"block{number}"

    def _stems(self, groups: list[LabelledGroup]) -> list[str]:
        stems = Counter(_stem(group.label) for group in groups if group.label)
        around = Counter(_stem(parent.label) for g in groups if (parent := self._parents[g]) and parent.label)
        found = [stem for stem, count in stems.most_common() if stem and 2 * count >= len(groups)]
        found += _by_content(groups[0].body)
        return found + [stem for stem, count in around.most_common() if stem and 2 * count >= len(groups)]


def _is_unit(body: list[Statement]) -> bool:
    """Whether it is a layer with its norm and activation, which is said better once more than under a condition."""
    return len(body) <= 3 and all(isinstance(s, WrittenStep) and s.arms is None for s in body)


def _by_content(body: list[Statement]) -> list[str]:
    layers = [s for s in body if isinstance(s, WrittenStep)]
    merges = {layer.step.operator for layer in layers if layer.arms is not None}
    if len(layers) == len(body) and not merges:
        return ["unit" if _is_unit(body) else "stack"]
    return ["residual"] if "add" in merges else ["mixed"] if "concat" in merges else []


def _stem(label: str) -> str:
    """A label without the number, and the letter behind it, that it has beside others."""
    return re.sub(r"[\d_.-]+[a-z]?$", "", label, flags=re.IGNORECASE).rstrip("_.-")


def size_of(body: list[Statement], *, inside: bool = True) -> int:
    """About how many characters it has; ``inside``: with what is in its statements."""
    size = 0
    for statement in statements(body) if inside else body:
        match statement:
            case WrittenStep():
                size += 12 + len(statement.label or "") + 6 * len(statement.step.arguments)
            case LabelledGroup():
                size += 8 + len(statement.label or "")
                if statement.call:
                    size += 6 + _COST_OF_ARGUMENT * len(statement.call.arguments)
            case _:
                size += 6
    return size


def with_texts(body: list[Statement], texts: Mapping[Expression, Argument]) -> list[Statement]:
    """The body with the texts of what differs."""

    def argument(value: Argument) -> Argument:
        return texts[value] if isinstance(value, Expression) and value in texts else value

    for statement in statements(body):
        match statement:
            case WrittenStep():
                given = {name: argument(value) for name, value in statement.step.arguments.items()}
                statement.step = replace(statement.step, arguments=given)
            case LabelledGroup(call=BlockCall()):
                assert statement.call is not None, "it is a call"
                given = {name: argument(value) for name, value in statement.call.arguments.items()}
                statement.call = BlockCall(statement.call.block, given)
            case When():
                statement.test = argument(statement.test)
            case EarlierValue():
                pass
    return body
