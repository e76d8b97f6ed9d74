"""What the commands print, at a fixed width, and the exit codes; printed columns add up to printed totals."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

import shapecalc
from shapecalc import zoo
from shapecalc.cli import reference
from shapecalc.language.expectation import Bounds
from tests.command import Command
from tests.dice import one_way
from tests.networks import EVERY_TYPE, ONE_OF_EACH, analysed, short, typed

COMMANDS = [
    "show nin",
    "show lenet",
    "show resnet18 --depth 1",
    "show resnet18 --depth 3",
    "show densenet --depth 2 --layout NHWC",
    "show lenet-batchnorm --columns path,input,output,dtype,weights,buffers,flops",
    "show vgg11 --depth 1 --format markdown",
    "show vgg11-small --format csv",
    "show lenet --format json",
    "show resnet18 --depth 1 --format json --layout NHWC",
    "params lenet-batchnorm",
    "params resnet18 --depth 1",
    "params densenet --depth 2 --dtype bfloat16",
    "params lenet --format markdown",
    "params lenet-maxpool --format csv",
    "params lenet-maxpool --format json --dtype float16",
    "flops lenet",
    "flops imagenet/resnet18 --depth 1 --backward",
    "flops imagenet/resnet18 --convention all",
    "flops bert-base --convention all --backward",
    "flops lenet-maxpool --convention ptflops --format markdown",
    "flops transformer --convention fvcore --depth 1",
    "flops lenet-maxpool --format csv",
    "flops lenet-maxpool --convention all --format csv --backward",
    "flops lenet-maxpool --format json --backward",
    "flops lenet --input Nx1xHxW --convention xla",
    "list",
    "list --format csv",
    "memory nin --batch 128 --train",
    "memory resnet18 --train --optimizer adam --fit 24GiB",
    "memory alexnet --batch 2 --dtype bfloat16",
    "memory lenet-maxpool --train --format json",
    "memory vgg11 --format csv --train",
    "memory vgg11-small --format markdown --train",
    "memory lenet --input Nx1x28x28 --train",
    "memory nin --input Nx1xHxW --ascii",
    "memory gpt2 --input NxL:int64",
    "list resnet* lenet",
    "list resnet* --format markdown",
    "receptive nin --depth 1",
    "receptive resnet18 --depth 2",
    "receptive unet --depth 1",
    "receptive dcgan",
    "receptive lenet-maxpool --format csv",
    "receptive lenet --format json",
    "receptive wavenet --depth 1 --format markdown",
    "receptive vgg11 --input Nx1xHxW --depth 1 --ascii",
    "receptive bert-base --depth 1 --of segments",
    "show resnet18 --depth 1 --columns layer,output,receptive,receptive_stride,receptive_start",
]


_analysed = cache(reference._analysed)


@pytest.mark.parametrize("command", COMMANDS)
def test_printed(
    command: str, run: Command, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "_analysed", _analysed)
    done = run(*command.split())
    assert (done.code, done.errors) == (0, "")
    assert done.out == snapshot


def test_csv_has_fields_that_differ_as_the_table_has(run: Command) -> None:
    rows = csv.DictReader(io.StringIO(run("receptive", "unet", "--depth", "1", "--format", "csv").out))
    assert {row["path"]: row["receptive"] for row in rows}["up[3]"] == "188-204x188-204"


def test_a_wide_terminal_gets_all_columns(run: Command, snapshot: SnapshotAssertion) -> None:
    done = run("show", "googlenet", "--depth", "2", columns=200)
    assert done.out == snapshot
    assert "kernel_size 7" in done.out


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_tables_fit_on_80_columns(name: str, run: Command) -> None:
    for command in one_way(name, ["show", "params", "flops", "receptive", "memory"]):
        lines = run(command, *typed(name)).out.splitlines()
        assert max(len(line) for line in lines if " " in line.strip()) <= 80  # a path is never cut
        whole = [re.sub(r"\[[0-9]+…[0-9]+\]", "", line) for line in lines]  # of layers that are one line
        assert not any("…" in line or line.endswith(" ") for line in whole)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_numbers_are_never_cut(name: str, run: Command) -> None:
    """On a terminal that is far too narrow, each number still stands whole."""
    narrow = run("show", *typed(name), columns=20).out
    totals = short(name).totals
    assert f"{totals.params:,}" in narrow
    assert f"{totals.macs:,} MACs" in narrow


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_columns_add_up(name: str, run: Command) -> None:
    """The top level of the printed table, added up again, is the printed total."""
    printed = run("show", name, "--depth", "1", "--columns", "layer,params,macs").out
    _, body = re.split(r"^Layer.*\n", printed, maxsplit=1, flags=re.MULTILINE)
    rows = [re.split(r"\s{2,}", line) for line in body.splitlines() if not line.startswith(" ")]
    table = rows[: next(i for i, row in enumerate(rows) if row == [""])]
    added = [sum(int(row[column].replace(",", "")) for row in table) for column in (1, 2)]
    totals = analysed(name).totals
    assert added == [totals.params, totals.macs]
    trainable = "all" if not totals.frozen_params else f"{totals.trainable_params:,}"
    assert f"{added[0]:,}, {trainable} trainable" in printed
    assert f"{added[1]:,} MACs" in printed


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_csv_adds_up_at_every_depth(name: str, run: Command) -> None:
    totals, expect = analysed(name).totals, analysed(name).architecture.expect
    published = [expect and expect.params, expect and expect.macs]
    for depth in one_way(name, "1239"):
        rows = list(csv.DictReader(io.StringIO(run("show", name, "--format", "csv", "--depth", depth).out)))
        sums = [sum(int(row[figure]) for row in rows) for figure in ("params", "macs")]
        assert sums == [totals.params, totals.macs]
        for own, figure in zip(sums, published, strict=True):
            assert own in figure if isinstance(figure, Bounds) else figure in (None, own)
        assert sum(float(row["macs_share"]) for row in rows) == pytest.approx(1)


def test_json_is_the_analysis(run: Command) -> None:
    printed = json.loads(run("show", "resnet18", "--format", "json").out)
    analysis = shapecalc.analyse(shapecalc.load("resnet18"))
    assert printed == json.loads(json.dumps(analysis.to_dict()))


def test_nhwc_is_the_order_that_tensorflow_prints(run: Command) -> None:
    """Dive into Deep Learning 7.3 lists these for TensorFlow."""
    printed = json.loads(run("show", "nin", "--depth", "1", "--layout", "NHWC", "--format", "json").out)
    shapes = [layer["output"] for layer in printed["layers"]]
    assert shapes[:4] == [[1, 54, 54, 96], [1, 26, 26, 96], [1, 26, 26, 256], [1, 12, 12, 256]]
    assert printed["inputs"]["input"]["shape"] == [1, 224, 224, 1]


def test_input_and_set(run: Command) -> None:
    done = run("show", "nin", "--input", "8x3x96x96", "--set", "classes=100", "--format", "json")
    assert json.loads(done.out)["outputs"] == [[8, 100]]


@pytest.mark.parametrize("shape", ["3x8x6", "2x196x512"])
def test_of_three_axes_none_is_known_to_hold_channels(shape: str, run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(f"input: {shape}\nlayers: [ReLU]\n")
    words = ("show", str(file), "--format", "csv", "--columns", "input")
    assert run(*words, "--layout", "NHWC").out == run(*words).out == f"input\n{shape}\n"


def test_values_of_other_kinds_that_a_layer_takes_too(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(
        "input: 1x1x8x8\nparameters: {k: 3, p: same}\n"
        "layers: [Conv2d: {out_channels: 1, kernel_size: k, padding: p}]\n"
    )

    def output(*sets: str) -> list[int]:
        words = [word for text in sets for word in ("--set", text)]
        found: list[int] = json.loads(run("show", str(file), "--format", "json", *words).out)["outputs"][0]
        return found

    assert output() == [1, 1, 8, 8]
    assert output("k=[3, 5]", "p=0") == [1, 1, 6, 4]
    assert output("k=[1,2]", "p=[0, 1]") == [1, 1, 8, 9]


def test_an_input_that_nothing_reads_is_named(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("input: {a: 1x4, b: 1x4}\nlayers: [Linear: 2]\n")
    assert "Not read    b: " in run("show", str(file)).out
    assert "Not read" not in run("show", "lenet").out


def test_several_inputs(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("input: {a: 1x4, b: 1x5}\nlayers: [concat: [a, b]]\n")
    assert json.loads(run("show", str(file), "--format", "json").out)["outputs"] == [[1, 9]]
    words = ("show", str(file), "--format", "json", "--input", "b=2x6", "--input", "a=2x1")
    assert json.loads(run(*words).out)["outputs"] == [[2, 7]]


WRONG_USE = [
    ("show", 2, "Missing argument 'ARCH'"),
    ("show nni", 2, "error: no architecture 'nni'"),
    ("show nin --input 1xx3", 2, "'1xx3' is no input shape"),
    ("show nin --input 0x1x8x8", 2, "sizes are at least 1"),
    ("show nin --input a=1x1", 2, "has no input 'a'"),
    ("show nin --input 1x1x8x8 --input 1x1x9x9", 2, "must be of the form NAME=VALUE"),
    ("show nin --set classes", 2, "must be of the form NAME=VALUE"),
    ("show nin --set clases=3", 2, "did you mean classes?"),
    ("show nin --set classes=K/2", 2, "the parameter classes must be a whole number, not K/2"),
    ("show nin --set classes=min", 2, "'min' can't be the name of a symbol"),
    ("show nin --set classes=K-K", 1, "out_channels must be a whole number of at least 1, not 0"),
    ("show nin --set classes=0", 1, "out_channels must be a whole number of at least 1, not 0"),
    ("show nin --columns layer,foo", 2, "there is no column 'foo'"),
    ("show nin --columns ,", 2, "at least one is needed"),
    ("show nin --columns layer --format json", 2, "--columns is for tables"),
    ("params nin --depth 1 --format csv", 2, "--depth is for tables"),
    ("show nin --set classes=3 --set classes=4", 2, "'classes' is given twice"),
    ("show nin --depth 0", 2, "Invalid value for '--depth'"),
    ("show nin --format yaml", 2, "'yaml' is not one of"),
    ("show nin --layout CHWN", 2, "'CHWN' is not one of"),
    ("show nin --input 1x1x8x8", 1, "the kernel of 11 does not fit on an input of 8"),
    ("params nin --dtype float8", 2, "'float8' is not one of"),
    ("receptive", 2, "Missing argument 'ARCH'"),
    ("receptive nin --of image", 2, "there is no input 'image'"),
    ("receptive nin --depth 0", 2, "Invalid value for '--depth'"),
    ("receptive nin --format latex", 2, "'latex' is not one of"),
    ("receptive nin --input 1x1x8x8", 1, "the kernel of 11 does not fit on an input of 8"),
    (
        "list resnte*",
        2,
        "error: no architecture matches 'resnte*'\n  hint: did you mean resnet50 or resnet34 or resnet18?",
    ),
    ("list zzz*", 2, "hint: `shapecalc list` shows the architectures that there are"),
    ("list --sort size", 2, "'size' is not one of"),
    ("nothing", 2, "No such command 'nothing'"),
]


@pytest.mark.parametrize(("command", "code", "message"), WRONG_USE)
def test_wrong_use(command: str, code: int, message: str, run: Command) -> None:
    done = run(*command.split())
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_a_network_of_vectors_has_no_receptive_field(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "mlp.yaml"
    file.write_text("input: 1x784\nlayers: [Linear: 10]\n")
    for words in (["receptive", str(file)], ["show", str(file), "--columns", "layer,receptive"]):
        done = run(*words)
        assert (done.code, done.out) == (2, "")
        assert "error: no input has spatial axes, along which a layer could see a part" in done.err
    assert run("show", str(file)).code == 0


def test_receptive_json_has_the_fields_of_every_layer(run: Command) -> None:
    printed = json.loads(run("receptive", "unet", "--format", "json").out)
    assert [layer["path"] for layer in printed["layers"]] == [
        row.path for row in shapecalc.analyse(shapecalc.load("unet")).rows
    ]
    assert printed["layers"][0] == {
        "path": "seq[0].skip[0].seq[0].Conv2d[0]",
        "size": [3, 3],
        "stride": [1, 1],
        "start": [-1, -1],
        "status": "exact",
    }
    dcgan = json.loads(run("receptive", "dcgan", "--format", "json").out)["layers"]
    assert dcgan[3]["stride"] == ["1/2", "1/2"]
    flat = json.loads(run("receptive", "lenet", "--format", "json").out)["layers"][7]
    assert (flat["size"], flat["status"]) == ([None, None], "undefined")


def test_what_is_run_has_no_symbols(run: Command) -> None:
    done = run("verify", "nin", "--device", "meta", "--input", "1x1xHxW")
    assert done.code == 2
    assert "error: nin is run with numbers, and H, W stand for many" in done.err


def test_help_names_every_column(run: Command) -> None:
    shown = run("show", "--help").out
    for key in run("show", "nin", "--columns", "nothing").err.partition("hint: columns: ")[2].split(", "):
        assert key.strip() in shown


def test_version(run: Command) -> None:
    assert run("--version").out == f"shapecalc {shapecalc.__version__}\n"


def shell(*words: str, cwd: Path, text: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shapecalc", *words]
    full = {**os.environ, "PYTHONIOENCODING": "utf-8", **env}
    return subprocess.run(
        command, cwd=cwd, input=text, capture_output=True, encoding="utf-8", env=full, check=False
    )


def test_names_are_looked_up_in_order(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder, its architectures/, SHAPECALC_PATH, then the shipped zoo."""
    own, elsewhere = tmp_path / "architectures", tmp_path / "elsewhere"
    own.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPECALC_PATH", str(elsewhere))

    def first_line(name: str) -> str:
        return run("show", name).out.partition(" ·")[0]

    assert first_line("nin") == "NiN"
    for folder, found in [(elsewhere, "second"), (own, "third"), (tmp_path, "fourth")]:
        (folder / "nin.yaml").write_text(f"name: {found}\ninput: 1x1\nlayers: [ReLU]\n")
        assert first_line("nin") == first_line("nin.yaml") == found


