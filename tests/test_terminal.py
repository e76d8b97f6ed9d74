"""What a terminal and a shell meet: closed streams, interrupts, faults, control characters."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Context, Decimal
from pathlib import Path

import pytest

import shapecalc
from shapecalc.render.cells import short, size
from tests.command import Command

SHELL = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command of bash, in which `shapecalc` is this one; it must end in twenty seconds."""
    script = f'shapecalc() {{ "{sys.executable}" -m shapecalc "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", script], cwd=cwd, capture_output=True, text=True, check=False, timeout=20
    )


# Streams.


@SHELL
@pytest.mark.parametrize("command", ["show lenet", "list 'lenet*' --format json", "schema", "--version"])
def test_a_closed_output_is_an_error(command: str, tmp_path: Path) -> None:
    done = shell(f"shapecalc {command} >&-", tmp_path)
    message = "error: the output can't be written: standard output is closed\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", message)


@SHELL
def test_closed_errors_leave_the_exit_code(tmp_path: Path) -> None:
    assert shell("shapecalc show nope 2>&-", tmp_path).returncode == 2
    assert shell("shapecalc show lenet 2>&-", tmp_path).returncode == 0


# Interrupts.

INTERRUPTED_AT = """
import importlib.abc, os, runpy, signal, sys
module = sys.argv.pop(1)
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
runpy.run_module("shapecalc", run_name="__main__", alter_sys=True)
"""


