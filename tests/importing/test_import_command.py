"""The command `import`: its output, and what it says of targets that can't be read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import shapecalc
from tests import forked
from tests.command import Command

MODEL = """\
import sys
import torch
from torch import nn

print("made to be seen")
number = 3

class Net(nn.Module):
    def __init__(self, classes=10, width=4):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 5)
        self.head = nn.Linear(width * 24 * 24, classes)
    def forward(self, x):
        return self.head(torch.flatten(torch.relu(self.conv(x)), 1))

class Needs(Net):
    def __init__(self, classes):
        super().__init__(classes)

class Broken(Net):
    def __init__(self):
        raise ValueError("no such width")

class Deciding(Net):
    def forward(self, x):
        if x.sum() > 0:
            return super().forward(x)
        return x

class Same(Net):
    def forward(self, x):
        return x

class Nothing(nn.Module):
    def forward(self, x):
        return None

class Moving(Net):
    def forward(self, x):
        return super().forward(x.to("cuda"))

class Strange(Net):
    def forward(self, x):
        return torch.special.bessel_j0(torch.special.bessel_j0(super().forward(x)))

class Masking(Net):
    def forward(self, x):
        y = super().forward(x)
        return y.add(float("-inf"))

class Sliding(Net):
    def forward(self, x):
        y = super().forward(x)
        y.unfold(1, 2, 1).mul_(2)
        return y

class Waving(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))
        self.register_buffer("mean", torch.zeros(28))
    def forward(self, x):
        return (x - self.mean) * torch.sin(torch.arange(28.0))

class Leaving(Net):
    def __init__(self):
        sys.exit(3)

class OnGPU(Net):
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(3, device="cuda")

class Endless(Net):
    def forward(self, x):
        return self.forward(x) + 1

class Stopped(Net):
    def forward(self, x):
        raise KeyboardInterrupt

def words():
    return "no module"

class Picking(Net):
    def forward(self, x):
        y = super().forward(x)
        return y[y > 0]

class Choosing(Net):
    def forward(self, x):
        y = super().forward(x)
        return torch.cond(y.sum() > 0, lambda y: y + 1, lambda y: y * 2, (y,))

class Decided(Net):
    def forward(self, x):
        one = torch.cond(torch.ones(1) > 0, lambda x: x + 1, lambda x: x * 2, (x,))
        return super().forward(one)

def elsewhere():
    import os
    os.chdir("/")
    return Net()

def double():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 3, dtype=torch.float64))

class Scaled(Net):
    def __init__(self):
        super().__init__()
        self.rates = torch.linspace(0, 0.5, 3)
    def forward(self, x):
        for rate in self.rates:
            if rate > 0.1:
                x = x * float(rate)
        return super().forward(x)

class Asking(Net):
    def __init__(self):
        super().__init__(int(input("width? ")))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    assert Path.cwd() == folder
    return Command(monkeypatch, capsys)


def test_the_file_is_on_the_screen_and_nothing_else(run: Command) -> None:
    found = run("import", "model.py:Net", "--input", "1x1x28x28", "--args", "{classes: 7}")
    assert found.code == 0, found.err
    analysis = shapecalc.analyse(shapecalc.parse(found.out))
    assert str(analysis.outputs[0]) == "1×7"
    assert "made to be seen" in found.err


def test_the_file_and_the_names_are_written_whole(folder: Path, run: Command) -> None:
    found = run("import", "model.py:Net", "-i", "1x1x28x28", "-o", "net.yaml", "--names", "names.yaml")
    assert (found.code, found.out) == (0, ""), found.err
    assert shapecalc.analyse(shapecalc.load(folder / "net.yaml")).totals.params == 4 * 26 + 2304 * 10 + 10
    names = (folder / "names.yaml").read_text().splitlines()
    assert names == [
        *("Conv2d[0].weight: conv.weight", "Conv2d[0].bias: conv.bias"),
        *("Linear[0].weight: head.weight", "Linear[0].bias: head.bias"),
    ]
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".py" and path.is_file()) == [
        "names.yaml",
        "net.yaml",
    ]


