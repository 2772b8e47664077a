"""An ONNX file with its sidecar: written, proven, described and put in place as one, and read back.

`delivery` writes both or none. `sidecar` is the format of the sidecar, `description` makes one of a checked network and
its proof, `golden_pair` holds the numbers that an application can test itself on. `inspection` reads a file back, and
`recheck` runs it on its golden pair; neither needs torch.
"""

SUFFIX = ".specc.json"
"""How the names of sidecars end: ``lenet.specc.json`` beside ``lenet.onnx``."""
