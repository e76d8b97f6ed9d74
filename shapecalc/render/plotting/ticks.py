"""Where an axis has its ticks, and what they say: steps of 1, 2 and 5, k and M; of bytes powers of 2, KiB."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor, log2, log10
from typing import NamedTuple

from shapecalc.render.cells import PREFIXES

_MOST = 7
"""Ticks with text on an axis."""
_FEW_DECADES = 150
"""How many times the least value the largest is where 2 and 5 are told, too."""
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


class Tick(NamedTuple):
    """A place on an axis, and what stands there; of places between, nothing."""

    value: Fraction
    text: str = ""


def linear_ticks(low: Fraction, high: Fraction, *, binary: bool = False, whole: bool = False) -> list[Tick]:
    """Ticks with equal distances, among the values from the least to the largest."""
    step = Fraction(2) ** ceil(log2((high - low) / _MOST)) if binary else _step(high - low)
    if whole:
        step = max(step, Fraction(1))
    found = [step * n for n in range(ceil(low / step), floor(high / step) + 1)]
    return [Tick(value, said(value, binary)) for value in found]


def log_ticks(low: Fraction, high: Fraction, *, binary: bool = False) -> list[Tick]:
    """Ticks at powers, with text at as many as fit; of too few powers, as on a linear axis."""
    found = _powers_of_two(low, high) if binary else _decades(low, high)
    return found if sum(bool(tick.text) for tick in found) > 1 else linear_ticks(low, high, binary=binary)


def _decades(low: Fraction, high: Fraction) -> list[Tick]:
    first, last = _exponent(low), _exponent(high) + 1
    every = ceil((last - first) / _MOST)
    said_at = (1, 2, 5) if high / low <= _FEW_DECADES else (1,)
    found = []
    for exponent in range(first, last + 1):
        for digit in range(1, 10 if every == 1 else 2):
            value = digit * Fraction(10) ** exponent
            text = said(value) if digit in said_at and exponent % every == 0 else ""
            found.append(Tick(value, text))
    return [tick for tick in found if low <= tick.value <= high]


def _powers_of_two(low: Fraction, high: Fraction) -> list[Tick]:
    first, last = floor(log2(low)), ceil(log2(high))
    every = ceil((last - first) / _MOST)
    every = next((nice for nice in (1, 2, 5, 10) if nice >= every), 10 * ceil(every / 10))
    values = [Fraction(2) ** power for power in range(first - first % every, last + 1, every)]
    return [Tick(value, said(value, binary=True)) for value in values if low <= value <= high]


def _step(span: Fraction) -> Fraction:
    """The least of 1, 2, 5, 10, … with which no more ticks come than fit."""
    return next(step for step in _nice(span / _MOST) if step * _MOST >= span)


def _nice(least: Fraction) -> Iterator[Fraction]:
    power = Fraction(10) ** (_exponent(least) - 1)
    while True:
        yield from (digit * power for digit in (1, 2, 5))
        power *= 10


def said(value: Fraction, binary: bool = False) -> str:
    """A value of an axis, in the largest unit in which it has at most three decimals: 1.5 G, 16 MiB, 0.25."""
    if binary:
        power = min(max(floor(value).bit_length() - 1, 0) // 10, len(_BINARY) - 1)
        while power and 1000 * value % 1024**power:
            power -= 1
        return f"{decimal(value / 1024**power)} {_BINARY[power]}"
    power = 3 * (_exponent(abs(value)) // 3) if value else 0
    if power not in PREFIXES:
        return f"{float(value):g}"
    while power > 0 and 1000 * value % 10**power:
        power -= 3
    power = 0 if power == -3 else power
    return f"{decimal(value / Fraction(10) ** power)} {PREFIXES[power]}".strip()


def _exponent(value: Fraction) -> int:
    """The largest power of 10 that is not above a number, whatever a logarithm is rounded to."""
    near = round(log10(value))
    return near if Fraction(10) ** near <= value else near - 1


def decimal(value: Fraction) -> str:
    """A number with the decimals that it has, at most six of them."""
    return f"{float(value):,.6f}".rstrip("0").rstrip(".")