REFUSED = [
    ("model.py:Endless", 1, "RecursionError: maximum recursion depth exceeded"),
    ("model.py:Stopped", 130),
    ("model", 2, "'model' is no Python target"),
    ("nowhere.py:Net", 2, "there is no file 'nowhere.py'"),
    (f"{'n' * 300}.py:Net", 2, "there is no file 'nnn"),
    ("no.such.module:Net", 2, "there is no module 'no'"),
    ("model.py:Nett", 2, "model.py has no 'Nett'", "did you mean Net?"),
    ("model.py:number", 2, "model.py:number is int, which can't be called"),
    ("model.py:words", 2, "model.py:words gives str, where a torch.nn.Module is needed"),
    ("model.py:Needs", 1, "missing 1 required positional argument: 'classes'", "--args"),
    ("model.py:Broken", 1, "model.py:22: ValueError: no such width"),
    ("model.py:Leaving", 2, "building model.py:Leaving ended the program"),
    ("model.py:Same", 1, "Same calls no layer, and no function on a tensor: there is nothing to write"),
    ("model.py:Nothing", 1, "Nothing calls no layer, and no function on a tensor"),
    ("model.py:Moving", 1, "let it be built and run on the device of its inputs, the CPU"),
    ("model.py:Deciding", 1, "model.py:26: a value is read out of a tensor", "depends on values"),
    ("model.py:Picking", 1, ": how large a tensor is depends on values, as of nonzero() and x[mask]"),
    ("model.py:Choosing", 1, ": a value is read out of a tensor", "depends on values"),
    ("model.py:double", 1, "output 0: 1×3 float32, in torch 1×3 float64"),
    ("model.py:Asking", 1, ": EOFError: EOF when reading a line", "as --args '{name: value}'"),
]


UNSAYABLE = [
    ("model.py:Strange", "torch.special.bessel_j0 (2 times, ", "model.py:44): it has no counterpart here"),
    ("model.py:Masking", "torch.Tensor.add (once, ", "model.py:49): add takes no infinite numbers"),
    ("model.py:Sliding", "torch.Tensor.unfold (once, ", "is written to"),
]
"""What has no counterpart: with --strict it is refused."""


@pytest.mark.parametrize(
    ("target", "code", "told"),
    [*[(row[0], row[1], row[2:]) for row in REFUSED], *[(row[0], 1, row[1:]) for row in UNSAYABLE]],
)
def test_what_can_not_be_read_is_named(
    folder: Path, run: Command, target: str, code: int, told: tuple[str, ...]
) -> None:
    found = run("import", target, "--input", "1x1x28x28", "-o", "net.yaml", "--strict")
    assert found.code == code, found.err
    assert not (folder / "net.yaml").exists()
    for text in told:
        assert text in found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize(("target", "told"), [(row[0], row[1:]) for row in UNSAYABLE])
def test_what_has_no_counterpart_is_measured(
    folder: Path, run: Command, target: str, told: tuple[str, ...]
) -> None:
    found = run("import", target, "--input", "1x1x28x28", "-o", "net.yaml", "--names", "names.yaml")
    assert found.code == 1, found.err
    analysis = shapecalc.analyse(shapecalc.load(folder / "net.yaml"))
    assert analysis.measured
    assert (analysis.totals.params, analysis.totals.macs) == (
        4 * 26 + 2304 * 10 + 10,
        4 * 25 * 576 + 2304 * 10,
    )
    assert (folder / "names.yaml").read_text().count("\n") == 4
    for text in (*told, "the file has it as opaque, with figures that were measured"):
        assert text in found.err
    assert "Traceback" not in found.err


def test_a_choice_by_a_constant_is_made(run: Command) -> None:
    found = run("import", "model.py:Decided", "--input", "1x1x28x28")
    assert found.code == 0, found.err
    assert "- add: 1\n" in found.out
    assert "mul" not in found.out


