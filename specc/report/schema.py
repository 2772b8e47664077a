"""The JSON Schema of specs in YAML (draft 2020-12), for editors and for programs that write specs.

Made from the registry: every argument of every layer, with its type and its words. What depends on a shape
or on a name of the file only `specc check` finds; whatever it accepts, the schema accepts, but for a block that is
called like a layer: the arguments of the layer are expected there.
"""

from __future__ import annotations

import json
from inspect import cleandoc
from typing import Any

from specc.ir.op import Op
from specc.ops import operators
from specc.ops.fields import expected
from specc.syntax.tokens import LABEL, keywords, pattern
from specc.syntax.yaml.operands import BESIDE_LAYER, ITEMS, REFERENCE, RESERVED, STATEMENTS, STEPS, Form

Schema = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_EXPRESSION, _VALUE, _NAME = map(_ref, ("expression", "value", "name"))
_NULL: Schema = {"type": "null"}
_NAMES = f"^(?:{pattern('NAME').pattern})$"
_SCALAR: Schema = {"type": ["number", "string", "boolean", "null"]}


def schema_json() -> str:
    """The schema as text: the same at every time, in every process."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def schema() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:specc:yaml:1",
        "title": "specc 1: a convolutional network in YAML",
        "type": ["array", "null"],
        "items": _ref("item"),
        "$defs": {**_parts_of_specs(), **_layers()},
    }


def _parts_of_specs() -> Schema:
    """The definitions of all but layers: values, contracts, bodies, items."""
    step, statement, chain, line, shape, operand = map(_ref, ("step", "statement", "chain", "line", "shape", "operand"))
    typed = _ref("typed-shape")
    condition = {"type": ["string", "boolean", "number", "null"]}
    return {
        "expression": _described(
            {"type": "string", "pattern": "^="}, "an expression of the language: `=2 * classes`, `=in.channels`"
        ),
        "name": {"type": "string", "pattern": _NAMES, "not": {"enum": sorted(keywords())}},
        "value": _any(_SCALAR, _list(_VALUE)),
        "operand": _described(_any(_SCALAR, _list(operand)), "a number, or an expression: `2 * classes`"),
        "label": _described(
            _any({"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^(?:{LABEL})$"}),
            "the name of the step: of its weights, its value and its tensor; whatever a checkpoint has",
        ),
        "shape": _described(_list(operand), "the batch, the channels, then the spatial axes: `[N, 3, 32, 32]`"),
        "typed-shape": _described(
            {"type": "string", "pattern": r"^(uint8|float32)\s*\[[\s\S]*\]$"},
            "a shape with the type of its elements: `uint8 [N, 3, 32, 32]`",
        ),
        "ports": _described(
            _any(shape, typed, _named(_any(shape, typed, _NULL), least=1)),
            "a shape; or names, each with its shape or with nothing",
        ),
        "params": _described(
            _list(_any(_NAME, _pair(_VALUE))), "a name, or a pair of a name and its default: `[c, {stride: 1}]`"
        ),
        "where": _described(_any(condition, _list(condition, least=1)), "what the symbolic sizes fulfil: `H % 8 == 0`"),
        "body": _described(
            _any(step, statement, _list(line)), "lines, one below the other; each takes the value of the one before"
        ),
        "arm": _any(step, statement, _list(line, least=1)),
        "line": _any(step, statement, chain),
        "chain": _described(_list(step, least=1), "steps with arrows between them"),
        "statement": _one_of(STATEMENTS, _parts()),
        "step": _any(_bare_step(), _step()),
        "item": _item(),
        # The arguments of a block, which the schema does not know.
        "arguments": _any(_VALUE, _named(_VALUE), _list(_any(_VALUE, _named(_VALUE)))),
    }


def _bare_step() -> Schema:
    """A name by itself: a layer, an earlier value, ``_`` or ``in``; or a value of the inside of a step."""
    pattern = f"{_NAMES}|{REFERENCE}"
    return {"type": "string", "pattern": pattern, "not": {"enum": sorted(keywords() - {"in"})}}


def _step() -> Schema:
    """A layer, or one of the forms that are none; each form has its own keys and no others."""
    forms = [
        {"if": {"required": [head]}, "then": {"required": list(form.needs), "propertyNames": _keys(head, form)}}
        for head, form in STEPS.items()
    ]
    layer = {
        "propertyNames": {"not": {"enum": sorted(RESERVED - {*STEPS, *BESIDE_LAYER, "in"})}},
        "properties": {"in": _NULL},
        "anyOf": [_beside(()), _beside(("label",)), _beside(("arms",)), _beside(BESIDE_LAYER)],
    }
    return {
        "type": "object",
        "properties": {**_by_name(), **_parts()},
        "patternProperties": {_NAMES: True},
        "additionalProperties": False,
        "minProperties": 1,
        "allOf": [*forms, {"if": {"not": _any(*({"required": [head]} for head in STEPS))}, "then": layer}],
    }


def _beside(keys: tuple[str, ...]) -> Schema:
    """One layer, and exactly these keys beside it."""
    absent = [{"not": {"required": [key]}} for key in BESIDE_LAYER if key not in keys]
    size = len(keys) + 1
    return {"required": list(keys), "minProperties": size, "maxProperties": size, "allOf": absent or [True]}


def _parts() -> Schema:
    """The values of the keys of YAML's form, in steps and statements."""
    body, operand, text = _ref("body"), _ref("operand"), {"type": "string"}
    return {
        "label": _ref("label"),
        "arms": _described(_list(_ref("arm"), least=1), "each starts from the current value, `_`"),
        "shape": _described(_ref("shape"), "a checkpoint: the shape at this place"),
        "group": body,
        # Alone it is a block of that name.
        "frozen": _described(_any(operand, _ref("arguments")), "whether no parameter of the group is trained"),
        "repeat": _described(operand, "how often the body runs, each round on the value of the round before"),
        "for": _any(_NAME, _list(_NAME, least=1)),
        "for_each": _described(_any(_NAME, _list(_NAME, least=1)), "of `arms`: an arm for each entry of a list"),
        "in": _VALUE,
        "body": body,
        "if": operand,
        "then": body,
        "else": body,
        "call": _described(_bare_step(), "a layer or block by its name, where that is a word of the form itself"),
        "args": _ref("arguments"),
        "let": _described(_pair(_VALUE), "a name for a value"),
        "assert": _described(operand, "a claim about the network: `params <= 200k`"),
        "message": text,
        "shared": _described(_NAME, "steps that are applied wherever the name stands, with one set of weights"),
        "steps": _any(_ref("step"), _ref("chain")),
    }


