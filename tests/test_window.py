"""The sliding window against a count of explicit positions, the textbooks' formula and torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shapecalc import ArchitectureError
from shapecalc.layers import LAYERS
from shapecalc.symbolic import at, number, symbol
from shapecalc.window import Window

lengths = st.integers(1, 40)


@st.composite
def windows(draw: st.DrawFn, ceil_mode: bool = False) -> Window:
    """Any window; with ceil_mode, padded by at most half of its kernel, as torch demands of pooling."""
    kernel = draw(st.integers(1, 9))
    padding = st.integers(0, kernel // 2 if ceil_mode else 12)
    dilation = draw(st.integers(1, 4))
    return Window(kernel, draw(st.integers(1, 7)), draw(padding), draw(padding), dilation, ceil_mode)


def places(window: Window, n: int) -> int:
    """The positions of the window, tried one by one on an axis that is 0 … n − 1 without its padding.

    A window may stand where all that it touches is on the padded axis. With ceil_mode it may also hang
    over the end by less than a stride, if it starts on the input or on the padding before it.
    """
    end = n + window.after
    count = 0
    for start in range(-window.before, end, window.stride):
        last = max(start + window.dilation * i for i in range(window.kernel))
        hangs_over = last - (end - 1)
        if hangs_over <= 0 or (window.ceil_mode and hangs_over < window.stride and start < n):
            count += 1
    return count


def size_or_none(window: Window, n: int) -> int | None:
    """The size that the window gives, None where it refuses."""
    try:
        return number(window.size(n))
    except ArchitectureError:
        return None


@given(windows(), lengths)
@example(Window(11, 4), 224)
@example(Window(3, 1, before=0, after=1), 2)
def test_size_is_the_number_of_places(window: Window, n: int) -> None:
    assert size_or_none(window, n) == (places(window, n) or None)


@given(windows(ceil_mode=True), lengths)
@example(Window(3, 2, ceil_mode=True), 54)
@example(Window(3, 2, ceil_mode=True), 2)  # one window, though it hangs over the end
@example(Window(1, 2, ceil_mode=True), 4)  # a last window would start at the end: dropped
@example(Window(2, 3, 1, 1, ceil_mode=True), 5)  # … and one that would start in the padding after it
def test_size_is_the_number_of_places_in_ceil_mode(window: Window, n: int) -> None:
    assert size_or_none(window, n) == (places(window, n) or None)


def ends(window: Window, n: int) -> int:
    """Rounded up, but for a last window that starts neither on the input nor on the padding before it."""
    slack = n + window.before + window.after - window.extent
    rounded_up = -(-slack // window.stride) + 1
    return rounded_up - ((rounded_up - 1) * window.stride >= n + window.before)


@given(windows(), st.booleans(), lengths)
def test_a_formula_for_every_length(window: Window, ceil_mode: bool, n: int) -> None:
    """The number of windows of a letter is that of each number; rounded up, as torch has it word for word."""
    window = window._replace(ceil_mode=ceil_mode)
    found = number(at(window.windows_on(symbol("n")), {"n": n}))
    assert found == window.windows_on(n)
    assert not ceil_mode or found == ends(window, n)


POOLINGS = [
    (kernel, stride, padding, dilation)
    for kernel in range(1, 6)
    for stride in range(1, 6)
    for padding in range(kernel // 2 + 1)
    for dilation in (1, 2, 3)
]


def test_ceil_mode_on_a_letter_is_torchs_for_all_small_poolings() -> None:
    """Every kernel, stride, padding and dilation up to 5, 5, half and 3, on every length below 30."""
    for kernel, stride, padding, dilation in POOLINGS:
        formula = Window(kernel, stride, padding, padding, dilation, True).windows_on(symbol("n"))
        extent = dilation * (kernel - 1) + 1
        for n in range(max(1, extent - 2 * padding), 30):
            x = torch.empty(1, 1, n, device="meta")
            y = F.max_pool1d(x, kernel, stride, padding, dilation, ceil_mode=True)
            assert at(formula, {"n": n}) == y.shape[-1], (kernel, stride, padding, dilation, n)


@given(windows(ceil_mode=True), lengths)
def test_taps_in_ceil_mode(window: Window, n: int) -> None:
    """Each element that each window touches, one by one; of a letter as of a number."""
    starts = [i * window.stride - window.before for i in range(max(0, number(window.windows_on(n))))]
    assume(starts)
    touched = [start + window.dilation * i for start in starts for i in range(window.kernel)]
    assert window.elements_read(n) == sum(0 <= place < n for place in touched)
    assert at(window.elements_read(symbol("n")), {"n": n}) == window.elements_read(n)


@given(windows(), lengths)
def test_the_two_forms_of_the_formula_agree(window: Window, n: int) -> None:
    """⌊(n − k + p + s)/s⌋ with p both sides together, and ⌊(n + 2·padding − d(k−1) − 1)/s⌋ + 1."""
    padding, d, s = window.before, window.dilation, window.stride
    k, p = window.dilation * (window.kernel - 1) + 1, 2 * padding
    textbook = (n - k + p + s) // s
    manual = (n + 2 * padding - d * (window.kernel - 1) - 1) // s + 1
    assert textbook == manual
    symmetric = window._replace(after=window.before)
    assert size_or_none(symmetric, n) == (textbook if textbook > 0 else None)


@given(windows(), lengths, st.integers(0, 5))
def test_padding_is_a_longer_axis(window: Window, n: int, more: int) -> None:
    padded = window._replace(before=window.before + more)
    assert size_or_none(padded, n) == size_or_none(window, n + more)


@given(windows(), lengths)
def test_only_the_sum_of_both_paddings_counts(window: Window, n: int) -> None:
    swapped = window._replace(before=window.after, after=window.before)
    assert size_or_none(window, n) == size_or_none(swapped, n)


@pytest.mark.parametrize(
    ("window", "n", "message"),
    [
        (Window(5), 4, "the kernel of 5 does not fit on an input of 4"),
        (Window(7, before=1, after=1), 4, "the kernel of 7 does not fit on an input of 4 + 2 of padding"),
        (
            Window(3, dilation=4),
            8,
            "the kernel of 3 with dilation 4 spans 9 and does not fit on an input of 8",
        ),
        (Window(5, 2, ceil_mode=True), 3, "the kernel of 5 does not fit on an input of 3"),
    ],
)
def test_refuses_what_does_not_fit(window: Window, n: int, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        window.size(n)
    assert caught.value.message == message
    bigger = n + window.kernel * window.dilation
    assert number(window.size(bigger)) >= 1


# Against torch, on `meta`: shapes without numbers.

Size = tuple[int, int]


def sizes_of(*windows: Window, on: Size) -> Size | None:
    """Both axes' sizes, None where one refuses."""
    height, width = (size_or_none(window, n) for window, n in zip(windows, on, strict=True))
    return None if height is None or width is None else (height, width)


