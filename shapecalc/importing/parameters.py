"""The parameters of a block: numbers that differ between its uses, and those that follow from others.

Those that always change together are one parameter, and one that is always a small multiple of another, for
at least three values, is written so: `4*out`. Sizes that follow from the network's input are known at several
of its sizes: what one lacks to whole parts, and how many they are, is written so, where that holds at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shapecalc.importing.program import Text
from shapecalc.layers import LAYERS

FACTORS = (2, 3, 4, 8)
_FEWEST = 3
"""Distinct values for which a relation can't be chance."""
_PARTS = range(2, 65)
"""Sizes of the parts into which a size may fall."""

Values: TypeAlias = tuple[Any, ...]
"""What something is in each use of the block."""


@dataclass(slots=True)
class _Use:
    """Where a parameter is written: as many times itself, or a part of it."""

    parameter: int
    times: int = 1
    part: int = 1

    def text(self, name: str) -> str:
        if self.part > 1:
            return f"{name}//{self.part}"
        return name if self.times == 1 else f"{self.times}*{name}"


class Parameters:
    """Those of one block."""

    def __init__(self) -> None:
        self.values: list[Values] = []
        self.options: list[list[str]] = []
        """Names that would do, of each parameter."""
        self.uses: list[_Use] = []
        self.follows: dict[int, str] = {}
        """Of parameters that follow from others, how: with their numbers in braces."""

    def text(self, values: Values, options: Sequence[str]) -> Any:
        """What is written for something of these values; until `filled`, uses stand in braces.

        `options` are names for a parameter that has them, the best first.
        """
        keys = [*map(key, values)]
        if len(set(keys)) == 1:
            return values[0]
        if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
            return [self.text(items, options) for items in zip(*values, strict=True)]
        self.uses.append(self.same(values, keys) or self.multiple(values) or self.new(values, options))
        return Text(f"{{{len(self.uses) - 1}}}")

    def same(self, values: Values, keys: list[str]) -> _Use | None:
        for use in self.uses:  # a part of a parameter may be asked for again, too
            if use.times == use.part == 1 and [*map(key, self.values[use.parameter])] == keys:
                return _Use(use.parameter)
        return None

    def multiple(self, values: Values) -> _Use | None:
        """A multiple of a parameter; the smallest of several is the parameter."""
        if len(set(values)) < _FEWEST if all(type(v) is int for v in values) else True:
            return None
        for number, base in enumerate(self.values):
            if not all(type(v) is int for v in base):
                continue
            for factor in FACTORS:
                if all(v == factor * b for v, b in zip(values, base, strict=True)):
                    return _Use(number, times=factor)
                if all(b == factor * v for v, b in zip(values, base, strict=True)):
                    return self.smaller(number, values, factor)
        return None

    def smaller(self, number: int, values: Values, factor: int) -> _Use:
        """Let a parameter have smaller values, where what uses it stays a small multiple."""
        uses = [use for use in self.uses if use.parameter == number]
        if any(use.part > 1 or use.times * factor not in FACTORS for use in uses):
            return _Use(number, part=factor)
        for use in uses:
            use.times *= factor
        self.values[number] = values
        return _Use(number)

    def new(self, values: Values, options: Sequence[str]) -> _Use:
        self.values.append(values)
        self.options.append([*options])
        return _Use(len(self.values) - 1)

    def relate(self) -> None:
        """Find which sizes follow from others."""
        known = {n: found for n, values in enumerate(self.values) if (found := _at_all_sizes(values))}
        for number, sizes in known.items():
            rest = {n: of for n, of in known.items() if n != number and n not in self.follows}
            if form := next(_made_of(sizes, rest), None):
                self.follows[number] = form
        for number, sizes in known.items():
            rest = {n: of for n, of in known.items() if n != number}
            if number not in self.follows and (form := next(self.products(number, sizes, rest), None)):
                self.follows[number] = form

    def products(self, number: int, sizes: Sequence[int], rest: dict[int, list[int]]) -> Iterator[str]:
        """The products of two sizes that this one is; neither of the two follows from it."""
        for one, first in rest.items():
            for other, second in rest.items():
                circular = any(f"{{{number}}}" in self.follows.get(n, "") for n in (one, other))
                if one >= other or circular or min(len({*first}), len({*second})) < _FEWEST:
                    continue
                if [a * b for a, b in zip(first, second, strict=True)] == [*sizes]:
                    yield f"{self.bracketed(one)}*{self.bracketed(other)}"

    def bracketed(self, number: int) -> str:
        """A parameter's place in a form, as a factor."""
        return f"({{{number}}})" if number in self.follows else f"{{{number}}}"

    def names(self, better: Callable[[Values], Sequence[str]]) -> dict[int, str]:
        """The names of the parameters that are left; `better` are names that values themselves suggest."""
        found: dict[int, str] = {}
        for number, values in enumerate(self.values):
            if number in self.follows:
                continue
            options = self.options[number]
            if options[0] in _VAGUE:
                options = [*_letters(values), *better(values), *options]
            options += [f"{options[-1]}{n}" for n in range(2, 1000)]
            taken = found.values()
            found[number] = next(o for o in options if o not in taken and o not in LAYERS)
        return found

    def filled(self, text: Any, names: dict[int, str]) -> Any:
        """What is written, with the parameters' names."""
        if isinstance(text, list):
            return [self.filled(item, names) for item in text]
        if not isinstance(text, Text) or not (use := _USE.fullmatch(text)):
            return text
        place = self.uses[int(use[1])]
        return Text(place.text(self.expression(place.parameter, names)))

    def expression(self, number: int, names: dict[int, str]) -> str:
        """A parameter's name or, of one that follows from others, its form with theirs."""
        form = self.follows.get(number)
        if form is None:
            return names[number]
        return _USE.sub(lambda match: self.expression(int(match[1]), names), form)


_USE = re.compile(r"\{(\d+)\}")

_VAGUE = {"size", "sizes", "sections", "length", "start", "end", "index", "rows", "other", "shifts"}
"""Names of arguments that say nothing of what is counted."""

_AXES = {"H": "height", "W": "width", "L": "length", "D": "depth", "T": "length"}
"""What a letter of the input stands for."""


def key(value: Any) -> str:
    """What two values have in common that are the same."""
    return repr(value)


def _letters(values: Values) -> list[str]:
    """The name of sizes that follow from one axis of the input alone."""
    letters = {letter for value in values if isinstance(value, Text) for letter in _LETTER.findall(value)}
    return [_AXES[letter] for letter in letters if letter in _AXES] if len(letters) == 1 else []


_LETTER = re.compile(r"[^\W\d]\w*")


def _at_all_sizes(values: Values) -> list[int] | None:
    """Sizes, one of which follows from the input, at all sizes of it that are known."""
    runs = max((len(value.values) for value in values if isinstance(value, Text)), default=0)
    rows = [value.values if isinstance(value, Text) else (value,) * runs for value in values]
    found = [v for row in rows for v in row]
    whole = runs and all(len(row) == runs for row in rows) and all(type(v) is int for v in found)
    return found if whole else None


def _made_of(sizes: Sequence[int], others: dict[int, list[int]]) -> Iterator[str]:
    """What a size lacks to whole parts of another, and their number."""
    for number, other in others.items():
        if len({*other}) < _FEWEST:
            continue
        for k in _PARTS:
            if all(-b % k == v for v, b in zip(sizes, other, strict=True)):
                yield f"-{{{number}}} % {k}"
            if all(-(-b // k) == v for v, b in zip(sizes, other, strict=True)):
                yield f"({{{number}}} + {k - 1})//{k}"
