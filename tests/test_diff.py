"""`diff`: which layers stand for each other, what differs between them, and that it all adds up."""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from syrupy.assertion import SnapshotAssertion

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.compare import alignment
from shapecalc.analysis.compare.alignment import Key, align
from shapecalc.analysis.compare.difference import Difference, compare
from shapecalc.operations import Unknown
from tests.command import Command
from tests.dice import SEED, count
from tests.networks import EVERY_TYPE, analysed, settings_of, short


def analyse(text: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text)) if ":" in text else analysed(text)


def chain(*steps: str, input: str = "1x3x32x32") -> Analysis:
    return analyse(f"input: {input}\nlayers:\n" + "".join(f"  - {step}\n" for step in steps))


def told(difference: Difference) -> list[str]:
    """Each pair in a few words: what happened to which layer."""
    found = []
    for pair in difference.pairs:
        paths = dict.fromkeys(side.node.path for side in (pair.a, pair.b) if side)
        found.append(" ".join([pair.status, *paths]))
    return found


CONV = "Conv2d: {{out_channels: {}, kernel_size: {}}}".format


# Which layers stand for each other.


def test_a_layer_put_in_front_is_the_one_that_was_added() -> None:
    steps = (CONV(16, 3), "ReLU", CONV(32, 3), "ReLU")
    found = compare(chain(*steps), chain(CONV(8, 1), *steps))
    assert told(found) == [
        "added Conv2d[0]",
        "changed Conv2d[0] Conv2d[1]",
        "same ReLU[0]",
        "same Conv2d[1] Conv2d[2]",
        "same ReLU[1]",
    ]
    assert found.pairs[1].changes == {"in_channels": (3, 8)}


def test_a_layer_taken_out_of_the_middle() -> None:
    found = compare(chain(CONV(16, 3), "ReLU", CONV(16, 3)), chain(CONV(16, 3), CONV(16, 3)))
    assert told(found) == ["same Conv2d[0]", "removed ReLU[0]", "same Conv2d[1]"]


def test_a_layer_replaced_by_another() -> None:
    found = compare(chain(CONV(4, 3), "ReLU", "Flatten"), chain(CONV(4, 3), "GELU", "Flatten"))
    assert told(found) == ["same Conv2d[0]", "removed ReLU[0]", "added GELU[0]", "same Flatten[0]"]


def test_of_copies_the_last_ones_are_added() -> None:
    copies = "{{Conv2d: {{out_channels: 3, kernel_size: 1}}, times: {}}}".format
    found = compare(chain(copies(2)), chain(copies(4)))
    assert told(found) == [
        "same Conv2d[0]",
        "same Conv2d[1]",
        "added Conv2d[2]",
        "added Conv2d[3]",
    ]


def test_a_name_that_stays_while_its_layer_becomes_another() -> None:
    found = compare(chain("{MaxPool2d: 2, as: pool}"), chain("{AvgPool2d: 2, as: pool}"))
    assert told(found) == ["changed pool"]
    assert found.pairs[0].changes["type"] == ("MaxPool2d", "AvgPool2d")


def test_blocks_of_other_names() -> None:
    block = "{0}(n): [Conv2d: {{out_channels: n, kernel_size: 3}}]"
    text = f"{{{{input: 1x3x8x8, blocks: {{{{{block}}}}}, layers: [{{0}}: {{1}}]}}}}"
    same = compare(analyse(text.format("first", 3)), analyse(text.format("second", 3)), depth=1)
    assert told(same) == ["same first[0] second[0]"]
    assert same.equal
    changed = compare(analyse(text.format("first", 3)), analyse(text.format("first", 4)), depth=1)
    assert told(changed) == ["changed first[0]"]


def likeness(a: Sequence[Key], b: Sequence[Key], pairs: Sequence[tuple[int, int]]) -> int:
    numbered = alignment._numbered(a, b)
    return sum(alignment._likeness(numbered[0][i], numbered[1][j]) for i, j in pairs)


def ascending(a: int, b: int) -> list[tuple[tuple[int, int], ...]]:
    """All ways to pair positions in order."""
    found = []
    for size in range(min(a, b) + 1):
        for left in itertools.combinations(range(a), size):
            found += [
                tuple(zip(left, right, strict=True)) for right in itertools.combinations(range(b), size)
            ]
    return found


def test_no_other_alignment_is_more_alike() -> None:
    draw = random.Random(SEED)

    def keys() -> list[Key]:
        types = draw.choices("ab", k=draw.randint(0, 5))
        return [Key(f"{t}[{draw.randint(0, 2)}]", t, draw.randint(0, 1), draw.randint(0, 1)) for t in types]

    for _ in range(count(300, 30_000)):
        a, b = keys(), keys()
        found = align(a, b)
        assert found == sorted(found)
        assert likeness(a, b, found) == max(likeness(a, b, pairs) for pairs in ascending(len(a), len(b)))


