"""What travels with the file, and what an application can check without torch."""

SUFFIX = ".specc.json"
"""How the names of sidecars end: ``lenet.specc.json`` beside ``lenet.onnx``."""
