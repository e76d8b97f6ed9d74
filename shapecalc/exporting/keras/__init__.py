"""A network as code of Keras 3: what Keras has for each layer, and a function for each block."""

from shapecalc.exporting.keras import axes, products, sequences, tensors, windows  # each adds its rules
from shapecalc.exporting.keras.source import KerasSource, keras_source

__all__ = ["KerasSource", "axes", "keras_source", "products", "sequences", "tensors", "windows"]
