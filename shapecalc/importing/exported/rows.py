"""ATen's operators whose signatures are not those of torch's functions: what they become here.

Other operators have the rows of `shapecalc.importing.rows`, by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.importing.arguments import UnsayableError, dtype_told, rows_of
from shapecalc.importing.leaves import plain
from shapecalc.importing.lowering import ROWS, Lowering, Row, rank, shape_of
from shapecalc.importing.program import Value
from shapecalc.importing.rows.products import weighted

EXPORTED: dict[str, Row] = {}

row = rows_of(EXPORTED)
"""Declares what ATen's operators of these names become."""


@row("alias", "clone", "contiguous", "detach", "lift_fresh_copy")
@row("dropout", "feature_dropout", "alpha_dropout")
def _same(_to: Lowering, input: Value, *_: Any, **__: Any) -> Any:
    """The tensor itself: where its elements lie is nothing here, and a dropout predicts."""
    return input


EXPORTED["_to_copy"] = ROWS["to"]


@row("batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training")
def _batch_norm(
    to: Lowering,
    input: Value,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    *rest: Any,
) -> Any:
    training, momentum, eps = (False, *rest) if len(rest) == 2 else rest[:3]
    made = ROWS["batch_norm"](
        to, input, running_mean, running_var, weight, bias, training=training, momentum=momentum, eps=eps
    )
    return [made, *[Value(y) for y in to.shapes[1:]]]


@row("layer_norm", "native_layer_norm")
def _layer_norm(
    to: Lowering, input: Value, shape: Any, weight: Any = None, bias: Any = None, *rest: Any
) -> Any:
    made = ROWS["layer_norm"](to, input, shape, weight, bias, *rest[:1])
    return [made, *[Value(y) for y in to.shapes[1:]]]


@row("group_norm")
def _group_norm(to: Lowering, input: Value, groups: int, *rest: Any) -> Any:
    return ROWS["group_norm"](to, input, groups, *rest[:3])


@row("native_group_norm")
def _native_group_norm(to: Lowering, input: Value, weight: Any, bias: Any, *rest: Any) -> Any:
    groups, eps = rest[3:5]
    made = ROWS["group_norm"](to, input, groups, weight, bias, eps)
    return [made, *[Value(y) for y in to.shapes[1:]]]


@row("embedding")
def _embedding(to: Lowering, weight: Value, indices: Value, padding_idx: int = -1, *_: Any) -> Any:
    return ROWS["embedding"](to, indices, weight, None if padding_idx < 0 else padding_idx)


