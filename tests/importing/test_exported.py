"""Programs that torch.export has saved: figures equal to the module's, and files that are none."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import shapecalc
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError
from shapecalc.importing.exported.reading import read_exported
from shapecalc.importing.exported.sizes import value
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.torch_module import read_module
from tests import forked
from tests.command import Command


class Block(nn.Module):
    def __init__(self, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width // stride, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, groups=2)
        self.norm2 = nn.GroupNorm(2, width)
        self.short = nn.Conv2d(width // stride, width, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Any) -> Any:
        y = torch.nn.functional.silu(self.norm1(self.conv1(x)), inplace=True)
        return torch.relu(self.norm2(self.conv2(y)) + self.short(x))


class Residual(nn.Module):
    """Blocks that come again, a join that grows, a transposed convolution, an upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, 2, 3)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layers = nn.Sequential(Block(8), Block(8), Block(16, 2), Block(16))
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.head = nn.Linear(16, 10)
        self.unused = nn.Linear(2, 2)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Any) -> Any:
        y = self.pool(self.stem(x))
        z = torch.cat([self.up(self.layers(y)), y], 1)
        z = nn.functional.interpolate(z, scale_factor=2, mode="bilinear")
        z = nn.functional.pad(z, (1, 1))[:, :, 1:, ::2]
        return self.head(self.drop(z.mean((2, 3))))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(100, 32)
        self.places = nn.Parameter(torch.zeros(1, 64, 32))
        made = [nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu") for _ in range(2)]
        self.layers = nn.ModuleList(made)
        self.norm = nn.LayerNorm(32)
        self.register_buffer("scale", torch.ones(32))

    def forward(self, ids: Any) -> Any:
        x = self.words(ids) + self.places[:, : ids.shape[1]]
        mask = torch.full((ids.shape[1],) * 2, float("-inf")).triu(1)
        for layer in self.layers:
            x = layer(x, src_mask=mask)
        return torch.softmax(self.norm(x)[:, 0] * self.scale, -1)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(32, 8, batch_first=True, bias=False)
        self.rnn = nn.RNN(8, 4, nonlinearity="relu", batch_first=True)

    def forward(self, x: Any) -> Any:
        y, _ = self.lstm(x)
        z, _ = self.rnn(self.gru(y)[0])
        return z[:, -1]


class Elements(nn.Module):
    """Functions of numbers, on an image that is smaller without aliases."""

    def forward(self, x: Any) -> Any:
        small = [
            nn.functional.interpolate(x, (7, 9), mode=m, antialias=True) for m in ("bilinear", "bicubic")
        ]
        return small[0] % 0.5 + torch.fmod(small[1].erf(), 0.25) - small[1].tan().round()


class Strange(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.special.bessel_j0(x)


MODULES: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "Residual": (Residual, torch.zeros(2, 3, 64, 64)),
    "Attention": (Attention, torch.zeros(2, 16, dtype=torch.int64)),
    "Recurrent": (Recurrent, torch.zeros(2, 5, 8)),
    "Elements": (Elements, torch.zeros(2, 3, 16, 16)),
}


def saved(path: Path, module: nn.Module, x: Any, plain: bool = False, **how: Any) -> Path:
    program = torch.export.export(module.eval(), (x,), **how)
    torch.export.save(program.run_decompositions() if plain else program, path / "model.pt2")
    return path / "model.pt2"


@cache
def program_of(name: str, free: tuple[tuple[int, Any], ...] = ()) -> bytes:
    """What torch.export has saved of a module, once for all that is asked; `free`: axes of its input."""
    module, x = _made(name)
    file = io.BytesIO()
    shapes = (dict(free),) if free else None
    torch.export.save(torch.export.export(module, (x,), dynamic_shapes=shapes), file)
    return file.getvalue()


def known(path: Path, name: str, *free: tuple[int, Any]) -> Path:
    (path / "model.pt2").write_bytes(program_of(name, free))
    return path / "model.pt2"


def read(path: Path, shapes: str | None = None, strict: bool = True) -> Imported:
    return imported(read_exported(path, shapes), strict=strict)


pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:The tensor attributes:UserWarning")


@pytest.mark.parametrize("name", MODULES)
def test_its_figures_are_those_of_the_module(tmp_path: Path, name: str) -> None:
    module, x = _made(name)
    found = read(known(tmp_path, name))
    assert not found.differences
    assert not found.opaque
    analysis, judge = analyse(found.architecture), read_module(module, [x], {}, name)
    assert analysis.totals.params == sum(p.numel() for p in module.parameters())
    assert analysis.totals.buffers == sum(b.numel() for b in module.buffers())
    assert analysis.totals.macs == judge.macs
    assert analysis.outputs == tuple(y.tensor for y in judge.body.outputs)
    assert sorted(found.names.values()) == sorted(module.state_dict())
    weights = {f"{row.path}.{n}": tuple(w.shape) for row in analysis.rows for n, w in row.weights.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert {path: shapes[own] for path, own in found.names.items()} == weights


def test_decomposed_operators_are_read_too(tmp_path: Path) -> None:
    make, x = MODULES["Residual"]
    module = make().eval()
    found = read(saved(tmp_path, module, x, plain=True))
    analysis = analyse(found.architecture)
    assert not found.differences
    assert analysis.totals.params == sum(p.numel() for p in module.parameters())
    assert analysis.totals.macs == read_module(module, [x], {}, "x").macs


def test_modules_become_blocks_under_their_names(tmp_path: Path) -> None:
    text = read(known(tmp_path, "Residual")).text
    assert "  block(" in text
    assert "block times 2" in text
    text = read(known(tmp_path, "Attention")).text
    assert "transformer_encoder_layer" in text
    text = read(known(tmp_path, "Recurrent")).text
    assert "LSTM: {num_layers: 2, bidirectional: true, batch_first: true, hidden_size: 16}" in text


def _made(name: str) -> tuple[nn.Module, Any]:
    make, x = MODULES[name]
    return make().eval(), x


def test_sizes_that_are_free_stay_so(tmp_path: Path) -> None:
    module, _ = _made("Attention")
    path = known(tmp_path, "Attention", (1, torch.export.Dim("length", max=64)))
    found = read(path)
    assert not found.differences
    assert not found.fixed
    for length in (9, 64):
        shape, ids = f"2x{length}:int64", torch.zeros(2, length, dtype=torch.int64)
        analysis = analyse(found.architecture, shape)
        assert analysis.totals.macs == read_module(module, [ids], {}, "x").macs
        assert analyse(read(path, shape).architecture).totals.macs == analysis.totals.macs


BATCH = torch.export.Dim("batch", max=512)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("600x16:int64", "600 is no size of the program, which takes"),
        ("2x8:int64", "the input 'ids' is 2×16 int64 in the program, and can't be 2×8 int64"),
        ("2x16:float32", "is 2×16 int64 in the program, and can't be 2×16 float32"),
        ("z=2x16", "the program has no input 'z'"),
    ],
)
def test_inputs_that_it_does_not_take_are_refused(
    tmp_path: Path, run: Command, shape: str, told: str
) -> None:
    path = known(tmp_path, "Attention", (0, BATCH))
    found = run("import", str(path), "--input", shape)
    assert found.code == 2
    assert told in " ".join(found.err.split())


