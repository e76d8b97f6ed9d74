"""ONNX files as programs: read as data, the weights by their shapes alone."""
