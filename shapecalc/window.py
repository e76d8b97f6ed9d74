"""The sliding window of convolution and pooling: how many fit on an axis, and which elements they read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.symbolic import Dim, maximum, number
from shapecalc.symbolic.conditions import at_least

_MOST_OFFSETS = 100_000


class Window(NamedTuple):
    """A window that slides along one axis: THE formula of convolution and pooling, in elements.

    `before` and `after` are the padding at either end, so the p of the textbook's ⌊(n − k + p + s)/s⌋
    is their sum, and its k is `extent` (Dumoulin & Visin 2016, arXiv:1603.07285).
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil_mode: bool = False

    @property
    def extent(self) -> int:
        """Elements from the first to the last that one window touches: d(k − 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def size(self, n: Dim, of: str = "input") -> Dim:
        """How many windows fit on an axis of `n` elements, of what a message calls `of`.

        Raises:
            ArchitectureError: none does.
        """
        size = self.windows_on(n)
        if not at_least(size, 1, "one window fits"):
            hint = f"a larger {of}, more padding or a smaller kernel makes room"
            raise ArchitectureError(self._too_large(n, of), hint=hint)
        return size

    def windows_on(self, n: Dim) -> Dim:
        """How many windows fit, or a number below 1 if none does."""
        return (n + self._reach) // self.stride + 1

    @property
    def _reach(self) -> int:
        """What is added to n in the number of the last window, counted from 0: ⌊(n + this)/s⌋.

        In ceil_mode it is ⌈(n − k + p)/s⌉; but torch leaves the window out where it would start beyond
        the input and the padding before it. With both, there are ⌈(n + min(before, s − k + p))/s⌉ windows if
        the padding after is shorter than the kernel, as that of poolings is.
        """
        beyond = self.after - self.extent
        if not self.ceil_mode:
            return self.before + beyond
        return self.before - 1 + max(beyond, min(0, beyond + self.stride))

    @property
    def may_drop(self) -> bool:
        """Whether torch leaves out a last window of some sizes: one that would start beyond the input."""
        return self.ceil_mode and self.after + self.stride > self.extent

    def elements_read(self, n: Dim) -> Dim:
        """How many elements all windows on an axis of `n` read together, without those of the padding.

        Offset j of the kernel reads element i·s + j·d − before in window i, which lies on the axis from
        i = ⌈(before − j·d)/s⌉ up to ⌊(n − 1 + before − j·d)/s⌋, of all windows.
        """
        check_counted(self.kernel)
        return _elements_read(self, n)

    def unread(self, n: int) -> int:
        """How many elements at the end of an axis of `n` no window reads.

        Offset j of the kernel reads elements i·s + j·d − before. Of the offsets for which no window ends
        before the axis does, the last one reads furthest; each one after it, up to a remainder by s.
        """
        windows, end = number(self.windows_on(n)), n - 1 + self.before
        if windows < 1 or end < 0:
            return n
        last_start = (windows - 1) * self.stride
        offset = min(self.kernel - 1, max(0, end - last_start) // self.dilation)
        furthest = last_start + offset * self.dilation
        if furthest > end:  # the last window begins in the padding
            offset, furthest = -1, -1
        rest = end - (offset + 1) * self.dilation
        later = min(self.kernel - offset - 1, rest // self.dilation + 1 if rest >= 0 else 0)
        if later > 0:
            missed = _least_remainder(-self.dilation, rest, self.stride, later)
            furthest = max(furthest, end - missed)
        return min(n, end - furthest)

    def _too_large(self, n: Dim, of: str) -> str:
        kernel = f"the kernel of {self.kernel}"
        if self.dilation != 1:
            kernel += f" with dilation {self.dilation} spans {self.extent} and"
        padding = self.before + self.after
        padded = f" + {padding} of padding" if padding else ""
        return f"{kernel} does not fit on an {of} of {n}{padded}"


def windows_of(*arguments: Sequence[int]) -> tuple[Window, ...]:
    """One for each axis, of kernel sizes, strides, paddings of either end and dilations."""
    return tuple(Window(k, s, p, p, d) for k, s, p, d in zip(*arguments, strict=True))


@lru_cache(maxsize=10_000)
def _elements_read(window: Window, n: Dim) -> Dim:
    """Kept, since many layers have the same windows on the same sizes."""
    windows, reach = window.windows_on(n), window._reach
    total: Dim = 0
    for offset in range(0, window.extent, window.dilation):
        first = max(0, -((offset - window.before) // window.stride))
        # Both ends are floors by the stride: the lesser numerator decides, and they differ by a number.
        last = (n + min(window.before - 1 - offset, reach)) // window.stride
        reading = last - first + 1
        # Where all windows read it, they are at least one; else padding may be all that there is.
        total = total + (reading if reading == windows else maximum(0, reading))
    return total


def check_counted(kernel: int) -> None:
    """Refuse a kernel with too many elements along an axis to look at one by one."""
    if kernel > _MOST_OFFSETS:
        raise ArchitectureError(f"a kernel of {kernel:,} elements along an axis is not looked at one by one")


def _least_remainder(slope: int, start: int, of: int, count: int) -> int:
    """The least of (start + slope·i) mod `of`, i from 0 up to `count`: by Euclid's steps, not one by one."""
    slope, start = slope % of, start % of
    if slope == 0 or count == 1:
        return start
    if 2 * slope > of:  # the same numbers, from the last one back
        return _least_remainder(of - slope, start + slope * (count - 1), of, count)
    turns = (start + slope * (count - 1)) // of  # how often the remainder begins anew, below `slope`
    if turns == 0:
        return start
    return min(start, _least_remainder(-of, start - of, slope, turns))
