"""Models of one operator or of a few, for each row of what operators become."""

from __future__ import annotations

from typing import Any

import numpy

from tests.importing.onnx_models.making import Model, node, sample

IMAGE = {"x": ((2, 4, 9, 8), "float32")}
ROWS = {"x": ((3, 6), "float32")}
SEQUENCE = {"x": ((2, 5, 6), "float32")}


def weights(**shapes: Any) -> dict[str, Any]:
    """Initializers of these shapes; where a name is `variance` their elements are above 0."""
    found = {name: sample(shape, "float32", len(name)) for name, shape in shapes.items()}
    return {name: abs(a) + numpy.float32(0.5) if name == "variance" else a for name, a in found.items()}


def ints(*values: int) -> Any:
    return numpy.array(values, "int64")


def number(value: float) -> Any:
    return numpy.array(value, "float32")


def one(type_: str, inputs: Any = IMAGE, opset: int = 20, **attributes: Any) -> Model:
    """A node of one input."""
    return Model([node(type_, "x", **attributes)], inputs, opset=opset)


def conv(opset: int = 20, w: Any = (6, 4, 3, 3), **attributes: Any) -> Model:
    return Model([node("Conv", "x w b", **attributes)], IMAGE, weights(w=w, b=(w[0],)), opset=opset)


def transposed(w: Any = (4, 6, 3, 3), **attributes: Any) -> Model:
    groups = attributes.get("group", 1)
    stored = weights(w=w, b=(w[1] * groups,))
    return Model([node("ConvTranspose", "x w b", **attributes)], IMAGE, stored)


def with_(type_: str, stored: Any, inputs: Any = IMAGE, opset: int = 20, **attributes: Any) -> Model:
    """A node of an input and of what is stored, in this order."""
    return Model([node(type_, " ".join(["x", *stored]), **attributes)], inputs, stored, opset=opset)


def two(type_: str, dtype: str = "float32", opset: int = 20) -> Model:
    inputs = {"x": ((2, 4, 3), dtype), "z": ((2, 1, 3), dtype)}
    return Model([node(type_, "x z")], inputs, opset=opset)