def test_large_networks_are_aligned_by_their_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest ascending list, held against all lists."""
    monkeypatch.setattr(alignment, "MOST_COMPARED", -1)
    draw = random.Random(SEED)
    for _ in range(count(100, 10_000)):
        a, b = (
            [
                Key(path, "t", number, 0)
                for number, path in enumerate(draw.sample("abcdefg", draw.randint(0, 6)))
            ]
            for _ in range(2)
        )
        found = align(a, b)
        assert all(a[i].path == b[j].path for i, j in found)
        assert all(x[0] < y[0] and x[1] < y[1] for x, y in itertools.pairwise(found))
        fitting = (ps for ps in ascending(len(a), len(b)) if all(a[i].path == b[j].path for i, j in ps))
        assert len(found) == max(map(len, fitting))


# What differs.


@pytest.mark.parametrize(
    ("a", "b", "changes"),
    [
        ("Dropout: 0.5", "Dropout: 0.2", {"p": (0.5, 0.2)}),
        ("Linear: 10", "Linear: {out_features: 10, bias: false}", {"bias": (True, False)}),
        ("ReLU", "ReLU: {inplace: true}", {"inplace": (False, True)}),
        ("Linear: 10", "Linear: {out_features: 10, bias: true}", {}),
        ("Linear: 10", "Linear: {in_features: 32, out_features: 10}", {}),
    ],
)
def test_arguments_written_or_not(a: str, b: str, changes: dict[str, object]) -> None:
    found = compare(chain(a), chain(b))
    assert dict(found.pairs[0].changes) == changes
    assert found.equal is (not changes)


def test_other_inputs() -> None:
    found = compare(chain("ReLU"), chain("ReLU", input="1x3x32x64"))
    assert found.pairs[0].changes == {"output": ((1, 3, 32, 32), (1, 3, 32, 64))}
    found = compare(chain("Sigmoid"), chain("Sigmoid", input="1x3x32x32:float64"))
    assert found.pairs[0].changes == {"dtype": ("float32", "float64")}
    found = compare(chain("AdaptiveAvgPool2d: 1"), chain("AdaptiveAvgPool2d: 1", input="1x3x8x8"))
    assert found.pairs[0].changes == {"input": (((1, 3, 32, 32),), ((1, 3, 8, 8),))}
    assert not found.equal
    assert not compare(chain("ReLU", input="{x: 1x3}"), chain("ReLU", input="{y: 1x3}")).equal


def test_layers_that_read_from_elsewhere() -> None:
    """The same layers in the same order, and another network."""
    steps = ("{ReLU: , as: first}", "{ReLU: , as: second}", "{Sigmoid: , from: FROM}")
    a, b = (chain(*(step.replace("FROM", name) for step in steps)) for name in ("first", "second"))
    found = compare(a, b)
    assert told(found) == ["same first", "same second", "changed Sigmoid[0]"]
    assert found.pairs[2].changes == {"reads": (("first",), ("second",))}
    assert not found.equal
    blocks = compare(a, b, depth=1)
    assert told(blocks)[2] == "changed Sigmoid[0]"


def test_what_comes_between_does_not_make_a_layer_read_from_elsewhere() -> None:
    found = compare(chain("ReLU", "Sigmoid"), chain("ReLU", "Dropout", "Sigmoid"))
    assert told(found) == ["same ReLU[0]", "added Dropout[0]", "same Sigmoid[0]"]
    found = compare(chain("ReLU"), chain("Dropout", "ReLU"))
    assert told(found) == ["added Dropout[0]", "same ReLU[0]"]


def test_shared_weights() -> None:
    steps = ("{Linear: 32, as: one}", "{Linear: 32, as: two}")
    found = compare(chain(*steps), chain(steps[0], "{Linear: 32, as: two, share: one}"))
    assert found.pairs[1].changes == {"share": (None, "one")}
    assert found.more("params") == -(32 * 32 + 32)


# It adds up.

PAIRS = [("vgg11", "vgg11-small"), ("lenet", "lenet-batchnorm"), ("resnet18", "imagenet/resnet18"),
         ("googlenet", "densenet"), ("bert-base", "llm/gpt2"), ("nin", "nin")]  # fmt: skip


@pytest.mark.parametrize("depth", [None, 1, 2])
@pytest.mark.parametrize(("first", "second"), [*PAIRS, *(pair[::-1] for pair in PAIRS)])
def test_every_layer_is_there_once_and_all_differences_add_up(
    first: str, second: str, depth: int | None
) -> None:
    a, b = analyse(first), analyse(second)
    found = compare(a, b, depth)
    for side, analysis in (("a", a), ("b", b)):
        nodes = [own.node for pair in found.pairs if (own := getattr(pair, side))]
        rows = [row for node in nodes for row in range(node.start, node.stop)]
        assert rows == list(range(len(analysis.rows)))
    for what in ("params", "macs"):
        more = [pair.more(what) for pair in found.pairs]
        assert not any(isinstance(difference, Unknown) for difference in more)
        assert sum(cast("list[int]", more)) == found.more(what)
        assert found.more(what) == getattr(b.totals, what) - getattr(a.totals, what)
    assert found.equal is (first == second)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_a_network_equals_itself(name: str) -> None:
    again = shapecalc.analyse(shapecalc.load(name), *settings_of(name))
    for depth in (None, 1):
        found = compare(short(name), again, depth)
        assert found.equal
        assert {pair.status for pair in found.pairs} == {"same"}


# As it is printed.

COMMANDS = [
    ["nin --set classes=10", "nin --set classes=1000"],
    ["lenet", "lenet-batchnorm", "--all"],
    ["resnet18", "imagenet/resnet18", "--depth", "2", "--format", "markdown"],
    ["lenet-maxpool", "lenet-batchnorm", "--format", "json"],
    ["vgg11", "vgg11-small", "--depth", "1", "--input", "Nx1x224x224", "--ascii"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_printed(words: list[str], run: Command, snapshot: SnapshotAssertion) -> None:
    done = run("diff", *words)
    assert (done.code, done.errors) == (1, "")
    assert done.out == snapshot


def test_equal_ones(run: Command) -> None:
    done = run("diff", "nin", "nin --set classes=10 -i 1x1x224x224")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("The two are equal\n")
    assert "… 30 layers the same" in done.out
    printed = json.loads(run("diff", "nin", "nin", "--format", "json").out)
    assert printed["equal"] is True
    assert {layer["status"] for layer in printed["layers"]} == {"same"}


def test_the_columns_add_up_to_the_printed_totals(run: Command) -> None:
    lines = run("diff", "vgg11", "vgg11-small", "--depth", "1", "--format", "markdown").out.splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ~")]
    added = [sum(int(row[n].replace(",", "").replace("−", "-")) for row in rows) for n in (4, 5)]
    assert added == [2018346 - 128806154, 121091072 - 7547232256]


@pytest.mark.parametrize(
    ("side", "output"),
    [
        ("nin", [8, 7]),
        ("nin --set classes=3", [8, 3]),
        ("nin --set=classes=3 --input=2x1x224x224", [2, 3]),
        ("nin -s classes=3 -i 2x1x224x224", [2, 3]),
        ("nin  --set 'classes = 3'", [8, 3]),
        ("nin.yaml", [8, 7]),
    ],
)
def test_a_sides_own_options_come_before_those_of_both(side: str, output: list[int], run: Command) -> None:
    words = ("--format", "json", "--set", "classes=7", "--input", "8x1x224x224")
    printed = json.loads(run("diff", side, "nin", *words).out)
    assert printed["layers"][-1]["a"]["output"] == output
    assert printed["layers"][-1]["b"]["output"] == [8, 7]
    assert printed["a"]["architecture"] == side


def test_a_path_with_a_space(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "my net-1.yaml"
    file.write_text("input: 1x4\nparameters: {n: 3}\nlayers: [Linear: n]\n")
    assert run("diff", str(file), f"{file} --set n=3").code == 0
    assert run("diff", str(file), f"{file} --set n=4").code == 1


@pytest.mark.parametrize(
    ("sides", "code", "message"),
    [
        (("nin", "nni"), 2, "error: no architecture 'nni'"),
        (("nin --set", "nin"), 2, "error: 'nin --set': '--set' needs a value\n  hint: a side is written"),
        (("nin --zet a=1", "nin"), 2, "error: 'nin --zet a=1': '--zet' is no option of a side"),
        (("nin --set a=1 x", "nin"), 2, "'x' is no option of a side"),
        (("nin --set 'a", "nin"), 2, "no closing quotation"),
        (("nin --set clases=1", "nin"), 2, "hint: did you mean classes?"),
        (("nin", "nin --input 1x1x8x8"), 1, "the kernel of 11 does not fit on an input of 8"),
        (("nin",), 2, "Missing argument 'B'"),
        (("", "nin"), 2, "no architecture ''"),
    ],
)
def test_wrong_use(sides: tuple[str, ...], code: int, message: str, run: Command) -> None:
    done = run("diff", *sides)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_colours_on_a_terminal_alone(run: Command) -> None:
    import pty
    import subprocess

    assert "\x1b" not in run("diff", "lenet", "lenet-batchnorm").out
    screen, terminal = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    env.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "shapecalc", "diff", "lenet", "lenet-batchnorm"]
    with subprocess.Popen(command, stdout=terminal, env=env) as running:
        running.wait()
    os.close(terminal)
    shown = os.read(screen, 100_000).decode()
    assert "\x1b[31m-" in shown
    assert "\x1b[32m+" in shown
    assert "\x1b[33m~" in shown
