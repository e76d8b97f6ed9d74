"""How a layer is run for the last token alone, where what it needs of earlier ones has been kept."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from shapecalc.layers.rules.arguments import ArgumentRules
from shapecalc.tensors import Tensor

if TYPE_CHECKING:
    from shapecalc.layers.base import Layer


class Opened(NamedTuple):
    """One of the layers that a layer comes to, in their order."""

    label: str
    layer: Layer
    sources: tuple[tuple[int, int], ...]
    """The layer before it and its output; of −1 the inputs of the whole."""
    weights: Mapping[str, str] = MappingProxyType({})
    """By the names of its own weights, those of the whole; they may be a part of these."""


class ServingRules(ArgumentRules):
    """By default a layer is the same for one token as for all, and keeps nothing."""

    is_causal: Any = False
    """Whether, by itself, it keeps a token from seeing later ones."""

    def last(self) -> Self:
        """The layer as it is run for the last token alone, which may see all; by default itself."""
        return self

    def fused(self) -> Self:
        """The layer as a fused kernel runs it, which stores no scores; by default itself."""
        return self

    def carried(self, *inputs: Any) -> Tensor | None:
        """The state that it keeps of all earlier steps, whose size does not grow; by default None."""
        return None

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        """The element at these places, of the elements of the inputs that it is made of.

        A number, a size, true or false; None where it is not known, as by default.
        """
        return None

    def opened(self, *inputs: Any) -> tuple[Opened, ...]:
        """The layers that it is made of, among which keys and values are followed; by default none."""
        return ()
