"""A flat network as a spec that a person would have written: its chains and merges, groups, blocks and loops.

`concats` and `towers` see to steps that a list says otherwise than a person; `paths` says where each step stands in the
tree of names, `tree` orders the steps of each group, `chains` makes statements of them (`body`). `blocks` and `loops`
make one of those that differ in arguments alone (`unification`), with names for what differs (`parameters`), and
`shared` declares what has one set of weights. `writing` gives all of it a text, and `layout` its lines.

What comes out is elaborated, and held against the flat list step by step (`comparison`): a structure that does not say
the same network is not used. Start reading at `spec`.
"""

from specc.importing.structure.spec import Spec, structured

__all__ = ["Spec", "structured"]
