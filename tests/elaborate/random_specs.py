"""Random specs as text, each with what it means: a plain interpreter on PyTorch's functions, written beside the text.

Whatever a statement does is said twice, once in the language and once as a function of tensors, so that blocks, loops,
merges and shared steps are held against an account of them that knows nothing of the compiler. Every statement keeps
the spatial size but for those that `_Writer.model` puts between them; so what is written always fits together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from hypothesis import strategies as st
from torch import Tensor

CONV = {1: F.conv1d, 2: F.conv2d}
MAXPOOL = {1: F.max_pool1d, 2: F.max_pool2d}
AVGPOOL = {1: F.avg_pool1d, 2: F.avg_pool2d}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "leakyrelu(0.1)": lambda x: F.leaky_relu(x, 0.1),
    "elu(alpha=0.5)": lambda x: F.elu(x, 0.5),
}
HANDED = {**ACTIVATIONS, "identity": lambda x: x}
"""What may be an argument: identity is no step then."""


class Tensors:
    """The weights that are left, in the order of the state dict; what was taken is kept."""

    def __init__(self, left: Iterator[Tensor]) -> None:
        self._left = left
        self.taken: list[Tensor] = []

    def take(self) -> Tensor:
        self.taken.append(next(self._left))
        return self.taken[-1]

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            yield self.take()


@dataclass(frozen=True)
class Env:
    """What the interpreter knows inside one body."""

    weights: Tensors
    entry: Tensor | None
    names: dict[str, Any] = field(default_factory=dict)


class Expr(NamedTuple):
    """A whole number, as text and as its value."""

    text: str
    of: Callable[[Env, Tensor], int]


class Said(NamedTuple):
    """A statement, as text and as what it does to the current value."""

    text: str
    run: Callable[[Env, Tensor], Tensor]


class Param(NamedTuple):
    name: str
    kind: str
    """"number", "act", "unit" or "value"."""
    default: Expr | None


@dataclass(frozen=True)
class Block:
    name: str
    params: list[Param]
    body: list[Said]

    def run(self, env: Env, x: Tensor, given: dict[str, Any]) -> Tensor:
        inner = Env(env.weights, x, {})
        for param in self.params:
            known = param.name in given
            inner.names[param.name] = given[param.name] if known else param.default.of(inner, x)  # type: ignore[union-attr]
        return run(self.body, inner, x)


@dataclass(frozen=True)
class Around:
    """What may be used at a place."""

    numbers: list[str]
    acts: list[str]
    units: list[str]
    values: list[str]
    blocks: list[Block]
    has_in: bool
    keeps: bool
    """Everything has the size of ``in``."""
    depth: int

    def deeper(self) -> Around:
        return replace(self, depth=self.depth - 1, numbers=[*self.numbers], values=[*self.values])


class Spec(NamedTuple):
    text: str
    run: Callable[[list[Tensor], list[Tensor]], list[Tensor]]
    """The outputs, from the inputs and the state dict's tensors."""
    inputs: list[str]
    channels: list[int]
    sizes: list[dict[str, int]]
    """Values of the symbols, all that the contract allows; one empty dict where it has none."""
    spatial: tuple[str | int, ...]


def run(body: list[Said], env: Env, x: Tensor) -> Tensor:
    for said in body:
        x = said.run(env, x)
    return x


