"""What stands in folders and is no ordinary file: pipes, sockets, devices, links; and files that are bad."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shapecalc import zoo
from shapecalc.language.document import LARGEST_FILE
from tests.dice import one_way
from tests.forked import TORCH, Forked, command, forked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes that have names")

NET = "input: 1x3\nlayers: [Linear: 2]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `architectures` of a working folder, with one good network."""
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "architectures"
    found.mkdir()
    (found / "good.yaml").write_text(NET)
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped/lenet.yaml").write_bytes((zoo.shipped() / "lenet.yaml").read_bytes())
    return found


BESIDE_LENET = """
from pathlib import Path
from shapecalc import zoo
from shapecalc.__main__ import main
for module in (zoo.index, zoo.lookup):
    module.shipped = lambda: Path("shipped")
main()
"""


def listed(*words: str) -> Forked:
    """The command `list` where shapecalc has one network: what is asked of a folder is tried beside it."""
    return forked(BESIDE_LENET, "shapecalc", "list", *words)


def shell(typed: str) -> subprocess.CompletedProcess[str]:
    """A command of bash, which must end by itself."""
    script = f'shapecalc() {{ "{sys.executable}" -m shapecalc "$@"; }}; {typed}'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=20)


def names(*patterns: str) -> list[str]:
    done = listed(*patterns, "--format", "json")
    assert done.err == ""
    return [entry["name"] for entry in json.loads(done.out)]


def make_odd(folder: Path) -> None:
    """All that may bear the name of an architecture and is none."""
    os.mkfifo(folder / "pipe.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "nowhere.yaml").symlink_to("missing.yaml")
    (folder / "round.yaml").symlink_to("about.yaml")
    (folder / "about.yaml").symlink_to("round.yaml")
    (folder / "to").symlink_to("fro")
    (folder / "fro").symlink_to("to")
    (folder / "again").symlink_to(".")
    (folder / "zero.yaml").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(folder / "socket.yaml"))


def test_what_is_no_file_is_no_architecture(folder: Path) -> None:
    make_odd(folder)
    assert names("good") == ["good"]
    assert {*names()} == {"lenet", "good"}
    done = shell(
        "shapecalc check good && shapecalc show good && shapecalc diff good ./architectures/good.yaml"
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("pipe", "round", "socket", "zero", "folder", "nowhere"):
        shown = command("show", name)
        assert shown.code == 2
        assert f"no architecture '{name}'" in shown.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pipe.yaml", "architectures/pipe.yaml is a pipe that nobody writes to"),
        ("architectures/pipe.yaml", "architectures/pipe.yaml is a pipe that nobody writes to"),
        ("architectures/socket.yaml", "architectures/socket.yaml can't be read: "),
        ("architectures/round.yaml", "no architecture 'architectures/round.yaml': no such file"),
        ("architectures/folder.yaml", "architectures/folder.yaml is a folder"),
        ("/dev/zero", f"/dev/zero is larger than {LARGEST_FILE:,} bytes"),
        ("/dev/null", "/dev/null: the file is empty"),
    ],
)
def test_what_is_no_file_as_an_argument(name: str, message: str, folder: Path) -> None:
    """At each push to one of the commands."""
    make_odd(folder)
    for words in one_way(name, (["show"], ["check"], ["verify", "--device", "meta"], ["list"])):
        done = command(*words, name, imports=TORCH if "verify" in words else ())
        assert done.code == 2
        if words != ["list"]:
            assert done.err.startswith(f"error: {message}"), done.err


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "typed",
    [
        "shapecalc show <(cat architectures/good.yaml)",
        "shapecalc show <(sleep 1.5; cat architectures/good.yaml)",
        "shapecalc show /dev/stdin < architectures/good.yaml",
        "cat architectures/good.yaml | shapecalc show /dev/stdin",
        "(sleep 1.5; cat architectures/good.yaml) | shapecalc show -",
        "mkfifo p; (sleep 0.4; cat architectures/good.yaml) > p & shapecalc show ./p",
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_pipe_that_somebody_writes_to(typed: str) -> None:
    done = shell(typed)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Parameters  8, all trainable" in done.stdout


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (f"{NET}{'#' * LARGEST_FILE}", 2, "bad.yaml is larger than"),
        (f"variants: {{a: , b: }}\n{NET}{'#' * LARGEST_FILE}", 2, "bad.yaml is larger than"),
        ("input: [", 2, "bad.yaml:2:1: this is not YAML"),
        ("input: 1x3\nlayers: [Conv2d: 3]\n", 1, "bad.yaml:2:10: Conv2d: kernel_size is missing"),
        ("", 2, "bad.yaml: the file is empty"),
    ],
)
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_bad_file_leaves_the_others(content: str, code: int, message: str, form: str, folder: Path) -> None:
    """They are listed and checked, the bad one is named, and the exit code is that of a bad file."""
    (folder / "bad.yaml").write_text(content)
    ways = [
        listed("--format", form),
        listed("good", "bad", "lenet", "--format", form),
        command("check", "lenet", "bad", "good", "--format", form),
    ]
    for done in ways:
        assert done.code == code
        assert "good" in done.out
        assert "lenet" in done.out
        assert done.err.startswith("error: architectures/")
        assert message in done.err.splitlines()[0]
