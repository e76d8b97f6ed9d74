"""Corners that a change could break without another test noticing."""

from __future__ import annotations

import csv
import io
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import zoo
from shapecalc.analysis.memory.liveness import releases
from shapecalc.engine import limits
from shapecalc.engine.results import Analysis, Edge, Row
from shapecalc.errors import ArchitectureError, ShapecalcError, UsageError
from shapecalc.language.document import LARGEST_FILE
from shapecalc.tensors import Tensor
from shapecalc.torch_check.network import build, sample
from tests.command import Command


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A file to write a network into."""
    return tmp_path / "net.yaml"


def analyse(text: str, **given: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), **given)


INDICES = (
    "{input: {a: 1x4x4, b: 1x4x4}, layers: [{MaxPool2d: {kernel_size: 2, return_indices: true}, as: [y, i]}"
)

# Counting, before anything is built.


def test_the_limit_itself_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ROWS", 100)
    assert len(analyse("{input: 1x3, layers: [{ReLU: , times: 100}]}").rows) == 100
    with pytest.raises(ArchitectureError, match="the network has 101 layers; at most 100 are analysed"):
        analyse("{input: 1x3, layers: [{ReLU: , times: 101}]}")


def test_a_network_found_small_is_counted_again_with_other_values() -> None:
    architecture = shapecalc.parse("{input: 1x3, parameters: {n: 1}, layers: [{ReLU: , times: n}]}")
    assert len(shapecalc.analyse(architecture).rows) == 1
    with pytest.raises(ArchitectureError, match="1,000,001 layers"):
        shapecalc.analyse(architecture, parameters={"n": 1_000_001})


@pytest.mark.parametrize(
    "uses", ["[{b: {k: [3, 3]}}, {b: {k: [3.0, 3]}}]", "[{b: {k: [3.0, 3]}}, {b: {k: [3, 3]}}]"]
)
def test_what_is_refused_is_refused_after_its_equal_was_accepted(uses: str) -> None:
    block = "{b(k): [{Conv2d: {out_channels: 3, kernel_size: k, padding: 1}}]}"
    with pytest.raises(ArchitectureError, match="kernel_size must be"):
        analyse(f"{{input: 1x3x8x8, blocks: {block}, layers: {uses}}}")


# What is read, and what is let go.


@pytest.mark.parametrize("layers", ["[{seq: []}]", "[{ReLU: , times: 0}]"])
def test_an_input_that_is_the_output_is_read(layers: str) -> None:
    assert analyse(f"{{input: 1x3, layers: {layers}}}").unread == ()


def test_the_second_output_of_a_layer_is_not_the_second_input() -> None:
    assert analyse(INDICES + ", {Flatten: , from: i}]}").unread == ("b",)


def test_an_output_that_nothing_reads_is_let_go_at_once() -> None:
    analysis = analyse(INDICES + ", {Flatten: , from: y}]}")
    assert Edge(0, 1) in releases(analysis)[0]


def test_a_tensor_is_gone_after_its_last_use() -> None:
    analysis = analyse("{input: 1x8, layers: [Linear: 8, {ReLU: , times: 3}]}")
    network = build(analysis)
    network.to_empty(device="cpu")
    seen: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def observe(_: Row, outputs: tuple[Any, ...]) -> None:
        seen.append(weakref.ref(outputs[0]))
        alive.append(sum(ref() is not None for ref in seen))

    with torch.inference_mode():
        network(sample(Tensor((1, 8)), "cpu"), observe=observe)
    assert max(alive) == 2  # the input of the layer that runs, and its output


# What is printed.


def test_a_join_stands_beside_its_branches_in_csv(run: Command, network: Path) -> None:
    network.write_text("{input: 1x4, layers: [{add: [[Linear: 4], []]}, {seq: []}]}")
    shown = csv.DictReader(io.StringIO(run("show", str(network), "--format", "csv").out))
    assert [(row["path"], row["params"]) for row in shown] == [("add[0].0.Linear[0]", "20"), ("add[0]", "0")]


def test_a_join_that_is_folded_holds_its_branches(run: Command, network: Path) -> None:
    network.write_text("{input: 1x4, layers: [add: [[Linear: 4], []]]}")
    (join,) = json.loads(run("show", str(network), "--depth", "1", "--format", "json").out)["layers"]
    assert (join["path"], join["params"], join["macs"]) == ("add[0]", 20, 16)


@pytest.mark.parametrize(
    ("input", "printed"), [("1x3x8x6", [1, 8, 6, 3]), ("1x3x4x8x6", [1, 4, 8, 6, 3]), ("3x8x6", [3, 8, 6])]
)
def test_channels_last(input: str, printed: list[int], run: Command, network: Path) -> None:
    network.write_text(f"{{input: {input}, layers: [ReLU]}}")
    result = json.loads(run("show", str(network), "--layout", "NHWC", "--format", "json").out)
    assert result["outputs"] == [printed]
    assert result["layers"][0]["inputs"] == [printed]
    assert result["layers"][0]["output"] == printed


def test_channels_last_of_every_output(run: Command, network: Path) -> None:
    network.write_text("{input: 1x3x8x6, layers: [MaxPool2d: {kernel_size: 2, return_indices: true}]}")
    result = json.loads(run("show", str(network), "--layout", "NHWC", "--format", "json").out)
    assert result["layers"][0]["outputs"] == result["outputs"] == [[1, 4, 3, 3]] * 2


def test_columns_asked_for_stay_on_a_narrow_terminal(run: Command) -> None:
    shown = run("show", "lenet", "--columns", "layer,arguments,params_share", columns=20).out
    assert "Arguments" in shown
    assert "% params" in shown


def test_one_layer_is_no_plural(run: Command, network: Path) -> None:
    network.write_text("{input: 1x4, layers: [ReLU]}")
    assert "after 1 layer\n" in run("show", str(network)).out


@pytest.mark.parametrize("columns", [0, -5])
def test_a_terminal_without_columns_still_gets_its_table(
    columns: int, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "117,600" in run("show", "lenet", columns=columns).out


# Values and inputs from Python and from --set.


@pytest.mark.parametrize("value", [{}, [[3], 5], bytearray(b"a"), ([2], 2), None, float, [1.5]])
def test_a_value_of_no_kind(value: object) -> None:
    with pytest.raises(UsageError, match="the parameter k can't be"):
        analyse("{input: 1x3, parameters: {k: 3}, layers: [Linear: k]}", parameters={"k": value})


@pytest.mark.parametrize("text", ["k=[[9],2,2]", "k=[3,[5]]", "k=[3,{a: 1}]", 'k=["3",3]', "k={a: 1}"])
def test_a_list_that_is_none_of_sizes(text: str, run: Command, network: Path) -> None:
    network.write_text("{input: 1x3x9x9, parameters: {k: 3}, layers: [MaxPool2d: k]}")
    done = run("show", str(network), "--set", text)
    assert (done.code, done.out) == (2, "")


def test_a_tensor_is_an_input_too() -> None:
    text = "{input: 1x3x9x9, layers: [ReLU]}"
    assert analyse(text, input=Tensor((2, 3), "int64")).outputs == (Tensor((2, 3), "int64"),)
    wrong: list[Any] = [
        Tensor((1, -8)),
        Tensor((1, 8), "float31"),
        5,
        b"1x3",
        [1, None],
        {"input": None},
        {3: "1"},
    ]
    for given in wrong:
        with pytest.raises(UsageError):
            analyse(text, input=given)


def test_what_python_logs_is_what_a_user_reads() -> None:
    with pytest.raises(ShapecalcError) as caught:
        analyse("{input: 1x3, layers: [Linear: 0]}")
    assert caught.value.args == (caught.value.message,)
    assert caught.value.message.startswith("Linear: out_features")


# Tensors that are too large for torch on any device.


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("elements", [2**61 - 1, 2**61, 2**63 - 1])
def test_the_largest_tensor_is_that_of_torch(elements: int, dtype: str) -> None:
    try:
        torch.empty(elements, dtype=getattr(torch, dtype), device="meta")
    except RuntimeError:
        with pytest.raises(ShapecalcError, match="more than 2"):
            analyse(f"{{input: '{elements}:{dtype}', layers: [Identity]}}")
    else:
        assert analyse(f"{{input: '{elements}:{dtype}', layers: [Identity]}}").outputs[0].elements == elements


@pytest.mark.parametrize("times", [2**61 - 1, 2**61])
def test_the_largest_output_is_that_of_torch(times: int) -> None:
    text = f"{{input: 1, layers: [repeat: {times}]}}"
    try:
        torch.empty(1, device="meta").repeat(times)
    except RuntimeError:
        with pytest.raises(ArchitectureError, match=f"repeat: a tensor {times} of float32 has more than"):
            analyse(text)
    else:
        assert analyse(text).outputs[0].shape == (times,)


@pytest.mark.parametrize("rows", [2**60, 2**60 + 2**59, 2**61, 2**63 - 1])
def test_the_largest_weight_is_that_of_torch(rows: int) -> None:
    text = f"{{input: '2:int64', layers: [Embedding: {{num_embeddings: {rows}, embedding_dim: 1}}]}}"
    try:
        torch.nn.Embedding(rows, 1, device="meta")
    except RuntimeError:
        with pytest.raises(ArchitectureError, match=f"Embedding: a tensor {rows}×1 of float32 has more than"):
            analyse(text)
    else:
        assert analyse(text).totals.params == rows


# Files.


@pytest.mark.usefixtures("few_shipped")
def test_list_shows_what_show_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Command) -> None:
    first, second = tmp_path / "architectures", tmp_path / "more"
    for folder, size in ((first, 3), (second, 4)):
        folder.mkdir()
        for name in ("net", "nin"):
            (folder / f"{name}.yaml").write_text(f"{{input: 1x4, layers: [Linear: {size}]}}")
    (first / "~home.yaml").write_text("{input: 1x4, layers: [ReLU]}")
    (first / "folder.yaml").mkdir()
    (first / "dangling.yaml").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(zoo.SEARCH_PATH, str(second))
    done = run("list", "--format", "json")
    assert (done.code, done.err) == (0, "")
    listed = {entry["name"]: entry["totals"]["params"] for entry in json.loads(done.out)}
    assert listed["net"] == listed["nin"] == 15
    assert listed.keys() == {"net", *zoo.names()}
    assert json.loads(run("show", "net", "--format", "json").out)["totals"]["params"] == 15
    assert run("show", "~home").code == 2


@pytest.mark.parametrize(("size", "code"), [(LARGEST_FILE, 0), (LARGEST_FILE + 1, 2)])
def test_a_file_of_just_that_size(size: int, code: int, run: Command, network: Path) -> None:
    text = "{input: 1x4, layers: [ReLU]} #"
    network.write_text(text.ljust(size, "."))
    assert run("show", str(network)).code == code


def test_a_byte_order_mark_moves_no_column(network: Path, run: Command) -> None:
    network.write_bytes("\N{ZERO WIDTH NO-BREAK SPACE}{inputs: 1x4}".encode())
    assert ":1:2: the key 'inputs' is unknown" in run("show", str(network)).err


def test_control_characters_of_a_file_are_written_out(network: Path, run: Command) -> None:
    for step in ('{"\\e[31mA": 1, "\\e[32mB": 2}', '"ReLU \\e[31mX"', '{GELU: "\\e[3m"}'):
        network.write_text(f"input: 1x4\nlayers:\n  - {step}\n")
        shown = run("show", str(network)).err
        assert "\x1b" not in shown
        assert "\\x1b[3" in shown


# The judge.


def test_a_process_keeps_its_denormal_numbers(run: Command) -> None:
    assert run("verify", "lenet").code == 0
    assert (torch.tensor([1e-40]) * 1).item() != 0


def test_memory_that_the_system_denies_is_no_mismatch(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    monkeypatch.setattr(torch, "flatten", deny)
    monkeypatch.setattr(torch.nn.Flatten, "forward", deny)
    done = run("verify", "lenet")
    assert done.code == 3
    assert "can't be run on cpu" in done.err


def test_how_a_step_is_written_that_is_written_as_python() -> None:
    hints = {
        "Conv2d(3)": "write Conv2d: 3, with a colon and a space",
        "Linear 10": "write Linear: 10, with a colon and a space",
        "nn.ReLU": "write ReLU without nn.",
        "torch.nn.ReLU()": "write ReLU without torch.nn.",
        "ReLU()": "write ReLU alone",
        "Conv2d(1, 6, 5)": "write Conv2d: {argument: value, …}, each argument by its name",
        "ReLU - ReLU": "a name is letters, digits and _, and begins with no digit",
        "": "a dash begins a step; [] is the current tensor",
    }
    for step, hint in hints.items():
        with pytest.raises(ArchitectureError) as caught:
            shapecalc.parse(f"input: 1x3\nlayers:\n  - {step}\n")
        assert caught.value.hint == hint


def test_arguments_at_the_wrong_depth() -> None:
    wrong = {
        "layers:\n  - Conv2d:\n    out_channels: 8\n": "out_channels belongs to Conv2d: indent it deeper",
        "layers:\n  - Conv2d: {out_channels: 8, kernel_size: 3, times: 2}\n": (
            "write it beside the step: {Conv2d: …, times: …}"
        ),
        "blocks: {b(n): [Linear: n]}\nlayers:\n  - b: {n: 3, times: 2}\n": (
            "write it beside the step: {b: …, times: …}"
        ),
    }
    for text, hint in wrong.items():
        with pytest.raises(ArchitectureError) as caught:
            shapecalc.parse(f"input: 1x3x8x8\n{text}")
        assert caught.value.hint == hint
