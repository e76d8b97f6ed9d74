"""Draws for the losses: the `…loss.py` files in `shapecalc/layers`."""

from __future__ import annotations

from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely

SMALL = st.sampled_from((3, 2, 1, 4))
SCALAR = Tensor(())


@st.composite
def spoilt(draw: st.DrawFn, tensor: Tensor) -> Tensor:
    """The tensor with another dtype, another size, or an axis more or fewer."""
    shape = list(tensor.shape)
    match draw(st.sampled_from(["dtype", "size", "size", "more", "fewer"])):
        case "dtype":
            return Tensor(tensor.shape, draw(st.sampled_from(DTYPES)))
        case "size" if shape:
            shape[draw(st.integers(0, len(shape) - 1))] = draw(SMALL)
        case "more":
            shape.insert(draw(st.integers(0, len(shape))), draw(SMALL))
        case "fewer" if shape:
            shape.pop(draw(st.integers(0, len(shape) - 1)))
    return Tensor(tuple(shape), tensor.dtype)


@st.composite
def nearly(draw: st.DrawFn, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors, now and then one of them spoilt, seldom one missing."""
    found = [draw(spoilt(x)) if rarely(draw, 6) else x for x in tensors]
    return tuple(found[: len(found) - rarely(draw, 24)])


@st.composite
def alike(draw: st.DrawFn, count: int) -> tuple[Tensor, ...]:
    """Tensors of one shape, now and then with another size, or 1, on an axis, or of another dtype."""
    shape = draw(st.lists(SMALL, max_size=3))
    found = []
    for _ in range(count):
        own = [1 if rarely(draw, 6) else size for size in shape]
        found.append(Tensor(tuple(own), draw(st.sampled_from(DTYPES)) if rarely(draw, 4) else "float32"))
    return draw(nearly(*found))


def pairs() -> st.SearchStrategy[tuple[Tensor, ...]]:
    return alike(2)


def triples() -> st.SearchStrategy[tuple[Tensor, ...]]:
    return alike(3)


@st.composite
def same(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Input and target of one shape, mostly of one dtype."""
    shape = tuple(draw(st.lists(SMALL, max_size=4)))
    dtype = draw(st.sampled_from(["float32", "float32", "float64", "bfloat16"]))
    return draw(nearly(Tensor(shape, dtype), Tensor(shape, dtype)))


@st.composite
def with_variance(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Input, target and a variance that fits the input."""
    shape = draw(st.lists(SMALL, max_size=4))
    variance = list(shape)
    match draw(st.sampled_from(["same", "one", "shorter"])):
        case "one" if shape:
            variance[draw(st.integers(0, len(shape) - 1))] = 1
        case "shorter":
            variance = variance[:-1]
    return draw(nearly(Tensor(tuple(shape)), Tensor(tuple(shape)), Tensor(tuple(variance))))


@st.composite
def scores_and_classes(draw: st.DrawFn, most: int = 5) -> tuple[Tensor, ...]:
    """Scores (N, C, *d) of up to `most` axes and classes (N, *d), or (C) and ()."""
    scores = tuple(draw(st.lists(SMALL, min_size=1, max_size=most)))
    classes = (scores[0], *scores[2:]) if len(scores) > 1 else ()
    return draw(nearly(Tensor(scores), Tensor(classes, "int64")))


@st.composite
def scores_and_targets(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Scores with classes or with probabilities."""
    return draw(st.one_of(scores_and_classes(), scores_and_classes(), same()))


def rows_and_classes() -> st.SearchStrategy[tuple[Tensor, ...]]:
    return scores_and_classes(most=2)


@st.composite
def scores_and_lists(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Scores (N, C) or (C), and as many classes."""
    shape = tuple(draw(st.lists(SMALL, max_size=2)))
    return draw(nearly(Tensor(shape), Tensor(shape, "int64")))


@st.composite
def vectors(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Two inputs (N, D) and a target (N), or (D) and ()."""
    shape = tuple(draw(st.lists(SMALL, min_size=1, max_size=2)))
    dtypes = [draw(st.sampled_from(DTYPES)) if rarely(draw, 4) else "float32" for _ in range(3)]
    shapes = (shape, shape, shape[:-1])
    return draw(nearly(*[Tensor(*pair) for pair in zip(shapes, dtypes, strict=True)]))


@st.composite
def features_and_targets(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Features (N, F) with classes (N, *d) or probabilities (N, C, *d), or (F) with () or (C)."""
    batch = tuple(draw(st.lists(SMALL, max_size=1)))
    places = tuple(draw(st.lists(SMALL, max_size=2))) if batch else ()
    classes = Tensor((*batch, *places), "int64")
    probabilities = Tensor((*batch, draw(SMALL), *places))
    target = probabilities if rarely(draw, 3) else classes
    return draw(nearly(Tensor((*batch, draw(SMALL))), target))


@st.composite
def linear_cross_entropy(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """As many classes and places as the target has."""
    *_, target = inputs
    batched = int(inputs[0].rank > 1)
    classes = target.dtype == "int64"
    places = target.shape[batched + (not classes) :]
    own = target.shape[batched : batched + 1]
    arguments: dict[str, Any] = {
        "num_classes": draw(SMALL) if classes or not own or rarely(draw, 6) else own[0],
        "reduction": draw(st.sampled_from(["mean", "none", "sum"])),
        "bias": draw(st.booleans()),
    }
    if places or rarely(draw, 6):
        arguments["out_features"] = [*places, *([draw(SMALL)] * rarely(draw, 6))]
    if rarely(draw, 3):
        arguments["ignore_index"] = draw(st.sampled_from([0, -100, None]))
    if rarely(draw, 3):
        arguments["label_smoothing"] = draw(st.sampled_from([0.1, 0, 1, 1.5]))
    return arguments


@st.composite
def frequent_and_rare(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Features (N, F) and classes (N), or (F) and ()."""
    batch = tuple(draw(st.lists(SMALL, max_size=1)))
    features = draw(st.sampled_from((64, 16, 9, 40, 4)))
    return draw(nearly(Tensor((*batch, features)), Tensor(batch, draw(st.sampled_from(("int64", "int32"))))))


@st.composite
def adaptive(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Cutoffs that rise, mostly, and a divisor that leaves something of the features."""
    features = inputs[0].shape[-1] if inputs[0].rank else 1
    cutoffs = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3 if number(features) > 15 else 2))
    if not rarely(draw, 8):
        cutoffs = sorted(set(cutoffs))
    arguments: dict[str, Any] = {"n_classes": max(cutoffs) + draw(st.integers(0, 3)), "cutoffs": cutoffs}
    if draw(st.booleans()):
        arguments["div_value"] = draw(st.sampled_from([4, 2.0, 1, 3, 2.5, 0.5, 1.7, 0, -1, 100, 1e200]))
    if draw(st.booleans()):
        arguments["head_bias"] = draw(st.booleans())
    return arguments


@st.composite
def sequences(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Log-probabilities (T, N, C), targets (N, S) or (S), and lengths of N elements; or without N."""
    batch = tuple(draw(st.lists(SMALL, max_size=1)))
    rows = batch or (1,)
    long = draw(st.integers(1, 6))
    whole = st.sampled_from(["int64", "int64", "int32", "uint8"])
    targets = rows if rarely(draw, 3) else ()
    lengths = [Tensor(batch, draw(whole)) for _ in range(2)]
    log_probs = Tensor((draw(st.integers(1, 8)), *batch, draw(st.sampled_from(SIZES))))
    return draw(nearly(log_probs, Tensor((*targets, long), draw(whole)), *lengths))


def lengths(inputs: tuple[Tensor, ...]) -> dict[int, list[int]]:
    """Lengths that fit: each input is as long as the log-probabilities, the first target has all classes."""
    log_probs, targets, input_lengths, target_lengths = inputs
    time = [number(log_probs.shape[0])] if log_probs.rank else [0]
    first = [number(targets.shape[-1])] if targets.rank else [0]
    rows = number(target_lengths.elements)
    return {2: time * number(input_lengths.elements), 3: first + [0] * (rows - 1)}


INPUTS = {
    **dict.fromkeys(("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "KLDivLoss", "PoissonNLLLoss"), pairs),
    **dict.fromkeys(("HingeEmbeddingLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss"), pairs),
    **dict.fromkeys(("BCELoss", "BCEWithLogitsLoss"), same),
    "GaussianNLLLoss": with_variance,
    **dict.fromkeys(("NLLLoss", "NLLLoss2d"), scores_and_classes),
    "CrossEntropyLoss": scores_and_targets,
    "LinearCrossEntropyLoss": features_and_targets,
    "MultiMarginLoss": rows_and_classes,
    "MultiLabelMarginLoss": scores_and_lists,
    "CosineEmbeddingLoss": vectors,
    **dict.fromkeys(("MarginRankingLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss"), triples),
    "AdaptiveLogSoftmaxWithLoss": frequent_and_rare,
    "CTCLoss": sequences,
}

ARGUMENTS = {"LinearCrossEntropyLoss": linear_cross_entropy, "AdaptiveLogSoftmaxWithLoss": adaptive}

ELEMENTS = {"CTCLoss": lengths}

ROWS = Tensor((3, 4))

STRICTER = (
    Stricter(
        "HuberLoss|SoftMarginLoss",
        "the target widens",
        "the loss has the wider dtype on meta, the input's on the CPU",
        drawn("HuberLoss", ROWS, Tensor((3, 4), "float64")),
    ),
    Stricter(
        "GaussianNLLLoss",
        "a floating-point var is needed, not u?int",
        "torch takes whole variances where eps is whole too",
        drawn("GaussianNLLLoss", ROWS, ROWS, Tensor((3, 4), "int64"), eps=1),
    ),
    Stricter(
        "MultiMarginLoss|MultiLabelMarginLoss",
        "reduction: none needs a batch axis",
        "the loss has one axis on meta, none on the CPU",
        drawn("MultiLabelMarginLoss", Tensor((4,)), Tensor((4,), "int64"), reduction="none"),
    ),
    Stricter(
        "CTCLoss",
        "are whole numbers, not",
        "the CPU's kernel reads classes from any dtype, but others are a mistake in a file",
        drawn("CTCLoss", Tensor((5, 2, 3)), Tensor((2, 4)), *[Tensor((2,), "int64")] * 2),
    ),
    Stricter(
        "CrossEntropyLoss|LinearCrossEntropyLoss",
        "label_smoothing must be a number from 0 to 1, not -",
        "torch takes a negative label_smoothing for 0",
        drawn("CrossEntropyLoss", ROWS, ROWS, label_smoothing=-0.5),
    ),
    Stricter(
        "AdaptiveLogSoftmaxWithLoss",
        r"cluster . has in_features .* = 0 elements|div_value .* is no divisor",
        "a size of 0 leaves nothing to compute, and is a mistake in a file",
        drawn("AdaptiveLogSoftmaxWithLoss", ROWS, Tensor((3,), "int64"), n_classes=9, cutoffs=[2, 4]),
    ),
)

HALF, WHOLE, CLASSES = Tensor((3, 4), "float16"), Tensor((3, 4), "uint8"), Tensor((3,), "int64")

RARE = (
    # Numbers among the arguments that a dtype can't hold.
    *(drawn("HingeEmbeddingLoss", x, x, margin=7e4, reduction="none") for x in (ROWS, HALF, WHOLE)),
    *(drawn("HingeEmbeddingLoss", WHOLE, WHOLE, margin=m, reduction="none") for m in (-1, 0.5, 255, 256)),
    *(drawn("GaussianNLLLoss", ROWS, ROWS, x, eps=eps) for x in (ROWS, HALF) for eps in (7e4, 1e39, -1e39)),
    *(drawn("MultiMarginLoss", ROWS, CLASSES, margin=margin) for margin in (7e4, 1e39)),
    *(drawn("SmoothL1Loss", HALF, HALF, beta=beta) for beta in (0, 7e4, 1e39, 1e300)),
    *(drawn("HuberLoss", HALF, HALF, delta=delta) for delta in (0, 7e4, 1e39, 1e300)),
    *(
        drawn("AdaptiveLogSoftmaxWithLoss", ROWS, CLASSES, n_classes=9, cutoffs=cutoffs, div_value=d)
        for cutoffs in ([2, 4], [2])
        for d in (1, 2, 0.5, 0, 1e-20, 1e-300, 5e-324, 1e300)
    ),
    # A sum of whole numbers is one of many of them.
    *(drawn("L1Loss", x, x, reduction="sum") for x in (WHOLE, Tensor((), "int32"))),
    drawn("AdaptiveLogSoftmaxWithLoss", Tensor((2, 3, 4)), Tensor((2, 3), "int64"), n_classes=9, cutoffs=[2]),
    # A target of probabilities goes with no ignored class, not even the first.
    *(
        drawn("LinearCrossEntropyLoss", ROWS, target, num_classes=5, ignore_index=0)
        for target in (CLASSES, Tensor((3, 5)))
    ),
    drawn("LinearCrossEntropyLoss", ROWS, Tensor((3, 5)), num_classes=5),
    # The target's dtype counts, as its probabilities are multiplied with the scores.
    drawn("CrossEntropyLoss", HALF, ROWS, reduction="none"),
    drawn("CrossEntropyLoss", WHOLE, ROWS),
    *(
        drawn("CrossEntropyLoss", ROWS, CLASSES, ignore_index=index)
        for index in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1)
    ),
    # With `swap`, positive and negative are compared too.
    *(
        drawn("TripletMarginLoss", Tensor((2, 1)), Tensor((2, 3)), Tensor((2, 4)), swap=swap)
        for swap in (True, False)
    ),
    # The lesser of two distances is of the dtype of both together.
    *(
        drawn("TripletMarginLoss", *[Tensor((), dtype) for dtype in dtypes], swap=True)
        for dtypes in (("float32", "float64", "float32"), ("float16", "float32", "int64"))
    ),
    drawn("CosineEmbeddingLoss", *[Tensor((2, 3, 4))] * 2, Tensor((2, 3))),
    # Targets one after another, whose lengths add up.
    drawn("CTCLoss", Tensor((5, 2, 3)), Tensor((4,), "int64"), *[Tensor((2,), "int64")] * 2),
    drawn("CTCLoss", Tensor((5, 3)), Tensor((4,), "int64"), *[Tensor((), "int64")] * 2),
    drawn("CTCLoss", Tensor((5, 2, 3)), Tensor((2, 4), "int64"), *[Tensor((1, 2), "int64")] * 2, blank=2),
    drawn("CTCLoss", Tensor((5, 2, 3)), Tensor((2, 4), "int64"), *[Tensor((2,), "int64")] * 2, blank=3),
    drawn("CTCLoss", Tensor((5,)), Tensor((4,), "int64"), *[Tensor((), "int64")] * 2),
    # A variance of fewer axes is not broadcast, but for the last one.
    drawn("GaussianNLLLoss", Tensor((3, 1)), Tensor((3, 1)), Tensor((1,))),
    drawn("GaussianNLLLoss", Tensor((3, 4, 2)), Tensor((3, 4, 2)), Tensor((1, 4, 1))),
    # A target of more axes than the input.
    drawn("MultiLabelSoftMarginLoss", Tensor((3,)), Tensor((2, 3)), reduction="none"),
    drawn("SoftMarginLoss", Tensor((3,)), Tensor((1, 3))),
)
