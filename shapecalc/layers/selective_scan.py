"""The selective scan of state space models (Mamba): states whose steps the input chooses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shapecalc.allocation.mode import STATISTIC
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating, check_rank
from shapecalc.layers.fields import Flag
from shapecalc.layers.floating_activation import SiLU, Softplus
from shapecalc.layers.reads import ALL, Pattern, Reads, same_place
from shapecalc.layers.rules.costs import Wanted
from shapecalc.operations import Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.notation import shape_text
from shapecalc.tensors import Shape, Tensor, check_equal

_BEFORE = Unknown("a step sees itself and all steps before it")
_LETTERS = "NDL"


class selective_scan(Layer):
    """h = exp(delta·A)·h + delta·B·u step by step along L, and y = C·h + D·u, times silu(z) where there is z.

    u (N, D, L), delta (N, D, L), A (D, S), B (N, S, L), C (N, S, L) and, where they are given, D (D), z
    (N, D, L), delta_bias (D) → (N, D, L), of the dtype of u. With `delta_softplus`, delta is
    softplus(delta + delta_bias). The MACs are those of C·h, which sums products; all else is in operations.
    Source: Gu & Dao 2023, arXiv:2312.00752; mamba_ssm's selective_scan_ref.
    """

    branching = True
    undecided = "depends on the kernel that scans"
    lettered = (_LETTERS,)
    delta_softplus = Flag(False)
    example = example((2, 8, 10), (2, 8, 10), (8, 4), (2, 4, 10), (2, 4, 10))

    def output(
        self,
        u: Tensor,
        delta: Tensor,
        a: Tensor,
        b: Tensor,
        c: Tensor,
        d: Tensor | None = None,
        z: Tensor | None = None,
        delta_bias: Tensor | None = None,
    ) -> Tensor:
        check_rank(u, 3)
        check_rank(a, 2)
        (n, channels, steps), state = u.shape, a.shape[1]
        needed: dict[str, tuple[Tensor | None, Shape]] = {
            "u": (u, u.shape),
            "delta": (delta, u.shape),
            "A": (a, (channels, state)),
            "B": (b, (n, state, steps)),
            "C": (c, (n, state, steps)),
            "D": (d, (channels,)),
            "z": (z, u.shape),
            "delta_bias": (delta_bias, (channels,)),
        }
        for name, (x, shape) in needed.items():
            if x is not None:
                check_input(name, x, shape)
        return u

    def macs(self, u: Tensor, delta: Tensor, a: Tensor, *_: Tensor, y: Tensor) -> Dim:
        """The sum over the state for each element of the output."""
        return y.elements * a.shape[1]

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """Those of the state, which the first four and delta_bias make, and of C."""
        macs = self.figures(inputs).macs
        return macs * (any((*wanted.inputs[:4], *wanted.inputs[7:])) + wanted.inputs[4])

    def ops(self, u: Tensor, delta: Tensor, a: Tensor, *others: Tensor, y: Tensor) -> Operations:
        """Of each element of each state exp(delta·A), delta·B·u, and the step, a product and a sum.

        Source: the order of selective_scan_ref, where B is multiplied by delta and this by u.
        """
        _, _, *more = others
        steps = Operations(mul=4, add=1, exp=1) * (y.elements * a.shape[1])
        steps += Operations(mul=1, add=1) * (y.elements if more else 0)  # D
        steps += (SiLU.each + Operations(mul=1)) * (y.elements if len(more) > 1 else 0)
        steps += Operations(add=1) * (y.elements if len(more) > 2 else 0)
        return steps + Softplus.each * (y.elements if self.delta_softplus else 0)

    def carried(self, u: Tensor, delta: Tensor, a: Tensor, *_: Tensor) -> Tensor:
        """The state after the last step, (N, D, S), in float32 as it is scanned."""
        return Tensor((*u.shape[:2], a.shape[1]), STATISTIC)

    def reads(self, *inputs: Tensor, **_: Any) -> tuple[Reads, ...]:
        """Of all that makes the state the steps up to its own; of C, D and z its own."""
        so_far: Reads = (Pattern(0), Pattern(1), _BEFORE)
        every: tuple[Reads, ...] = (
            so_far,
            so_far,
            (Pattern(1), ALL),
            (Pattern(0), ALL, _BEFORE),
            (Pattern(0), ALL, Pattern(2)),
            (Pattern(1),),
            same_place(3),
            (Pattern(1),),
        )
        return every[: len(inputs)]


def check_input(name: str, x: Tensor, needed: Iterable[Dim]) -> None:
    """Refuse an input that is not floating-point or has another shape than what `needed` says."""
    shape = tuple(needed)
    try:
        check_floating(x)
    except ArchitectureError as error:
        raise error.about(name) from None
    found = f"the input {name} is {x}, and {shape_text(shape)} fits the others"
    if x.rank != len(shape):
        raise ArchitectureError(f"{found}: {x.rank} axes, not {len(shape)}")
    for size, wanted in zip(x.shape, shape, strict=True):
        check_equal(size, wanted, f"{found}: {{0}} and {{1}}", why="the inputs of the scan agree")