def torch_sizes(run: Callable[[Any], Any], size: Size) -> Size | None:
    """The sizes that torch gives, None where it refuses."""
    try:
        *_, height, width = run(torch.empty(1, 1, *size, device="meta")).shape
    except RuntimeError:
        return None
    return height, width


pairs = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(windows(), windows(), pairs)
def test_convolution_as_torch(h: Window, w: Window, size: Size) -> None:
    h, w = h._replace(after=h.before), w._replace(after=w.before)
    weight = torch.empty(1, 1, h.kernel, w.kernel, device="meta")
    stride, padding, dilation = (h.stride, w.stride), (h.before, w.before), (h.dilation, w.dilation)
    expected = torch_sizes(lambda x: F.conv2d(x, weight, None, stride, padding, dilation), size)
    assert sizes_of(h, w, on=size) == expected


@given(windows(), windows(), pairs)
def test_unequal_padding_as_torch(h: Window, w: Window, size: Size) -> None:
    weight = torch.empty(1, 1, h.kernel, w.kernel, device="meta")
    ends = (w.before, w.after, h.before, h.after)
    stride, dilation = (h.stride, w.stride), (h.dilation, w.dilation)
    expected = torch_sizes(lambda x: F.conv2d(F.pad(x, ends), weight, None, stride, 0, dilation), size)
    assert sizes_of(h, w, on=size) == expected


@given(windows(ceil_mode=True), windows(ceil_mode=True), pairs, st.booleans())
def test_max_pooling_as_torch(h: Window, w: Window, size: Size, ceil_mode: bool) -> None:
    h, w = (window._replace(after=window.before, ceil_mode=ceil_mode) for window in (h, w))
    kernel, stride = (h.kernel, w.kernel), (h.stride, w.stride)
    padding, dilation = (h.before, w.before), (h.dilation, w.dilation)
    expected = torch_sizes(lambda x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode), size)
    assert sizes_of(h, w, on=size) == expected


@given(windows(ceil_mode=True), windows(ceil_mode=True), pairs, st.booleans())
def test_average_pooling_as_torch(h: Window, w: Window, size: Size, ceil_mode: bool) -> None:
    h, w = (window._replace(after=window.before, dilation=1, ceil_mode=ceil_mode) for window in (h, w))
    kernel, stride, padding = (h.kernel, w.kernel), (h.stride, w.stride), (h.before, w.before)
    expected = torch_sizes(lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil_mode), size)
    assert sizes_of(h, w, on=size) == expected


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 9))
def test_same_pads_as_torch(kernel: int, dilation: int, n: int) -> None:
    """Which end gets the odd element shows in the values alone."""
    (window,) = LAYERS["Conv1d"](out_channels=1, kernel_size=kernel, dilation=dilation, padding="same").window
    x, weight = (torch.arange(1.0, 1 + size).reshape(1, 1, size) for size in (n, kernel))
    padded = F.pad(x, (window.before, window.after))
    expected = F.conv1d(x, weight, padding="same", dilation=dilation)
    assert torch.equal(F.conv1d(padded, weight, dilation=dilation), expected)


def test_meta_and_real_kernels_agree() -> None:
    """The tests above ask torch's shape rules alone; here it computes, over a small grid of sizes."""
    for n in range(1, 9):
        for kernel, stride, padding in [(2, 2, 0), (3, 2, 1), (3, 2, 0), (2, 3, 1), (1, 2, 0), (4, 3, 2)]:
            window = Window(kernel, stride, padding, padding, ceil_mode=True)
            real = torch_real_size(n, kernel, stride, padding)
            assert size_or_none(window, n) == real


def torch_real_size(n: int, kernel: int, stride: int, padding: int) -> int | None:
    try:
        return int(F.max_pool1d(torch.zeros(1, 1, n), kernel, stride, padding, ceil_mode=True).shape[-1])
    except RuntimeError:
        return None