@row("convolution")
def _convolution(
    to: Lowering,
    input: Value,
    weight: Value,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    axes = rank(input) - 2
    if not transposed:
        return ROWS[f"conv{axes}d"](to, input, weight, bias, stride, padding, dilation, groups)
    return _transposed(to, axes, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(
    to: Lowering,
    axes: int,
    input: Value,
    weight: Value,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    _, out, *kernel = shape_of(weight)
    more = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    return weighted(
        to,
        f"ConvTranspose{axes}d",
        [input],
        {"weight": weight, "bias": bias},
        bias=bias is not None,
        out_channels=out * groups,
        kernel_size=plain(kernel),
        groups=groups,
        **{name: plain(number) for name, number in more.items()},
    )


def _of_axes(axes: int) -> Row:
    return lambda to, *args, **given: _transposed(to, axes, *args, **given)


EXPORTED.update({f"conv_transpose{axes}d": _of_axes(axes) for axes in (1, 2, 3)})


@row("max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool(to: Lowering, input: Value, *args: Any) -> Any:
    """The indices are nobody's, or there is no counterpart."""
    return [ROWS[f"max_pool{rank(input) - 2}d"](to, input, *args), Value(to.shapes[1])]


@row("_softmax", "softmax", "_log_softmax", "log_softmax")
def _softmax(to: Lowering, input: Value, dim: int, *_: Any) -> Any:
    return to.step("log_softmax" if "log" in to.name else "softmax", input, dim=dim)


@row("slice")
def _slice(
    to: Lowering, input: Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Any:
    axis = dim % rank(input)
    end = None if end is None or end >= shape_of(input)[axis] else end
    index = [slice(None)] * axis + [slice(start or None, end, step)]
    return ROWS["getitem"](to, input, tuple(index))


@row("index")
def _index(to: Lowering, input: Value, indices: Any) -> Any:
    return ROWS["getitem"](to, input, tuple([slice(None) if x is None else x for x in indices]))


@row("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d")
def _nearest(to: Lowering, input: Value, _size: Any = None, *scales: Any) -> Any:
    return _upsampled(to, input, "nearest", None, scales)


@row("upsample_bilinear2d", "upsample_linear1d", "upsample_trilinear3d", "upsample_bicubic2d")
@row("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
def _smooth(to: Lowering, input: Value, _size: Any, align: bool, *scales: Any) -> Any:
    words = {3: "linear", 4: "bilinear", 5: "trilinear"}
    mode = "bicubic" if "bicubic" in to.name else words[rank(input)]
    return _upsampled(to, input, mode, align or None, scales, antialias=to.name.endswith("_aa"))


def _upsampled(
    to: Lowering, input: Value, mode: str, align: Any, scales: Sequence[Any], antialias: bool = False
) -> Any:
    """By the factors where the program has them, else to the size that it has."""
    factors = scales[0] if scales and isinstance(scales[0], list) else [x for x in scales if x is not None]
    given: dict[str, Any] = {"size": [*to.shapes[0].shape[2:]]}
    given = {"scale_factor": plain(factors)} if factors else given
    return to.step("interpolate", input, mode=mode, align_corners=align, antialias=antialias, **given)


@row(
    "zeros",
    "ones",
    "empty",
    "zeros_like",
    "ones_like",
    "empty_like",
    "new_zeros",
    "new_ones",
    "full",
    "full_like",
)
def _filled(to: Lowering, *args: Any, **_: Any) -> Any:
    """A tensor of its shape: nothing is read of one that it is to be like."""
    fill = 1 if "ones" in to.name else args[1] if "full" in to.name else 0
    if isinstance(fill, bool):
        fill = int(fill)
    return to.number(fill, to.shapes[0])


@row("scalar_tensor")
def _scalar(to: Lowering, number: Any, **_: Any) -> Any:
    return to.number(number, to.shapes[0])


@row("arange")
def _arange(to: Lowering, *args: Any, **_: Any) -> Any:
    start, end, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    told: dict[str, Any] = {**dtype_told(to.shapes[0].dtype, "int64")}
    return to.step("arange", end=plain(end), start=plain(start), step=plain(step), **told)


@row("constant_pad_nd")
def _padded(to: Lowering, input: Value, pad: Any, value: Any = 0) -> Any:
    return ROWS["pad"](to, input, pad, "constant", value)


_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@row(*_GATES)
def _recurrent(
    to: Lowering,
    input: Value,
    states: Any,
    weights: list[Value],
    has_biases: Any,
    num_layers: int,
    dropout: float,
    _train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> Any:
    """A module of torch's, with its weights in the order of its layers and directions."""
    if isinstance(has_biases, list):
        raise UnsayableError("sequences that are packed")
    kind = to.name.rpartition(".")[2]
    states = states if isinstance(states, list) else [states]
    given: dict[str, Any] = {"num_layers": num_layers, "bias": has_biases, "bidirectional": bidirectional}
    given |= {"batch_first": batch_first, "dropout": float(dropout)}
    if kind == "rnn_relu":
        given["nonlinearity"] = "relu"
    directions = 2 if bidirectional else 1
    each = len(weights) // (num_layers * directions)
    names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if has_biases else [])]
    if each > len(names):
        names.append("weight_hr")
        given["proj_size"] = shape_of(weights[each - 1])[0]
    given["hidden_size"] = shape_of(weights[0])[0] // _GATES[kind]
    ends = [f"_l{layer}{'_reverse' * back}" for layer in range(num_layers) for back in range(directions)]
    owned = dict(zip([name + end for end in ends for name in names], weights, strict=True))
    type_ = "RNN" if kind.startswith("rnn") else kind.upper()
    return weighted(to, type_, [input, *_unless_zero(to, states)], owned, many=len(to.shapes), **given)


_CELLS = {
    "lstm_cell": "LSTMCell",
    "gru_cell": "GRUCell",
    "rnn_tanh_cell": "RNNCell",
    "rnn_relu_cell": "RNNCell",
}


@row(*_CELLS)
def _cell(to: Lowering, input: Value, states: Any, *weights: Any) -> Any:
    """One step of a recurrent layer, from states that are given or are zeros."""
    kind = to.name.rpartition(".")[2]
    states = states if isinstance(states, list) else [states]
    given: dict[str, Any] = {"bias": weights[2:] not in ((), (None, None))}
    given["hidden_size"] = shape_of(states[0])[-1]
    if kind == "rnn_relu_cell":
        given["nonlinearity"] = "relu"
    owned = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=False))
    many = len(to.shapes) if len(to.shapes) > 1 else 0
    return weighted(to, _CELLS[kind], [input, *_unless_zero(to, states)], owned, many=many, **given)


@row("bilinear")
def _bilinear(to: Lowering, first: Value, second: Value, weight: Value, bias: Any = None) -> Any:
    given = {"out_features": shape_of(weight)[0], "bias": bias is not None}
    return weighted(to, "Bilinear", [first, second], {"weight": weight, "bias": bias}, **given)


def _unless_zero(to: Lowering, states: list[Value]) -> list[Value]:
    """The first states of a recurrent layer; none where it would begin with zeros by itself."""
    known = [to.constant(state) for state in states]
    return [] if all(elements is not None and not elements.any() for elements in known) else states
