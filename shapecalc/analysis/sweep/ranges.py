"""The values of an axis of a sweep, as a text gives them: `32..128:8`, `18,34,50`, `[2,2],[3,4]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from shapecalc.errors import UsageError, quoted
from shapecalc.language.parameters import given_value

MOST_VALUES = 100_000
"""Values of one axis."""
_NUMBER = r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?"
_RANGE = re.compile(rf"({_NUMBER})?\s*\.\.\s*({_NUMBER})?\s*(?::\s*({_NUMBER})?)?\s*")
_HINT = "values are FIRST..LAST or FIRST..LAST:STEP, single ones, or several of these with commas between"


def axis_values(text: str, option: str) -> tuple[object, ...]:
    """The values that a text gives, in its order; `option` is what errors call it, `--set width`.

    Raises:
        UsageError: a range is empty, endless or too long, a value is none or is given twice.
    """
    values: list[object] = []
    for part in _parts(text):
        values += _range(part, option) if ".." in part else [_value(part, text, option)]
        if len(values) > MOST_VALUES:
            raise UsageError(f"{option}: {quoted(text)} has more than {MOST_VALUES:,} values")
    refuse_twice(values, option)
    return tuple(values)


def refuse_twice(values: Sequence[object], option: str) -> None:
    """Refuse values of which two are the same."""
    known = set()
    for value in values:
        if repr(value) in known:
            raise UsageError(f"{option}: the value {value} is given twice")
        known.add(repr(value))


def _parts(text: str) -> list[str]:
    """What stands between the commas that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[({") - (character in "])}")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _value(part: str, text: str, option: str) -> object:
    if not part:
        raise UsageError(f"{option}: a value is missing in {quoted(text)}", hint=_HINT)
    return given_value(part)


def _range(part: str, option: str) -> Iterator[object]:
    """The numbers from the first to the last, both included where steps lead to it."""
    match = _RANGE.fullmatch(part)
    what = f"{option}: the range {quoted(part)}"
    if not match:
        raise UsageError(f"{what} is none of numbers", hint=_HINT)
    if match[1] is None or match[2] is None:
        side = "beginning" if match[1] is None else "end"
        raise UsageError(f"{what} has no {side}: a sweep needs both", hint=_HINT)
    first, last, step = Decimal(match[1]), Decimal(match[2]), Decimal(match[3] or 1)
    if step <= 0:
        raise UsageError(f"{what} never ends: its step must be above 0, not {step}", hint=_HINT)
    if last < first:
        raise UsageError(f"{what} is empty: {last} is below {first}", hint=f"{last}..{first} counts upwards")
    number = int((last - first) // step) + 1
    if number > MOST_VALUES:
        raise UsageError(f"{what} has {number:,} values, at most {MOST_VALUES:,} are taken")
    return (_as_read(first + step * place) for place in range(number))


def _as_read(number: Decimal) -> object:
    """The number as a file would have it."""
    whole = number.to_integral_value()
    return int(whole) if whole == number else float(number)
