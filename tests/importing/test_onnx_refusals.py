"""What an ONNX file can be that is none, or that can't be read: one clear error each, and nothing written."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

import shapecalc
from tests.command import Command
from tests.importing.onnx_models.making import Model, node, proto
from tests.importing.onnx_models.operators import IMAGE, weights

RELU = Model([node("Relu", "x")], IMAGE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def changed(model: Model, change: Callable[[Any], None]) -> bytes:
    made = proto(model)
    change(made)
    data: bytes = made.SerializeToString()
    return data


def unchanged(model: Any) -> None:
    """What is done to a model that is right."""


def with_nodes(*nodes: Any, **more: Any) -> bytes:
    return changed(Model(nodes, IMAGE, **more), unchanged)


def outside(where: str) -> bytes:
    def change(model: Any) -> None:
        (tensor,) = model.graph.initializer
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=where)

    return changed(Model([node("Add", "x w")], IMAGE, weights(w=(4, 1, 1))), change)


def short(model: Any) -> None:
    model.graph.initializer[0].raw_data = b"123"


def no_shape(model: Any) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


def of_strings(model: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def a_sequence(model: Any) -> None:
    model.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", 1, [2]))


def of_domain(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


def of_opset(number: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.opset_import[0].version = number

    return change


def with_function(model: Any) -> None:
    made = helper.make_function("own", "twice", ["a"], ["b"], [node("Relu", "a", "b")], model.opset_import)
    model.functions.append(made)


def twice_stored(model: Any) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def no_graph(model: Any) -> None:
    model.ClearField("graph")


def conditional() -> bytes:
    branch = helper.make_graph(
        [node("Relu", "x", "b")], "branch", [], [helper.make_value_info("b", onnx.TypeProto())]
    )
    test = node("ReduceSum", "x", "s", keepdims=0), node("Cast", "s", "c", to=9)
    return with_nodes(*test, node("If", "c", then_branch=branch, else_branch=branch))


WHOLE = changed(RELU, unchanged)
WEIGHTED = Model([node("Add", "x w")], IMAGE, weights(w=(4, 1, 1)))
FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty, and no ONNX file"),
    "text": (b"name: net\nlayers: [ReLU]\n", "is no ONNX file, or cut off"),
    "cut off": (WHOLE[:-5], "is no ONNX file, or cut off: byte 72 begins no field"),
    "a length beyond the end": (b"\x3a\xff\xff\xff\xff\x0f", "are there"),
    "zeros": (bytes(1000), "is no ONNX file"),
    "no graph": (changed(RELU, no_graph), "is no ONNX file: it has no graph"),
    "an old opset": (changed(RELU, of_opset(7)), "the model is of opset 7: 9 to"),
    "a future opset": (changed(RELU, of_opset(99)), "the model is of opset 99: 9 to"),
    "a cycle": (
        with_nodes(node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b")),
        "the graph has a cycle: ",
    ),
    "a name that is made twice": (
        with_nodes(node("Relu", "x"), node("Tanh", "x")),
        "Tanh 'the Tanh' gives 'y', which is there already",
    ),
    "a name that nothing makes": (
        with_nodes(node("Add", "x z")),
        "Add 'the Add' reads 'z', which nothing makes",
    ),
    "an output that nothing makes": (with_nodes(node("Relu", "x", "z")), "nothing makes the output 'y'"),
    "two initializers of one name": (changed(WEIGHTED, twice_stored), "two initializers have the same name"),
    "data of another size": (
        changed(WEIGHTED, short),
        "the tensor 'w' of 4 elements has data of another size",
    ),
    "an unknown operator": (
        with_nodes(node("Relux", "x")),
        "ONNX has no operator 'Relux' in opset 20, at node 'the Relux'",
    ),
    "a domain": (
        changed(RELU, of_domain),
        "the operator Relu, at node 'the Relu', is of the domain 'com.microsoft'",
    ),
    "an operator without counterpart": (
        with_nodes(node("Hardmax", "x")),
        "Hardmax (once, node 'the Hardmax'): it has no counterpart here",
    ),
    "control flow": (conditional(), "If 'the If' is control flow, which hangs on values"),
    "functions": (changed(RELU, with_function), "has functions of its own: twice"),
    "a sequence": (changed(RELU, a_sequence), "the input 'x' is sequence, and no tensor"),
    "sequences within": (
        with_nodes(node("SequenceConstruct", "x x", "s"), node("ConcatFromSequence", "s", axis=0)),
        "SequenceConstruct 'the SequenceConstruct' gives sequence, and no tensor",
    ),
    "strings": (changed(RELU, of_strings), "the input 'x' is of STRING, which no tensor here is of"),
    "no shape": (changed(RELU, no_shape), "the file has no shape of its input 'x'"),
    "a path out of the folder": (
        outside("../../etc/passwd"),
        "outside of the model's folder: '../../etc/passwd'",
    ),
    "an absolute path": (outside("/etc/passwd"), "outside of the model's folder: '/etc/passwd'"),
    "a shape that hangs on values": (
        with_nodes(node("NonZero", "x", "z"), node("Cast", "z", to=1)),
        "hangs on values, which no formula knows",
    ),
    "an attribute of another kind": (
        with_nodes(node("DepthToSpace", "x", blocksize=[2, 2])),
        "DepthToSpace 'the DepthToSpace': ",
    ),
    "a constant without a value": (
        with_nodes(node("Constant", "", "c"), node("Add", "x c")),
        "'the Constant' has not",
    ),
    "sizes that do not fit": (
        with_nodes(node("MatMul", "x w"), stored=weights(w=(5, 4))),
        "MatMul 'the MatMul': ",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_can_not_be_read_is_named(tmp_path: Path, run: Command, name: str) -> None:
    data, told = FILES[name]
    (tmp_path / "model.onnx").write_bytes(data)
    found = run("import", "model.onnx", "-o", "net.yaml", "--names", "names.yaml", "--strict")
    assert found.code == 1, found.err
    assert told in " ".join(found.err.split())
    assert "Traceback" not in found.err
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def told_of(size: int | str) -> Callable[[Any], None]:
    """A model whose operator is of another domain, of whose output the file says the shape."""

    def change(model: Any) -> None:
        model.graph.node[0].domain = "my.ops"
        model.graph.value_info.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [size, 3]))
        model.graph.input[0].type.tensor_type.shape.dim[0].CopyFrom(
            helper.make_tensor_value_info("", TensorProto.FLOAT, [size]).type.tensor_type.shape.dim[0]
        )

    return change


FANCY = Model([node("Fancy", "x w", "z"), node("Relu", "z")], IMAGE, weights(w=(4, 1, 1)))


def test_what_the_file_alone_knows_is_opaque(tmp_path: Path, run: Command) -> None:
    (tmp_path / "model.onnx").write_bytes(changed(FANCY, told_of(2)))
    found = run("import", "model.onnx", "-o", "net.yaml")
    assert "my.ops.Fancy (once, node 'the Fancy'): it is of the domain 'my.ops'" in found.err
    analysis = shapecalc.analyse(shapecalc.load(tmp_path / "net.yaml"))
    assert (found.code, str(analysis.outputs[0]), analysis.totals.params) == (1, "2×3", 4)
    assert analysis.totals.uncounted


def test_letters_of_its_shape_are_those_of_the_input(tmp_path: Path, run: Command) -> None:
    (tmp_path / "model.onnx").write_bytes(changed(FANCY, told_of("N")))
    found = run("import", "model.onnx")
    assert (found.code, found.out) == (1, "")
    assert "give the sizes at which it runs by --input" in found.err
    found = run("import", "model.onnx", "--input", "5x4x9x8")
    assert "outputs: [5x3]" in found.out


OPTIONS = [
    (["nowhere.onnx"], 2, "nowhere.onnx can't be read: No such file or directory"),
    (["pipe.onnx"], 2, "pipe.onnx is no regular file hint: it is read in parts, which a pipe does not have"),
    ([f"{'n' * 300}.onnx"], 2, "nnn… can't be read: File name too long"),
    (["model.onnx", "--args", "{a: 1}"], 2, "a file takes none"),
    (["model.onnx", "-i", "z=1x2"], 2, "the model has no input 'z'"),
    (["model.onnx", "-i", "1x2"], 2, "the input 'x' is 2×4×9×8 in the file, and can't be 1×2"),
    (["model.onnx", "-i", "1x4x9x8"], 2, "the input 'x' is 2×4×9×8 in the file, and can't be 1×4×9×8"),
    (["model.onnx", "-o", "nowhere/net.yaml"], 2, "nowhere/net.yaml can't be written"),
]


@pytest.mark.parametrize(("words", "code", "told"), OPTIONS)
def test_options_that_can_not_be_are_named(
    tmp_path: Path, run: Command, words: list[str], code: int, told: str
) -> None:
    os.mkfifo("pipe.onnx")
    (tmp_path / "model.onnx").write_bytes(WHOLE)
    found = run("import", *words)
    assert (found.code, found.out) == (code, "")
    assert told in " ".join(found.err.split())


def test_external_data_is_not_read(tmp_path: Path, run: Command) -> None:
    (tmp_path / "model.onnx").write_bytes(outside("weights.bin"))
    found = run("import", "model.onnx")
    assert found.code == 0, found.err
    assert "parameter: [4, 1, 1]" in found.out


def huge(path: Path, count: int) -> None:
    """A model of a Linear whose weight of so many numbers is in the file, which has a hole there."""
    stored: Any = {"w": numpy.zeros((4, 4), "float32")}
    model = proto(Model([node("MatMul", "x w")], {"x": ((1, 4), "float32")}, stored))
    tensor = model.graph.initializer.pop()
    tensor.ClearField("raw_data")
    tensor.dims[1] = count // 4
    head = model.SerializeToString()
    inner = tensor.SerializeToString()
    size = 4 * count
    field = b"\x4a" + varint(size)  # 9: raw_data
    of_tensor = b"\x2a" + varint(len(inner) + len(field) + size)  # 5: initializer
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    head = model.SerializeToString()
    length = len(graph) + len(of_tensor) + len(inner) + len(field) + size
    with path.open("wb") as file:
        file.write(head + b"\x3a" + varint(length) + graph + of_tensor + inner + field)  # 7: graph
        file.truncate(file.tell() + size)


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += struct.pack("B", number & 127 | 128)
        number >>= 7
    return found + struct.pack("B", number)


def test_a_model_of_three_gigabytes_is_read_without_its_weights(tmp_path: Path, run: Command) -> None:
    huge(tmp_path / "model.onnx", 3 * 2**28)
    found = run("import", "model.onnx")
    assert found.code == 0, found.err
    assert "Linear: {out_features: 201326592, bias: false}" in found.out


@pytest.mark.parametrize("place", range(3, 90, 7))
def test_a_changed_byte_is_an_error_or_another_model(tmp_path: Path, run: Command, place: int) -> None:
    data = bytearray(changed(WEIGHTED, unchanged))
    data[place % len(data)] ^= 0x5A
    (tmp_path / "model.onnx").write_bytes(bytes(data))
    found = run("import", "model.onnx")
    assert found.code in (0, 1), found.err
    assert "Traceback" not in found.err
    assert "fault of shapecalc" not in found.err


def in_a_process(folder: Path, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """`import` of a model in a process of its own, with code before and after it."""
    (folder / "model.onnx").write_bytes(WHOLE)
    code = f"import sys; {before}sys.argv[1:] = ['import', 'model.onnx']\n"
    code += f"from shapecalc.__main__ import main\ntry:\n    main()\nfinally:\n    {after}"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_without_the_package_the_error_tells_how_to_install_it(tmp_path: Path) -> None:
    found = in_a_process(tmp_path, "sys.modules['onnx'] = None; ", "pass")
    assert found.returncode == 3
    assert "pip install 'shapecalc[onnx]'" in found.stderr


def test_torch_is_not_imported(tmp_path: Path) -> None:
    found = in_a_process(tmp_path, "", "print('torch' in sys.modules, file=sys.stderr)")
    assert found.stdout.startswith("name: model\n")
    assert found.stderr.endswith("False\n")
