"""Draws for `shapecalc/layers/attention.py`."""

from __future__ import annotations

from typing import Any

from shapecalc.symbolic import number
from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, Stricter, drawn, rarely, spoilt

small = st.integers(1, 4)


@st.composite
def features(draw: st.DrawFn) -> int:
    return draw(st.sampled_from([4, 8, 2, 6, 3, 1]))


@st.composite
def sequences(draw: st.DrawFn, shapes: list[tuple[int, ...]]) -> tuple[Tensor, ...]:
    """Sequences of these shapes; seldom one of another size or dtype, or with an axis less or more."""
    found = []
    for shape in shapes:
        if rarely(draw, 12):
            axis = draw(st.integers(0, len(shape) - 1))
            middle = draw(st.sampled_from([(), (1,), (shape[axis] + 1,), (shape[axis], 2)]))
            shape = (*shape[:axis], *middle, *shape[axis + 1 :])  # noqa: PLW2901
        dtype = draw(st.sampled_from(DTYPES)) if rarely(draw, 24) else "float32"
        found.append(Tensor(shape or (3,), dtype))
    return tuple(found)


@st.composite
def batches(draw: st.DrawFn, lengths: list[int]) -> list[tuple[int, ...]]:
    """The axes before the features of sequences of these lengths: one batch, before or after, or none."""
    batch = draw(small)
    match draw(st.sampled_from(["first", "second", "none"])):
        case "first":
            return [(batch, length) for length in lengths]
        case "second":
            return [(length, batch) for length in lengths]
    return [(length,) for length in lengths]


@st.composite
def attended(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """One sequence, two, or three of which the last two have one length; mostly of the same features."""
    count = draw(st.integers(1, 3))
    queries, keys = draw(small), draw(small)
    leads = draw(batches([queries, keys, keys][:count]))
    size = draw(features())
    sizes = [size, *[size if draw(st.booleans()) else draw(features()) for _ in range(count - 1)]]
    found = draw(sequences([(*lead, size) for lead, size in zip(leads, sizes, strict=True)]))
    return (*found, found[-1]) * 2 if rarely(draw, 32) else found


@st.composite
def heads(draw: st.DrawFn, name: str, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Heads that divide the features, seldom others."""
    size = number(inputs[0].shape[-1]) if inputs and inputs[0].shape else 4
    divisors = [n for n in range(1, size + 1) if size % n == 0]
    return {name: draw(st.sampled_from([*4 * divisors, size + 1, 3, 0]))}


@st.composite
def scaled(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Query, key and value, whose first axes are mostly the same, or 1, or missing."""
    queries, keys, size, out = draw(st.tuples(small, small, small, small))
    lead = tuple(draw(st.lists(st.sampled_from([4, 2, 6, 1, 3]), max_size=3)))
    shapes: list[tuple[int, ...]] = []
    for tail in ((queries, size), (keys, size), (keys, size if draw(st.booleans()) else out)):
        own = lead
        match draw(st.sampled_from(["same", "same", "same", "ones", "shorter", "divided"])):
            case "ones":
                own = tuple(1 if draw(st.booleans()) else n for n in lead)
            case "shorter":
                own = lead[draw(st.integers(0, len(lead))) :]
            case "divided":
                own = (*lead[:-1], max(1, lead[-1] // 2)) if lead else ()
        shapes.append((*own, *tail))
    found = draw(sequences(shapes))
    if rarely(draw, 8):
        dtype = draw(st.sampled_from(DTYPES))
        found = tuple(Tensor(x.shape, dtype) for x in found)
    if rarely(draw, 3):
        found = (*found, draw(mask_of(found[0], found[1])))
    return found[:2] if rarely(draw, 32) else found


@st.composite
def mask_of(draw: st.DrawFn, query: Tensor, key: Tensor) -> Tensor:
    """A mask of the scores, some axes 1 or not there; seldom of another dtype or size."""
    shape = (*query.shape[:-1], key.shape[-2] if key.rank > 1 else 1)
    shape = tuple([1 if rarely(draw, 4) else n for n in shape])[
        draw(st.integers(0, max(0, query.rank - 2))) :
    ]
    shape = draw(spoilt(shape)) if rarely(draw, 10) else shape
    return Tensor(shape, draw(st.sampled_from(["bool", "bool", query.dtype, draw(st.sampled_from(DTYPES))])))


def attention_heads(inputs: tuple[Tensor, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return heads("num_heads", inputs)


INPUTS = {"MultiheadAttention": attended, "scaled_dot_product_attention": scaled}
FITTED = {"MultiheadAttention": attention_heads}

STRICTER = (
    Stricter(
        "MultiheadAttention",
        "1 to 3 inputs are needed, not",
        "torch's further inputs are masks, which change no figure",
        drawn("MultiheadAttention", *[Tensor((4, 4))] * 3, Tensor((4,)), num_heads=2),
    ),
    Stricter(
        "scaled_dot_product_attention",
        "dropout_p must be a number from 0 to 1, not -",
        "torch looks at a negative probability in its fused kernel only",
        drawn("scaled_dot_product_attention", *[Tensor((4, 4))] * 3, dropout_p=-0.5),
    ),
    Stricter(
        "MultiheadAttention",
        "dropout must be a number from 0 to 1",
        "torch looks at the probability in training only",
        drawn("MultiheadAttention", Tensor((2, 3, 4)), num_heads=2, dropout=1.5),
    ),
)

RARE = (
    # What torch's fast path takes, and its neighbours that it does not: all give the same figures.
    drawn("MultiheadAttention", Tensor((2, 3, 4)), num_heads=2, batch_first=True),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), num_heads=2, batch_first=True, bias=False),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), num_heads=1, batch_first=True),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), num_heads=2, batch_first=True, add_zero_attn=True),
    # One matrix for all three only where all have the features of the query.
    drawn("MultiheadAttention", Tensor((2, 3, 4)), Tensor((2, 3, 4)), Tensor((2, 3, 6)), num_heads=2),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), Tensor((2, 3, 6)), Tensor((2, 3, 4)), num_heads=2),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), Tensor((5, 3, 6)), num_heads=2),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), num_heads=2, kdim=6),
    # Keys and values belong to each other.
    *(
        drawn("MultiheadAttention", Tensor((2, 3, 4)), Tensor((5, 3, 4)), Tensor(values), num_heads=2)
        for values in ((5, 3, 4), (6, 3, 4), (5, 2, 4), (5, 4))
    ),
    drawn("MultiheadAttention", Tensor((2, 4)), Tensor((5, 3, 4)), num_heads=2),
    drawn("MultiheadAttention", Tensor((2, 3, 4)), Tensor((5, 4)), num_heads=2),
    # Keys and values may have fewer heads than the queries, not of the same number.
    *(
        drawn(
            "scaled_dot_product_attention",
            Tensor((6, 5, 4)),
            Tensor((keys, 7, 4)),
            Tensor((values, 7, 4)),
            enable_gqa=True,
        )
        for keys in (1, 2, 3, 4, 6)
        for values in (1, 2, 3, 4, 6)
    ),
    # The dimension of the heads is the third last one, which has to be there.
    drawn(
        "scaled_dot_product_attention",
        Tensor((5, 4)),
        Tensor((6, 4)),
        Tensor((6, 4)),
        enable_gqa=True,
    ),
)