def test_what_has_no_counterpart_is_opaque(tmp_path: Path, run: Command) -> None:
    path = saved(tmp_path, Strange(), torch.zeros(2, 3))
    found = run("import", str(path))
    assert (found.code, "call: torch.ops.aten.special_bessel_j0, inputs: [2x3]" in found.out) == (1, True)
    assert "test_exported.py:" in found.err
    assert run("import", str(path), "--strict").out == ""


def test_that_a_step_was_measured_at_one_size_is_said_once(tmp_path: Path, run: Command) -> None:
    batch = torch.export.Dim("batch", min=2, max=512)
    found = run("import", str(saved(tmp_path, Strange(), torch.zeros(2, 3), dynamic_shapes=({0: batch},))))
    assert "call: torch.ops.aten.special_bessel_j0, inputs: [2x3]" in found.out
    assert found.err.count("holds at this size only") == 1
    assert "at 3×3 the file is refused: opaque: torch.ops.aten.special_bessel_j0 was measured" in found.err


class Writing(nn.Module):
    """What is written to a view whose tensor nothing reads any more; or one that is read."""

    def __init__(self, again: bool) -> None:
        super().__init__()
        self.again = again

    def forward(self, x: Any) -> Any:
        y = torch.flatten(torch.relu(x), 1)
        z = nn.functional.dropout(y, 0.5, False, inplace=True).mul_(2)
        return z + y if not self.again else z + torch.relu_(y.view(2, 4, 3)).sum(1, keepdim=True).sum() + z