def test_a_yaml_file_of_that_name_comes_before_other_files(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`shapecalc show nin > nin` has made the file `nin` before shapecalc begins."""
    (tmp_path / "nin").write_text("")
    monkeypatch.chdir(tmp_path)
    assert run("show", "nin").out.startswith("NiN")


@pytest.mark.parametrize("path", ["./nin.yaml", "../nin", "/nin.yaml"])
def test_a_path_is_no_name_of_the_zoo(
    path: str, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("show", path)
    assert (done.code, done.out) == (2, "")
    assert f"no architecture '{path}': no such file" in done.err


@pytest.mark.usefixtures("few_shipped")
def test_a_foreign_file_does_not_hide_the_others(run: Command, tmp_path: Path) -> None:
    own = tmp_path / "architectures"
    own.mkdir()
    (own / "training.yaml").write_text("model: {depth: 3}\n")
    (own / "tiny.yaml").write_text("input: 1x4\nlayers: [Linear: 3]\n")
    done = run("list", "--format", "json")
    found = {entry["name"]: entry["totals"]["params"] for entry in json.loads(done.out)}
    assert found.keys() == {*zoo.names(), "tiny"}
    assert found["tiny"] == 15
    assert done.code == 1
    assert "architectures/training.yaml:1:1: the key 'model' is unknown" in done.err


def listed(*words: str, run: Command) -> list[str]:
    return [entry["name"] for entry in json.loads(run("list", "--format", "json", *words).out)]


@pytest.mark.usefixtures("few_shipped")
def test_list_takes_patterns_of_names_and_folders(run: Command) -> None:
    assert listed("?e*net", "*g16", run=run) == ["lenet", "imagenet/vgg16"]
    assert listed("imagenet/vgg16", run=run) == ["imagenet/vgg16"]
    assert set(listed("imagenet", run=run)) == {name for name in zoo.names() if name.startswith("imagenet/")}
    assert listed("nin", "lenet*", run=run) == ["lenet", "lenet-batchnorm", "lenet-maxpool", "nin"]
    assert listed(run=run) == zoo.names()


@pytest.mark.usefixtures("few_shipped")
@pytest.mark.parametrize("figure", ["params", "macs"])
def test_list_sorts_by_a_figure(figure: str, run: Command) -> None:
    printed = run("list", "--format", "csv", "--sort", figure).out
    figures = [int(row[figure]) for row in csv.DictReader(io.StringIO(printed))]
    assert figures == sorted(figures)
    assert len(figures) == len(zoo.names())


def test_a_formula_comes_after_all_numbers(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "architectures").mkdir()
    (tmp_path / "architectures" / "formula.yaml").write_text("input: Nx3\nlayers: [Linear: 2]\n")
    monkeypatch.chdir(tmp_path)
    assert listed("formula", "lenet*", "--sort", "macs", run=run)[-1] == "formula"
    assert listed("formula", "lenet*", "--sort", "params", run=run)[0] == "formula"


def test_numbers_within_names_are_sorted_as_such(tmp_path: Path) -> None:
    for name in ("b10", "b9", "a", "b9-x", "1", "10", "2"):
        (tmp_path / f"{name}.yaml").write_text("")
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-folder" / "b.yaml").write_text("")
    assert zoo.names(tmp_path) == ["1", "2", "10", "a", "b9", "b9-x", "b10", "a-folder/b"]


def test_a_name_that_two_networks_bear_says_so(run: Command) -> None:
    done = run("show", "resnet18", "--format", "json")
    assert json.loads(done.out)["name"] == "ResNet-18"
    assert (
        done.err
        == "note: 2 networks are called resnet18; this is the first, the other is imagenet/resnet18\n"
    )
    for other in ("imagenet/resnet18", "resnet18.yaml", "nin"):
        assert run("show", other).err == ""


def test_a_name_that_three_networks_bear(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("architectures", "architectures/own", "architectures/imagenet"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "resnet18.yaml").write_text(f"name: {folder}\ninput: 1x3\nlayers: [ReLU]\n")
    monkeypatch.chdir(tmp_path)
    done = run("show", "resnet18")
    assert done.out.startswith("architectures · ")
    assert done.err == (
        "note: 3 networks are called resnet18; this is the first, "
        "the others are imagenet/resnet18, own/resnet18\n"
    )
    assert run("show", "imagenet/resnet18").out.startswith("architectures/imagenet · ")


def test_list_leaves_torch_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from shapecalc.__main__ import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, "list", "lenet*", "bert*", "imagenet/resnet*", "--sort", "macs"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(("words", "loads"), [(["show", "lenet"], False), (["--help"], True)])
def test_only_the_command_that_is_asked_for_is_imported(
    words: list[str], loads: bool, tmp_path: Path
) -> None:
    code = "import sys; from shapecalc.__main__ import main\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ("shapecalc.cli.proof" in done.stdout.split()) is loads


@pytest.mark.usefixtures("few_shipped")
def test_list_shows_what_is_in_the_folders_not_what_lies_here(run: Command, tmp_path: Path) -> None:
    (tmp_path / "nin.yaml").write_text("input: 1x4\nlayers: [Linear: 3]\n")
    found = json.loads(run("list", "--format", "json").out)
    assert {entry["name"]: entry["totals"]["params"] for entry in found}["nin"] == 1992166


def test_standard_input(tmp_path: Path) -> None:
    done = shell("show", "-", cwd=tmp_path, text="input: 1x4\nlayers: [Linear: 3]\n")
    assert "Parameters  15" in done.stdout


def test_a_pipe_that_closes_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m shapecalc show nin | head -1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NiN")


def test_a_reader_that_has_seen_enough_ends_the_command_as_any_other(tmp_path: Path) -> None:
    """Not with 1, which says that a figure differs."""
    text = "input: 1x4\nlayers: [{ReLU: , times: 2000}]\n"  # more than a pipe holds
    command = f"{sys.executable} -m shapecalc show - --format json | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (141, "", "{\n")


def test_no_colour_in_a_pipe(tmp_path: Path) -> None:
    assert "\x1b[" not in shell("show", "nin", cwd=tmp_path).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_the_same_text_with_styles(tmp_path: Path) -> None:
    import pty

    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "shapecalc", "show", "lenet"]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    env.pop("NO_COLOR", None)
    with subprocess.Popen(command, cwd=tmp_path, stdout=terminal, env=env) as running:
        running.wait()
    os.close(terminal)
    shown = b""
    while len(shown) < 100_000:
        try:
            read = os.read(screen, 10_000)
        except OSError:  # how Linux says that the terminal is closed
            break
        if not read:
            break
        shown += read
    text = shown.decode().replace("\r\n", "\n")
    assert "\x1b[1m" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == shell("show", "lenet", cwd=tmp_path, COLUMNS="80").stdout


def test_a_terminal_without_unicode_gets_plain_characters_of_the_same_width(tmp_path: Path) -> None:
    unicode = shell("show", "resnet18", cwd=tmp_path, PYTHONIOENCODING="utf-8").stdout
    plain = shell("show", "resnet18", cwd=tmp_path, PYTHONIOENCODING="ascii").stdout
    assert plain.isascii()
    assert "?" not in plain
    assert list(map(len, plain.splitlines())) == list(map(len, unicode.splitlines()))
    assert "|  `- BatchNorm2d[0]  " in plain


def test_an_error_without_unicode(tmp_path: Path) -> None:
    done = shell("show", "nin", "--input", "1x1x8x8", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "  9 |     - Conv2d: {out_channels" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "shapecalc", "show", "nin"]
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr == "error: the output can't be written: No space left on device\n"


def test_architectures_in_folders_within_the_folders(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One level down, by the folder's name and their own."""
    family = tmp_path / "architectures" / "small"
    family.mkdir(parents=True)
    (family / "tiny.yaml").write_text("name: Tiny\ninput: 1x4\nlayers: [Linear: 3]\n")
    monkeypatch.chdir(tmp_path)
    assert listed("small", run=run) == ["small/tiny"]
    for name in ("small/tiny", "small/tiny.yaml"):
        assert run("show", name).out.startswith("Tiny")
    assert "did you mean small/tiny?" in run("show", "small/tinny").err
