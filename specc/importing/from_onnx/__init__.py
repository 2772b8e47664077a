"""ONNX files as networks to be imported. Start at `reading`; what an operator of ONNX means stands in the rules."""