def test_constants_that_a_module_makes_are_known(run: Command) -> None:
    """Though it is built on fake tensors first: it is built again with what is no weight as it is."""
    found = run("import", "model.py:Scaled", "--input", "1x1x28x28")
    assert found.code == 0, found.err
    assert "- mul: 0.25\n  - mul: 0.5\n" in found.out


def test_a_target_that_goes_elsewhere_does_not_take_the_file_along(folder: Path, run: Command) -> None:
    found = run("import", "model.py:elsewhere", "--input", "1x1x28x28", "-o", "net.yaml")
    assert found.code == 0, found.err
    assert (folder / "net.yaml").exists()


def test_what_the_file_does_not_have_is_told(run: Command) -> None:
    found = run("import", "model.py:Waving", "--input", "1x1x28x28")
    assert (found.code, "zeros: [28]" in found.out, "buffer: [28]" in found.out) == (0, True, True)
    assert "zeros stand for constants whose values are not in the file: 28, " in found.err
    assert "model.py:63" in found.err
    assert "note: buffers that no layer reads are not in the file: seen\n" in found.err
    assert "note: buffers" not in run("import", "model.py:Net", "--input", "1x1x28x28").err


@pytest.mark.parametrize("name", ["net.yaml", ".", "", "model.py"])
def test_what_import_does_not_read_is_said_before_its_shapes(name: str, run: Command) -> None:
    found = run("import", name, columns=200)
    assert (found.code, found.out) == (2, "")
    assert (
        f"'{name}' is no Python target, and no file that import reads\n  hint: as in model.py:Net"
        in found.err
    )


OPTIONS = [
    ([], 2, "the shapes of the inputs are needed"),
    (["-i", "1x1xHxW"], 1, "the input 1x1xHxW has letters"),
    (["-i", "1x1x28x28", "--args", "[1]"], 2, "--args must be a mapping"),
    (["-i", "1x1x28x28", "--args", "{"], 2, "--args is not YAML"),
    (["-i", "1x1x28x28", "--args", "{depth: 3}"], 1, "unexpected keyword argument 'depth'"),
    (["-i", "1x3x28x28"], 1, "running model.py:Net failed"),
    (["-i", "1x1x28x28", "-o", "nowhere/net.yaml"], 2, "nowhere/net.yaml can't be written"),
]


@pytest.mark.parametrize(("words", "code", "told"), OPTIONS)
def test_options_that_can_not_be_are_named(run: Command, words: list[str], code: int, told: str) -> None:
    found = run("import", "model.py:Net", *words)
    assert (found.code, found.out) == (code, "")
    assert told in found.err
    assert "Traceback" not in found.err


def test_a_module_that_looks_at_its_weights_while_it_is_built_has_few(folder: Path, run: Command) -> None:
    """It copies what it makes beside a weight, so that neither fake ones nor those on meta will do."""
    (folder / "looking.py").write_text(
        "import torch\nfrom torch import nn\n\n\n"
        "class Looking(nn.Module):\n"
        "    def __init__(self, width=4):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(width, width)\n"
        "        table = torch.arange(width, device=self.layer.weight.device)\n"
        "        assert table.tolist()[1] == 1\n\n"
        "    def forward(self, x):\n"
        "        return self.layer(x)\n"
    )
    assert "Linear: 4" in run("import", "looking.py:Looking", "--input", "1x4").out
    refused = run("import", "looking.py:Looking", "--input", "1x4", "--args", "{width: 20000}")
    assert refused.code == 1
    assert "looking.py:Looking looks at the values of its weights while it is built" in refused.err


def test_what_fails_on_fake_tensors_prints_one_error_alone(folder: Path) -> None:
    """In a process of its own: torch's log, which tells at length what Linear refuses, goes to the screen."""
    words = ("import", "model.py:Net", "--input", "1x1x29x29")
    found = forked.command(*words, cwd=folder, imports=(*forked.TORCH, *forked.COMPILER))
    assert found.code == 1
    errors = [line for line in found.err.splitlines() if line != "made to be seen"]
    assert len(errors) == 1, found.err
    assert errors[0].startswith("error: running model.py:Net failed at ")
