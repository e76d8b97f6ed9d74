"""The command `export`: to the screen or to a file, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import shapecalc
from shapecalc.exporting.keras import keras_source
from shapecalc.exporting.torch_source import torch_source
from tests.command import Command


def test_the_screen_has_the_module(run: Command) -> None:
    done = run("export", "nin", "--set", "classes=3")
    source = torch_source(shapecalc.analyse(shapecalc.load("nin"), parameters={"classes": 3}))
    assert (done.code, done.out, done.errors) == (0, source.text, "")


@pytest.mark.parametrize("to", ["torch", "keras"])
def test_text_of_a_file_reaches_no_terminal_as_it_is(to: str, run: Command, tmp_path: Path) -> None:
    """Neither an escape sequence nor the end of the text that it stands in."""
    file = tmp_path / "net.yaml"
    file.write_text(
        'name: "a\\e[31m"\nsource: "b\\e[31m\\a\\u202e \\"\\"\\" c"\ninput: 1x8\nlayers: [Linear: 2]\n'
    )
    printed = run("export", str(file), "--to", to).out
    assert printed.replace("\n", "").isprintable()
    assert r"b\\x1b[31m\\x07\\u202e ''' c" in printed
    compile(printed, "net.py", "exec")


def test_a_file_has_it_and_the_screen_nothing(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("what was there")
    done = run("export", "nin", "--to", "torch", "-o", str(file))
    assert (done.code, done.out) == (0, "")
    assert file.read_text(encoding="utf-8") == torch_source(shapecalc.analyse(shapecalc.load("nin"))).text
    assert [*tmp_path.iterdir()] == [file]


def test_the_module_runs_without_shapecalc(run: Command, tmp_path: Path) -> None:
    run("export", "lenet", "-o", str(tmp_path / "net.py"))
    code = "import sys, torch, net; y = net.LeNet()(torch.ones(2, 1, 28, 28))"
    code += "; print(*y.shape, 'shapecalc' in sys.modules)"
    command = [sys.executable, "-W", "error", "-W", "ignore:Failed to initialize NumPy", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "2 10 False\n", done.stderr


def test_keras_code_goes_to_the_screen_or_to_a_file(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    text = keras_source(shapecalc.analyse(shapecalc.load("nin"))).text
    assert run("export", "nin", "--to", "keras").out == text
    run("export", "nin", "--to", "keras", "-o", str(file))
    assert file.read_text(encoding="utf-8") == text


def test_a_file_that_can_not_be_written_is_said(run: Command, tmp_path: Path) -> None:
    done = run("export", "nin", "-o", str(tmp_path / "none" / "net.py"))
    assert (done.code, done.out) == (2, "")
    assert done.errors == f"error: {tmp_path}/none/net.py can't be written: No such file or directory\n"
    done = run("export", "nin", "-o", str(tmp_path))
    assert done.code == 2
    assert "can't be written: Is a directory" in done.errors
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "error: . can't be written: Is a directory\n  hint: -o takes the name of a file\n"),
        ("..", "error: .. can't be written: Is a directory\n  hint: -o takes the name of a file\n"),
        (f"{'a' * 300}.py", "can't be written: File name too long\n"),
        ("net.onnx", "error: net.onnx is an ONNX model by its name, and --to is torch\n  hint: --to onnx\n"),
    ],
)
def test_a_name_that_is_none_of_a_file_is_said(name: str, message: str, run: Command) -> None:
    done = run("export", "lenet", "-o", name, columns=400)
    assert (done.code, done.out) == (2, "")
    assert done.errors.endswith(message)


def test_a_pipe_is_written_to_and_a_link_followed(run: Command, tmp_path: Path) -> None:
    """No file comes in their place; what is done to a pipe is done to /dev/null, too."""
    text = torch_source(shapecalc.analyse(shapecalc.load("lenet"))).text
    pipe, link, file = tmp_path / "pipe", tmp_path / "link.py", tmp_path / "net.py"
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as reader:
        assert run("export", "lenet", "-o", str(pipe)).code == 0
        assert reader.read() == text
    assert pipe.is_fifo()
    file.write_text("what was there")
    link.symlink_to(file)
    assert run("export", "lenet", "-o", str(link)).code == 0
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == text
    assert sorted(tmp_path.iterdir()) == [link, file, pipe]


def test_what_is_wrong_leaves_the_file(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("what was there")
    done = run("export", "llm/mixtral-8x7b", "-o", str(file))
    assert done.code == 1
    assert "experts: torch has no module that routes tokens to experts" in done.errors
    assert "at decoder[0].experts[0]" in done.errors
    assert file.read_text() == "what was there"


def test_another_target_is_refused(run: Command) -> None:
    done = run("export", "nin", "--to", "caffe")
    assert done.code == 2
    assert "'caffe' is not" in done.errors
