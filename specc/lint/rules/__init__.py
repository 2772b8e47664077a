"""The lints over networks, one file each."""

from __future__ import annotations

from specc.lint.rules import (
    bias_before_norm,
    dropout_before_norm,
    heavy_fc,
    input_channels_given,
    input_dropped,
    no_effect,
    repeated_activation,
    single_value_norm,
    softmax_output,
)
from specc.lint.spot import Rule

RULES: tuple[Rule, ...] = (
    *no_effect.RULES,
    *bias_before_norm.RULES,
    *dropout_before_norm.RULES,
    *repeated_activation.RULES,
    *input_dropped.RULES,
    *softmax_output.RULES,
    *heavy_fc.RULES,
    *single_value_norm.RULES,
    *input_channels_given.RULES,
)

BY_KIND: dict[str, tuple[Rule, ...]] = {
    kind: tuple(rule for rule in RULES if kind in rule.kinds)
    for kind in {kind for rule in RULES for kind in rule.kinds}
}
"""The rules that look at the steps of an operator."""
