"""Transformers (torch.nn, "Transformer Layers"; Vaswani et al. 2017, arXiv:1706.03762).

The letters are torch's: sequences of S elements at the encoder and of T at the decoder, N samples, of
E = d_model features, and F = dim_feedforward.
"""

from __future__ import annotations

from shapecalc.allocation import Trace, Value
from shapecalc.layers.base import example
from shapecalc.layers.fields import Flag, Size
from shapecalc.layers.rules import InnerLayer
from shapecalc.layers.sequences import inside, layer_count
from shapecalc.layers.transformer_parts import TransformerParts, copies, times, with_features
from shapecalc.layers.weights import Weights
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor


class Encoders(TransformerParts, abstract=True):
    """`num_layers` encoder layers: (S, N, d_model) → the same."""

    def output(self, x: Tensor) -> Tensor:
        self.read(x)
        return x

    def weights(self, x: Tensor) -> Weights:
        own = self.encoder_weights(x)
        return copies(own, self.num_layers) if self.wraps else own

    def run(self, trace: Trace, x: Value) -> tuple[Value, ...]:
        return (self.encode_all(trace, x, self.num_layers) if self.wraps else self.encode(trace, x),)

    def gradients(self, x: Tensor, needs: tuple[bool, ...], trained: bool) -> Dim:
        return self.encoder_gradients(x, needs[0], trained, self.num_layers)

    def parts(self, x: Tensor) -> tuple[InnerLayer, ...]:
        return times(self.encoder_parts(x), self.num_layers)


class Decoders(TransformerParts, abstract=True):
    """`num_layers` decoder layers: (T, N, d_model) and a memory (S, N, d_model) → (T, N, d_model)."""

    def output(self, x: Tensor, memory: Tensor) -> Tensor:
        self.check_both(x, memory, ("target", "memory"))
        return x

    def weights(self, x: Tensor, memory: Tensor) -> Weights:
        own = self.decoder_weights(x)
        return copies(own, self.num_layers) if self.wraps else own

    def run(self, trace: Trace, x: Value, memory: Value) -> tuple[Value, ...]:
        if self.wraps:
            return (self.decode_all(trace, x, memory, self.num_layers),)
        return (self.decode(trace, x, memory),)

    def gradients(self, x: Tensor, memory: Tensor, needs: tuple[bool, ...], trained: bool) -> Dim:
        return self.decoder_gradients(x, memory, needs, trained, self.num_layers)

    def parts(self, x: Tensor, memory: Tensor) -> tuple[InnerLayer, ...]:
        return times(self.decoder_parts(x, memory), self.num_layers)


class TransformerEncoderLayer(Encoders):
    """Attention of a sequence to itself, then two linear maps, each with a shortcut and a LayerNorm.

    (S, N, d_model) → the same; with `batch_first` (N, S, d_model), without a batch (S, d_model).
    Source: torch.nn.TransformerEncoderLayer.
    """

    example = example((2, 9, 32), nhead=4, dim_feedforward=64, batch_first=True)


class TransformerDecoderLayer(Decoders):
    """Attention of a sequence to itself, then to a memory, then two linear maps, as in an encoder layer.

    (T, N, d_model) and a memory (S, N, d_model) → (T, N, d_model). Source: torch.nn.TransformerDecoderLayer.
    """

    example = example((2, 9, 32), (2, 7, 32), nhead=4, dim_feedforward=64, batch_first=True)


class TransformerEncoder(Encoders):
    """Encoder layers one after another, made of the arguments here: (S, N, d_model) → the same.

    A LayerNorm after it is torch's argument `norm`. Source: torch.nn.TransformerEncoder.
    """

    wraps = ("encoder_layer", "TransformerEncoderLayer")
    num_layers = layer_count()
    enable_nested_tensor = Flag(True)
    mask_check = Flag(True)
    example = example((2, 9, 32), nhead=4, dim_feedforward=64, batch_first=True, num_layers=2)


class TransformerDecoder(Decoders):
    """Decoder layers one after another, made of the arguments here, which all attend to one memory.

    (T, N, d_model) and a memory (S, N, d_model) → (T, N, d_model). A LayerNorm after it is torch's argument
    `norm`. Source: torch.nn.TransformerDecoder.
    """

    wraps = ("decoder_layer", "TransformerDecoderLayer")
    num_layers = layer_count()
    example = example((2, 9, 32), (2, 7, 32), nhead=4, dim_feedforward=64, batch_first=True, num_layers=2)


class Transformer(TransformerParts):
    """An encoder and a decoder that attends to what it makes, each with a LayerNorm at its end.

    A source (S, N, d_model) and a target (T, N, d_model) → (T, N, d_model). Source: torch.nn.Transformer.
    """

    nhead = Size(8)
    num_encoder_layers = layer_count(6)
    num_decoder_layers = layer_count(6)
    last_fields = (
        *("dim_feedforward", "dropout", "activation", "layer_norm_eps", "batch_first", "norm_first", "bias"),
    )
    example = example(
        (2, 9, 32),
        (2, 7, 32),
        nhead=4,
        num_encoder_layers=1,
        num_decoder_layers=1,
        dim_feedforward=64,
        batch_first=True,
    )

    def output(self, source: Tensor, target: Tensor) -> Tensor:
        self.check_both(source, target, ("source", "target"))
        return with_features(target, source)

    def weights(self, source: Tensor, target: Tensor) -> Weights:
        norm = inside("norm", self.norm_weights(source))
        encoder = copies(self.encoder_weights(source), self.num_encoder_layers) | norm
        decoder = copies(self.decoder_weights(source), self.num_decoder_layers) | norm
        return {**inside("encoder", encoder), **inside("decoder", decoder)}

    def gradients(self, source: Tensor, target: Tensor, needs: tuple[bool, ...], trained: bool) -> Dim:
        encoder = self.encoder_gradients(source, needs[0], trained, self.num_encoder_layers)
        needs = needs[1], needs[0] or trained
        return encoder + self.decoder_gradients(target, source, needs, trained, self.num_decoder_layers)

    def run(self, trace: Trace, source: Value, target: Value) -> tuple[Value, ...]:
        with trace.inside("encoder"):
            source = self.normed(trace, self.encode_all(trace, source, self.num_encoder_layers), "norm")
        with trace.inside("decoder"):
            return (
                self.normed(trace, self.decode_all(trace, target, source, self.num_decoder_layers), "norm"),
            )

    def parts(self, source: Tensor, target: Tensor) -> tuple[InnerLayer, ...]:
        target = with_features(target, source)
        encoder = times(self.encoder_parts(source), self.num_encoder_layers)
        decoder = times(self.decoder_parts(target, source), self.num_decoder_layers)
        return (*encoder, self.norm_part(source), *decoder, self.norm_part(target))
