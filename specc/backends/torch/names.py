"""Names that mean in Python what they mean in the spec, and clash with nothing."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable

_IMPORTED = {"torch", "nn", "F", "self"}

# The public attributes of torch.nn.Module: as `self.NAME` they find PyTorch's own before the layer.
_MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
    """.split()
)


def free(name: str, taken: Iterable[str] = ()) -> str:
    """``name`` with as many underscores after it as it takes to be no keyword, builtin, import or taken name."""
    while keyword.iskeyword(name) or hasattr(builtins, name) or name in _IMPORTED or name in taken:
        name += "_"
    return name


def attribute(step: str, registry: str) -> str:
    """How the code of a module reaches what belongs to ``step``: ``self.conv1``.

    Args:
        step: the step's name, which is the name in the state dict too.
        registry: "_modules" or "_parameters", where a name that cannot be written as an attribute
            (``class``, ``forward``; one with an underscore in front, which Python may mangle) is kept all
            the same, and under exactly this key.
    """
    if not step.isidentifier():
        raise ValueError(f"the step name {step!r} is no single label")
    if step in _MODULE_ATTRIBUTES or step.startswith("_") or keyword.iskeyword(step):
        return f'self.{registry}["{step}"]'
    return f"self.{step}"


def variables(inputs: tuple[str, ...], steps: Iterable[str], chained: set[str]) -> dict[str, str]:
    """The local variable of every value of a network.

    Args:
        inputs: names of the network's inputs; a single one goes by ``x``.
        steps: names of the steps.
        chained: values that only what comes next uses: they share one variable.
    """
    names: dict[str, str] = {}
    for port in inputs:
        names[port] = free("x" if len(inputs) == 1 else port, names.values())
    flows = len(inputs) == 1 and inputs[0] in chained
    kept = set() if flows else set(names.values())
    chain = "x" if "x" not in kept else free("y", kept)
    taken = {chain, *names.values()}
    for step in steps:
        names[step] = chain if step in chained else free(step, taken)
        taken.add(names[step])
    return names