def conv(env: Env, x: Tensor, channels: int, kernel: int, *, bias: bool = True, groups: int = 1, **how: int) -> Tensor:
    weight = env.weights.take()
    assert weight.shape == (channels, x.shape[1] // groups, *[kernel] * (x.ndim - 2))
    return CONV[x.ndim - 2](x, weight, env.weights.take() if bias else None, groups=groups, **how)


def batchnorm(env: Env, x: Tensor) -> Tensor:
    weight, bias, mean, var, _ = (env.weights.take() for _ in range(5))
    return F.batch_norm(x, mean, var, weight, bias)


def affine(env: Env, x: Tensor) -> Tensor:
    weight, bias = env.weights.take(), env.weights.take()
    return F.group_norm(x, 1, weight, bias)


class _Writer:
    """Draws one spec."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self._used = 0

    def pick(self, *options: Any) -> Any:
        return self._draw(st.sampled_from(options))

    def fresh(self, prefix: str) -> str:
        self._used += 1
        return f"{prefix}{self._used}"

    # ---- numbers ------------------------------------------------------------------------------------

    def number(self, around: Around) -> Expr:
        forms = [self._literal, self._literal, self._current]
        forms += [self._named] * (2 if around.numbers else 0) + [self._entry] * around.has_in
        forms += [self._of_value] * bool(around.values)
        return self.pick(*forms)(around)

    def _literal(self, around: Around) -> Expr:
        n = self.pick(1, 2, 3, 4, 6)
        return Expr(str(n), lambda env, x: n)

    def _current(self, around: Around) -> Expr:
        return Expr("min(_.channels, 5)", lambda env, x: min(x.shape[1], 5))

    def _named(self, around: Around) -> Expr:
        name = self.pick(*around.numbers)
        return self.pick(
            Expr(name, lambda env, x: env.names[name]),
            Expr(f"{name} // 2 + 1", lambda env, x: env.names[name] // 2 + 1),
            Expr(f"({name} if {name} > 2 else 3)", lambda env, x: env.names[name] if env.names[name] > 2 else 3),
        )

    def _entry(self, around: Around) -> Expr:
        return Expr("max(in.channels % 4, 2)", lambda env, x: max(env.entry.shape[1] % 4, 2))  # type: ignore[union-attr]

    def _of_value(self, around: Around) -> Expr:
        name = self.pick(*around.values)
        return Expr(f"1 + {name}.shape[1] % 3", lambda env, x: 1 + env.names[name].shape[1] % 3)

    # ---- statements ---------------------------------------------------------------------------------

    def body(self, around: Around) -> list[Said]:
        return [said for _ in range(self.pick(1, 2, 3)) for said in self.statement(around)]

    def statement(self, around: Around) -> list[Said]:
        simple = [self._conv, self._conv, self._norm, self._act, self._pool, self._depthwise, self._label]
        nested = [self._add, self._gate, self._concat, self._repeat, self._for, self._if, self._group, self._shared]
        nested.append(self._inside)
        if around.keeps:
            nested.append(self._add_in)
        if around.blocks or around.units:
            nested += [self._call, self._call, self._call]
        return self.pick(*simple, *(nested * 2 if around.depth else []))(around)

    def _conv(self, around: Around) -> list[Said]:
        c, k, bias = self.number(around), self.pick(1, 3), self.pick(True, False)
        d = self.pick(1, 2) if k == 3 else 1
        how = f", padding={d}, dilation={d}" if k == 3 else ""
        text = f"conv({c.text}, {k}{how}{'' if bias else ', bias=false'})"
        pad = {"padding": d, "dilation": d} if k == 3 else {}
        return [Said(text, lambda env, x: conv(env, x, c.of(env, x), k, bias=bias, **pad))]

    def _depthwise(self, around: Around) -> list[Said]:
        text = "conv(_.channels, 3, padding=1, groups=_.channels)"
        return [Said(text, lambda env, x: conv(env, x, x.shape[1], 3, groups=x.shape[1], padding=1))]

    def _norm(self, around: Around) -> list[Said]:
        return [self.pick(Said("bn", batchnorm), Said("groupnorm(1)", affine))]

    def _act(self, around: Around) -> list[Said]:
        name = self.pick(*around.acts, *ACTIVATIONS)
        if name in around.acts:
            return [Said(name, lambda env, x: env.names[name](x))]
        return [Said(name, lambda env, x: ACTIVATIONS[name](x))]

    def _pool(self, around: Around) -> list[Said]:
        pool = lambda env, x: MAXPOOL[x.ndim - 2](x, 3, 1, 1)  # noqa: E731
        return [Said("maxpool(3, stride=1, padding=1)", pool)]

    def _label(self, around: Around) -> list[Said]:
        """A step whose value is used again later."""
        name, (said,) = self.fresh("l"), self._conv(around)
        around.values.append(name)

        def labelled(env: Env, x: Tensor) -> Tensor:
            env.names[name] = said.run(env, x)
            return env.names[name]

        skip = Said(f"concat {{ | _ | {name} }}", lambda env, x: torch.cat([x, env.names[name]], 1))
        return [Said(f"{name}: {said.text}", labelled), *self._act(around), skip]

    def _width(self) -> tuple[str, Said]:
        """A let for the present number of channels, to which an arm returns."""
        name = self.fresh("k")

        def define(env: Env, x: Tensor) -> Tensor:
            env.names[name] = x.shape[1]
            return x

        return name, Said(f"let {name} = _.channels", define)

    def _arm(self, around: Around, width: str) -> list[Said]:
        """An arm that ends with as many channels as ``width`` says."""
        back = Said(f"conv({width}, 1)", lambda env, x: conv(env, x, env.names[width], 1))
        return [*self.body(around.deeper()), back]

    def _add(self, around: Around) -> list[Said]:
        width, let = self._width()
        arm, first = self._arm(around, width), self.pick(True, False)
        arms = ["| " + _chain(arm), "| _"]
        text = "add {\n" + "\n".join(arms if first else arms[::-1]) + "\n}"
        return [let, Said(text, lambda env, x: run(arm, env, x) + x)]

    def _add_in(self, around: Around) -> list[Said]:
        """Back to what came into the body."""
        back = Said("conv(in.channels, 1)", lambda env, x: conv(env, x, env.entry.shape[1], 1))  # type: ignore[union-attr]
        arm = [*self.body(around.deeper()), back]
        text = f"add {{\n| {_chain(arm)}\n| in\n}}"
        return [Said(text, lambda env, x: run(arm, env, x) + env.entry)]

    def _gate(self, around: Around) -> list[Said]:
        width, let = self._width()

        def gate(env: Env, x: Tensor) -> Tensor:
            pooled = x.mean(tuple(range(2, x.ndim)), keepdim=True)
            return x * torch.sigmoid(conv(env, pooled, env.names[width], 1))

        return [let, Said(f"mul {{ | _ | globalavgpool -> conv({width}, 1) -> sigmoid }}", gate)]

    def _concat(self, around: Around) -> list[Said]:
        arms = [self.body(around.deeper()) for _ in range(self.pick(1, 2))]
        text = "concat {\n" + "\n".join(f"| {_chain(arm)}" for arm in arms) + "\n| _\n}"
        merged = Said(text, lambda env, x: torch.cat([*(run(arm, env, x) for arm in arms), x], 1))
        return [merged, *self._conv(around)]

    def _repeat(self, around: Around) -> list[Said]:
        body, n = self.body(around.deeper()), self.pick("0", "1", "2", *around.numbers)
        label = self._maybe_label()

        def rounds(env: Env, x: Tensor) -> Tensor:
            for _ in range(int(n) if n.isdigit() else min(env.names[n], 2)):
                x = run(body, env, x)
            return x

        text = n if n.isdigit() else f"min({n}, 2)"
        return [Said(f"{label}repeat {text} {{\n{_lines(body)}\n}}", rounds)]

    def _for(self, around: Around) -> list[Said]:
        one, other = self.fresh("i"), self.fresh("j")
        rows = [(self.pick(1, 2, 4), self.pick(1, 3)) for _ in range(self.pick(1, 2))]
        inner = around.deeper()
        inner.numbers.append(one)
        body = [
            Said(
                f"conv({one}, {other}, padding={other} // 2)",
                lambda env, x: conv(env, x, env.names[one], env.names[other], padding=env.names[other] // 2),
            ),
            *(self.body(inner) if self.pick(True, False) else []),
        ]

        def rounds(env: Env, x: Tensor) -> Tensor:
            for first, second in rows:
                env.names.update({one: first, other: second})
                x = run(body, env, x)
            return x

        table = ", ".join(map(str, rows))
        return [Said(f"{self._maybe_label()}for {one}, {other} in [{table}] {{\n{_lines(body)}\n}}", rounds)]

    def _if(self, around: Around) -> list[Said]:
        yes, no = self.body(around.deeper()), self.body(around.deeper()) if self.pick(True, False) else []
        left, limit = self.number(around), self.pick(1, 3, 5)
        sign, holds = self.pick((">", int.__gt__), ("==", int.__eq__), ("<=", int.__le__))
        test = f"{left.text} {sign} {limit}"
        tail = f" else {{\n{_lines(no)}\n}}" if no else ""
        text = f"{self._maybe_label()}if {test} {{\n{_lines(yes)}\n}}{tail}"
        return [Said(text, lambda env, x: run(yes if holds(left.of(env, x), limit) else no, env, x))]

    def _inside(self, around: Around) -> list[Said]:
        """A value of a round's inside, or of a group's, which is used behind it."""
        owner, name, rounds = self.fresh("o"), self.fresh("l"), self.pick(0, 1, 2)
        (said,) = self._conv(around)

        def labelled(env: Env, x: Tensor) -> Tensor:
            env.names[name] = said.run(env, x)
            return env.names[name]

        body = [*self._act(around), Said(f"{name}: {said.text}", labelled), *self.body(around.deeper())]
        chosen = self.pick(*range(rounds)) if rounds else 0

        def repeated(env: Env, x: Tensor) -> Tensor:
            for number in range(max(rounds, 1)):
                x = run(body, env, x)
                if number == chosen:
                    env.names[owner] = env.names[name]
            return x

        head = f"{owner}: repeat {rounds}" if rounds else f"{owner}:"
        place = f"{owner}[{self.pick(chosen, chosen - rounds)}].{name}" if rounds else f"{owner}.{name}"
        skip = Said(f"concat {{ | _ | {place} }}", lambda env, x: torch.cat([x, env.names[owner]], 1))
        return [Said(f"{head} {{\n{_lines(body)}\n}}", repeated), *self._act(around), skip]

    def _group(self, around: Around) -> list[Said]:
        body = self.body(around.deeper())
        return [Said(f"{self._maybe_label()}{{\n{_lines(body)}\n}}", lambda env, x: run(body, env, x))]

    def _maybe_label(self) -> str:
        return self.pick("", f"{self.fresh('g')}: ")

    def _shared(self, around: Around) -> list[Said]:
        width, let = self._width()
        name, act = self.fresh("s"), self._act(around)[0]
        steps = [Said(f"conv({width}, 3, padding=1)", lambda env, x: conv(env, x, env.names[width], 3, padding=1)), act]
        if self.pick(True, False):
            steps = [Said("bn", batchnorm), *steps]

        def declare(env: Env, x: Tensor) -> Tensor:
            env.names[name] = None
            return x

        def apply(env: Env, x: Tensor) -> Tensor:
            known = env.names[name]
            weights = Tensors(iter(env.weights) if known is None else iter(known))
            result = run(steps, replace(env, weights=weights), x)
            env.names[name] = weights.taken
            return result

        declared = Said(f"shared {name} = {' -> '.join(step.text for step in steps)}", declare)
        once = Said(name, apply)
        again = self.pick(
            once,
            Said(f"add {{ | {name} | conv({width}, 1) -> {name} }}", lambda env, x: _twice(env, x, apply, width)),
            Said(f"{self.fresh('g')}: {{\n{name} -> {name}\n}}", lambda env, x: apply(env, apply(env, x))),
        )
        return [let, declared, once, again]

    # ---- blocks -------------------------------------------------------------------------------------

    def _call(self, around: Around) -> list[Said]:
        if around.units and self.pick(True, False):
            unit, c = self.pick(*around.units), self.number(around)
            return [Said(f"{unit}({c.text})", lambda env, x: env.names[unit](env, x, c.of(env, x)))]
        if not around.blocks:
            return self._conv(around)
        block = self.pick(*around.blocks)
        texts, givens, by_name = [], {}, False
        for param in block.params:
            if param.default is not None and self.pick(True, False):
                by_name = True  # what comes behind one that is left out is given by name
                continue
            text, givens[param.name] = self._argument(param, block, around)
            by_name = by_name or self.pick(True, False, False)
            texts.append(f"{param.name}={text}" if by_name else text)
        text = f"{self._maybe_label()}{block.name}" + (
            f"({', '.join(texts)})" if texts or self.pick(True, False) else ""
        )
        return [Said(text, lambda env, x: block.run(env, x, {name: of(env, x) for name, of in givens.items()}))]

    def _argument(self, param: Param, block: Block, around: Around) -> tuple[str, Callable[[Env, Tensor], Any]]:
        match param.kind:
            case "number":
                number = self.number(around)
                return number.text, number.of
            case "act":
                name = self.pick(*around.acts, *HANDED)
                return name, lambda env, x: env.names[name] if name in around.acts else HANDED[name]
            case "value":
                name = self.pick("_", *around.values)
                return name, lambda env, x: x if name == "_" else env.names[name]
        return self._unit(around.blocks[: around.blocks.index(block)])

    def _unit(self, blocks: list[Block]) -> tuple[str, Callable[[Env, Tensor], Any]]:
        """Something that is called with a number of channels: a layer, or one of the blocks.

        Args:
            blocks: those that do not call the block which is given one: that would be recursion.
        """
        fitting = [b for b in blocks if b.params and b.params[0].kind == "number" and _defaults(b.params[1:])]
        kernel = self.pick(1, 3)
        own = f"conv(kernel={kernel}, padding={kernel // 2})"
        chosen = self.pick(own, *fitting)
        if isinstance(chosen, Block):
            first = chosen.params[0].name
            return chosen.name, lambda env, x: lambda env, x, c: chosen.run(env, x, {first: c})
        return own, lambda env, x: lambda env, x, c: conv(env, x, c, kernel, padding=kernel // 2)

    def block(self, blocks: list[Block], axes: int) -> tuple[str, Block]:
        name = self.fresh("block")
        kinds = self.pick(["number"], ["number", "number"], ["number", "act"], ["unit", "number"], ["value"], [])
        params = [Param(self.fresh("p"), kind, self._default(kind)) for kind in kinds]
        around = Around(
            [p.name for p in params if p.kind == "number"],
            [p.name for p in params if p.kind == "act"],
            [p.name for p in params if p.kind == "unit"],
            [p.name for p in params if p.kind == "value"],
            blocks,
            has_in=True,
            keeps=True,
            depth=self.pick(1, 2),
        )
        body = [*self.body(around), *(said for param in params for said in self._use(param))]
        written = ", ".join(p.name if p.default is None else f"{p.name} = {p.default.text}" for p in params)
        header = f"block {name}" + (f"({written})" if params else "") + self._contract(params, axes)
        return f"{header} {{\n{_lines(body)}\n}}", Block(name, params, body)

    def _contract(self, params: list[Param], axes: int) -> str:
        """The sizes by names of the block's own; the result, where the body's last step tells its channels."""
        if self.pick(True, False):
            return ""
        sizes = ", ".join(("Y", "X")[:axes])
        result = f" -> [B, {params[-1].name}, {sizes}]" if params and params[-1].kind == "number" else ""
        return f" : [B, C, {sizes}]{result}{self.pick('', ' where C >= 1, Y > 1')}"

    def _default(self, kind: str) -> Expr | None:
        if kind == "number" and self.pick(True, False):
            return self.pick(
                Expr("3", lambda env, x: 3),
                Expr("in.channels % 3 + 1", lambda env, x: env.entry.shape[1] % 3 + 1),  # type: ignore[union-attr]
            )
        return Expr("relu", lambda env, x: F.relu) if kind == "act" else None  # type: ignore[arg-type, return-value]

    def _use(self, param: Param) -> list[Said]:
        """A parameter that nothing reads is an error."""
        name = param.name
        match param.kind:
            case "number":
                return [Said(f"conv({name}, 1)", lambda env, x: conv(env, x, env.names[name], 1))]
            case "act":
                return [Said(name, lambda env, x: env.names[name](x))]
            case "value":
                return [Said(f"concat {{ | _ | {name} }}", lambda env, x: torch.cat([x, env.names[name]], 1))]
        return [Said(f"{name}(4)", lambda env, x: env.names[name](env, x, 4))]

    # ---- the model ----------------------------------------------------------------------------------

    def model(self) -> Spec:
        blocks: list[Block] = []
        texts = []
        axes, levels = self.pick(("L",), ("H", "W"), ("H", "W")), self.pick(0, 1, 2)
        for _ in range(self.pick(0, 1, 2, 3)):
            text, block = self.block(list(blocks), len(axes))
            texts.append(text)
            blocks.append(block)
        two, symbolic, ups = self.pick(True, False, False), self.pick(True, True, False), self.pick(True, False)
        least = 4 * 2**levels
        spatial = axes if symbolic else tuple(least + 2**levels * i for i in range(len(axes)))
        self._around = Around(["width"], [], [], [], blocks, has_in=not two, keeps=not two and not levels, depth=2)
        body = self._levels(levels, spatial, ups)
        if two:
            second = Said("concat { | _ | b }", lambda env, x: torch.cat([x, env.names["b"]], 1))
            body = [Said("a", lambda env, x: x), second, *body]
        body.append(Said("conv(width, 1)", lambda env, x: conv(env, x, env.names["width"], 1)))
        early, ending, outputs = self._ending(levels, spatial, ups)
        inputs, channels = (["a", "b"], [2, 3]) if two else (["x"], [3])
        ports = [f"[N, {c}, {', '.join(map(str, spatial))}]" for c in channels]
        taken = ports[0] if not two else f"({', '.join(f'{n}: {p}' for n, p in zip(inputs, ports, strict=True))})"
        given = f" -> ({', '.join(f'{name}: {shape}' for name, shape in outputs)})" if outputs else ""
        clauses = [f"{s} >= {least}" for s in axes] + [f"{s} % {2**levels} == 0" for s in axes if levels]
        where = f"\n    where {', '.join(clauses)}" if symbolic else ""
        whole = [*body, *early, *ending]
        texts.append(f"model Net(width = 4) : {taken}{given}{where} {{\n{_lines(whole)}\n}}")

        def reference(values: list[Tensor], state: list[Tensor]) -> list[Tensor]:
            env = Env(Tensors(iter(state)), None if two else values[0], {"width": 4})
            if two:
                env.names["b"] = values[1]
            last = run(whole, env, values[0])
            return [env.names["early"], last] if outputs and len(outputs) == 2 else [last]

        step = 2**levels
        sizes = [{axis: least + step * (k + 2 * i * k) for i, axis in enumerate(axes)} for k in (0, 1, 3)]
        return Spec("\n".join(texts) + "\n", reference, inputs, channels, sizes if symbolic else [{}], spatial)

    def _levels(self, levels: int, spatial: tuple[str | int, ...], ups: bool) -> list[Said]:
        """Down by halves, which are exact, and up again to the values on the way."""
        around = self._around
        body, skips = self.body(around), []
        for level in range(levels):
            skips.append(self.fresh("e"))
            around.values.clear()
            body += [self._kept(skips[-1]), self._down(), *self.body(around), *self._checkpoint(spatial, level + 1)]
        for skip in reversed(skips if ups else []):
            around.values.clear()
            body += [self._up(skip), *self.body(around)]
        return body

    def _kept(self, name: str) -> Said:
        def keep(env: Env, x: Tensor) -> Tensor:
            env.names[name] = conv(env, x, 3, 1)
            return env.names[name]

        return Said(f"{name}: conv(3, 1)", keep)

    def _down(self) -> Said:
        return self.pick(
            Said("maxpool(2)", lambda env, x: MAXPOOL[x.ndim - 2](x, 2)),
            Said("avgpool(2)", lambda env, x: AVGPOOL[x.ndim - 2](x, 2)),
            Said("conv(4, 3, stride=2, padding=1)", lambda env, x: conv(env, x, 4, 3, stride=2, padding=1)),
            Said("conv(3, 2, stride=2)", lambda env, x: conv(env, x, 3, 2, stride=2)),
        )

    def _up(self, skip: str) -> Said:
        def up(env: Env, x: Tensor) -> Tensor:
            return torch.cat([F.interpolate(x, scale_factor=2), env.names[skip]], 1)

        return Said(f"upsample(scale_factor=2)\nconcat {{ | _ | {skip} }}", up)

    def _checkpoint(self, spatial: tuple[str | int, ...], level: int) -> list[Said]:
        if self.pick(True, False):
            return []
        sizes = ", ".join(f"{size} // {2**level}" for size in spatial)
        return [Said(f"[N, _.channels, {sizes}]", lambda env, x: x)]

    def _ending(
        self, levels: int, spatial: tuple[str | int, ...], ups: bool
    ) -> tuple[list[Said], list[Said], list[tuple[str, str]]]:
        """Steps that leave every size behind, and the outputs."""
        factor = 1 if ups else 2**levels
        here = ", ".join(f"{size} // {factor}" for size in spatial)
        label = Said("early: relu", _early)
        flat = [
            Said("globalavgpool -> flatten", lambda env, x: x.mean(tuple(range(2, x.ndim)))),
            Said("fc(width)", lambda env, x: F.linear(x, env.weights.take(), env.weights.take())),
        ]
        floored = Said("maxpool(3, stride=2)", lambda env, x: MAXPOOL[x.ndim - 2](x, 3, 2))
        valid = Said("conv(width, 2)", lambda env, x: conv(env, x, 4, 2))
        ending, shape = self.pick(
            (flat, "[N, 4]"), ([floored, *flat], "[N, 4]"), ([valid, *flat], "[N, 4]"), ([], f"[N, 4, {here}]")
        )
        if self.pick(True, False):
            return [], ending, self.pick([], [("out", shape)])
        return (
            [label],
            ending or [Said("tanh", lambda env, x: torch.tanh(x))],
            [("early", f"[N, 4, {here}]"), ("late", shape)],
        )


def _early(env: Env, x: Tensor) -> Tensor:
    env.names["early"] = F.relu(x)
    return env.names["early"]


def _twice(env: Env, x: Tensor, apply: Callable[[Env, Tensor], Tensor], width: str) -> Tensor:
    first = apply(env, x)
    return first + apply(env, conv(env, x, env.names[width], 1))


def _defaults(params: list[Param]) -> bool:
    return all(param.default is not None for param in params)


def _lines(body: list[Said]) -> str:
    return "\n".join(said.text for said in body)


def _chain(body: list[Said]) -> str:
    return "\n".join(said.text for said in body)


@st.composite
def specs(draw: Any) -> Spec:
    """Specs that fit together."""
    return _Writer(draw).model()
