"""Every command answers for the largest networks and files that it takes, or refuses them with the number.

Two seconds of a processor and 500 MB are what each may take. Three times the seconds are allowed: a machine
that runs other tests beside is as slow as that, and what grows with the square of a file's length takes
minutes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.dice import DRAWS
from tests.forked import command
from tests.stopwatch import usual
from tests.test_hostile_files import LENIENT, MEGABYTES, SECONDS


class Outcome(NamedTuple):
    code: int
    output: str
    error: str


def run(tmp_path: Path, text: str, *arguments: str) -> Outcome:
    """Run a command on a file, FILE among the arguments, within the limits."""
    file = tmp_path / "net.yaml"
    file.write_text(text)
    done = command(*(str(file) if a == "FILE" else a for a in arguments))
    assert usual(done.seconds, SECONDS * LENIENT) <= SECONDS * LENIENT, done.err
    assert done.megabytes <= MEGABYTES
    return Outcome(*done[:3])


CONVOLUTION = "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}"
UNIT = f"add: [[], [{{{CONVOLUTION}}}, BatchNorm2d, ReLU, {{{CONVOLUTION}}}, {{ReLU: {{inplace: true}}}}]]"
LARGE = {
    "ReLU a million times": "input: 1x8x4x4\nlayers:\n  - {ReLU: null, times: 1000000}\n",
    "units": f"input: 1x8x8x8\nblocks:\n  unit: [{UNIT}, Dropout: 0.1]\n"
    "layers: [{unit: , times: 140000}]\n",
    "copies in copies": "input: 4x8x4x8\nlayers:\n"
    "  - {seq: [{seq: [ReLU, {Linear: 8, times: 10}], times: 100}, Tanh], times: 900}\n",
}
COMMANDS = [
    ("show", "FILE"),
    ("show", "FILE", "--depth", "1"),
    ("show", "FILE", "--columns", "layer,receptive"),
    ("show", "FILE", "--format", "json"),
    ("show", "FILE", "--format", "csv"),
    ("params", "FILE"),
    ("params", "FILE", "--format", "json"),
    ("flops", "FILE", "--backward"),
    ("flops", "FILE", "--convention", "all"),
    ("flops", "FILE", "--convention", "torchinfo"),
    ("memory", "FILE"),
    ("memory", "FILE", "--train", "--dtype", "amp"),
    ("memory", "FILE", "--train", "--batch", "7", "--optimizer", "adam"),
    ("memory", "FILE", "--fit", "80GiB"),
    ("receptive", "FILE"),
    ("explain", "FILE"),
    ("domain", "FILE"),
    ("solve", "FILE", "--output", "1x8x4x4"),
    ("check", "FILE"),
    ("diff", "FILE", "FILE"),
    ("diff", "FILE", "lenet"),
]


@pytest.mark.one_in(8)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_a_million_layers_by_times(tmp_path: Path, text: str, command: tuple[str, ...]) -> None:
    outcome = run(tmp_path, text, *command)
    assert outcome.code in (0, 1, 2)
    if outcome.code == 2:
        assert re.search(r"[0-9]{1,3}(,[0-9]{3})+", outcome.error)


def test_a_million_layers_in_one_line(tmp_path: Path) -> None:
    outcome = run(tmp_path, LARGE["ReLU a million times"], "show", "FILE")
    assert "ReLU[0…999999] × 1,000,000" in outcome.output
    assert "after 1,000,000 layers" in outcome.output


def test_copies_are_counted(tmp_path: Path) -> None:
    """900 · 100 · 10 maps of 8 · 8 + 8 parameters."""
    outcome = run(tmp_path, LARGE["copies in copies"], "show", "FILE")
    assert f"Parameters  {900 * 100 * 10 * 72:,}" in outcome.output
    assert "Linear[0…9] × 10" in outcome.output


def test_a_layer_among_copies_is_explained(tmp_path: Path) -> None:
    path = "seq[899].seq[50].Linear[3]"
    outcome = run(tmp_path, LARGE["copies in copies"], "explain", "FILE", path)
    assert outcome.code == 0
    assert path in outcome.output
    assert run(tmp_path, LARGE["copies in copies"], "explain", "FILE", "seq[900]").code == 2


def written(layers: int, sizes: str) -> str:
    return f"input: {sizes}\nlayers:\n" + f"  - {CONVOLUTION}\n  - ReLU\n" * (layers // 2)


WRITTEN = [command for command in COMMANDS if command[0] != "memory"]
"""What takes written layers with letters as with numbers."""


@pytest.mark.one_in(16)
@pytest.mark.parametrize("command", WRITTEN, ids=" ".join)
@pytest.mark.parametrize("sizes", ["1x8x32x32", "Nx8xHxW"])
def test_ten_thousand_written_layers(tmp_path: Path, sizes: str, command: tuple[str, ...]) -> None:
    assert run(tmp_path, written(10_000, sizes), *command).code in (0, 1, 2)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("to", ["torch", "keras"])
def test_code_of_layers_that_all_have_names(tmp_path: Path, to: str) -> None:
    """A name that is given is held to those that are still read, and not to all there were."""
    steps = "".join(f"  - Linear as n{number}: 8\n" for number in range(10_000))
    outcome = run(tmp_path, f"input: 1x8\nlayers:\n{steps}", "export", "FILE", "--to", to)
    assert outcome.code == 0
    assert outcome.output.count("inear(8, 8)" if to == "torch" else "layers.Dense(8)") == 10_000


@pytest.mark.one_in(4)
def test_a_page_of_as_many_lines_as_it_takes(tmp_path: Path) -> None:
    assert run(tmp_path, different(3_000, "8x32"), "report", "FILE").code == 0
    more = run(tmp_path, different(3_001, "8x32"), "report", "FILE")
    assert more.code == 2
    assert "a page has 3,000 lines at most: here are 3,001" in more.error


@pytest.mark.one_in(3)
@pytest.mark.parametrize("options", [(), ("--train",), ("--train", "--dtype", "amp")])
def test_memory_of_ten_thousand_written_layers(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run(tmp_path, written(10_000, "1x8x32x32"), "memory", "FILE", *options).code == 0


def different(layers: int, sizes: str) -> str:
    return f"input: {sizes}\nlayers:\n" + "".join(f"  - Linear: {8 + number}\n" for number in range(layers))


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    ("layers", "sizes", "options"),
    [
        (10_000, "8x32", ()),
        (8_000, "8x32", ("--train",)),
        (8_000, "NxC", ()),
        (5_333, "8x32", ("--fit", "1TB")),
        (2_666, "8x32", ("--train", "--fit", "1TB")),
    ],
)
def test_memory_of_different_layers(
    tmp_path: Path, layers: int, sizes: str, options: tuple[str, ...]
) -> None:
    most = run(tmp_path, different(layers, sizes), "memory", "FILE", *options)
    assert most.code == 0 or "the greatest of more than 200 formulas" in most.error
    more = run(tmp_path, different(layers + 1, sizes), "memory", "FILE", *options)
    assert more.code == 2
    assert f"{layers:,}: there are {layers + 1:,}" in more.error


def test_letters_beside_a_budget_are_refused_at_once(tmp_path: Path) -> None:
    outcome = run(tmp_path, different(10_000, "NxC"), "memory", "FILE", "--fit", "1TB")
    assert outcome.error.startswith("error: --fit needs numbers for all sizes but the batch, not C")


SUM = "*".join(["(a+b+c+d)"] * 12)
GROWING_FORMULAS = {
    "sizes that shrink": "input: 1x1xHxW\nlayers:\n"
    "  - {Conv2d: {out_channels: 1, kernel_size: 3}, times: 2000}\n",
    "a power of a sum": f"input: 1x1x{SUM}\nlayers:\n"
    "  - {Conv1d: {out_channels: 1, kernel_size: 3}, times: 1000}\n",
}


@pytest.mark.one_in(12)
@pytest.mark.parametrize("options", [(), ("--train",), ("--format", "json")])
@pytest.mark.parametrize("text", GROWING_FORMULAS.values(), ids=GROWING_FORMULAS.keys())
def test_memory_of_other_formulas_at_each_layer(tmp_path: Path, text: str, options: tuple[str, ...]) -> None:
    assert run(tmp_path, text, "memory", "FILE", *options).code == 0


MANY = 20_000
NAMED = "input: 1x8\nlayers:\n"
MANY_OF = {
    "names": NAMED + "".join(f"  - {{ReLU: null, as: n{i}}}\n" for i in range(MANY)),
    "names that are read": NAMED
    + "".join(f"  - {{ReLU: null, as: n{i}}}\n  - {{ReLU: null, from: n{i}}}\n" for i in range(MANY)),
    "shares": NAMED
    + "".join(f"  - {{Linear: 8, as: n{i}}}\n  - {{Linear: 8, share: n{i}}}\n" for i in range(MANY)),
    "shares of one": NAMED + "  - {Linear: 8, as: n}\n" + "  - {Linear: 8, share: n}\n" * MANY,
    "parameters": f"input: 1x8\nparameters: {{{', '.join(f'p{i}: 8' for i in range(MANY))}}}\n"
    f"layers: [{', '.join(f'Linear: p{i}' for i in range(MANY))}]\n",
    "blocks": "input: 1x8\nblocks:\n"
    + "".join(f"  b{i}: [ReLU]\n" for i in range(MANY))
    + f"layers: [{', '.join(f'b{i}' for i in range(MANY))}]\n",
    "inputs": f"input: {{{', '.join(f'i{i}: Nx8' for i in range(MANY))}}}\nlayers: [ReLU]\n",
    "a thousand inputs": f"input: {{{', '.join(f'i{i}: N{i}x8x8x8' for i in range(1000))}}}\n"
    "layers: [ReLU]\n",
}


ASKED = ("show", "receptive", *(["flops"] if DRAWS == "long" else []))
"""At length what is counted too, of what `show` has read as well."""


@pytest.mark.one_in(16)
@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize("kind", MANY_OF)
def test_many_of_a_kind(tmp_path: Path, kind: str, command: str) -> None:
    assert run(tmp_path, MANY_OF[kind], command, "FILE").code in (0, 1, 2)


WRONG = {
    "a wrong step after 300,000": NAMED + "  - ReLU\n" * 300_000 + "  - Rleu\n",
    "a wrong step after a million": f"input: 1x8\nlayers: [{'ReLU,' * 1_000_000}Rleu]\n",
    "a wrong step after 150,000": NAMED + "  - ReLU\n" * 150_000 + "  - Rleu\n",
    "a wrong shape after 150,000": NAMED + "  - ReLU\n" * 150_000 + "  - Conv1d: {out_channels: 1}\n",
    "no end after 600,000": NAMED + "  - ReLU\n" * 600_000 + "  - {ReLU\n",
    "an unknown key after 250,000": NAMED + "  - ReLU\n" * 250_000 + "foo: 3\n",
    "mappings": NAMED + "  - {Linear: {out_features: 8}}\n" * 200_000,
    "200,000 channels that grow": "input: 1x8\nlayers:\n  - {concat: [[], [Linear: 1]], times: 300000}\n",
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_at_the_end_of_a_large_file(tmp_path: Path, text: str) -> None:
    outcome = run(tmp_path, text, "show", "FILE")
    assert outcome.code in (1, 2)
    assert outcome.error.startswith("error: ")