@SHELL
@pytest.mark.parametrize(
    "module",
    [
        "shapecalc.cli.app",
        "typer",
        "shapecalc.errors",
        "yaml",
        "shapecalc.layers.linear",
        "shapecalc.render.show",
    ],
)
def test_an_interrupt_is_quiet_from_the_first_moment(module: str, tmp_path: Path) -> None:
    """At the import of any module: before the command is read, and while it runs."""
    command = [sys.executable, "-c", INTERRUPTED_AT, module, "show", "lenet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@SHELL
def test_an_interrupt_that_is_ignored_stays_so(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{INTERRUPTED_AT}"
    command = [sys.executable, "-c", code, "yaml", "show", "lenet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Faults of shapecalc itself.


def broken(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [TypeError("the formula\nL has\x1b no truth value"), MemoryError(), RecursionError("too deep")]
)
def test_a_fault_is_one_line_that_asks_for_a_report(
    error: Exception, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shapecalc.cli.show.analysed", broken(error))
    done = run("show", "lenet", "--set", "a=b c")
    assert (done.code, done.out) == (4, "")
    (line,) = done.err.splitlines()
    assert line.startswith(
        f"error: a fault of shapecalc {shapecalc.__version__} itself, {type(error).__name__}"
    )
    assert "please report it, with the file and this command: shapecalc show lenet --set 'a=b c'" in line
    assert line.endswith("(--debug shows its trace)")
    assert "\x1b" not in done.err


@pytest.mark.parametrize("words", [("--debug", "show", "lenet"), ("show", "lenet", "--debug")])
def test_the_trace_of_a_fault(words: tuple[str, ...], run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.cli.show.analysed", broken(KeyError("nowhere")))
    done = run(*words)
    assert done.code == 4
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert done.err.splitlines()[-1].startswith("error: a fault of shapecalc")


def test_debug_changes_nothing_else(run: Command) -> None:
    assert run("show", "lenet", "--debug") == run("show", "lenet")
    assert run("show", "nope", "--debug") == run("show", "nope")
    assert "--debug" in run("--help").out


def test_what_cannot_be_read_is_no_output_that_cannot_be_written(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "shapecalc.cli.show.analysed", broken(PermissionError(13, "Permission denied", "some.yaml"))
    )
    assert run("show", "lenet").code == 4


# Control characters.

ESCAPES = "\x1b[31m\x07\x7f\x9b1m\u202e"


def safe(text: str) -> bool:
    return all(c == "\n" or c.isprintable() for c in text)


FILE = f"""
name: {json.dumps("red" + ESCAPES)}
source: {json.dumps("source" + ESCAPES)}
notes: {json.dumps("notes" + ESCAPES)}
input: 1x3x4x4
layers: [Conv2d: {{out_channels: 2, kernel_size: 3}}]
"""
COMMANDS = ["show", "params", "memory", "receptive", "explain", "domain", "flops", "check"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("form", ["table", "text", "json", "markdown", "csv", "latex"])
def test_no_control_character_of_a_file_reaches_the_terminal(command: str, form: str, run: Command) -> None:
    """Neither of what it holds, nor of what it is called."""
    Path("a.yaml").write_text(FILE)
    Path(f"b{ESCAPES}.yaml").write_text("input: 1x3x4x4\nlayers: [MaxPool2d: 2]\n")
    for name in ("a", f"b{ESCAPES}"):
        done = run(command, name, "--format", form)
        if done.code == 2 and "Invalid value for '--format'" in done.err:
            continue
        assert (done.code, done.err) == (0, "")
        assert safe(done.out)
        if form == "json":
            json.loads(done.out)


def test_json_has_the_characters_all_the_same(run: Command) -> None:
    Path("architectures").mkdir()
    Path("architectures/a.yaml").write_text(FILE)
    done = run("list", "a", "--format", "json")
    assert safe(done.out)
    assert json.loads(done.out)[0]["source"] == "source" + ESCAPES


def test_names_of_files_in_lists(run: Command) -> None:
    Path("architectures").mkdir()
    Path(f"architectures/b{ESCAPES}.yaml").write_text("input: 1x3\nlayers: [Linear: 2]\n")
    for form in ("table", "markdown", "csv"):
        done = run("list", "b*", "--format", form)
        assert safe(done.out)
        assert done.code == 0
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert rows[0]["name"] == r"b\x1b[31m\x07\x7f\x9b1m\u202e"


def test_diff_and_verify_of_such_names(run: Command) -> None:
    name = f"b{ESCAPES}"
    Path(f"{name}.yaml").write_text("input: 1x3\nexpect: {params: 1}\nlayers: [Linear: 2]\n")
    for words in (("diff", name, "lenet"), ("diff", "lenet", f"{name} --set x"), ("check", name)):
        done = run(*words)
        assert safe(done.out)
        assert safe(done.err)
    done = run("verify", name, "--device", "meta", "--junit", "report.xml")
    assert done.code == 1
    assert safe(done.out)
    assert safe(Path("report.xml").read_text())


KEYS = [
    f"{json.dumps('x' + ESCAPES)}: 1\ninput: 1x3\nlayers: [ReLU]\n",
    f"input: {json.dumps('1x' + ESCAPES)}\nlayers: [ReLU]\n",
    f"input: {{{json.dumps('a' + ESCAPES)}: 1x3}}\nlayers: [ReLU]\n",
    f"input: 1x3\nlayers: [{json.dumps('ReLU' + ESCAPES)}]\n",
    f"input: 1x3\nlayers: [Linear: {json.dumps('2' + ESCAPES)}]\n",
    f"input: 1x3\nlayers: [Linear: {{{json.dumps('out' + ESCAPES)}: 2}}]\n",
    f"input: 1x3\nblocks: {{{json.dumps('b(' + ESCAPES)}: [ReLU]}}\nlayers: [ReLU]\n",
    f"input: 1x3\nparameters: {{{json.dumps('p' + ESCAPES)}: 2}}\nlayers: [ReLU]\n",
    f"input: 1x3\nparameters: {{p: {json.dumps('p' + ESCAPES)}}}\nlayers: [Linear: p]\n",
    f"input: 1x3\nvariants: {{{json.dumps('v' + ESCAPES)}: {{}}}}\nlayers: [ReLU]\n",
    f"input: 1x3\nlayers: [{{ReLU: , as: {json.dumps('v' + ESCAPES)}}}]\n",
    f"input: 1x3\nlayers: [{{ReLU: , from: {json.dumps('v' + ESCAPES)}}}]\n",
    f"input: 1x3\nlayers: [einsum: {{branches: [[], []], equation: {json.dumps('ab' + ESCAPES)}}}]\n",
    f"input: 1x3\nlayers: [PReLU: *{ESCAPES}]\n",
    f"input: 1x3\nlayers: [!t{ESCAPES} PReLU]\n",
]


@pytest.mark.parametrize("text", KEYS)
def test_errors_about_such_text(text: str, run: Command) -> None:
    Path(f"b{ESCAPES}.yaml").write_text(text)
    for words in (("show", f"b{ESCAPES}"), ("check", f"b{ESCAPES}"), ("list", f"b{ESCAPES}")):
        done = run(*words)
        assert done.code in (1, 2)
        assert done.err.startswith("error: ")
        assert safe(done.err)
        assert safe(done.out)


def test_options_with_such_text(run: Command) -> None:
    for words in (
        ("show", "lenet", "--input", f"1x{ESCAPES}"),
        ("show", "lenet", "--set", f"classes={ESCAPES}"),
        ("show", "lenet", "--set", f"{ESCAPES}=1"),
        ("show", "lenet", "--columns", ESCAPES),
        ("show", f"nope{ESCAPES}"),
        ("explain", "lenet", ESCAPES),
        ("solve", "lenet", "--output", ESCAPES),
        ("receptive", "lenet", "--of", ESCAPES),
        ("memory", "lenet", "--fit", ESCAPES),
        ("flops", "lenet", "--convention", ESCAPES),
        ("layers", ESCAPES),
        ("list", ESCAPES),
        ("verify", "lenet", "--device", ESCAPES),
        ("verify", "lenet", "--device", "meta", "--junit", f"nowhere/{ESCAPES}"),
    ):
        done = run(*words)
        assert done.code in (1, 2)
        assert safe(done.err), words
        assert safe(done.out)


# Figures that no number of floating point holds.


@pytest.mark.parametrize("exponent", range(24))
def test_bytes_and_counts_are_rounded_half_to_even(exponent: int) -> None:
    powers = {1024: ["B", "KiB", "MiB", "GiB", "TiB"], 1000: ["", "k", "M", "G", "T", "P"]}
    numbers = (10**exponent, 1152 * 2**exponent, 10**exponent * 999_995 // 10**6, 1_005 * 10**exponent)
    for number in numbers:
        for text, base in ((size(number), 1024), (short(number, ""), 1000)):
            figure, _, unit = text.replace(",", "").partition(" ")
            power = powers[base].index(unit)
            assert power == len(powers[base]) - 1 or number < base ** (power + 1)
            exact = Context(prec=100).divide(Decimal(number), Decimal(base**power))
            assert figure == (f"{exact:.2f}" if power else str(number))