def _item() -> Schema:
    empty = {"type": "array", "maxItems": 0}
    layers = {name: _any({"$ref": f"{layer['$ref']}-by-name"}, empty) for name, layer in _by_name().items()}
    parts: Schema = {
        "from": _described({"type": "string"}, "the path of another spec, from this one's folder"),
        "import": _list(_NAME, least=1),
        "let": _parts()["let"],
        # Arguments by name for every later call of a layer or block.
        "default": {**_pair(_any(_named(_VALUE), empty)), "properties": layers},
        "block": _NAME,
        "model": _NAME,
        "params": _ref("params"),
        "input": _ref("ports"),
        "output": _ref("ports"),
        "where": _ref("where"),
        "body": _ref("body"),
    }
    # A block may state what it gives, and not what it takes.
    of_model = {"dependentRequired": {"output": ["input"], "where": ["input"]}}
    of_block = {"dependentSchemas": {"where": _any({"required": ["input"]}, {"required": ["output"]})}}
    rules = [{"if": {"required": [head]}, "then": rule} for head, rule in (("model", of_model), ("block", of_block))]
    return {**_one_of(ITEMS, parts), "allOf": rules}


# ---- layers -----------------------------------------------------------------------------------------


def _by_name() -> dict[str, Schema]:
    """Every layer by each of its names."""
    kinds = {name: kind.kind for kind in operators() for name in (kind.kind, *kind.aliases)}
    return {name: {"$ref": f"#/$defs/layer-{kind}"} for name, kind in sorted(kinds.items())}