MODELS: dict[str, Model] = {
    # activations
    **{
        name: one(name)
        for name in (
            *("Abs", "Cos", "Exp", "HardSwish", "Mish", "Neg", "Relu", "Sigmoid", "Sin", "Softplus"),
            *("Softsign", "Tanh", "Gelu", "Selu", "HardSigmoid", "Erf", "Reciprocal", "Asinh", "Atan"),
            *("Cosh", "Sinh", "Tan", "Ceil", "Floor", "Round", "Sign"),
        )
    },
    **{
        f"{name} of {before}": Model([node(before, "x", "m"), node(name, "m")], IMAGE)
        for before, names in {"Sigmoid": ("Acos", "Asin", "Atanh", "Log", "Sqrt"), "Cosh": ("Acosh",)}.items()
        for name in names
    },
    "Elu": one("Elu", alpha=0.5),
    "Celu": one("Celu", alpha=2.0),
    "LeakyRelu": one("LeakyRelu", alpha=0.2),
    "ThresholdedRelu": one("ThresholdedRelu", alpha=0.5),
    "Gelu of tanh": one("Gelu", approximate="tanh"),
    "HardSigmoid of torch": one("HardSigmoid", alpha=1 / 6),
    "PRelu of channels": with_("PRelu", weights(slope=(4, 1, 1))),
    "PRelu of all": with_("PRelu", weights(slope=(1,))),
    "Clip as ReLU6": with_("Clip", {"low": number(0), "high": number(6)}),
    "Clip below": with_("Clip", {"low": number(-0.5)}),
    "Clip of opset 9": one("Clip", opset=9, min=-0.5, max=0.25),
    # arithmetic
    **{name: two(name) for name in ("Add", "Sub", "Mul", "Div", "Sum")},
    **{name: two(name) for name in ("Greater", "Less", "LessOrEqual", "GreaterOrEqual", "Equal")},
    **{name: two(name, "bool") for name in ("And", "Or")},
    "Add of a number": with_("Add", {"c": number(0.5)}),
    "Sub from a number": Model([node("Sub", "c x")], IMAGE, {"c": number(1)}),
    "Div by a number": with_("Div", {"c": number(3)}),
    "Pow of 2": with_("Pow", {"c": number(2)}),
    "Pow of 3": with_("Pow", {"c": number(3)}),
    "Less than a number": with_("Less", {"c": number(0.25)}),
    "a number less": Model([node("Less", "c x")], IMAGE, {"c": number(0.25)}),
    "Max with a number": with_("Max", {"c": number(0.25)}),
    "Min with a number": with_("Min", {"c": number(0.25)}),
    "Add of a weight": with_("Add", weights(c=(4, 1, 1))),
    "Where": Model(
        [node("Greater", "x z", "m"), node("Where", "m x z")],
        {"x": ((2, 3), "float32"), "z": ((2, 3), "float32")},
    ),
    "Where of numbers": Model(
        [node("Greater", "x z", "m"), node("Where", "m x c")],
        {"x": ((2, 3), "float32"), "z": ((2, 3), "float32")},
        {"c": number(-1e9)},
    ),
    "Where of what is below all": Model(
        [node("Greater", "x z", "m"), node("Where", "m x c")],
        {"x": ((2, 3), "float32"), "z": ((2, 3), "float32")},
        {"c": number(-numpy.inf)},
    ),
    "Not": Model([node("Greater", "x z", "m"), node("Not", "m")], two("Add").inputs),
    "Cast of a mask": Model([node("Greater", "x z", "m"), node("Cast", "m", to=1)], two("Add").inputs),
    "Cast of numbers": Model([node("Cast", "x", to=1)], {"x": ((2, 3), "int64")}),
    # products
    "MatMul with a weight": with_("MatMul", weights(w=(6, 7)), SEQUENCE),
    "MatMul": Model([node("MatMul", "x z")], {"x": ((2, 3, 4), "float32"), "z": ((2, 4, 5), "float32")}),
    "Linear": Model([node("MatMul", "x w", "h"), node("Add", "b h")], SEQUENCE, weights(w=(6, 7), b=(7,))),
    "Gemm": with_("Gemm", weights(w=(6, 7), b=(7,)), ROWS),
    "Gemm of a turned weight": with_("Gemm", weights(w=(7, 6), b=(7,)), ROWS, transB=1),
    "Gemm without a bias": with_("Gemm", weights(w=(6, 7)), ROWS),
    "Gemm with factors": with_("Gemm", weights(w=(6, 7), b=(7,)), ROWS, alpha=0.5, beta=2.0),
    "Transpose of a weight": Model(
        [node("Transpose", "w", "v", perm=[1, 0]), node("MatMul", "x v")], SEQUENCE, weights(w=(7, 6))
    ),
    "Einsum": Model(
        [node("Einsum", "x z", equation="bij, bkj -> bik")],
        {"x": ((2, 3, 4), "float32"), "z": ((2, 5, 4), "float32")},
    ),
    # windows
    "Conv": conv(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    "Conv without shape": conv(),
    "Conv of unequal pads": conv(pads=[0, 1, 2, 1]),
    "Conv dilated": conv(pads=[2, 2, 2, 2], dilations=[2, 2]),
    "Conv of groups": conv(w=(8, 2, 3, 3), group=2),
    "Conv same": conv(auto_pad="SAME_UPPER"),
    "Conv same, even kernel": conv(w=(6, 4, 2, 2), auto_pad="SAME_UPPER"),
    "Conv same, lower": conv(w=(6, 4, 2, 2), auto_pad="SAME_LOWER"),
    "Conv same, strided": conv(auto_pad="SAME_UPPER", strides=[2, 2]),
    "Conv valid": conv(auto_pad="VALID", strides=[2, 1]),
    "Conv of one axis": Model([node("Conv", "x w")], {"x": ((2, 4, 9), "float32")}, weights(w=(5, 4, 3))),
    "Conv of three axes": Model(
        [node("Conv", "x w", pads=[1] * 6)], {"x": ((1, 2, 4, 5, 6), "float32")}, weights(w=(3, 2, 3, 3, 3))
    ),
    "ConvTranspose": transposed(strides=[2, 2], pads=[1, 1, 1, 1]),
    "ConvTranspose with more": transposed(strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    "ConvTranspose dilated": transposed(dilations=[2, 1]),
    "MaxPool": one("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "MaxPool overlapping": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "MaxPool rounded up": one("MaxPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
    "MaxPool dilated": one("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]),
    "MaxPool same": one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "AveragePool": one("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
    "AveragePool with padding": one("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "AveragePool that counts it": one(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "AveragePool of unequal pads": one(
        "AveragePool", kernel_shape=[3, 3], pads=[0, 1, 1, 1], count_include_pad=1
    ),
    "GlobalAveragePool": one("GlobalAveragePool"),
    "GlobalMaxPool": one("GlobalMaxPool"),
    "Pad": with_("Pad", {"pads": ints(0, 0, 1, 0, 0, 0, 2, 3)}),
    "Pad of a number": with_("Pad", {"pads": ints(0, 0, 1, 0, 0, 0, 2, 3), "c": number(2.5)}),
    "Pad of opset 9": one("Pad", opset=9, pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="reflect"),
    "Pad by edges": with_("Pad", {"pads": ints(0, 0, 1, 1, 0, 0, 1, 1)}, mode="edge"),
    "Pad around": with_("Pad", {"pads": ints(0, 0, 1, 1, 0, 0, 1, 1)}, mode="wrap"),
    "Pad of axes": with_("Pad", {"pads": ints(1, 2), "c": number(0), "axes": ints(-1)}),
    "Resize": Model(
        [node("Resize", "x _ s", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
        IMAGE,
        {"s": numpy.array([1, 1, 2, 2], "float32")},
    ),
    "Resize linear": Model(
        [node("Resize", "x _ s", mode="linear")], IMAGE, {"s": numpy.array([1, 1, 2, 2], "float32")}
    ),
    "Resize to sizes": Model(
        [node("Resize", "x _ _ s", mode="linear", coordinate_transformation_mode="align_corners")],
        IMAGE,
        {"s": ints(2, 4, 20, 13)},
    ),
    "Resize by halves": Model(
        [node("Resize", "x _ s", mode="nearest")], IMAGE, {"s": numpy.array([1, 1, 3, 2], "float32")}
    ),
    "Upsample of opset 9": with_("Upsample", {"s": numpy.array([1, 1, 2, 3], "float32")}, opset=9),
    "DepthToSpace": one("DepthToSpace", blocksize=2),
    "DepthToSpace of columns first": one("DepthToSpace", blocksize=2, mode="CRD"),
    "SpaceToDepth": one("SpaceToDepth", {"x": ((2, 3, 4, 6), "float32")}, blocksize=2),
    # norms
    "BatchNormalization": with_(
        "BatchNormalization", weights(scale=(4,), shift=(4,), mean=(4,), variance=(4,)), epsilon=1e-3
    ),
    "InstanceNormalization": with_("InstanceNormalization", weights(scale=(4,), shift=(4,))),
    "LayerNormalization": with_("LayerNormalization", weights(scale=(6,), shift=(6,)), SEQUENCE),
    "LayerNormalization without shift": with_("LayerNormalization", weights(scale=(6,)), SEQUENCE),
    "LayerNormalization of two axes": with_(
        "LayerNormalization", weights(scale=(5, 6), shift=(5, 6)), SEQUENCE, axis=-2
    ),
    "GroupNormalization": with_(
        "GroupNormalization", weights(scale=(4,), shift=(4,)), opset=21, num_groups=2
    ),
    "RMSNormalization": with_("RMSNormalization", weights(scale=(6,)), SEQUENCE, opset=23),
    "LRN": one("LRN", {"x": ((4, 4, 3, 3), "float32")}, size=3, alpha=0.01, bias=2.0),
    "LpNormalization": one("LpNormalization", axis=1),
    # reductions
    "ReduceMean": with_("ReduceMean", {"axes": ints(2, 3)}, keepdims=0),
    "ReduceMean of opset 13": one("ReduceMean", opset=13, axes=[2, 3]),
    "ReduceSum": with_("ReduceSum", {"axes": ints(-1)}),
    "ReduceMax": with_("ReduceMax", {"axes": ints(1)}),
    "ReduceMin of all": one("ReduceMin", keepdims=0),
    **{
        name: with_(name, {"axes": ints(1)})
        for name in ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")
    },
    "Softmax": one("Softmax", axis=1),
    "LogSoftmax": one("LogSoftmax", ROWS),
    "Softmax of opset 9": one("Softmax", ROWS, opset=9),
    "ArgMax": one("ArgMax", axis=1, keepdims=0),
    "ArgMin": one("ArgMin", axis=1),
    "TopK": Model([node("TopK", "x k", "y i", axis=-1)], ROWS, {"k": ints(2)}, ("y", "i")),
    "CumSum": with_("CumSum", {"axis": numpy.array(1, "int64")}),
    # rearranging
    "Reshape": with_("Reshape", {"shape": ints(0, -1)}),
    "Reshape into more": with_("Reshape", {"shape": ints(2, 2, 2, 9, 8)}),
    "Reshape across": with_("Reshape", {"shape": ints(2, 6, 6, 8)}),
    "Reshape with an axis of 1": with_("Reshape", {"shape": ints(2, 1, 4, 72)}),
    "Reshape of an axis of 1": with_("Reshape", {"shape": ints(2, 4)}, {"x": ((2, 4, 1, 1), "float32")}),
    "Flatten": one("Flatten"),
    "Flatten of two": one("Flatten", axis=2),
    "Flatten of none": one("Flatten", axis=0),
    "Transpose": one("Transpose", perm=[0, 2, 3, 1]),
    "Transpose of two": one("Transpose", perm=[0, 1, 3, 2]),
    "Transpose of all": one("Transpose"),
    "Squeeze": with_("Squeeze", {"axes": ints(1)}, {"x": ((2, 1, 3), "float32")}),
    "Squeeze of opset 9": one("Squeeze", {"x": ((2, 1, 3), "float32")}, opset=9, axes=[1]),
    "Squeeze of all": one("Squeeze", {"x": ((2, 1, 3), "float32")}),
    "Unsqueeze": with_("Unsqueeze", {"axes": ints(1, -1)}, ROWS),
    "Unsqueeze of opset 9": one("Unsqueeze", ROWS, opset=9, axes=[0]),
    "Expand": with_("Expand", {"shape": ints(4, 3, 6)}, ROWS),
    "Tile": with_("Tile", {"repeats": ints(2, 3)}, ROWS),
    # parts
    "Concat": Model([node("Concat", "x z", axis=-1)], {"x": ((2, 3), "float32"), "z": ((2, 5), "float32")}),
    "Split": Model([node("Split", "x", "y z", axis=1, num_outputs=2)], IMAGE, {}, ("y", "z")),
    "Split into sizes": Model([node("Split", "x s", "y z", axis=1)], IMAGE, {"s": ints(1, 3)}, ("y", "z")),
    "Split of opset 9": Model(
        [node("Split", "x", "y z", axis=1, split=[1, 3])], IMAGE, {}, ("y", "z"), opset=9
    ),
    "Slice": with_("Slice", {"starts": ints(1, 0), "ends": ints(8, 2**62), "axes": ints(2, 3)}),
    "Slice in steps": with_(
        "Slice", {"starts": ints(1), "ends": ints(2**62), "axes": ints(2), "steps": ints(3)}
    ),
    "Slice from the end": with_("Slice", {"starts": ints(-3), "ends": ints(-1), "axes": ints(2)}),
    "Slice backwards": with_(
        "Slice", {"starts": ints(-1), "ends": ints(-(2**62)), "axes": ints(2), "steps": ints(-1)}
    ),
    "Slice of opset 9": one("Slice", opset=9, axes=[1], starts=[0], ends=[-1]),
    "Gather of a part": Model([node("Gather", "x i", axis=1)], IMAGE, {"i": numpy.array(-1, "int64")}),
    "Gather of a range": Model([node("Gather", "x i", axis=1)], IMAGE, {"i": ints(1, 2)}),
    "Gather of some": Model([node("Gather", "x i", axis=2)], IMAGE, {"i": ints(5, 0, 5)}),
    "Gather of words": Model([node("Gather", "w x")], {"x": ((2, 5), "int64")}, weights(w=(10, 4))),
    "Gather by a tensor": Model(
        [node("Gather", "z x", axis=1)], {"x": ((5,), "int64"), "z": ((2, 4), "float32")}
    ),
    "GatherElements": Model(
        [node("GatherElements", "z x", axis=1)], {"x": ((2, 5), "int64"), "z": ((2, 4), "float32")}
    ),
    "OneHot": with_("OneHot", {"depth": numpy.array(4), "values": ints(0, 1)}, {"x": ((2, 3), "int64")}),
    # what hangs on shapes alone
    "a shape that is computed": Model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n"),
            node("Unsqueeze", "n axis", "m"),
            node("Concat", "m rest", "shape", axis=0),
            node("Reshape", "x shape"),
        ],
        {"x": (("batch", 4, 9, 8), "float32")},
        {"zero": numpy.array(0, "int64"), "axis": ints(0), "rest": ints(-1)},
    ),
    "nothing that counts": Model(
        [node("Identity", "x", "h"), node("Dropout", "h", "g"), node("Relu", "g")], IMAGE
    ),
    "a range that is added": Model(
        [node("Range", "a b c", "r"), node("Add", "x r")],
        ROWS,
        {"a": number(0), "b": number(6), "c": number(1)},
    ),
    "a constant of a size": Model(
        [node("Shape", "x", "s"), node("ConstantOfShape", "s", "c"), node("Concat", "x c", axis=1)],
        {"x": (("N", 6), "float32")},
    ),
    "positions in a table": Model(
        [
            node("Shape", "x", "s", start=1, end=2),
            node("Squeeze", "s", "n"),
            node("Range", "zero n one", "r"),
            node("Gather", "w r", "p"),
            node("Add", "x p"),
        ],
        {"x": (("N", "time", 6), "float32")},
        {"zero": numpy.array(0, "int64"), "one": numpy.array(1, "int64"), **weights(w=(20, 6))},
    ),
    # recurrent
    "GRU, its last state": Model(
        [node("GRU", "x w r b", "_ y", hidden_size=5, linear_before_reset=1)],
        {"x": ((7, 2, 6), "float32")},
        weights(w=(1, 15, 6), r=(1, 15, 5), b=(1, 30)),
    ),
    "LSTM": with_(
        "LSTM", weights(w=(1, 20, 6), r=(1, 20, 5), b=(1, 40)), {"x": ((7, 2, 6), "float32")}, hidden_size=5
    ),
    "LSTM without bias": with_(
        "LSTM", weights(w=(1, 20, 6), r=(1, 20, 5)), {"x": ((7, 2, 6), "float32")}, hidden_size=5
    ),
    "GRU": with_(
        "GRU",
        weights(w=(1, 15, 6), r=(1, 15, 5), b=(1, 30)),
        {"x": ((7, 2, 6), "float32")},
        hidden_size=5,
        linear_before_reset=1,
    ),
    "RNN": with_(
        "RNN", weights(w=(1, 5, 6), r=(1, 5, 5), b=(1, 10)), {"x": ((7, 2, 6), "float32")}, hidden_size=5
    ),
}
"""By name."""
