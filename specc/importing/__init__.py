"""Networks from elsewhere, as specs: what `specc import` does.

A reader (`onnx_graph` and the rules beside it for ONNX) gives an `ImportedNetwork`: a flat list of the language's own
operators, with the tensors that belong to them. Whoever writes the spec knows only that. Start reading at
`specc.importing.network`.
"""
