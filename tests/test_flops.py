"""What `flops` prints, and when it exits with what."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.command import Command
from tests.dice import one_way
from tests.networks import EVERY_TYPE, ONE_OF_EACH, typed
from tests.test_conventions import PUBLISHED


def test_json(run: Command) -> None:
    done = run("flops", "imagenet/resnet18", "--format", "json", "--backward")
    printed = json.loads(done.out)
    assert printed["conventions"] == PUBLISHED
    assert printed["backward"] == {
        **dict.fromkeys(PUBLISHED, None),
        "torch": 10_648_412_160,
        "calflops": 3 * 3_636_250_112,
    }
    assert (printed["name"], done.code) == ("ResNet-18", 0)
    for figure in ("macs", "taps"):
        assert sum(layer[figure] for layer in printed["layers"]) == printed["totals"][figure]
    for kind, total in printed["totals"]["operations"].items():
        assert sum(layer["operations"][kind] for layer in printed["layers"]) == total


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_columns_add_up(name: str, run: Command) -> None:
    """The printed lines of the layers, added up again, are the printed totals."""
    for words in one_way(name, ["", "--convention torchinfo", "--convention calflops"]):
        own = [*typed(name), *words.split()]
        rows = list(csv.DictReader(io.StringIO(run("flops", *own, "--format", "csv").out)))
        notes = " ".join(run("flops", *own).out.split())
        for column in rows[0].keys() - {"path", "share", "macs" if words else ""}:
            total = sum(int(row[column]) for row in rows)
            assert total == 0 or f"{total:,} {UNITS.get(column, column)}" in notes


UNITS = {"macs": "MACs", "torchinfo": "MACs", "calflops": "FLOPs"}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_tables_fit_on_80_columns(name: str, run: Command) -> None:
    for words in one_way(name, ["", "--convention all", "--convention all --backward", "--convention thop"]):
        lines = run("flops", *typed(name), *words.split()).out.splitlines()
        assert max(map(len, lines)) <= 80
        assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("words", [(), ("--convention", "fvcore"), ("--convention", "all")])
def test_what_is_unknown_is_named_and_null(words: tuple[str, ...], run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    step = "{Unfold: {kernel_size: 2, stride: 2}}, {Fold: {output_size: 8, kernel_size: 2, stride: 2}}"
    einsum = "Flatten, {einsum: {branches: [[], [parameter: {shape: [192, 2]}]], equation: 'ij,jk->ik'}}"
    file.write_text(f"input: 1x3x8x8\nlayers: [{step}, {einsum}]\n")
    done = run("flops", str(file), *words)
    assert (done.code, done.errors) == (0, "")
    assert "unknown" in done.out
    where = "Fold[0]: no count of the operations of Fold is declared" if not words else "einsum[0]: it takes"
    assert where in " ".join(done.out.split())
    assert run("flops", str(file), *words, "--strict").code == 1
    assert run("flops", "lenet", *words, "--strict").code == 0
    printed = json.loads(run("flops", str(file), *words, "--format", "json").out)
    assert printed["conventions"]["fvcore"] is None
    assert "einsum[0]" in printed["unknown"]["fvcore"]
    if not words:
        assert printed["layers"][1]["operations"] is None
        assert printed["totals"]["operations"] is None
        assert printed["unknown"]["operations"].startswith("Fold[0]: no count of")
    if "fvcore" in words:
        assert [layer["path"] for layer in printed["layers"] if layer["fvcore"] is None] == ["einsum[0]"]


def test_a_reason_stands_once(run: Command, tmp_path: Path) -> None:
    """After all the layers, or all the conventions, that it is the reason for."""
    file = tmp_path / "net.yaml"
    file.write_text(
        "input: 1x8x8\nlayers: [{seq: [einsum: {branches: [[], []], equation: 'bij,bjk->bik'}], times: 7}]"
    )
    reason = "it takes the count of einsum from a number that numpy has rounded"
    layers = ", ".join(f"seq[{number}].einsum[0]" for number in range(5))
    of = {"fvcore": f"{layers} and 2 more", "all": "fvcore, calflops, deepspeed: seq[0].einsum[0]"}
    for convention, subjects in of.items():
        printed = " ".join(run("flops", str(file), "--convention", convention).out.split())
        assert printed.endswith(f"Unknown {subjects}: {reason}")
        assert (printed.count("Unknown"), printed.count(reason)) == (1, 1)


def test_json_is_unknown_if_one_convention_is(run: Command, tmp_path: Path) -> None:
    """Without a convention JSON has all of them, and a table the operations alone."""
    file = tmp_path / "net.yaml"
    file.write_text("input: 4x9x9\nlayers: [{Conv2d: {out_channels: 4, kernel_size: 3}}]\n")
    assert run("flops", str(file), "--strict").code == 0
    assert run("flops", str(file), "--strict", "--format", "json").code == 1
    assert run("flops", str(file), "--strict", "--format", "json", "--convention", "xla").code == 0


def test_no_backward_pass(run: Command) -> None:
    done = run("flops", "lenet", "--convention", "thop", "--backward")
    assert "thop counts no backward pass" in done.out
    assert run("flops", "lenet", "--convention", "thop", "--backward", "--strict").code == 1
    assert run("flops", "lenet", "--convention", "all", "--backward", "--strict").code == 0


WRONG = {
    ("--convention", "thopp"): ("--convention: there is no convention 'thopp'", "did you mean thop?"),
    ("--convention", "x"): (
        "--convention: there is no convention 'x'",
        "conventions: macs, torch, torchinfo, fvcore, thop, ptflops, calflops, deepspeed, xla, all",
    ),
    ("--convention", "all", "--depth", "1"): (
        "--depth is for the layers, and --convention all shows none",
        None,
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_options(words: tuple[str, ...], run: Command) -> None:
    done = run("flops", "lenet", *words)
    message, hint = WRONG[words]
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {message}\n" + (f"  hint: {hint}\n" if hint else "")
