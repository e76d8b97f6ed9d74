"""Sweeps that are written as they come: what is kept in memory, and what is left when one is broken off."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shapecalc.analysis.sweep import computing
from shapecalc.render import progress
from tests.command import Command, Finished
from tests.dice import SEED, count
from tests.forked import command, forked

SWEPT = ["lenet-maxpool", "vgg11-small", "--set", "classes=3,5,7", "--columns", "macs,receptive"]
CHOICES = [[], ["--where", "classes != 5", "--where", "macs >= 1"], ["--zip"]]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, run: Command) -> Callable[..., Finished]:
    """`broken(4, *words)` is the command with an interrupt at its fifth point."""

    def broken(points: int, *words: str) -> Finished:
        computed: list[object] = []
        point = computing._Network.point

        def until(*given: object) -> object:
            if len(computed) == points:
                raise KeyboardInterrupt
            computed.append(given)
            return point(*given)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(computing._Network, "point", until)
            return run(*words)

    return broken


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The points that are computed."""
    found: list[object] = []
    point = computing._Network.point

    def counted(*given: object) -> object:
        found.append(given)
        return point(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(computing._Network, "point", counted)
    return found


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_broken_sweep_goes_on_to_the_same_bytes(
    form: str, tmp_path: Path, broken: Callable[..., Finished], run: Command, computed: list[object]
) -> None:
    """Wherever it was broken off, and however much of its last row was written."""
    draw = random.Random(f"{SEED}/{form}")
    file, whole, beside = tmp_path / "rows", tmp_path / "whole", tmp_path / "rows.sweep"
    for _ in range(count(12, 500)):
        words = ["sweep", *SWEPT, *draw.choice(CHOICES), "--format", form]
        assert run(*words, "-o", str(whole)).code == 0
        points = draw.randint(0, 5)
        assert broken(points, *words, "-o", str(file)).code == 130
        assert beside.exists()
        left = file.read_bytes()
        assert whole.read_bytes().startswith(left)
        file.write_bytes(left[: len(left) - draw.choice([0, 0, 1, 2, 30])])
        computed.clear()
        assert run(*words, "--resume", str(file)).code == 0
        assert file.read_bytes() == whole.read_bytes()
        assert len(computed) <= 6 - points + (len(left) > 0) + ("classes != 5" in words)
        assert not beside.exists()


def test_rows_that_are_there_are_not_computed_again(
    tmp_path: Path, broken: Callable[..., Finished], run: Command, computed: list[object]
) -> None:
    words = ["sweep", *SWEPT, "--format", "csv"]
    file = str(tmp_path / "rows.csv")
    broken(4, *words, "-o", file)
    computed.clear()
    run(*words, "--resume", file)
    assert len(computed) == 2


def test_a_sweep_can_be_broken_off_again(
    tmp_path: Path, broken: Callable[..., Finished], run: Command
) -> None:
    words = ["sweep", *SWEPT, "--format", "json"]
    file = tmp_path / "rows.json"
    for _ in range(2):
        assert broken(2, *words, "--resume", str(file)).code == 130
    assert run(*words, "--resume", str(file), "--jobs", "2").code == 0
    assert file.read_text() == run(*words).out


def test_errors_before_the_break_do_not_fail_what_comes_after(
    tmp_path: Path, broken: Callable[..., Finished], run: Command
) -> None:
    """All points but the first can't be: the command fails only where there is no other."""
    file = tmp_path / "rows.csv"
    words = ["sweep", "lenet-maxpool", "--input", "1x1xSxS", "--vary", "S=28,1..3", "--format", "csv"]
    broken(1, *words, "-o", str(file))
    assert run(*words, "--resume", str(file)).code == 0
    other = ["sweep", "lenet-maxpool", "--input", "1x1xSxS", "--vary", "S=1..3", "--format", "csv"]
    broken(1, *other, "-o", str(file))
    assert run(*other, "--resume", str(file)).code == 1


OTHERS = [
    (["--columns", "params"], "--columns was macs,receptive, and is params"),
    (["--where", "macs > 3"], "--where was not given, and is macs > 3"),
    (["--set", "width=1"], "--set was classes=3,5,7, and is classes=3,5,7 width=1"),
    (["--dtype", "bfloat16"], "--dtype was float32, and is bfloat16"),
    (["--format", "json"], "--format was csv, and is json"),
    (["--zip"], "--zip was not given, and is True"),
]


@pytest.mark.parametrize(("words", "message"), OTHERS)
def test_another_sweep_does_not_go_on(
    words: list[str], message: str, tmp_path: Path, broken: Callable[..., Finished], run: Command
) -> None:
    file = tmp_path / "rows.csv"
    swept = ["sweep", "vgg11-small", *SWEPT[2:], "--format", "csv"]
    broken(2, *swept, "-o", str(file))
    before = file.read_bytes()
    done = run(*swept, *words, "--resume", str(file))
    assert (done.code, done.out, file.read_bytes()) == (2, "", before)
    assert f"error: --resume {file}: {message}\n" in done.err


def test_files_that_have_changed_are_another_sweep(
    tmp_path: Path, broken: Callable[..., Finished], run: Command
) -> None:
    network, own, file = tmp_path / "net.yaml", tmp_path / "own.csv", tmp_path / "rows.csv"
    network.write_text("input: 1x4\nparameters: {n: 2}\nlayers: [Linear: n]")
    own.write_text("n,accuracy\n1,50")
    words = ["sweep", str(network), "--set", "n=1..4", "--join", str(own), "--on", "n", "--format", "csv"]
    broken(2, *words, "-o", str(file))
    own.write_text("n,accuracy\n1,51")
    assert "the contents of --join are others than they were" in run(*words, "--resume", str(file)).err
    own.write_text("n,accuracy\n1,50")
    network.write_text("input: 1x5\nparameters: {n: 2}\nlayers: [Linear: n]")
    assert f"the contents of {network} are others than they were" in run(*words, "--resume", str(file)).err


NO_FILES = [
    (
        "name,classes,macs,receptive,error\nvgg11",
        "x",
        "no sweep was broken off in it: there is no rows.x.sweep",
    ),
    ("name,macs\n", None, "line 1 is none of this sweep"),
    ("name,classes,macs,receptive,error\na,b\n", None, "line 2 is none of this sweep"),
    ("name,classes,macs,receptive,error\nnin,3,1,2,\n", None, "line 2 is of no point of this sweep"),
    ("name,classes,macs,receptive,error\nvgg11-small,4,1,2,\n", None, "line 2 is of no point of this sweep"),
]


@pytest.mark.parametrize(("text", "suffix", "message"), NO_FILES)
def test_what_is_no_broken_sweep(
    text: str, suffix: str | None, message: str, tmp_path: Path, broken: Callable[..., Finished], run: Command
) -> None:
    file = tmp_path / "rows.csv"
    swept = ["sweep", "vgg11-small", *SWEPT[2:], "--format", "csv"]
    broken(2, *swept, "-o", str(file))
    asked = file.with_suffix((suffix and f".{suffix}") or ".csv")
    asked.write_text(text)
    done = run(*swept, "--resume", str(asked))
    assert (done.code, done.out, asked.read_text()) == (2, "", text)
    assert f"error: --resume {asked}: {message}" in done.err


def test_wrong_use(tmp_path: Path, run: Command) -> None:
    file = str(tmp_path / "rows")
    whole = f"--resume {file}: only rows that are written as they come can be gone on with"
    assert whole in run("sweep", *SWEPT, "--resume", file).err
    assert whole in run("sweep", *SWEPT, "--format", "csv", "--sort", "macs", "--resume", file).err
    both = run("sweep", *SWEPT, "--format", "csv", "--resume", file, "-o", file)
    assert "-o and --resume both name the file that rows go to" in both.err
    folder = run("sweep", *SWEPT, "--format", "csv", "--resume", str(tmp_path))
    assert f"--resume {tmp_path}: it is no file that rows stay in" in folder.err
    long = run("sweep", *SWEPT, "--format", "csv", "--resume", "x" * 300)
    assert ": it can't be read: File name too long" in long.err
    assert not Path(file).exists()


# In processes of their own.

INTERRUPTED = """
import os, signal
from shapecalc.analysis.sweep import computing
from shapecalc.__main__ import main
point, computed = computing._Network.point, []
def interrupted(*given):
    computed.append(given)
    if len(computed) == 4:
        os.kill(os.getpid(), signal.SIGINT)
    return point(*given)
computing._Network.point = interrupted
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are those of POSIX")
def test_after_an_interrupt_the_rest_is_as_if_there_was_none(tmp_path: Path, run: Command) -> None:
    file = tmp_path / "rows.csv"
    words = ["sweep", *SWEPT, "--format", "csv"]
    done = forked(INTERRUPTED, "shapecalc", *words, "-o", str(file))
    assert (done.code, done.out, done.err) == (130, "", "")
    assert file.read_bytes().endswith(b"\n")
    assert run(*words, "--resume", str(file)).code == 0
    assert file.read_text() == run(*words).out


FULL = """
import resource, sys
from shapecalc.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of POSIX")
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_disk_that_is_full_loses_nothing(form: str, tmp_path: Path, run: Command) -> None:
    """A file may have no more bytes than 900: a row is cut, and the sweep goes on when there is room."""
    file = tmp_path / "rows"
    words = ["sweep", "lenet-maxpool", "--set", "classes=1..40", "--format", form]
    done = forked(FULL, "shapecalc", "900", *words, "-o", str(file))
    assert (done.code, done.err) == (3, "error: the output can't be written: File too large\n")
    assert file.stat().st_size == 900
    assert run(*words, "--resume", str(file)).code == 0
    assert file.read_text() == run(*words).out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_device_that_is_full(form: str) -> None:
    done = command("sweep", *SWEPT, "--format", form, "-o", "/dev/full")
    assert (done.code, done.out) == (3, "")
    assert done.err == "error: the output can't be written: No space left on device\n"
    assert not Path("/dev/full.sweep").exists()


TINY = "input: 1x4\nparameters: {n: 2, m: 3}\nlayers: [Linear: n, ReLU, Linear: m]"


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("columns", "points", "form"),
    [("params,macs", 10_000, "csv"), ("params,macs", 10_000, "json"), ("training", 1_600, "csv")],
)
def test_memory_does_not_grow_with_the_points(columns: str, points: int, form: str, tmp_path: Path) -> None:
    """Rows of 10,000 points take 8 MB, what layers keep of 1,600 that are analysed one by one 13 MB."""
    (tmp_path / "net.yaml").write_text(TINY)

    def megabytes(points: int) -> float:
        words = ["--set", f"n=1..{points // 20}", "--set", "m=1..20", "--columns", columns, "--format", form]
        done = command("sweep", "net.yaml", *words, "-o", "rows", cwd=tmp_path)
        assert done.code == 0
        assert (tmp_path / "rows").read_text().count("\n") in (points + 1, points + 2)
        return done.megabytes

    assert megabytes(points) < megabytes(points // 10) + 8


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_MOMENT", 0)
    monkeypatch.setattr(progress, "_OFTEN", 0)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert list(progress.with_bar(iter("abc"), "Sweeping", 40, done=30)) == ["a", "b", "c"]
    assert "Sweeping" in terminal.getvalue()
    assert "32/40" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    assert list(progress.with_bar(iter("abc"), "Sweeping", 40)) == ["a", "b", "c"]
    assert pipe.getvalue() == ""


def test_json_of_no_point_is_a_list(run: Command) -> None:
    assert json.loads(run("sweep", "lenet", "--where", "macs < 1", "--format", "json").out) == []
