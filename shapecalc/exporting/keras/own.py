"""Layers and functions that Keras lacks, as they are written into a file that uses them."""

from __future__ import annotations

from collections.abc import Mapping

from shapecalc.exporting.keras.own_sequences import SEQUENCES

OWN: Mapping[str, str] = {
    "Weight": '''class Weight(layers.Layer):
    """A weight by itself, whatever tensor it is called on."""

    def __init__(self, shape, dtype="float32", trainable=True, **options):
        super().__init__(trainable=trainable, **options)
        self.weight = self.add_weight(
            shape=shape, dtype=dtype, initializer="zeros", trainable=trainable, name="weight"
        )

    def call(self, anchor):
        return ops.convert_to_tensor(self.weight)''',
    "Constant": '''class Constant(layers.Layer):
    """A tensor that follows from no input, as one of the model's."""

    def __init__(self, value, **options):
        super().__init__(**options)
        self.value = value

    def call(self, anchor):
        return self.value''',
    "Repeated": '''class Repeated(layers.Layer):
    """A tensor repeated to these sizes, behind the batch of another one."""

    def __init__(self, sizes, **options):
        super().__init__(**options)
        self.sizes = sizes

    def call(self, x, anchor):
        return ops.broadcast_to(x, (ops.shape(anchor)[0], *self.sizes))''',
    "TiedDense": '''class TiedDense(layers.Layer):
    """A Dense layer whose matrix is the table of an Embedding."""

    def __init__(self, embedding, use_bias=False, **options):
        super().__init__(**options)
        self.embedding = embedding
        self.use_bias = use_bias

    def build(self, input_shape):
        if self.use_bias:
            units = self.embedding.input_dim
            self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")

    def call(self, x):
        x = ops.matmul(x, ops.transpose(self.embedding.embeddings))
        return x + self.bias if self.use_bias else x''',
    "MeanInside": '''class MeanInside(layers.Layer):
    """A mean of each window's elements that are inside of the image."""

    def __init__(self, pool_size, strides, padding, **options):
        super().__init__(**options)
        first = {"data_format": "channels_first"}
        self.pad = layers.ZeroPadding2D(padding, **first)
        self.pool = layers.AveragePooling2D(pool_size, strides, **first)

    def call(self, x):
        inside = self.pool(self.pad(ops.ones_like(x)))
        return self.pool(self.pad(x)) / inside''',
    "topk": '''def topk(x, k):
    """The largest elements of the last axis, and where they are."""
    values, indices = ops.top_k(x, k)
    return values, ops.cast(indices, "int64")''',
    **SEQUENCES,
}
"""By its name, the text of each, after those that it is made of."""
