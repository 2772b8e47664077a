"""A flat network as a spec that a person would have written: its chains and merges, groups, blocks and loops.

`paths` says where each step stands in the tree of names, `tree` orders the steps of each group, `chains` makes
statements of them, `writing` text. What comes out is elaborated, and held against the flat list step by step
(`comparison`): a structure that does not say the same network is not used.
"""

from specc.importing.structure.spec import Spec, structured

__all__ = ["Spec", "structured"]
