"""Draws for `shapecalc/layers/transformer.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecalc.tensors import Tensor
from tests import chance as st
from tests.families.attention import batches, features, heads, sequences, small
from tests.families.base import Stricter, drawn, rarely

ENCODERS = ("TransformerEncoderLayer", "TransformerEncoder")
DECODERS = ("TransformerDecoderLayer", "TransformerDecoder", "Transformer")


@st.composite
def transformed(draw: st.DrawFn, count: int) -> tuple[Tensor, ...]:
    """Sequences of one batch and the same features, seldom one fewer or more than are taken."""
    if rarely(draw, 32):
        count += draw(st.sampled_from([-1, 1])) or 1
    size = draw(features())
    leads = draw(batches([draw(small) for _ in range(count or 2)]))
    return draw(sequences([(*lead, size) for lead in leads]))


@st.composite
def fitted(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Heads that divide the features, and small maps, which are fast."""
    return {**draw(heads("nhead", inputs)), "dim_feedforward": draw(st.sampled_from([4, 2, 8, 1, 3, 6, 0]))}


def fitted_stack(*names: str) -> Callable[[tuple[Tensor, ...]], st.SearchStrategy[dict[str, Any]]]:
    """The same, and few layers."""

    @st.composite
    def arguments(draw: st.DrawFn, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
        few = st.sampled_from([*6 * [1], 2, 2, 3, 0])
        return {**draw(fitted(inputs)), **{name: draw(few) for name in names}}

    return arguments


def _of(count: int) -> Callable[[], st.SearchStrategy[tuple[Tensor, ...]]]:
    return lambda: transformed(count)


INPUTS = {**dict.fromkeys(ENCODERS, _of(1)), **dict.fromkeys(DECODERS, _of(2))}
FITTED = {
    "TransformerEncoderLayer": fitted,
    "TransformerDecoderLayer": fitted,
    "TransformerEncoder": fitted_stack("num_layers"),
    "TransformerDecoder": fitted_stack("num_layers"),
    "Transformer": fitted_stack("num_encoder_layers", "num_decoder_layers"),
}

X = Tensor((2, 3, 4))

STRICTER = (
    Stricter(
        "Transformer.*",
        "dim_feedforward must be a whole number of at least 1, not 0",
        "maps to nothing and back compute nothing",
        drawn("TransformerEncoderLayer", Tensor((4, 4)), nhead=2, dim_feedforward=0),
    ),
    Stricter(
        "Transformer.*",
        "(one input is|2 inputs are) needed, not [23]",
        "torch's further inputs are masks, which change no figure",
        drawn("TransformerEncoderLayer", Tensor((4, 4)), Tensor((4, 4)), nhead=2),
    ),
)

RARE = (
    drawn("Transformer", Tensor((3, 2, 8)), Tensor((5, 2, 8)), num_encoder_layers=1, num_decoder_layers=1),
    # What torch's fast path takes, and its neighbours that it does not.
    drawn("TransformerEncoderLayer", X, nhead=2, batch_first=True),
    drawn("TransformerEncoderLayer", X, nhead=2, batch_first=True, bias=False),
    drawn("TransformerEncoderLayer", X, nhead=2, batch_first=True, norm_first=True, activation="gelu"),
    drawn("TransformerEncoderLayer", X, nhead=1, batch_first=True),
    drawn("TransformerEncoder", X, nhead=2, batch_first=True, num_layers=2),
    drawn("TransformerEncoder", X, nhead=2, num_layers=1, enable_nested_tensor=False, mask_check=False),
)
