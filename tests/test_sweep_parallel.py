"""Sweeps by several processes: the rows are those of one, in their order, whatever becomes of the workers."""

from __future__ import annotations

import csv
import io
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import cloudpickle
import pytest

import shapecalc
from shapecalc import zoo
from shapecalc.analysis.sweep.computing import Computing
from shapecalc.analysis.sweep.parallel import Workers, _Pieces, computed
from shapecalc.analysis.sweep.points import Axis, Point, Sweep
from shapecalc.errors import Place, UnavailableError, UnknownNameError
from tests.command import Command
from tests.dice import SEED, count

NAMES = ("lenet-maxpool", "vgg11-small", "densenet", "imagenet/resnet18")


def written(points: Iterator[Point]) -> list[tuple[dict[str, object], str, int]]:
    """All that a point is: its row, and its error with the lines that it quotes, and its exit code."""
    return [(p.to_dict(), str(p.error), p.error.exit_code if p.error else 0) for p in points]


def random_sweep(draw: random.Random) -> Sweep:
    """Networks that share a parameter, over ranges that some of them refuse."""
    networks = {name: shapecalc.load(name) for name in draw.sample(NAMES, draw.randint(1, 2))}
    first = draw.randint(1, 40)
    axes = [
        Axis("classes", tuple(draw.sample(range(1, 50), draw.randint(1, 3)))),
        Axis("S", tuple(range(first, first + draw.randint(1, 6))), letter=True),
    ]
    channels = {"lenet-maxpool": 1, "densenet": 1}
    deep = next(iter(networks))
    columns = draw.sample(["params", "macs", "output", "receptive", "peak", "training"], draw.randint(1, 4))
    zipped = len({len(axis.values) for axis in axes if len(axis.values) > 1}) < 2 and draw.random() < 0.3
    return Sweep(networks, f"1x{channels.get(deep, 3)}xSxS", axes, columns, zipped)


def test_points_by_their_numbers_are_those_of_the_whole() -> None:
    draw = random.Random(f"{SEED}/numbers")
    for _ in range(count(5, 200)):
        swept = random_sweep(draw)
        whole = written(Computing(swept).points())
        assert len(whole) == swept.size
        start = draw.randint(0, swept.size)
        stop = draw.randint(start, swept.size)
        assert written(Computing(swept).points(start, stop)) == whole[start:stop]


def test_several_processes_give_the_points_of_one() -> None:
    draw = random.Random(f"{SEED}/processes")
    for _ in range(count(4, 100)):
        swept = random_sweep(draw)
        start = draw.randint(0, swept.size - 1)
        jobs = draw.choice([2, 3])
        assert written(computed(swept, Workers(jobs), start)) == written(computed(swept, start=start))


def test_python_has_the_same_rows_by_several_processes() -> None:
    network = shapecalc.load("lenet-maxpool")

    def rows(jobs: int) -> list[dict[str, object]]:
        asked = shapecalc.sweep(
            network,
            "1x1xSxS",
            set={"classes": [2, 5]},
            vary={"S": "8..40"},
            where=["S != 20"],
            jobs=jobs,
        )
        return [point.to_dict() for point in asked]

    found = rows(2)
    assert found == rows(1)
    assert len(found) == 64
    assert any(row["error"] for row in found)


def test_points_left_unasked_are_no_fault() -> None:
    network = shapecalc.load("lenet-maxpool")
    asked = shapecalc.sweep(network, "1x1xSxS", vary={"S": "16..300"}, columns=["receptive"], jobs=2)
    assert [point.values["S"] for point in islice(asked, 3)] == [16, 17, 18]
    asked.close()  # type: ignore[attr-defined]  # it is a generator


def _sized(lengths: Mapping[str, int], zipped: bool) -> Sweep:
    axes = [Axis(name, range(length), letter=name.isupper()) for name, length in lengths.items()]
    return Sweep({"a": shapecalc.load("lenet")}, None, axes, ["params"], zipped)


def test_pieces_are_every_number_once() -> None:
    draw = random.Random(f"{SEED}/pieces")
    for _ in range(count(300, 10_000)):
        lengths = {name: draw.choice([1, 2, 7, 40, 3000]) for name in draw.sample("aAbB", draw.randint(0, 3))}
        swept = _sized(lengths, draw.random() < 0.2)
        if swept.size > 100_000:
            continue
        start = draw.randint(0, swept.size)
        pieces = _Pieces(swept, start, draw.randint(1, 9))
        numbers: list[int] = []
        for piece in pieces:
            numbers += range(*piece)
            pieces.took(draw.choice([0.001, 1]))
        assert numbers == list(range(start, swept.size))


