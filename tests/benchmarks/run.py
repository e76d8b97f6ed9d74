"""How fast shapecalc is, as ratios of two things measured in turn in one run."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pkgutil import iter_modules
from textwrap import fill

from tests.benchmarks import rooms
from tests.benchmarks.measuring import Measurement, Room, Row

_HEAD = Row("what", "shapecalc", "the other", "ratio", "aim")
_MINUTES = 10.0

_ABOUT = """\
Each row is printed as soon as it is measured, after its name; a table of all comes at the end.
Absolute times are those of the machine at hand, which should do nothing else; the ratios are what counts.
A row has a time of its own, in which it takes as many turns as it can; one that can't be measured says why.
"""


def _parsed(words: Sequence[str], measurements: Sequence[Measurement]) -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.run",
        description=f"{__doc__}\n\n{_ABOUT}",
        epilog=_names(measurements),
        formatter_class=RawDescriptionHelpFormatter,
    )
    only = "only the rows of that room, of that name, or whose names begin so; may be given again"
    parser.add_argument("--only", action="append", metavar="ROOM|ROW", help=only, default=[])
    minutes = "rows that have not begun by then are not measured (default: %(default)s)"
    parser.add_argument("--minutes", type=float, default=_MINUTES, help=minutes)
    parser.add_argument("--markdown", action="store_true", help="the table at the end in Markdown")
    options = parser.parse_args(words)
    for name in options.only:
        if not any(_is_in(one, name) for one in measurements):
            parser.error(f"there is no room and no row {name!r}; --help lists them")
    return options


def _is_in(one: Measurement, name: str) -> bool:
    return name in (one.room, f"{one.room}/{one.name}") or one.name.startswith(name)


def _names(measurements: Sequence[Measurement]) -> str:
    found: dict[str, list[str]] = {}
    for one in measurements:
        found.setdefault(one.room, []).append(one.name)
    paragraphs = (
        fill(f"  {room}: {', '.join(names)}", 100, subsequent_indent="    ") for room, names in found.items()
    )
    return "\n".join(["rooms and rows:", *paragraphs])


def all_measurements() -> list[Measurement]:
    """The rows of every file of `rooms`."""
    found = [import_module(f"{rooms.__name__}.{module.name}").room for module in iter_modules(rooms.__path__)]
    assert all(isinstance(room, Room) for room in found)
    return [one for room in found for one in room.rows]


def measured(measurements: Sequence[Measurement], minutes: float) -> Iterator[Row]:
    end = time.monotonic() + 60 * minutes
    for one in measurements:
        start = time.monotonic()
        over = f"the {minutes:g} minutes of the run are over; try --minutes or --only {one.name}"
        row = one.row(end - start) if start < end else one.missing(over)
        seconds = time.monotonic() - start
        print(
            f"{one.room}/{one.name}",
            " | ".join(filter(None, row)),
            f"({seconds:.1f} s)",
            sep="  ",
            flush=True,
        )
        yield row


def _table(rows: Sequence[Row], markdown: bool) -> str:
    if markdown:
        rule = Row(*["---"] * len(_HEAD))
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEAD, rule, *rows))
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in (_HEAD, *rows))


def main(words: Sequence[str]) -> None:
    measurements = all_measurements()
    options = _parsed(words, measurements)
    wanted = [
        one for one in measurements if not options.only or any(_is_in(one, name) for name in options.only)
    ]
    rows = list(measured(wanted, options.minutes))
    print(f"\n{_table(rows, options.markdown)}")


if __name__ == "__main__":
    main(sys.argv[1:])
