"""Networks from elsewhere, as specs: what `specc import` does.

A reader (`from_onnx.reading`) gives an `ImportedNetwork` (`network`): a flat list of the language's own operators, with
the tensors that belong to them. `structure` makes a spec of it which a person would have written, and knows nothing of
where it comes from. Start reading at `delivery`.
"""

from specc.importing.delivery import Imported, import_onnx

__all__ = ["Imported", "import_onnx"]
