"""`diff` of Python targets: opened as `import` opens them, and by no other command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.command import Command

MODEL = """\
from pathlib import Path
from torch import nn
from parts import WIDTH

Path("ran").touch()

def net(hidden=WIDTH):
    return nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, 3))
"""
FILE = "input: 2x6\nlayers: [Linear: {}, ReLU, Linear: 3]\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for folder, width in (("old", 8), ("new", 9)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.py").write_text(MODEL)
        (tmp_path / folder / "parts.py").write_text(f"WIDTH = {width}\n")
    (tmp_path / "mlp.yaml").write_text(FILE.format(8))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return Command(monkeypatch, capsys)


def test_a_module_and_a_file_are_compared_layer_by_layer(run: Command) -> None:
    same = run("diff", "old/model.py:net", "mlp.yaml", "--input", "2x6")
    assert (same.code, same.err) == (0, "")
    assert "The two are equal" in same.out
    other = run("diff", "old/model.py:net --args '{hidden: 10}'", "mlp.yaml", "--input", "2x6")
    assert other.code == 1
    assert "out_features 10 → 8" in other.out


@pytest.mark.parametrize("known", ["", "old", "new"])
def test_modules_beside_two_files_of_one_name_are_not_mixed(run: Command, known: str) -> None:
    """Wherever else Python would find them."""
    if known:
        sys.path.append(str(Path(known).resolve()))
    for first, second, told in (("old", "new", "8 → 9"), ("new", "old", "9 → 8")):
        found = run("diff", f"{first}/model.py:net", f"{second}/model.py:net", "-i", "2x6")
        assert found.code == 1, found.err
        assert f"out_features {told}" in found.out
    assert not {"parts", "model"} & sys.modules.keys()


def test_packages_beside_the_files_are_not_mixed_either(run: Command) -> None:
    """With or without an `__init__.py`."""
    for folder in ("old", "new"):
        package = Path(folder, "widths", "inner")
        package.mkdir(parents=True)
        Path(folder, "parts.py").rename(package / "parts.py")
        Path(folder, "model.py").write_text(MODEL.replace("from parts", "from widths.inner.parts"))
    for _ in range(2):
        assert "out_features 8 → 9" in run("diff", "old/model.py:net", "new/model.py:net", "-i", "2x6").out
        Path("old/widths/__init__.py").touch()
        Path("new/widths/__init__.py").touch()


WAVES = """\
import torch
from torch import nn

class Waves(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.head = nn.Linear(6, width)
    def forward(self, x):
        return self.head(torch.special.bessel_j0(x))
"""


def test_what_was_measured_is_compared_and_told(run: Command) -> None:
    Path("waves.py").write_text(WAVES)
    same = run("diff", "waves.py:Waves", "waves.py:Waves", "--input", "2x6")
    assert same.code == 0, same.err
    assert same.err.count("torch.special.bessel_j0 (once, ") == 1
    assert "waves.py:9): it has no counterpart here; its figures were measured" in same.err
    for side in "AB":
        measured = f"Measured    {side}: opaque[0] (torch.special.bessel_j0): at these shapes alone"
        assert measured in same.out
    assert "The two are equal, as far as is known of the layers that were measured" in same.out
    other = run("diff", "waves.py:Waves", 'waves.py:Waves --args "{width: 4}"', "--input", "2x6")
    assert other.code == 1
    assert "out_features 3 → 4" in other.out
    assert "equal" not in other.out
    printed = json.loads(run("diff", "waves.py:Waves", "mlp.yaml", "-i", "2x6", "-f", "json").out)
    assert printed["a"]["measured"] == ["opaque[0]"]
    assert "measured" not in printed["b"]


REFUSED = [
    (["old/model.py:net", "mlp.yaml"], 2, "the shapes of the inputs are needed"),
    (["mlp.yaml", "old/model.py:nett", "-i", "2x6"], 2, "did you mean net?"),
    (["mlp.yaml", "nowhere.py:net", "-i", "2x6"], 2, "there is no file 'nowhere.py'"),
    (["mlp.yaml", "no.such.module:net", "-i", "2x6"], 2, "there is no module 'no'"),
    (["mlp.yaml", "mlp:net.yaml"], 2, "no architecture 'mlp:net.yaml'"),
    (["mlp.yaml", f"{'a' * 5000}:net", "-i", "2x6"], 2, "there is no module 'aaa"),
    (["mlp.yaml", "old/model.py:net", "-i", "2x7"], 1, "running old/model.py:net failed"),
    (["mlp.yaml", "old/model.py:net --args [3]", "-i", "2x6"], 2, "--args must be a mapping"),
    (
        ["mlp.yaml --args {a:3}", "mlp.yaml"],
        2,
        "--args is what a Python target is called with, and 'mlp.yaml'",
    ),
    (["mlp.yaml", "old/model.py:net --set width=3", "-i", "2x6"], 2, "width"),
]


@pytest.mark.parametrize(("words", "code", "told"), REFUSED)
def test_sides_that_can_not_be_are_named(run: Command, words: list[str], code: int, told: str) -> None:
    found = run("diff", *words)
    assert (found.code, found.out) == (code, "")
    assert told in found.err
    assert "Traceback" not in found.err


OTHERS = ("show", "explain", "flops", "memory", "params", "domain", "receptive", "verify", "check", "export")


@pytest.mark.parametrize("command", OTHERS)
def test_no_other_command_runs_a_target(run: Command, command: str) -> None:
    more = {"explain": ["Linear[0]"], "export": ["--to", "torch"]}.get(command, [])
    assert run(command, "old/model.py:net", *more).code == 2
    assert not Path("ran").exists()


def test_a_file_whose_name_is_like_a_target_is_a_file(run: Command) -> None:
    Path("model:net").write_text(FILE.format(9))
    Path("mlp:net.yaml").write_text(FILE.format(8))
    assert run("diff", "mlp:net", "mlp:net.yaml").code == 0
    found = run("diff", "model:net", "mlp:net.yaml")
    assert found.code == 1, found.err
    assert "9 → 8" in found.out
