"""Weights as int8 and int4: which are converted, their bytes and those of scales, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.quantized import Quantized, quantized, scheme_of, stored_as
from shapecalc.engine import run as engine
from shapecalc.layers import LAYERS
from shapecalc.torch_check.network import build, module_of
from tests.command import Command
from tests.families.base import shown

ONE = "name: 4 bit weights\ninput: 1x128x4096\nlayers: [Linear: {out_features: 4096, bias: false}]\n"
TIED = """
input: 1x3:int64
layers:
  - Embedding as table: {num_embeddings: 7, embedding_dim: 5}
  - Linear as up: 5
  - Linear share up: 5
  - Linear share table: {out_features: 7, bias: false}
"""
NOT_ALIKE = "input: 1x8\nlayers: [{seq: [Linear: 8, Linear: 8], as: s}, Linear: 4]"


@pytest.fixture
def one(tmp_path: Path) -> str:
    file = tmp_path / "one.yaml"
    file.write_text(ONE)
    return str(file)


def analyse(text: str) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text))


def stored(text: str, scheme: str, *keep: str, dtype: str = "float32") -> Quantized:
    return quantized(stored_as(analyse(text), scheme_of(scheme), keep), dtype)


@pytest.mark.parametrize(
    ("scheme", "sizes"),
    [
        ("int4", (4_096, 8_388_608, 8_192, 0)),
        ("int4:128", (131_072, 8_388_608, 262_144, 0)),
        ("int4:128+zeros", (131_072, 8_388_608, 262_144, 65_536)),  # as AWQ's qweight, scales, qzeros
        ("int8", (4_096, 16_777_216, 8_192, 0)),
        ("int8:64+zeros", (262_144, 16_777_216, 524_288, 262_144)),
    ],
)
def test_a_matrix_of_4096_by_4096(scheme: str, sizes: tuple[int, ...]) -> None:
    found = stored(ONE, scheme)
    assert (found.scales, found.weight_bytes, found.scale_bytes, found.zero_bytes) == sizes
    assert (found.params, found.other_bytes, found.bytes) == (16_777_216, 0, sum(sizes[1:]))


@pytest.mark.parametrize(("scheme", "block"), [("int4:32", 18), ("int8:32", 34)])
def test_blocks_of_32_are_those_of_llama_cpp(scheme: str, block: int) -> None:
    """Source: block_q4_0 and block_q8_0 of ggml: 32 weights and a scale of half precision."""
    assert stored(ONE, scheme).bytes == 16_777_216 // 32 * block


@pytest.mark.parametrize("name", ["lenet-maxpool", "transformer", "vgg11-small"])
def test_the_tensors_that_torch_would_store(name: str) -> None:
    """torch's Linear modules, as torchao picks them, packed two to a byte, a scale for each four inputs."""
    analysis = shapecalc.analyse(shapecalc.load(name))
    modules = list(build(analysis).modules())
    tables = {id(module.weight) for module in modules if isinstance(module, torch.nn.Embedding)}
    modules = [module for module in modules if _is_converted(module) and id(module.weight) not in tables]
    matrices = [torch.randint(0, 16, module.weight.shape, dtype=torch.uint8).flatten() for module in modules]
    packed = [matrix[::2] | matrix[1::2] << 4 for matrix in matrices]
    scales = [matrix.view(-1, 4).amax(-1).half() for matrix in matrices]
    found = quantized(stored_as(analysis, scheme_of("int4:4")))
    assert found.params == sum(matrix.numel() for matrix in matrices) > 0
    assert found.weight_bytes == sum(tensor.nbytes for tensor in packed)
    assert found.scale_bytes == sum(tensor.nbytes for tensor in scales)
    assert found.other_bytes == analysis.weight_bytes() - 4 * found.params


def _is_converted(module: torch.nn.Module) -> bool:
    """Whether torchao's int4_weight_only converts a module: the output of attention is a type of its own."""
    return isinstance(module, torch.nn.Linear) and "NonDynamically" not in type(module).__name__


def test_of_each_type_torchs_linear_modules_are_converted() -> None:
    found = 0
    for name, layer_type in LAYERS.items():
        _, arguments, inputs = shown(layer_type)
        layer = layer_type(**arguments)
        if layer.function or not layer.weights(*inputs):
            assert layer.quantized == (), name
            continue
        ends = tuple([f".{end}" for end in layer.quantized])
        module = module_of(layer, layer.arguments(inputs))
        wanted = {f"{at}.weight".lstrip(".") for at, m in module.named_modules() if _is_converted(m)}
        assert {name for name in layer.weights(*inputs) if f".{name}".endswith(ends)} == wanted, name
        found += len(wanted)
    assert found > 5


def test_a_table_that_a_linear_reads_stays_and_odd_matrices_are_rounded_up() -> None:
    """Of 5×5, 13 bytes and 5 scales, whose zero points take 3; the table and the bias stay."""
    found = stored(TIED, "int4+zeros")
    assert (found.params, found.weight_bytes, found.scale_bytes, found.zero_bytes) == (25, 13, 10, 3)
    assert found.other_bytes == 4 * (35 + 5)
    assert stored(TIED, "int4+zeros", "Linear[1]").params == 0  # which shares it


