"""Files that are broken, huge or made to do harm: each is refused, or read, quickly and in little memory.

Every file is loaded and analysed in a process of its own, which measures itself. Processor time is
limited, not the clock's, since machines that run tests are busy.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import shapecalc
from shapecalc import ShapecalcError, zoo
from shapecalc.language.document import LARGEST_FILE
from shapecalc.symbolic import greatest
from tests.dice import count
from tests.forked import forked
from tests.stopwatch import SLOWEST, usual

SECONDS = 2.0
MEGABYTES = 500
LENIENT = 3
"""Processors differ by that much, and by the hour on shared ones; a bomb that goes off takes minutes."""

CHILD = """
import resource, sys

sys.setrecursionlimit(1000)
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))

import shapecalc

WORK
try:
    analysis = shapecalc.analyse(shapecalc.load(sys.argv[1]))
except shapecalc.ShapecalcError as error:
    print(error)
    sys.exit(error.exit_code)
print(f"{len(analysis.rows)} rows, {analysis.totals.params} parameters")
"""


@dataclass(frozen=True)
class Outcome:
    """The exit code that the command line would have, and what it would say."""

    code: int
    text: str
    seconds: float
    megabytes: float


def outcome_of(name: str | Path, work: str = "") -> Outcome:
    """Load and analyse in a process of its own; fails if it ends in anything but a ShapecalcError.

    `work` is Python that is run and measured with it.
    """
    run = forked(CHILD.replace("WORK", work), "child", str(name))
    assert not run.err, run.err[-400:]
    assert run.code >= 0, f"killed by signal {-run.code}"
    return Outcome(run.code, run.out.removesuffix("\n"), run.seconds, run.megabytes)


def check_cost(outcome: Outcome) -> None:
    assert usual(outcome.seconds, SECONDS * LENIENT) <= SECONDS * LENIENT
    assert outcome.megabytes <= MEGABYTES


@pytest.fixture
def feed(tmp_path: Path) -> Callable[[str | bytes], Outcome]:
    """Write a file, analyse it, hold its cost against the limits and give what came of it."""

    def analyse(content: str | bytes) -> Outcome:
        file = tmp_path / "net.yaml"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        outcome = outcome_of(file)
        check_cost(outcome)
        return outcome

    return analyse


Feed = Callable[[str | bytes], Outcome]


def chain(letter: str, length: int, last: str) -> str:
    """Blocks that each use the one before: a0 uses `last`, a1 uses a0, …"""
    later = (f"  {letter}{i}: [{letter}{i - 1}]\n" for i in range(1, length))
    return f"  {letter}0: [{last}]\n" + "".join(later)


def doubling(first: str, again: str, count: int) -> str:
    """Lines that each write the one before twice: 2^count in all."""
    return first + "".join(again.format(i, i - 1, i - 1) for i in range(1, count))


# The limits themselves: a test that they can be exceeded, and that a sound file stays far below them.


def test_the_measurement_sees_time_and_memory() -> None:
    outcome = outcome_of("lenet", work="held = bytearray(300_000_000); sum(range(5_000_000))")
    assert outcome.code == 0
    assert outcome.megabytes > 300
    assert outcome.seconds > 0.02


@pytest.mark.parametrize(("seconds", "megabytes"), [(SECONDS * LENIENT + 0.1, 10.0), (0.1, MEGABYTES * 2.0)])
def test_a_cost_above_a_limit_is_refused(
    seconds: float, megabytes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.stopwatch._add", lambda: None)  # whatever this machine is
    with pytest.raises(AssertionError):
        check_cost(Outcome(0, "", seconds, megabytes))


@pytest.mark.parametrize(("a_million", "seconds"), [(0.03, 8.0), (0.12, 4.0), (60.0, 8.0 / SLOWEST)])
def test_seconds_are_those_of_a_usual_machine(
    a_million: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.stopwatch._once", lambda _: (None, a_million))
    assert usual(8.0, 6.0) == seconds
    assert usual(6.0, 6.0) == 6.0


def test_a_file_of_the_zoo_costs_next_to_nothing() -> None:
    outcome = outcome_of("googlenet")
    assert outcome.text.endswith(" rows, 5977530 parameters")
    assert outcome.seconds < SECONDS / 4
    assert outcome.megabytes < MEGABYTES / 4


# Anchors: what an alias stands for may be large without being written.


ANCHOR_BOMBS = {
    "layers": "input: 1x3\nlayers:\n"
    + doubling("  - &a0 {seq: [ReLU]}\n", "  - &a{} {{seq: [*a{}, *a{}]}}\n", 60),
    "branches": "input: 1x3\nlayers:\n"
    + doubling("  - add: [&a0 [ReLU], *a0]\n", "  - add: [&a{} [add: [*a{}, *a{}]], []]\n", 60),
    "notes": "input: 1x3\nlayers: [ReLU]\nnotes:\n"
    + doubling("  - &a0 [x]\n", "  - &a{} [*a{}, *a{}]\n", 60),
    "parameters": "input: 1x3\nlayers: [ReLU]\nparameters:\n"
    + doubling("  a0: &a0 [1]\n", "  a{0}: &a{0} [*a{1}, *a{2}]\n", 60),
    "arguments": "input: 1x3\nnotes:\n"
    + doubling("  - &a0 [1]\n", "  - &a{} [*a{}, *a{}]\n", 60)
    + "layers: [reshape: *a59]\n",
    "arguments of blocks": "input: 1x3\nnotes:\n"
    + doubling("  - &a0 [1]\n", "  - &a{} [*a{}, *a{}]\n", 60)
    + "blocks: {b(x): [ReLU]}\nlayers: [b: *a59]\n",
    "a list of steps in many branches": "input: 1x3\n"
    + f"notes: [&a [{'ReLU, ' * 30_000}]]\nlayers:\n  - add: [{'*a , ' * 30_000}]\n",
    "a list of steps in many blocks": f"input: 1x3\nnotes: [&a [{'ReLU, ' * 3_000}]]\nblocks:\n"
    + "".join(f"  b{i}: *a\n" for i in range(3_000))
    + "layers: [b0]\n",
    "a list of names in many steps": f"input: 1x3\nnotes: [&a [{'input, ' * 10_000}]]\nlayers:\n"
    + "  - {ReLU: , from: *a}\n" * 10_000,
    "a list of sizes in many steps": f"input: 1x3\nnotes: [&a [{'1, ' * 10_000}3]]\nlayers:\n"
    + "  - reshape: *a\n" * 10_000,
}


@pytest.mark.parametrize("text", ANCHOR_BOMBS.values(), ids=ANCHOR_BOMBS.keys())
def test_an_anchor_bomb_is_refused(feed: Feed, text: str) -> None:
    assert feed(text).code in (1, 2)


@pytest.mark.parametrize(
    ("first", "again", "last"),
    [
        ("{seq: [ReLU]}", "{{seq: [*a{}]}}", "*a2999"),
        ("{add: [[], [ReLU]]}", "{{add: [[], [*a{}]]}}", "*a2999"),
        ("[1]", "[*a{}]", "reshape: *a2999"),
    ],
)
def test_nesting_by_aliases_is_refused(feed: Feed, first: str, again: str, last: str) -> None:
    deeper = "".join(f"  - &a{i} {again.format(i - 1)}\n" for i in range(1, 3000))
    assert feed(f"input: 1x3\nnotes:\n  - &a0 {first}\n{deeper}layers: [{last}]\n").code in (1, 2)


def test_many_aliases_of_one_small_thing_are_no_bomb(feed: Feed) -> None:
    text = "input: 1x3\nlayers:\n  - &a {Linear: 3}\n" + "  - *a\n" * 20_000
    assert feed(text).text == f"20001 rows, {20_001 * 12} parameters"


# Networks that are far larger than their files.


COUNTED = {
    "times": ("[{ReLU: , times: 10000000}]", "", "10,000,000"),
    "nested times": (f"[{'{seq: [' * 7}ReLU{'], times: 10}' * 7}]", "", "10,000,000"),
    "nested blocks": (
        "[b7]",
        "blocks:\n  b0: [ReLU]\n" + "".join(f"  b{i}: [{f'b{i - 1}, ' * 10}]\n" for i in range(1, 8)),
        "10,000,000",
    ),
    "nested branches": (
        "[b23]",
        "blocks:\n" + doubling("  b0: [ReLU]\n", "  b{}: [add: [[b{}], [b{}]]]\n", 24),
        "16,777,215",
    ),
    "a block of two sizes, the small one first": (
        "[" + "".join(f"b: {i}, " for i in range(1, 101)) + "b: 10000000]",
        "blocks:\n  b(n):\n    - seq: [{ReLU: , times: n}]\n",
        "10,005,050",
    ),
}


@pytest.mark.parametrize(("layers", "blocks", "rows"), COUNTED.values(), ids=COUNTED.keys())
def test_more_than_a_million_layers_are_counted_and_refused(
    feed: Feed, layers: str, blocks: str, rows: str
) -> None:
    outcome = feed(f"input: 1x3\n{blocks}layers: {layers}\n")
    assert outcome.code == 1
    assert f"the network has {rows} layers; at most 1,000,000 are analysed" in outcome.text


@pytest.mark.parametrize(
    "step",
    [
        "{seq: [], times: 1000000000000}",
        "{nothing: , times: 1000000000000}",
        "{seq: [{ReLU: , times: 0}], times: 1000000000000}",
        "{seq: [{seq: [], times: 1000000000}], times: 1000000000}",
    ],
)
def test_copies_without_layers_are_refused_or_cost_nothing(feed: Feed, step: str) -> None:
    assert feed(f"input: 1x3\nblocks: {{nothing: []}}\nlayers: [{step}]\n").code in (0, 1)


def test_many_layers_deep_inside_of_blocks(feed: Feed) -> None:
    text = f"input: 1x3\nblocks:\n{chain('b', 95, 'ReLU')}layers: [{{b94: , times: 200000}}]\n"
    assert feed(text).code in (0, 1)


def test_many_joins_of_many_branches(feed: Feed) -> None:
    text = f"input: 1x3\nlayers: [{{add: [{'input, ' * 1000}], times: 200000}}]\n"
    assert feed(text).code in (0, 1)


@pytest.mark.one_in(2)
def test_blocks_whose_arguments_all_differ_beside_many_parameters(feed: Feed) -> None:
    parameters = "".join(f"  p{i}: 1\n" for i in range(2000))
    blocks = "".join(f"  b{i}(n): [b{i - 1}: 2*n, b{i - 1}: 2*n+1]\n" for i in range(1, 40))
    text = f"input: 1x3\nparameters:\n{parameters}blocks:\n  b0(n): [ReLU]\n{blocks}layers: [b39: 1]\n"
    outcome = feed(text)
    assert outcome.code == 1
    assert "the network has more than " in outcome.text


def test_a_thousand_blocks_in_a_chain(feed: Feed) -> None:
    outcome = feed(f"input: 1x3\nblocks:\n{chain('b', 1000, 'ReLU')}layers: [b999]\n")
    assert outcome.code == 1
    assert "the network has more than 100 levels of nesting" in outcome.text


def test_a_thousand_blocks_in_a_circle(feed: Feed) -> None:
    outcome = feed(f"input: 1x3\nblocks:\n{chain('b', 1000, 'b999')}layers: [b0]\n")
    assert outcome.code == 1
    assert "a block can't use itself: b0 → " in outcome.text


def test_chains_of_blocks_that_were_counted_before_they_are_nested(feed: Feed) -> None:
    chains = chain("a", 90, "ReLU") + chain("b", 90, "a89") + chain("c", 90, "b89") + chain("d", 90, "c89")
    outcome = feed(f"input: 1x3\nblocks:\n{chains}layers: [a89, b89, c89, d89]\n")
    assert outcome.code == 1
    assert "levels of nesting" in outcome.text


# Sizes that grow without an end.


@pytest.mark.parametrize(
    ("input", "step"),
    [
        ("1x9223372036854775807", "{concat: [[], []], times: 20000}"),
        ("9223372036854775807x9223372036854775807x9223372036854775807", "Flatten"),
        ("9223372036854775807x9223372036854775807x9223372036854775807", "reshape: -1"),
        ("1x3x8x8", "Conv2d: {out_channels: 1, kernel_size: 1, padding: 9223372036854775807}"),
        ("1x3x8x8", "{Unflatten: {dim: 1, unflattened_size: [1, -1]}, times: 100000}"),
    ],
)
def test_sizes_that_torch_could_not_hold_are_refused(feed: Feed, input: str, step: str) -> None:
    assert feed(f"input: {input}\nlayers: [{step}, MaxPool2d: 9]\n").code == 1
    assert feed(f"input: {input}\nlayers: [{step}]\n").code == 1


# Files with very much of one thing, each of which is harmless: the cost must grow with the file, no faster.


MUCH = {
    "values in a list": f"input: 1x3\nlayers: [{'1,' * 999_000}1]\n",
    "layers": "input: 1x3\nlayers:\n" + "- ReLU\n" * 100_000,
    "empty mappings": f"input: 1x3\nlayers: [{'{},' * 500_000}]\n",
    "keys": f"input: 1x3\nlayers: [ReLU]\nnotes: {{{', '.join(f'k{i}' for i in range(400_000))}}}\n",
    "anchors": f"input: 1x3\nlayers: [ReLU]\nnotes: [{''.join(f'&a{i} x,' for i in range(400_000))}]\n",
    "aliases": f"input: 1x3\nnotes: &a x\nlayers: [{'*a ,' * 1_900_000}]\n",
    "layers that differ": "input: 1x3\nlayers:\n" + "".join(f"- Linear: {i + 1}\n" for i in range(15_000)),
    "steps with times": "input: 1x3\nlayers:\n" + "  - {ReLU: , times: 2}\n" * 20_000,
    "copies of a step with times": f'input: 1x3\nnotes: "{"x" * 1000}'
    + "\\\n" * 300_000
    + '"\nblocks: {b: [{ReLU: , times: 2}]}\nlayers: [{b: , times: 10000}]\n',
    "branches": f"input: 1x3\nlayers: [add: [{'[],' * 200_000}]]\n",
    "inputs": f"input: {{{''.join(f'i{i}: 1x3, ' for i in range(50_000))}}}\nlayers: [ReLU]\n",
    "blocks": "input: 1x3\nblocks:\n"
    + "".join(f"  b{i}(n=1): [ReLU]\n" for i in range(20_000))
    + "layers: [b0]\n",
    "parameters, each used": "input: 1x3\nparameters:\n"
    + "".join(f"  p{i}: 1\n" for i in range(20_000))
    + "layers:\n"
    + "".join(f"  - Linear: p{i}\n" for i in range(20_000)),
    "parameters beside copies of a block": "input: 1x3\nparameters:\n"
    + "".join(f"  p{i}: 1\n" for i in range(5_000))
    + "blocks: {b: [ReLU]}\nlayers:\n  - {b: , times: 100000}\n",
    "turns of a loop": "input: 1x3\nlayers: [ReLU as x.i for i in range(40000), ReLU from x.39999]\n",
    "turns of many loops": "input: 1x3\nlayers:\n" + "  - seq for i in range(40000): []\n" * 7,
    "branches of a fan": "input: 1x3\nlayers: [ReLU as x.0, concat: [ReLU from x.0 for i in range(40000)]]\n",
    "heads": "input: 1x3\nlayers:\n" + "  - ReLU as x.0 from x.0 when 1 < 2\n" * 60_000,
    "short heads": "input: 1x3\nlayers:\n" + "  - ReLU times 1\n" * 199_000,
    "items of a loop": f"input: 1x3\nlayers:\n  - ReLU for i in [{'1, ' * 39_999}1]\n",
    "names beside copies of a block": "input: 1x3\nblocks: {b: [ReLU]}\nlayers:\n"
    + "".join(f"  - {{ReLU: , as: n{i}}}\n" for i in range(5_000))
    + "  - {b: , times: 100000}\n",
    "parameters of a block": f"input: 1x3\nblocks:\n  ? b({', '.join(f'p{i}=1' for i in range(20_000))})\n"
    + "  : [ReLU]\nlayers: [b]\n",
    "commas in a header": f'input: 1x3\nblocks:\n  ? "b({"," * 300_000})"\n  : [ReLU]\nlayers: [b]\n',
    "spaces in a header": f'input: 1x3\nblocks:\n  ? "b{" " * 100_000}x"\n  : [ReLU]\nlayers: [b]\n',
    "brackets in a header": f'input: 1x3\nblocks:\n  ? "b(a={"(" * 100_000})"\n  : [ReLU]\nlayers: [b]\n',
    "characters of a name": f"input: 1x3\nlayers: [{{ReLU: , as: {'a' * 100_000}, times: 100000}}]\n",
    "characters of a block's name": f"input: 1x3\nblocks:\n  ? {'b' * 100_000}\n"
    + f"  : [{{ReLU: , times: 100000}}]\nlayers: [{'b' * 100_000}]\n",
    "variants": "input: 1x3\nlayers: [ReLU]\nvariants:\n" + "".join(f"  v{i}:\n" for i in range(300_000)),
    "variants of many parameters": "input: 1x3\nlayers: [ReLU]\nparameters:\n"
    + "".join(f"  p{i}: 1\n" for i in range(90_000))
    + "variants:\n"
    + "".join(f"  v{i}: {{p0: 2}}\n" for i in range(90_000)),
    "variants that set much": "input: 1x3\nlayers: [ReLU]\nparameters:\n"
    + "".join(f"  p{i}: 1\n" for i in range(20_000))
    + "variants:\n  a: &a\n"
    + "".join(f"    p{i}: p0\n" for i in range(1, 20_000))
    + "  b: *a\n  c: *a\n  d: *a\n",
    "lines of folded text": "input: 1x3\nlayers: [ReLU]\nnotes: >\n" + "  a\n\n" * 1_500_000,
    "escapes": f'input: 1x3\nlayers: [ReLU]\nnotes: "{chr(92)}x41' + "\\x41" * 1_900_000 + '"\n',
    "comment": "input: 1x3\nlayers: [ReLU]\n" + "#" * 7_900_000,
    "empty lines": "\n" * 7_900_000,
    "empty lines before steps with times": "\n" * 7_900_000
    + "input: 1x3\nlayers: [{ReLU: , times: 2}, ReLU]\n",
    "spaces": " " * 7_900_000 + "x",
}


@pytest.mark.one_in(12)
@pytest.mark.parametrize("text", MUCH.values(), ids=MUCH.keys())
def test_very_much_of_one_thing(feed: Feed, text: str) -> None:
    outcome = feed(text)
    assert outcome.code in (0, 1, 2)
    assert len(outcome.text) < 2000


@pytest.mark.one_in(2)
def test_a_hundred_thousand_steps_with_an_error_at_the_end(feed: Feed) -> None:
    outcome = feed("input: 1x3\nlayers:\n" + "- ReLU\n" * 100_000 + "- Linaer: 3\n")
    assert outcome.text.splitlines() == [
        outcome.text.splitlines()[0],
        "  100003 │ - Linaer: 3",
        "         │   ^^^^^^",
        "  hint: did you mean Linear or Bilinear?",
    ]


def test_two_hundred_thousand_steps_with_an_error_at_the_end(feed: Feed) -> None:
    outcome = feed("input: 1x3\nlayers:\n" + "- ReLU\n" * 200_000 + "- Linaer: 3\n")
    assert outcome.code in (1, 2)


def test_an_error_of_shape_after_many_layers(feed: Feed) -> None:
    outcome = feed("input: 1x3\nlayers:\n" + "- ReLU\n" * 30_000 + "- MaxPool2d: 3\n")
    assert outcome.code == 1
    assert "net.yaml:30003:3: MaxPool2d: an input of 3 or 4 axes is needed" in outcome.text


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ["blockname", "zzzzzzzzzzz"])
def test_an_unknown_step_beside_very_many_blocks(feed: Feed, name: str) -> None:
    blocks = "".join(f"  blockname{i}: [ReLU]\n" for i in range(20_000))
    outcome = feed(f"input: 1x3\nblocks:\n{blocks}layers: [{name}]\n")
    assert outcome.code == 1
    assert len(outcome.text) < 1000


# Text that is long in one place.


def test_a_line_of_a_megabyte(feed: Feed) -> None:
    outcome = feed(f"input: 1x3\nnotes: {'x' * 1_000_000}\nlayers: [{'ReLU, ' * 50_000}Foo]\n")
    assert outcome.code == 1
    assert "net.yaml:3:300010: the step 'Foo' is unknown" in outcome.text
    assert len(outcome.text) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "input: 1x3\nlayers: [Linear: {}]\n",
        "input: 1x3\nlayers: [Linear: 1+{}]\n",
        "input: 1x3\nlayers: [Dropout: 0.{}]\n",
        "input: 1x3\nlayers: [Dropout: 1e{}]\n",
        "input: 1x3\nlayers: [Softmax: -{}]\n",
        "input: 1x3\nlayers: [reshape: [-1, {}]]\n",
        "input: 1x3\nlayers: [{{ReLU: , times: {}}}]\n",
        "input: 1x{}\nlayers: [ReLU]\n",
        "input: 1x3\nparameters: {{p: {}}}\nlayers: [Linear: p]\n",
        "input: 1x3\nblocks: {{b(n={}): [Linear: n]}}\nlayers: [b]\n",
        "input: 1x3\nlayers: [ReLU]\nexpect: {{params: {}}}\n",
    ],
)
def test_a_number_of_ten_thousand_digits(text: str) -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.analyse(shapecalc.parse(text.format("9" * 10_000)))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "expression", ["1+" * 50_000 + "1", "(" * 100_000, "-" * 99_999 + "1", "n" * 100_000, "min(" * 25_000]
)
def test_an_expression_of_a_hundred_thousand_characters(feed: Feed, expression: str) -> None:
    outcome = feed(f"input: 1x3\nlayers: [Linear: '{expression}']\n")
    assert outcome.code == 1
    assert "500 are allowed" in outcome.text


# Nesting.


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "{" * 1_000_000,
        "input: 1x3\nlayers: " + "[" * 1_000_000 + "]" * 1_000_000,
        "input: 1x3\nlayers: " + "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "".join(f"{' ' * i}a:\n" for i in range(3_000)),
        "input: 1x3\nlayers:\n  - " + "seq: [" * 1000 + "ReLU" + "]" * 1000,
    ],
    ids=[
        "lists",
        "mappings",
        "closed lists",
        "mappings with keys",
        "dashes",
        "question marks",
        "lines",
        "seq",
    ],
)
def test_very_deep_nesting(feed: Feed, text: str) -> None:
    outcome = feed(text)
    assert outcome.code == 2
    assert "levels of nesting" in outcome.text


# Bytes that are no text, and text in other forms.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bytes(range(256)) * 100, "is no UTF-8 text: byte 128 is 0x80"),
        (b"\x7fELF\x02\x01\x01\x00\xd0\xcc", "is no UTF-8 text: byte 8 is 0xd0"),
        (b"input: 1x3\nlayers: [ReLU\xff]\n", "is no UTF-8 text: byte 24 is 0xff"),
        (b"input: 1x3\nlayers: [\xed\xa0\x80]\n", "is no UTF-8 text: byte 20 is 0xed"),
        ("input: 1x3\nlayers: [ReLU]\n".encode("utf-16"), "is no UTF-8 text: byte 0 is 0xff"),
        (b"input: 1x3\0\nlayers: [ReLU]\n", "control characters are not allowed"),
        (bytes(1000), "control characters are not allowed"),
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
    ],
    ids=[
        "all bytes",
        "a program",
        "one wrong byte",
        "a surrogate",
        "UTF-16",
        "a NUL",
        "NULs",
        "nothing",
        "BOM",
    ],
)
def test_bytes_that_are_no_text(feed: Feed, content: bytes, reason: str) -> None:
    outcome = feed(content)
    assert outcome.code == 2
    assert reason in outcome.text


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfinput: 1x3\nlayers: [ReLU]\n",
        b"input: 1x3\r\nlayers:\r\n  - ReLU\r\n",
        b"input: 1x3\rlayers:\r  - ReLU\r",
        b"input: 1x3\nlayers: [ReLU]",
        "input: 1x3\nname: 网络 🕸 \u202e\nnotes: 'é\u2028ñ'\nlayers: [ReLU]\n".encode(),
    ],
    ids=["BOM", "CRLF", "CR", "no last newline", "unicode"],
)
def test_text_in_other_forms(feed: Feed, content: bytes) -> None:
    assert feed(content).text == "1 rows, 0 parameters"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_places_do_not_depend_on_the_form_of_the_text(feed: Feed, bom: str, newline: str) -> None:
    outcome = feed(bom + newline.join(["input: 1x3", "layers:", "  - ReLU", "  - Foo", ""]))
    assert "net.yaml:4:5: the step 'Foo' is unknown" in outcome.text
    assert "  4 │   - Foo\n" in outcome.text


@pytest.mark.parametrize("name", ["名字", "é", "Ω2", "😀", "x\u0301", "ﬁ", "１"])
@pytest.mark.parametrize(
    "text",
    [
        "input: 1x3\nlayers: [{}: 3]\n",
        "input: 1x3\nlayers: [{{ReLU: , as: {}}}]\n",
        "input: 1x3\nlayers: [{{ReLU: , from: {}}}]\n",
        "input: 1x3\nlayers: [Linear: {}]\n",
        "input: 1x3\nparameters: {{{}: 3}}\nlayers: [ReLU]\n",
        "input: {{{}: 1x3}}\nlayers: [ReLU]\n",
        "input: 1x{}\nlayers: [ReLU]\n",
        "input: 1x3\nblocks: {{b({}): [ReLU]}}\nlayers: [ReLU]\n",
        "input: 1x3\nblocks: {{{}: [ReLU]}}\nlayers: [ReLU]\n",
    ],
)
def test_names_are_of_plain_letters(text: str, name: str) -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.analyse(shapecalc.parse(text.format(name)))
    assert caught.value.exit_code == 1
    assert caught.value.place is not None


# Things that are no file.


def test_a_file_of_fifty_megabytes_is_not_read(feed: Feed) -> None:
    outcome = feed(b"input: 1x3\nlayers:\n" + b"  - ReLU\n" * 5_600_000)
    assert outcome.code == 2
    assert f"is larger than {LARGEST_FILE:,} bytes" in outcome.text
    assert outcome.megabytes < 100


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path)
    assert outcome.code == 2
    assert "is a folder; an architecture is a file" in outcome.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text("input: 1x3\nlayers: [ReLU]\n")
    file.chmod(0)
    outcome = outcome_of(file)
    assert outcome.code == 2
    assert "can't be read: Permission denied" in outcome.text


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_without_an_end() -> None:
    outcome = outcome_of("/dev/zero")
    check_cost(outcome)
    assert outcome.code == 2
    assert f"is larger than {LARGEST_FILE:,} bytes" in outcome.text


@pytest.mark.parametrize(
    "name", ["", " ", "a\0b", "x" * 100_000, "../" * 2000, "no\nsuch\nfile", "\ud800", "~", "*"]
)
def test_names_of_no_file(name: str) -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(name)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 2000


# The files of the zoo, mutilated: whatever comes of it, it is a result or an error with a place.


ZOO = [path.read_text(encoding="utf-8") for path in sorted({zoo.find(name).path for name in zoo.names()})]
TOKENS = sorted({token for text in ZOO for token in text.replace(",", " ").replace(":", " ").split()})
ODD = [
    *"\t\0\r\n[]{}:,-?#&*!|>'\"%@`=()x",
    *(": ", "- ", "\n  - ", "  ", "\ufeff", "\u2028", "é", "名", "😀", "null", "yes", "~", "<<", "&a ", "*a"),
    *(
        "!!str ",
        "---\n",
        "...\n",
        "0",
        "-1",
        "1e9",
        "1.5",
        "0x3",
        "007",
        "9" * 30,
        "min(1, 2)",
        "1//0",
        "(((",
    ),
    *("times: 3", "as: a", "from: a", "[]", "{}", "[[], []]", "seq", "add"),
]
"""What is put in; no number large enough to make a network that is slow and allowed."""


def delete_line(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True)
    at = draw(st.integers(0, len(lines)))
    return "".join(lines[:at] + lines[at + 1 :])


def duplicate_line(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True)
    source, target = draw(st.integers(0, len(lines))), draw(st.integers(0, len(lines)))
    return "".join(lines[:target] + lines[source : source + 1] + lines[target:])


def swap_lines(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True)
    at = draw(st.integers(0, len(lines)))
    return "".join(lines[:at] + lines[at : at + 2][::-1] + lines[at + 2 :])


def replace_token(draw: st.DrawFn, text: str) -> str:
    old, new = draw(st.sampled_from(TOKENS)), draw(st.sampled_from(TOKENS + ODD))
    return text.replace(old, new, draw(st.sampled_from([1, -1])))


def insert_odd(draw: st.DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    odd: str = draw(st.sampled_from(ODD))
    return text[:at] + odd + text[at:]


def cut(draw: st.DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + text[at + draw(st.integers(1, 200)) :]


CHANGES: list[Callable[[st.DrawFn, str], str]] = [
    delete_line,
    duplicate_line,
    swap_lines,
    replace_token,
    insert_odd,
    cut,
]


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    text: str = draw(st.sampled_from(ZOO))
    for _ in range(draw(st.integers(1, 4))):
        change = draw(st.sampled_from(CHANGES))
        text = change(draw, text)
    return text


@settings(max_examples=count(120, 20_000))
@given(mutilated())
@example("input: 1x3\nlayers: [ReLU]\n")
@example("input: 1x3\nlayers: [Relu]\n")
def test_a_mutilated_file_gives_a_result_or_an_error_with_a_place(text: str) -> None:
    error: ShapecalcError | None = None
    try:
        analysis = shapecalc.analyse(shapecalc.parse(text, "net.yaml"))
    except ShapecalcError as caught:
        error = caught
    if error:
        assert error.exit_code in (1, 2)
        check_place(error, text)
    else:
        highest = [greatest(size) for row in analysis.rows for size in row.output.shape]
        assert all(high is None or high >= 1 for high in highest)  # of a number, it is the number


def check_place(error: ShapecalcError, text: str) -> None:
    """The place lies in the text, or in a library that it uses; its printed form is a short excerpt."""
    if error.place is None:
        assert error.message.startswith("net.yaml: ")
        return
    if error.place.file != "net.yaml":
        text = Path(error.place.file).read_text(encoding="utf-8")
    lines = text.splitlines() or [""]
    assert 1 <= error.place.line <= len(lines) + 1
    assert error.place.text == (lines[error.place.line - 1] if error.place.line <= len(lines) else "")
    assert 1 <= error.place.column <= len(error.place.text) + 1
    _, quoted, carets, *_ = str(error).split("\n")
    bar = quoted.index("│")
    assert carets[: bar + 1] == " " * bar + "│"
    assert set(carets[bar + 1 :].lstrip()) == {"^"}
    assert len(quoted) <= bar + 110
    assert len(carets) <= bar + 110