def _layers() -> Schema:
    defs: Schema = {}
    for kind in operators():
        summary = cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("``", "`").replace("\n", " ")
        defs[f"layer-{kind.kind}"] = _described(_arguments(kind), summary)
        stated, fields = kind.model_json_schema().get("properties", {}), {}
        for name, field in kind.model_fields.items():
            default = stated[name].get("default")
            shown = "" if default is None else f" [default: {json.dumps(default)}]"
            fields[name] = _described(_or_expression(stated[name]), f"{expected(field)}{shown}")
        by_name = {"type": "object", "properties": fields, "additionalProperties": False}
        defs[f"layer-{kind.kind}-by-name"] = by_name
    return defs


def _arguments(kind: type[Op]) -> Schema:
    """Nothing; the first argument alone; a list, those by name in a mapping at its end; or only those by name."""
    by_name: Schema = {"$ref": f"#/$defs/layer-{kind.kind}-by-name"}
    fields = list(kind.model_fields)[: kind.positional]
    positional: list[Schema] = [{"$ref": f"{by_name['$ref']}/properties/{field}"} for field in fields]
    # Arguments by name are one mapping at the end; JSON Schema can say "at most one", and not where.
    several: Schema = {"type": "array", "contains": {"type": "object"}, "minContains": 0, "maxContains": 1}
    if kind.variadic:
        elements = {"$ref": f"{positional[0]['$ref']}/anyOf/0/items"}
        several["items"] = _any(elements, *positional, by_name)
    else:
        several["prefixItems"] = [*(_any(field, by_name) for field in positional), by_name]
        several["items"] = False
    # A list is never the first argument, but all of them.
    alone = [{"allOf": [first, {"not": {"type": ["array"]}}]} for first in positional[:1]]
    return _any(_NULL, *alone, several, by_name)


def _or_expression(stated: Schema) -> Schema:
    """Pydantic's schema of a field, with an expression as an alternative to each value."""
    kinds = []
    for kind in stated.get("anyOf", [stated]):
        plain = {key: value for key, value in kind.items() if key not in ("title", "default", "items")}
        if "items" in kind:
            plain["items"] = _or_expression(kind["items"]) if kind["items"] else _VALUE
        if "prefixItems" in kind:  # a pair
            plain["prefixItems"] = [_or_expression(part) for part in kind["prefixItems"]]
        kinds.append(plain)
    return _any(*kinds, _EXPRESSION)


# ---- parts of schemas -------------------------------------------------------------------------------


def _one_of(forms: dict[str, Form], parts: Schema) -> Schema:
    """A mapping with the keys of one of the forms."""
    keys = {key for head, form in forms.items() for key in (head, *form.needs, *form.takes)}
    return {
        "type": "object",
        "properties": {key: parts[key] for key in sorted(keys)},
        "oneOf": [
            {"required": [head, *form.needs], "propertyNames": _keys(head, form)} for head, form in forms.items()
        ],
    }


def _keys(head: str, form: Form) -> Schema:
    return {"enum": sorted({head, *form.needs, *form.takes})}


def _any(*schemas: Schema | bool) -> Schema:
    return {"anyOf": list(schemas)}


def _list(of: Schema | bool, least: int = 0) -> Schema:
    return {"type": "array", "items": of, **({"minItems": least} if least else {})}


def _named(of: Schema, least: int = 0) -> Schema:
    """A mapping of names."""
    limits = {"minProperties": least} if least else {}
    return {"type": "object", "propertyNames": _NAME, "additionalProperties": of, **limits}


def _pair(of: Schema) -> Schema:
    return {**_named(of, least=1), "maxProperties": 1}


def _described(schema: Schema, words: str) -> Schema:
    return {**schema, "description": words}
