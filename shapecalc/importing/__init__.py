"""Networks from elsewhere as architectures: the calls of a torch module or of an ONNX graph become a file."""
