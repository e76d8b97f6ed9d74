"""Draws for `shapecalc/layers/embedding.py`."""

from __future__ import annotations

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.base import DTYPES, SIZES, Stricter, drawn, rarely


@st.composite
def numbers(draw: st.DrawFn, ranks: tuple[int, ...]) -> Tensor:
    """A tensor of whole numbers of one of these ranks, seldom of another rank or dtype."""
    rank = draw(st.integers(1, 4) if rarely(draw, 8) else st.sampled_from(ranks))
    shape = tuple(draw(st.sampled_from(SIZES)) for _ in range(rank))
    dtype = draw(st.sampled_from(DTYPES if rarely(draw, 6) else ["int64", "int32"]))
    return Tensor(shape, dtype)


@st.composite
def looked_up(draw: st.DrawFn) -> tuple[Tensor, ...]:
    return tuple(draw(numbers((1, 2, 3))) for _ in range(1 + rarely(draw, 24)))


@st.composite
def bags(draw: st.DrawFn) -> tuple[Tensor, ...]:
    """Bags of one size, or all in a row with where each starts."""
    with_offsets = draw(st.booleans())
    if rarely(draw, 12):
        with_offsets = not with_offsets
        return (draw(numbers((2,) if with_offsets else (1,))), *[draw(numbers((1,)))] * with_offsets)
    return (draw(numbers((1,))), draw(numbers((1,)))) if with_offsets else (draw(numbers((2,))),)


INPUTS = {"Embedding": looked_up, "EmbeddingBag": bags}

X = Tensor((2, 3), "int64")

STRICTER = (
    Stricter(
        "Embedding|EmbeddingBag",
        "(num_embeddings|embedding_dim) must be a whole number of at least 1, not 0",
        "a table without rows or features says nothing",
        drawn("Embedding", X, num_embeddings=4, embedding_dim=0),
    ),
    Stricter(
        "EmbeddingBag",
        "include_last_offset: 1 offset makes no bag",
        "the end of a last bag without a bag gives a size of 0",
        drawn(
            "EmbeddingBag",
            Tensor((5,), "int64"),
            Tensor((1,), "int64"),
            num_embeddings=4,
            embedding_dim=2,
            include_last_offset=True,
        ),
    ),
)

RARE = (
    drawn("Embedding", X, num_embeddings=4, embedding_dim=2, padding_idx=3),
    drawn("Embedding", X, num_embeddings=4, embedding_dim=2, padding_idx=4),
    drawn("Embedding", X, num_embeddings=4, embedding_dim=2, padding_idx=-4),
    drawn("Embedding", X, num_embeddings=4, embedding_dim=2, padding_idx=-5),
    *(drawn("EmbeddingBag", X, num_embeddings=4, embedding_dim=2, padding_idx=row) for row in (3, 4)),
    *(
        drawn(
            "EmbeddingBag",
            Tensor((5,), "int64"),
            offsets,
            num_embeddings=4,
            embedding_dim=2,
            include_last_offset=last,
        )
        for offsets in (Tensor((2,), "int64"), Tensor((2,), "int32"), Tensor((2,)))
        for last in (True, False)
    ),
    drawn("EmbeddingBag", X, num_embeddings=4, embedding_dim=2, mode="max", sparse=True),
    drawn("EmbeddingBag", X, num_embeddings=4, embedding_dim=2, mode="max", scale_grad_by_freq=True),
)
