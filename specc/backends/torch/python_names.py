"""Names that mean in Python what they mean in the spec, and clash with nothing."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence

_IMPORTED = {"torch", "nn", "F", "self", "OrderedDict"}

# The attributes of torch.nn.Module: as `self.NAME` they find PyTorch's own before the layer.
_MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad

    _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook _register_state_dict_hook
    _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version
    _wrapped_call_impl
    """.split()
)


def free(name: str, used: Iterable[str] = ()) -> str:
    """``name`` with as many underscores after it as it takes to be no keyword, builtin, import or used name."""
    while keyword.iskeyword(name) or hasattr(builtins, name) or name in _IMPORTED or name in used:
        name += "_"
    return name


def camel(label: str) -> str:
    """``conv_bn`` as the name of a class: ``ConvBn``."""
    words = "".join(word[:1].upper() + word[1:] for word in re.split(r"\W|_", label))
    return words if words.isidentifier() else f"Block{words}"


def is_plain(label: str) -> bool:
    """Whether ``self.label`` reaches what a module has under that name.

    PyTorch's own attributes come first (``forward``), and Python mangles two underscores in front.
    """
    return (
        label.isascii()
        and label.isidentifier()
        and not (label in _MODULE_ATTRIBUTES or label.startswith("__") or keyword.iskeyword(label))
    )


def is_attribute(label: str) -> bool:
    """Whether ``getattr(self, label)`` reaches it: PyTorch and Python have no attribute of that name themselves."""
    return label not in _MODULE_ATTRIBUTES and not (label.startswith("__") and label.endswith("__"))


def reached(labels: Sequence[str], registry: str = "_modules") -> str:
    """How the code of a module reaches what is in it under the labels: ``self.conv1``.

    Args:
        labels: from the outside in.
        registry: "_modules" or "_parameters", the dictionary of the last one: the way to a name that is another
            attribute of every module.
    """
    place = "self"
    for label in labels[:-1]:
        place = inside(place, label, "_modules")
    return inside(place, labels[-1], registry)


def inside(place: str, label: str, registry: str) -> str:
    """How the code of a module reaches what is under one label in it."""
    if is_plain(label):
        return f"{place}.{label}"
    if not is_attribute(label):
        return f'{place}.{registry}["{label}"]'
    # What torch.jit.script takes for a name that is no identifier; it knows no get_submodule and no loop over names.
    return f'getattr({place}, "{label}")'


def stem(label: str) -> str:
    """``conv1`` without its number."""
    return re.sub(r"_?\d+$", "", label) or label


def numbered(label: str, number: str = "") -> str:
    """``skip2`` for what is labelled ``skip`` in round 2; ``c3_2`` where a number ends the label."""
    return f"{label}_{number}" if number and label[-1:].isdigit() else f"{label}{number}"


def whole(label: str) -> int | None:
    """The number that the label is, if `str` of that number is the label."""
    return int(label) if label.isdecimal() and str(int(label)) == label else None


def consecutive(labels: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    """The starts and ends of the stretches in which labels count on: ``layer1``, ``layer2`` …; others are alone."""
    start = 0
    for end in range(1, len(labels) + 1):
        stem, number = counted(labels[end - 1] or "")
        if end == len(labels) or number is None or labels[end] != f"{stem}{number + 1}":
            yield start, end
            start = end


def counted(label: str) -> tuple[str, int | None]:
    """``layer`` and 12 of ``layer12``; the label itself and None where no number ends it."""
    stem = label.rstrip("0123456789")
    number = whole(label[len(stem) :]) if stem != label else None
    return (label, None) if number is None else (stem, number)
