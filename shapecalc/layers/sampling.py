"""Images read at places that another input says, between their elements too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import Back, each
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Choice, Flag
from shapecalc.layers.reads import ALL, Pattern, Reads
from shapecalc.layers.rules import Keeps
from shapecalc.operations import Unknown
from shapecalc.tensors import Tensor, check_equal


class grid_sample(Layer):
    """The image at the places of a grid: (N, C, H, W) and (N, H', W', 2) → (N, C, H', W').

    Each pair of the grid is a place, x before y, from −1 to 1 along the image; of volumes, (N, C, D, H, W),
    there are three numbers. Elements around it are averaged, with `nearest` one is taken.
    Source: torch.nn.functional.grid_sample; Jaderberg et al. 2015, arXiv:1506.02025.
    """

    keeps = Keeps.INPUTS
    branching = True
    namespace = "nn.functional."
    operation = "grid_sampler"
    mode = Choice("bilinear", "nearest", "bicubic")
    padding_mode = Choice("zeros", "border", "reflection")
    align_corners: Any = Flag(None)
    example = example((2, 8, 16, 16), (2, 10, 12, 2))

    def output(self, x: Tensor, grid: Tensor) -> Tensor:
        check_rank(x, 4, 5)
        check_floating(x)
        if x.dtype != grid.dtype:
            raise ArchitectureError(f"branches of one dtype are needed, not {x.dtype} and {grid.dtype}")
        if x.rank != grid.rank:
            raise ArchitectureError(f"a grid of as many axes as the image is needed, not {grid} for {x}")
        if self.mode == "bicubic" and x.rank == 5:
            message = f"mode bicubic is for inputs of 4 axes, not 5 ({x})"
            raise ArchitectureError(message, argument="mode")
        self.check_grid(x, grid)
        return Tensor((*x.shape[:2], *grid.shape[1:-1]), x.dtype)

    def check_grid(self, x: Tensor, grid: Tensor) -> None:
        """It has a place for each spatial axis, and a grid for each image."""
        message = f"the last axis of the grid {grid} has {{0}} numbers, a place in {x} has {{1}}"
        check_equal(grid.shape[-1], x.rank - 2, message, why="the grid holds places")
        message = f"the grid {grid} and the input {x} differ on axis 0: {{0}} and {{1}}"
        check_equal(grid.shape[0], x.shape[0], message, why="there is a grid for each image")

    def keywords(self) -> dict[str, Any]:
        """torch takes null for false, with a warning."""
        return {**super().keywords(), "align_corners": bool(self.align_corners)}

    def reads(self, x: Tensor, grid: Tensor, **_: Any) -> tuple[Reads, ...]:
        """The numbers of its own place in the grid, and of the image what these say."""
        by_values = Unknown("which places are read is for the values of the grid to say")
        places = (Pattern(axis + 1) for axis in range(1, grid.rank - 1))
        return (Pattern(0), Pattern(1), *[by_values] * (x.rank - 2)), (Pattern(0), *places, ALL)

    def back(self, x: Value, grid: Value) -> Back:
        """The grid's gradient is made whether it is needed or not. Source: at::grid_sampler_2d_backward."""
        image, places = x.look, grid.look

        def back(trace: Trace, _: Value) -> Sequence[Value | None]:
            (own,) = each([image], lambda y: trace.new(y.tensor))
            of_places = trace.new(places.tensor)
            return own, of_places if places.tracked else None

        return back
