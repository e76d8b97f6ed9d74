"""JSON from files that may be anything: no key twice, no more values than the limits of a command allow."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from shapecalc.checkpoints.files import Opened
from shapecalc.errors import quoted
from shapecalc.pause_gc import without_collecting

_MOST_VALUES = 4_000_000
"""With the most bytes of a text, this keeps the worst one within two seconds and 500 MB."""


@without_collecting
def json_object(
    content: bytes, source: Opened, what: str, *, floats: bool = False, most: int = _MOST_VALUES
) -> dict[str, Any]:
    """The object that a text of JSON is; `what` it is in errors, as in `the header`.

    It has at most so many values, `floats` among them if there may be.

    Raises:
        UsageError: it is none, has a key twice, or is too deep or too long.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > most:
        raise source.error(f"{what} has more than {most:,} values")
    try:
        found = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=without_doubles,
            parse_float=float if floats else _no_float,
            parse_constant=float if floats else _no_float,
        )
    except UnicodeDecodeError as error:
        byte = content[error.start]
        raise source.error(f"{what} is no UTF-8 text: byte {error.start} is {byte:#04x}") from None
    except RecursionError:
        raise source.error(f"{what} is nested too deep") from None
    except json.JSONDecodeError as error:
        raise source.error(f"{what} is no JSON: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        raise source.error(f"{what} is wrong: {error}") from None
    if not isinstance(found, dict):
        raise source.error(f"{what} is no JSON object")
    return found


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values.

    Raises:
        ValueError: a key stands there twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"it has the key {quoted(twice)} twice")
    return found


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no whole number")
