"""A counting convention is one file, and a name in the list: this one is written, listed, and counts."""

from __future__ import annotations

from pathlib import Path

import pytest

import shapecalc
from shapecalc.analysis.counting import conventions, tools
from shapecalc.analysis.counting.conventions import CONVENTIONS, NAMES, chosen_by
from shapecalc.analysis.counting.counts import count
from shapecalc.errors import UsageError
from tests.command import Command

FILE = '''
"""A tool that counts convolutions with their biases, ReLU but no other function, and nothing else."""

from shapecalc.analysis.counting import rules
from shapecalc.analysis.counting.rules import Convention
from shapecalc.layers.activation import ReLU
from shapecalc.layers.convolution import Convolution

CONVENTION = Convention(
    name="abacus",
    unit="FLOPs",
    about="2 for each MAC of a convolution, biases, 1 for each ReLU",
    source="abacus.count",
    table={Convolution: rules.biases, ReLU: rules.per_output(1)},
    rest=rules.unseen,
    of_modules=True,
    faults=("nothing but convolutions is seen",),
)
'''

TEXT = """
input: 2x3x8x8
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - ReLU
  - relu
  - Flatten
  - Linear: 5
"""
CONVOLUTION, RELU, LINEAR = 2 * 4 * 6 * 6 * 3 * 3 * 3, 2 * 4 * 6 * 6, 2 * 144 * 5


@pytest.fixture(autouse=True)
def _listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "abacus.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(tools, "__path__", [*tools.__path__, str(tmp_path)])
    monkeypatch.setattr(conventions, "NAMES", (*NAMES, "abacus"))


def test_it_counts() -> None:
    found = count(CONVENTIONS["abacus"], shapecalc.analyse(shapecalc.parse(TEXT)))
    assert found.products == 2 * (CONVOLUTION + LINEAR)
    assert found.beside == {
        "biases": RELU,
        "ReLU, 1 an output": RELU,
        "Linear, not seen": -2 * LINEAR,
    }
    assert found.total == 2 * CONVOLUTION + 2 * RELU


def test_the_command_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    run = Command(monkeypatch, capsys)
    assert "nothing but convolutions is seen" in run("flops", str(path), "--convention", "abacus").out
    assert "abacus" in run("flops", str(path), "--convention", "all").out


def test_there_is_no_other() -> None:
    assert chosen_by("all")[-1].name == "abacus"
    with pytest.raises(UsageError, match="there is no convention"):
        chosen_by("slide rule")
