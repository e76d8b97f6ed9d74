"""Tables and notes in lines that a screen has room for."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapecalc.errors import cells
from shapecalc.render.grid import Column, Grid, Line, _fit, _laid_out, _written
from shapecalc.render.wrapping import hung, least, wrapped
from tests.command import Command
from tests.dice import one_way

_SIZES = st.sampled_from(["N", "64", "1,024", "⌈H/16⌉", "(H + 2)", "⌊(W − 3)/2⌋", "max(a, b)"])
_SHAPES = st.lists(_SIZES, min_size=1, max_size=6).map("×".join)
_PRODUCTS = st.lists(_SIZES, min_size=1, max_size=5).map("⋅".join)
_SUMS = st.lists(_PRODUCTS, min_size=1, max_size=5).map(" + ".join) | _PRODUCTS.map(lambda p: f"({p} − 1) B")
_WORDS = st.lists(st.sampled_from(["one", "window", "fits,", "so", "H", "≥", "16,"]), max_size=8).map(
    " ".join
)
_TEXTS = st.one_of(_SHAPES, _PRODUCTS, _SUMS, _WORDS)
_LONGEST = 13  # of the parts above that nothing breaks, with a sign or a bracket beside them


@given(_TEXTS, st.integers(1, 60))
def test_lines_make_the_text(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join(lines) == text
    assert all(cells(line.rstrip()) <= max(width, least(text)) for line in lines)
    assert not any(re.search(r"[\d,]$", a) and re.match(r"[\d,]", b) for a, b in pairwise(lines))


@given(_TEXTS, st.integers(20, 60))
def test_a_note_hangs_below_its_title(text: str, width: int) -> None:
    first, *others = hung(f"Compute     {text}".rstrip(), width)
    assert first.startswith("Compute")
    assert all(line.startswith(" " * min(12, width // 2)) for line in others)


@st.composite
def _trees(draw: st.DrawFn) -> list[str]:
    """The first column of a table: labels behind the guides of a tree."""

    def below(prefix: str, depth: int) -> list[str]:
        found = []
        labels = draw(st.lists(st.sampled_from(["add[0]", "1 = input", "skip: double"]), max_size=3))
        for number, label in enumerate(labels):
            last = number == len(labels) - 1
            found.append(f"{prefix}{'└─ ' if last else '├─ '}{label}")
            if depth:
                found += below(prefix + ("   " if last else "│  "), depth - 1)
        return found

    return ["top", *below("", 2), "end"]


@given(_trees(), st.data())
def test_no_line_is_wider_than_the_screen(tree: list[str], data: st.DataObject) -> None:
    """Where every cell has a place to break; and what is printed in a column is what its cells say."""
    width = data.draw(st.integers(18 + 2 * (2 + _LONGEST), 120))
    rows = [(label, data.draw(_TEXTS), data.draw(_TEXTS)) for label in tree]
    grid = Grid("", (Column("a", "Layer"), Column("b", "Shape"), Column("c", "Why")), [*map(Line, rows)])
    columns = _fit(_written(grid), width)
    lines = [[text for text, _ in line] for line in _laid_out(grid, columns)]
    assert max(cells("".join(line).rstrip()) for line in lines) <= width
    for place in (1, 2):
        printed = "".join(line[place] for line in lines)
        said = "".join([grid.columns[place].title, *(row[place] for row in rows)])
        assert printed.replace(" ", "") == said.replace(" ", "")


def test_guides_go_on_beside_what_is_wrapped(run: Command) -> None:
    done = run("show", "resnet18", "--input", "Nx1xHxW", columns=80)
    lines = done.out.splitlines()
    (number,) = [n for n, line in enumerate(lines) if line.startswith("b4")]
    assert lines[number + 1].startswith("│ ")
    assert lines[number + 1].endswith(" ⌈W/16⌉")
    assert max(map(cells, lines)) <= 80


@pytest.mark.parametrize(
    "command",
    [
        "domain unet",
        "receptive resnet18",
        "explain unet --input Nx3xHxW",
        "flops unet --input Nx3xHxW --convention all",
        "memory imagenet/resnet50 --train --input NxCxHxW",
        "show unet --input Nx3xHxW",
    ],
)
def test_commands_keep_within_the_screen(command: str, run: Command) -> None:
    """As far as every line has a place to break: trees and numbers together need some 60 columns."""
    for width in one_way(command, [40, 80, 120, 200]):
        lines = run(*command.split(), columns=width).out.splitlines()
        assert max(map(cells, lines)) <= max(width, 66)


def test_a_pipe_has_a_row_in_a_line(run: Command) -> None:
    wide = run("show", "resnet18", "--input", "Nx1xHxW", columns=1000).out
    piped = run("show", "resnet18", "--input", "Nx1xHxW", columns=0).out
    rows = [len(text.split("\n\n")[1].splitlines()) for text in (wide, piped)]
    assert rows[0] == rows[1]


def test_other_forms_are_not_wrapped(run: Command) -> None:
    for form in ("csv", "markdown", "json"):
        command = ("show", "resnet18", "--input", "Nx1xHxW", "--format", form)
        assert run(*command, columns=40).out == run(*command, columns=400).out


def test_explain_says_conditions_as_domain_does(run: Command) -> None:
    explained = run("explain", "unet").out
    assert "needs  H divisible by 2, W divisible by 2" in explained
    assert "needs  H mod 16 ≤ 7, W mod 16 ≤ 7" in explained
    needed = set(re.findall(r"needs  (.*)", explained))
    conditions = re.findall(r"^(H .*?)  +up.*concat", run("domain", "unet").out, re.MULTILINE)
    assert len(conditions) == 4
    assert needed.issuperset(conditions)  # of all that layers need, those that decide
