"""Which elements of its inputs an output element of a layer reads: what receptive fields are made of."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.layers.coverage import with_coverage
from shapecalc.layers.reads import Reads, broadcast_to, windowed
from shapecalc.layers.rules.figures import FigureRules
from shapecalc.layers.rules.kept import kept
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Tensor


class ReadingRules(FigureRules):
    """The rule of what is read."""

    elementwise: ClassVar[bool] = False
    """Whether an output element is a function of those of the inputs at its own place."""

    def reads(self, *inputs: Any, **output: Any) -> tuple[Reads | None, ...] | None:
        """What an element of output number `port`, which is `y`, reads of each input, axis by axis.

        In the place of an input of which nothing but the shape is looked at stands None.
        By default what the window reads, or of elementwise types the element at the same place, with torch's
        broadcasting; None of others, of which nothing is known.
        """
        if self.elementwise:
            return tuple(broadcast_to(output["y"], x) for x in inputs)
        return tuple(windowed(x, self.window) for x in inputs) if self.window else None

    @kept
    def reads_of(self, inputs: tuple[Tensor, ...], port: int) -> tuple[Reads | None, ...] | None:
        """`reads` of output number `port`, with the part of each axis that all its elements together read."""
        y = self.figures(inputs).outputs[port]
        with collecting():  # what has to hold was recorded with the figures
            found = self.reads(*inputs, y=y, port=port)
        if found is None:
            return None
        pairs = zip(found, inputs, strict=True)
        return tuple(reads and with_coverage(reads, x, y) for reads, x in pairs)