def test_weights_that_a_parametrization_makes_stay() -> None:
    found = stored("input: 1x8\nlayers: [{Linear: 4, weight_norm: {}}]", "int8")
    assert (found.params, found.other_bytes) == (0, 4 * (4 + 32 + 4))


def test_what_is_kept() -> None:
    assert stored(NOT_ALIKE, "int8").params == 64 + 64 + 32
    assert stored(NOT_ALIKE, "int8", "Linear[0]").params == 64 + 64  # the path, not the end of another
    assert stored(NOT_ALIKE, "int8", "Linear[1]").params == 64 + 32
    found = stored(NOT_ALIKE, "int8", "s", "Linear[0]", dtype="float16")
    assert (found.params, found.scales, found.bytes) == (0, 0, 2 * (64 + 64 + 32 + 20))


def test_mixtral_without_its_routers_and_its_head() -> None:
    """Of 46,702,792,704 parameters (published) the matrices of 32 layers; the rest has two bytes each."""
    analysis = shapecalc.analyse(shapecalc.load("mixtral-8x7b"))
    found = quantized(stored_as(analysis, scheme_of("int4:128"), ["router", "Linear[0]"]), "bfloat16")
    matrices = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 8 * 3 * 4096 * 14336)
    assert (found.params, found.scales) == (matrices, matrices // 128)
    assert found.other_bytes == 2 * (46_702_792_704 - matrices + analysis.totals.buffers)


def test_copies_that_are_not_listed_count_and_one_of_them_can_be_kept() -> None:
    text = "input: 1x8\nlayers: [{seq: [Linear as a: 8], times: 15000, as: s}]"
    brief = engine.analyse(shapecalc.parse(text), brief=True)
    assert brief.brief
    scheme = scheme_of("int4:8")
    assert quantized(stored_as(brief, scheme)).bytes == 15_000 * (32 + 8 * 2 + 8 * 4)
    assert quantized(stored_as(brief, scheme, ["s[7].a"])).params == 14_999 * 64


def test_letters_give_formulas() -> None:
    text = "input: 1xK\nlayers: [Linear: {out_features: 6, bias: false}]"
    assert str(stored(text, "int4").bytes) == "3⋅K + 12"
    with pytest.raises(shapecalc.ArchitectureError) as error:
        stored(text, "int4:4")
    assert str(error.value) == (
        "whether groups of 4 divide K input features depends on letters\n"
        "  at Linear[0]\n  hint: give numbers for them"
    )
    assert str(stored(text.replace("K", "4*K"), "int4:4").scales) == "6⋅K"


def test_what_is_printed(run: Command, one: str) -> None:
    done = run("params", one, "--weights", "int4:128+zeros", "--dtype", "float16", columns=200)
    assert done.out.splitlines()[-4:] == [
        "Parameters  16,777,216, trainable 16,777,216",
        "Buffers     0",
        "Quantized   16,777,216 parameters in int4, 131,072 scales: one for 128 inputs",
        "Weights     8.31 MiB: 8,388,608 in int4 + 262,144 of scales in float16"
        " + 65,536 of zero points in int4 + 0 of others in float16 = 8,716,288 B",
    ]
    totals = json.loads(run("params", one, "--weights", "int4", "--format", "json").out)["totals"]
    assert (totals["params"], totals["bytes"]) == (16_777_216, 8_396_800)
    assert totals["quantized"] == {
        "scheme": "int4",
        "params": 16_777_216,
        "scales": 4_096,
        "weight_bytes": 8_388_608,
        "scale_bytes": 8_192,
        "zero_bytes": 0,
        "other_bytes": 0,
    }


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            "--weights int4:100",
            1,
            "error: groups of 100 do not divide the 4096 input features of the weight\n  at Linear[0]\n"
            "  hint: another group, as 64, or --keep 'Linear[0]' for what stays as it is\n",
        ),
        (
            "--weights int3",
            2,
            "error: --weights 'int3' is no dtype of weights\n"
            "  hint: int8, int4 or fp8, by groups as in int4:128, with zero points as in int4:128+zeros\n",
        ),
        ("--weights int4:0", 2, "error: --weights 'int4:0' is no dtype of weights\n"),
        ("--weights int4:-8", 2, "error: --weights 'int4:-8' is no dtype of weights\n"),
        (f"--weights int4:{'9' * 9999}", 2, "is no dtype of weights\n"),
        ("--weights int4:999999999", 1, "error: groups of 999999999 do not divide the 4096 input features"),
        ("--weights int4 --keep Linear[1]", 2, "error: 4 bit weights has no layer 'Linear[1]'\n"),
        ("--keep Linear[0]", 2, "error: --keep is for what --weights would convert\n"),
        (
            "--weights int4 --format csv",
            2,
            "error: --weights is for bytes, which CSV does not have\n  hint: --format json has them\n",
        ),
    ],
)
def test_what_is_refused(options: str, code: int, message: str, run: Command, one: str) -> None:
    done = run("params", one, *options.split())
    assert (done.code, done.out) == (code, "")
    assert message in done.err