def test_pieces_keep_together_what_has_formulas_in_common() -> None:
    pieces = _Pieces(_sized({"a": 1000, "S": 30}, zipped=False), 40, 2)
    found = []
    for _ in range(6):
        found.append(next(pieces))
        pieces.took(0.001)
    assert found == [(40, 41), (41, 45), (45, 60), (60, 180), (180, 660), (660, 1140)]


def test_pieces_that_take_long_stay_small_and_all_workers_have_some() -> None:
    long, short = (_Pieces(_sized({"S": 1000}, zipped=False), 0, 2) for _ in range(2))
    for piece in long:
        long.took(1)
        assert piece[1] - piece[0] == 1
    sizes = []
    for start, stop in short:
        short.took(0.001)
        sizes.append(stop - start)
    assert max(sizes) == 64


def test_every_network_of_the_zoo_is_what_it_was_elsewhere() -> None:
    """As bytes, and back."""
    for name in random.Random(f"{SEED}/bytes").sample(zoo.names(), min(count(10, 1000), len(zoo.names()))):
        network = shapecalc.load(name)
        again = cloudpickle.loads(cloudpickle.dumps(network))
        assert shapecalc.analyse(again, brief=True).totals == shapecalc.analyse(network, brief=True).totals


def test_an_error_is_what_it_was_elsewhere() -> None:
    error = UnknownNameError("x", "there is no x", hint="y").at(Place("file", 1, 2, "  x"), "a.b")
    again = cloudpickle.loads(cloudpickle.dumps(error))
    assert (str(again), again.name, again.args) == (str(error), "x", error.args)


def test_a_worker_that_is_ended_from_outside_is_told() -> None:
    from joblib.externals.loky import reusable_executor

    network = shapecalc.load("lenet-maxpool")
    asked = shapecalc.sweep(network, "1x1xSxS", vary={"S": "16..300"}, columns=["receptive"], jobs=2)
    next(asked)
    for pid in list(reusable_executor._executor._processes):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(UnavailableError, match="a process that computes points was ended from outside"):
        list(asked)


@pytest.mark.parametrize(
    ("lacking", "scheduler", "message"),
    [
        ("joblib", None, r"joblib is not installed.*\n  hint: pip install 'shapecalc\[sweep\]'.*"),
        (
            "distributed",
            "tcp://127.0.0.1:9",
            r"Dask is not installed.*\n  hint: pip install 'shapecalc\[dask\]'.*",
        ),
    ],
)
def test_what_is_not_installed_is_said(
    lacking: str, scheduler: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(UnavailableError) as told:
        list(shapecalc.sweep(shapecalc.load("lenet"), jobs=2, scheduler=scheduler))
    assert re.fullmatch(message, str(told.value))


SWEPT = ["lenet-maxpool", "--input", "1x1xSxS", "--vary", "S=8..40", "--columns", "receptive,macs,training"]


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_the_command_prints_what_it_prints_without_others(form: str, run: Command) -> None:
    alone, several = (run("sweep", *SWEPT, "--format", form, *jobs) for jobs in ([], ["--jobs", "2"]))
    assert several == alone
    assert alone.code == 0
    assert "does not fit" in alone.out


def test_a_cluster_and_processes_are_two_ways(run: Command) -> None:
    done = run("sweep", *SWEPT, "--jobs", "2", "--scheduler", "tcp://127.0.0.1:9")
    assert (done.code, done.out) == (2, "")
    assert "error: --jobs and --scheduler are two ways to compute: one is needed" in done.err


LONG = ["imagenet/resnet50", "--input", "1x3xSxS", "--vary", "S=32..9999", "--columns", "receptive"]


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from shapecalc.__main__ import main
main()
"""
"""As on a terminal: where tests run in the background, what they start takes no notice of interrupts."""


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are those of POSIX")
@pytest.mark.parametrize(("jobs", "lines"), [("1", 5), ("2", 1), ("2", 5)])
def test_an_interrupt_ends_all_and_leaves_whole_rows(jobs: str, lines: int, tmp_path: Path) -> None:
    """As a terminal sends it: to the command and to its workers, which write to the same standard error.

    After the header alone, the workers are still starting.
    """
    file = tmp_path / "rows.csv"
    words = ["sweep", *LONG, "--jobs", jobs, "--format", "csv", "-o", str(file)]
    command = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not file.exists() or file.read_text().count("\n") < lines:
        assert command.poll() is None
        time.sleep(0.02)
    os.killpg(command.pid, signal.SIGINT)
    _, printed = command.communicate(timeout=200)  # until the last of them is gone
    assert (command.returncode, printed) == (128 + signal.SIGINT, "")
    rows = list(csv.reader(io.StringIO(file.read_text())))
    sizes = range(32, 31 + len(rows))
    assert rows[1:] == [["imagenet/resnet50", f"{size}", f"{size}x{size}", ""] for size in sizes]
    assert file.read_text().endswith("\n")
