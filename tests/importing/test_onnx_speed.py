"""A file of ResNet-50, all of its weights in it, is read within a second and without torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import shapecalc
from tests.command import Command
from tests.importing.onnx_models.making import read
from tests.importing.onnx_models.resnet import write

MOST = 1.0
"""Seconds of the process, those of its start among them."""


def seconds(path: Path) -> float:
    command = (sys.executable, "-m", "shapecalc", "import", str(path))
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The network with names of its modules, and without."""
    folder = tmp_path_factory.mktemp("resnet50")
    return write(folder / "named.onnx"), write(folder / "flat.onnx", named=False)


def test_resnet_50_takes_less_than_a_second(files: tuple[Path, Path]) -> None:
    """Measured twice: what comes between is no time of the command."""
    path, _ = files
    assert seconds(path) < MOST or seconds(path) < MOST


def test_it_is_the_resnet_50_of_the_zoo(files: tuple[Path, Path]) -> None:
    """With the statistics of its norms in the biases of the convolutions."""
    found = read(files[0], "1x3x224x224")
    zoo = shapecalc.analyse(shapecalc.load("imagenet/resnet50"))
    norms = sum(row.params for row in zoo.rows if row.type == "BatchNorm2d")
    biases = sum(row.output.shape[1] for row in zoo.rows if row.type == "BatchNorm2d")
    assert found.totals.macs == zoo.totals.macs
    assert found.totals.params == zoo.totals.params - norms + biases
    assert len(found.text.splitlines()) <= 32


def test_without_names_of_modules_it_is_the_same(files: tuple[Path, Path]) -> None:
    named, flat = map(read, files)
    assert flat.totals == named.totals
    assert len(flat.text.splitlines()) <= 36
    rows = [[(row.type, row.output) for row in shapecalc.analyse(f.architecture).rows] for f in (named, flat)]
    assert rows[0] == rows[1]


def test_two_files_are_compared_as_networks(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Command(monkeypatch, capsys)
    named, flat = map(str, files)
    same = run("diff", named, flat)
    assert same.code == 0, same.err
    assert "The two are equal" in same.out
    other = run("diff", named, "imagenet/resnet50", "--input", "1x3x224x224", "--depth", "1")
    assert other.code == 1, other.err
    assert "Parameters  25,530,472 → 25,557,032: +26,560" in other.out
    assert run("diff", named, "nowhere.onnx").code == 2