def test_what_is_written_in_place_is_a_new_value(tmp_path: Path) -> None:
    """y is z: both are twice the flattened tensor."""
    x = torch.randn(2, 4, 3)
    found = read(saved(tmp_path, Writing(False), x))
    assert [row.type for row in analyse(found.architecture).rows] == ["relu", "flatten", "mul", "add"]
    assert "add: [[], []]" in found.text
    with pytest.raises(ArchitectureError, match="writes to a part of a tensor"):
        read(saved(tmp_path, Writing(True), x))


def test_nothing_is_unpickled_and_no_weight_is_read(tmp_path: Path) -> None:
    """All records but the program may be anything."""
    path = known(tmp_path, "Recurrent")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        program = next(archive.read(name) for name in names if name.endswith("models/model.json"))
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(
                name, program if name.endswith("models/model.json") else b"\x80\x04cos\nsystem\n"
            )
    assert analyse(read(path).architecture).layers == 4


def archive(model: object, name: str = "net/models/model.json", how: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as file:
        text = model if isinstance(model, (str, bytes)) else json.dumps(model)
        file.writestr(name, text)
    return made.getvalue()


def program(**changes: Any) -> dict[str, Any]:
    graph: dict[str, Any] = {
        "inputs": [],
        "outputs": [],
        "nodes": [],
        "tensor_values": {},
        "sym_int_values": {},
    }
    signature: dict[str, Any] = {"input_specs": [], "output_specs": []}
    module = {"graph": {**graph, **changes}, "signature": signature}
    return {"schema_version": {"major": 8, "minor": 20}, "graph_module": module, "range_constraints": {}}


DEEP = "[" * 100_000
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it has no directory of its records"),
    "cut off": (archive(program())[:60], "it has no directory of its records"),
    "no zip": (b"PK" + b"\0" * 1000, "it has no directory of its records"),
    "another archive": (archive("{}", "net/data.pkl"), "it has no program of torch.export's"),
    "the older format": (
        archive("{}", "serialized_exported_program.json"),
        "as older versions of torch wrote",
    ),
    "a bomb": (archive(b" " * 10**7, how=zipfile.ZIP_DEFLATED), "is compressed"),
    "no JSON": (archive("{"), "is no JSON"),
    "too deep": (archive(DEEP), "is nested too deep"),
    "many values": (archive(b"[" + b"1," * 1_600_000 + b"1]"), "more than 1,500,000 values"),
    "another schema": (
        archive({**program(), "schema_version": {"major": 9}}),
        "is of schema 9, and 8 is read",
    ),
    "a schema of text": (archive({**program(), "schema_version": "9"}), "is of schema None"),
    "no graph": (archive({"schema_version": {"major": 8}}), "not as torch's schema has it (KeyError"),
    "nothing in it": (archive(program()), "the program takes no tensor, or gives none"),
    "tensors that are none": (archive(program(tensor_values={"x": 3})), "not as torch's schema has it"),
    "sizes of text": (
        archive(program(tensor_values={"x": {"sizes": [{"as_int": "3"}], "dtype": 7}})),
        "not as torch's schema has it",
    ),
    "a dtype that is none": (
        archive(program(tensor_values={"x": {"sizes": [{"as_int": 3}], "dtype": 99}})),
        "the tensor 'x' has a dtype or a size that none here has",
    ),
    "an expression that would run": (
        archive(
            program(
                tensor_values={
                    "x": {"sizes": [{"as_expr": {"expr_str": "__import__('os').system('x')"}}], "dtype": 7}
                }
            )
        ),
        "is no expression that is known here",
    ),
    "control flow": (
        archive(
            program(
                nodes=[
                    {
                        "target": "torch.ops.higher_order.cond",
                        "inputs": [{"name": "f", "arg": {"as_graph": {}}, "kind": 1}],
                        "outputs": [{"as_tensor": {"name": "y"}}],
                        "metadata": {},
                    }
                ]
            )
        ),
        "torch.ops.higher_order.cond, at node 'y': an argument is graph",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_program_is_one_error(tmp_path: Path, run: Command, name: str) -> None:
    data, told = HOSTILE[name]
    (tmp_path / "model.pt2").write_bytes(data)
    found = run("import", str(tmp_path / "model.pt2"), "-o", str(tmp_path / "net.yaml"))
    assert found.code in (1, 2), found
    assert told in " ".join(found.err.split())
    assert "Traceback" not in found.err
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


def test_a_file_that_is_not_there_and_arguments(tmp_path: Path, run: Command) -> None:
    assert "nowhere.pt2 can't be read" in run("import", str(tmp_path / "nowhere.pt2")).err
    assert "a file takes none" in run("import", "x.pt2", "--args", "{a: 1}").err


MANY = {f"t{number}": {"sizes": [{"as_int": 1}], "dtype": 7} for number in range(30_000)}
NODE = {"target": "x" * 40, "inputs": [], "outputs": [{"as_tensor": {"name": "y"}}], "metadata": {}}
LARGE = {
    "bytes": (b" " * 16_000_001, "its program has 16,000,001 bytes, and at most 16,000,000 are read"),
    "tensors": (program(tensor_values=MANY), "its program has 30,000 tensor_values, and at most 20,000"),
    "nodes": (program(nodes=[NODE] * 30_000), "its program has 30,000 nodes, and at most 20,000 are read"),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_program_keeps_within_the_limits(tmp_path: Path, name: str) -> None:
    model, told = LARGE[name]
    (tmp_path / "model.pt2").write_bytes(archive(model))
    found = forked.command("import", "model.pt2", cwd=tmp_path, imports=forked.TORCH)
    assert (found.code, found.megabytes < 500) == (2, True)
    assert told in " ".join(found.err.split())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Symbol('s0', positive=True, integer=True)", 7),
        ("Mul(Integer(2), Symbol('s0'))", 14),
        ("Add(Integer(-1), Pow(Symbol('s0'), Integer(2)))", 48),
        ("FloorDiv(Add(Symbol('s0'), Integer(1)), Integer(3))", 2),
        ("Mod(Symbol('s0'), Integer(4))", 3),
        ("Max(Integer(1), Min(Symbol('s0'), Integer(5)))", 5),
    ],
)
def test_expressions_of_sizes(text: str, number: int) -> None:
    assert value(text, {"s0": 7}) == number


@pytest.mark.parametrize(
    "text", ["Symbol('s1')", "Integer('2')", "s0", "Pow(Integer(2), Integer(99))", "(" * 1000, "f(1)", "1.5"]
)
def test_other_expressions_are_refused(text: str) -> None:
    with pytest.raises(ArchitectureError, match="is no expression that is known here"):
        value(text, {"s0": 7})


def test_diff_takes_such_a_file(tmp_path: Path, run: Command) -> None:
    path = known(tmp_path, "Recurrent")
    assert run("import", str(path), "-o", str(tmp_path / "net.yaml")).code == 0
    assert "The two are equal" in run("diff", str(path), str(tmp_path / "net.yaml")).out
    assert shapecalc.analyse(shapecalc.load(tmp_path / "net.yaml")).layers == 4
