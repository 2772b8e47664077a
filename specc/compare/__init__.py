"""Two versions of a network: what changed for whoever uses it.

`difference` compares two graphs in four sections: it pairs their ports and sizes (`interface`), aligns their steps
(`attributes`, `alignment`), and says what changed of the interface, the `checkpoint`, the `wiring` and the costs.
It does so for all models of two files, too, and `history` for the files of a working tree and of a `commit`, which is a
file system. ONNX files are networks that are read from them (`onnx_files`), compared as they run (`runtime_graph`),
beside which there are the `numbers` of their weights and a `header`; of one that cannot be read there is what it has
`declared`. Those of a commit are in `onnx_history`.
An account of a change is a guess where it says so, and else proven.
"""

from specc.compare.difference import SECTIONS, Difference, compare

__all__ = ["SECTIONS", "Difference", "compare"]
