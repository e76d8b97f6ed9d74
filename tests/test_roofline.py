"""Rooflines: device files against one another, bounds by hand and by laws, errors at their lines."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from math import exp, log
from pathlib import Path

import pytest

import shapecalc
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.analysis.roofline.bound import Cost, roofline
from shapecalc.analysis.roofline.device import DTYPES, MATRIX, VECTOR, Device, load_device, names, read_device
from shapecalc.errors import UsageError
from shapecalc.language.yaml_nodes import Source
from tests.command import Command
from tests.networks import ONE_OF_EACH
from tests.networks import analysed as analysed_network
from tests.test_plots import read

CORES: dict[str, tuple[int, int, int, int, int]] = {
    "a100-40g": (108, 1410, 1410, 1024, 64),
    "a100-40g-pcie": (108, 1410, 1410, 1024, 64),
    "a100-80g": (108, 1410, 1410, 1024, 64),
    "a100-80g-pcie": (108, 1410, 1410, 1024, 64),
    "h100-sxm": (132, 1830, 1980, 2048, 128),
    "h100-pcie": (114, 1620, 1755, 2048, 128),
    "h200": (132, 1830, 1980, 2048, 128),
    "a10": (72, 1695, 1695, 512, 128),
    "l4": (58, 2040, 2040, 512, 128),
    "l40s": (142, 2520, 2520, 512, 128),
    "t4": (40, 1590, 1590, 512, 64),
    "v100-sxm": (80, 1530, 1530, 512, 64),
    "v100-pcie": (80, 1370, 1370, 512, 64),
    "rtx3090": (82, 1695, 1695, 256, 128),
    "rtx4090": (128, 2520, 2520, 256, 128),
    "mi300x": (304, 2100, 2100, 1024, 128),
}
"""Multiprocessors, MHz of their matrix and vector units, and multiply-accumulates of each in a clock: of
float16 with sums in float32, and of float32 on vector units. Sources: the architectures' whitepapers."""
PINS: dict[str, tuple[int, float]] = {
    "a100-40g": (5120, 2.430),
    "a100-40g-pcie": (5120, 2.430),
    "a100-80g": (5120, 3.186),
    "a100-80g-pcie": (5120, 3.024),
    "h100-sxm": (5120, 5.234),
    "h100-pcie": (5120, 3.186),
    "h200": (6144, 6.25),
    "a10": (384, 12.5),
    "l4": (192, 12.5),
    "l40s": (384, 18),
    "t4": (256, 10),
    "v100-sxm": (4096, 1.752),
    "v100-pcie": (4096, 1.752),
    "rtx3090": (384, 19.5),
    "rtx4090": (384, 21),
    "mi300x": (8192, 5.2),
}
"""Bits of the memory's bus, and 10⁹ bits a second of each: datasheets print their product rounded."""
ROUNDED = Fraction(1, 100)
"""By how much a datasheet's number may be rounded: two digits, as 60 and 121 for the half."""


def peak(device: Device, units: str, dtype: str) -> Fraction | None:
    found = [each.operations for each in device.peaks if (each.units, each.dtype) == (units, dtype)]
    return found[0] if found else None


def near(one: Fraction, other: Fraction) -> bool:
    return abs(one / other - 1) <= ROUNDED


@pytest.mark.parametrize("name", names())
def test_peaks_are_as_many_as_the_cores_can_do_in_a_clock(name: str) -> None:
    """A sparse peak among them would be twice as high."""
    device = load_device(name)
    cores, matrix, vector, products, floats = CORES[name]
    half, single = peak(device, MATRIX, "float16"), peak(device, VECTOR, "float32")
    assert half
    assert single
    assert near(half, Fraction(2 * cores * products * matrix * 10**6))
    assert near(single, Fraction(2 * cores * floats * vector * 10**6))


@pytest.mark.parametrize("name", names())
def test_peaks_of_a_device_have_the_ratios_of_their_widths(name: str) -> None:
    device = load_device(name)
    matrix = {dtype: value for dtype in DTYPES if (value := peak(device, MATRIX, dtype))}
    assert "bfloat16" not in matrix or matrix["bfloat16"] == matrix["float16"]
    for wide, narrow in (("tf32", "float16"), ("float16", "fp8")):
        if wide in matrix and narrow in matrix:
            assert near(matrix[narrow], 2 * matrix[wide]), (wide, narrow)
    if "int8" in matrix:  # sums of integers never take two steps, as those in float32 do on GeForce
        times = matrix["int8"] / matrix["float16"]
        assert near(times, Fraction(4 if "GeForce" in device.name else 2))


@pytest.mark.parametrize("name", names())
def test_memory_is_as_fast_as_its_pins(name: str) -> None:
    bits, rate = PINS[name]
    assert near(load_device(name).bandwidth, Fraction(rate) * bits / 8 * 10**9)


@pytest.mark.parametrize("name", names())
def test_each_number_of_a_device_has_its_source_and_form(name: str) -> None:
    device = load_device(name)
    assert device.form in ("SXM2", "SXM4", "SXM5", "PCIe", "OAM")
    assert device.peaks
    assert all(peak.source in device.sources for peak in device.peaks)
    assert all(peak.accumulate for peak in device.peaks if peak.units == MATRIX)


def test_forms_of_a_device_differ() -> None:
    """SXM is never slower than PCIe, and H200 is H100 with other memory."""
    for one, other in (("a100-80g", "a100-80g-pcie"), ("h100-sxm", "h100-pcie"), ("v100-sxm", "v100-pcie")):
        fast, slow = load_device(one), load_device(other)
        assert fast.bandwidth >= slow.bandwidth
        assert all(a.operations >= b.operations for a, b in zip(fast.peaks, slow.peaks, strict=True))
    assert load_device("h200").peaks == load_device("h100-sxm").peaks


OWN = """\
name: Board
memory: {size: 1 kB, bandwidth: 8 B/s}
matrix: {float16: 100 FLOP/s}
vector: {float32: 10 FLOP/s}
"""


def own(text: str = OWN) -> Device:
    return read_device(Source("own.yaml", text))


def analysed(file: str, input: str | None = None) -> shapecalc.Analysis:
    return shapecalc.analyse(shapecalc.parse(file), input)


SMALL = "input: 2x3\nlayers: [Linear: 4, ReLU: {}, Flatten: {}]\n"


def test_a_small_network_by_hand() -> None:
    """Linear: 2⋅3⋅4 MACs; reads 2⋅3, 3⋅4 and 4 numbers, writes 2⋅4. ReLU: 8 comparisons; 8 in, 8 out."""
    found = roofline(analysed(SMALL), own(), "float16")
    assert [kernel for (kernel,) in found.kernels] == [Cost(48, 8, 60), Cost(0, 8, 32), Cost(0, 0, 0)]
    # compute 48/100 s beside 8/10 s, memory 60/8 s; then 8/10 s and 32/8 s
    assert found.whole.seconds == Fraction(60, 8) + Fraction(32, 8)
    assert found.whole.cost.intensity == Fraction(64, 92)
    # fused: the input, the weights and the output of the network
    assert found.fused == Cost(48, 0, 2 * (6 + 16 + 8))
    assert tuple(found.at_least) == (Fraction(48, 100), Fraction(60, 8))
    assert found.ridge == Fraction(100, 8)
    assert not found.unknown


def test_training_of_a_small_network_by_hand() -> None:
    """Linear: its input needs no gradient, so the way back has the products of the weight alone."""
    found = roofline(analysed(SMALL), own(), "float16", train=True)
    linear, relu, flatten = found.kernels
    assert flatten == [Cost(0, 0, 0), Cost(0, 0, 0)]
    # ReLU: the gradient of 8, the 8 that are kept, 8 written
    assert relu == [Cost(0, 8, 32), Cost(0, 0, 48)]
    # the gradient of 8, the input of 6 that is kept, gradients of 12 and 4 written
    assert linear == [Cost(48, 8, 60), Cost(48, 0, 2 * (8 + 6 + 16))]
    assert found.fused == Cost(96, 0, 2 * (6 + 16 + 8 + 16))


NETWORKS = ["imagenet/resnet18", "imagenet/densenet121", "gpt2", "unet", "imagenet/mobilenet_v2", "lstm-lm"]
NETWORKS = (
    [name for name in NETWORKS if name in shapecalc.zoo.known()]
    if hasattr(shapecalc, "zoo")
    else NETWORKS[:5]
)


def laws(analysis: shapecalc.Analysis, train: bool) -> None:
    """No fusion is worse than none, nor a device that is nowhere slower; parts add up to the whole."""
    fast, slow = load_device("h100-sxm"), load_device("a100-80g")
    found = roofline(analysis, fast, "bfloat16", train)
    assert found.at_least.seconds <= found.whole.seconds
    assert found.fused.products <= found.whole.cost.products
    assert found.fused.bytes <= found.whole.cost.bytes
    other = roofline(analysis, slow, "bfloat16", train)
    assert other.at_least.seconds >= found.at_least.seconds
    assert other.whole.seconds >= found.whole.seconds
    assert other.whole.cost == found.whole.cost
    assert sum(found.under(node).seconds for node in found.analysis.tree) == found.whole.seconds
    assert sum(found.under(node).cost.bytes for node in found.analysis.tree) == found.whole.cost.bytes


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_laws(name: str) -> None:
    laws(analysed_network(name), train=False)


@pytest.mark.parametrize("name", NETWORKS)
def test_laws_in_training(name: str) -> None:
    laws(analysed_network(name), train=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_operations_are_those_of_show_and_of_torch_s_way_back(name: str) -> None:
    from shapecalc.analysis.counting.gradients import gradient_macs

    analysis = shapecalc.analyse(shapecalc.load(name))
    device = load_device("a100-80g")
    macs = analysis.totals.macs
    assert roofline(analysis, device).whole.cost.products == 2 * macs
    assert roofline(analysis, device, train=True).whole.cost.products == 2 * (macs + gradient_macs(analysis))  # type: ignore[operator]


@pytest.mark.parametrize("name", ["imagenet/resnet50", "gpt2", "llm/mixtral-8x7b"])
@pytest.mark.parametrize("train", [False, True])
def test_folded_copies_count_as_all(name: str, train: bool) -> None:
    network, device = shapecalc.load(name), load_device("a100-80g")
    values = {"depth": 3} if "depth" in network.parameters else {}
    if train and name.startswith("llm/"):
        return  # where tokens go decides what is kept
    brief, whole = (
        roofline(shapecalc.analyse(network, None, values, brief=brief), device, train=train)
        for brief in (True, False)
    )
    assert brief.whole == whole.whole
    assert brief.at_least == whole.at_least
    assert brief.fused == whole.fused
    assert brief.bound_layers("memory") == whole.bound_layers("memory")


@pytest.mark.parametrize("name", ["imagenet/resnet18", "vgg11", "unet"])
def test_fused_bytes_are_weights_and_ends(name: str) -> None:
    """Of networks that look nothing up, all weights of `memory`."""
    analysis = shapecalc.analyse(shapecalc.load(name))
    needed = predicted(analysis)
    ends = sum(x.bytes for x in (*analysis.inputs.values(), *analysis.outputs))
    fused = roofline(analysis, load_device("a100-80g")).fused
    assert fused.bytes == needed.parameters + needed.buffers + ends


def test_what_is_only_seen_otherwise_moves_nothing() -> None:
    file = "input: 2x3x4x4\nlayers: [Dropout: {}, Identity: {}, Flatten: {}, unsqueeze: {dim: 1}]\n"
    found = roofline(analysed(file), own(), "float16")
    assert found.whole.cost == Cost(0, 0, 0)
    over = roofline(analysed("input: 2x3\nlayers: [Linear: 3, ReLU: {inplace: true}]\n"), own(), "float16")
    assert over.kernels[1][0].bytes == 2 * (6 + 6)


def test_a_factor_that_is_read_twice_is_moved_once() -> None:
    found = roofline(analysed("input: 4x4\nlayers: [matmul: [input, input]]\n"), own(), "float16")
    assert found.kernels[0][0] == Cost(2 * 64, 0, 2 * (16 + 16))


def test_of_a_table_what_is_looked_up_is_read() -> None:
    """5 tokens of 100 rows of 8; by any input at least one row, all tokens being equal."""
    file = "input: {tokens: '1x5:int64'}\nlayers: [Embedding: {num_embeddings: 100, embedding_dim: 8}]\n"
    found = roofline(analysed(file), own(), "float16")
    assert found.kernels[0][0].bytes == 5 * 8 + 2 * (5 * 8 + 5 * 8)
    assert found.fused.bytes == 5 * 8 + 2 * (8 + 5 * 8)


def test_of_experts_those_are_read_that_tokens_choose() -> None:
    """Each token chooses 2 of 8: at 3 tokens at most 6 are read, at 50 all; by any input 2 at least."""
    for tokens, chosen in ((3, 6), (50, 8)):
        found = roofline(analysed(EXPERTS, f"1x{tokens}x4"), own(), "float16")
        ((number, row),) = [(n, row) for n, row in enumerate(found.analysis.rows) if row.layer.routed]
        each = sum(weight.elements for weight in row.weights.values()) // 8
        assert found.kernels[number][0].bytes == 2 * (chosen * each + 2 * tokens * 4)
        others = sum(
            w.elements for other in found.analysis.rows if other is not row for w in other.weights.values()
        )
        assert found.fused.bytes == 2 * (2 * each + others + 2 * tokens * 4)


EXPERTS = """\
input: 1x3x4
layers:
  - experts: {num_experts: 8, top_k: 2, expert: [Linear: 4]}
"""


def test_stored_weights_are_read_as_they_are_stored() -> None:
    from shapecalc.analysis.quantized import scheme_of, stored_as

    whole = analysed("input: 1x64\nlayers: [Linear: {out_features: 32, bias: false}]\n")
    found = roofline(stored_as(whole, scheme_of("int8")), own(), "float16")
    ends = 2 * (64 + 32)
    assert 32 * 64 <= found.fused.bytes - ends < 2 * 32 * 64


UNCOUNTED = """\
input: 1x3x8
layers:
  - Conv1d: {out_channels: 4, kernel_size: 1}
  - opaque: {call: torch.foo, inputs: 1x4x8, outputs: 1x4x8}
"""


def test_unknown_operations_mark_the_totals(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(UNCOUNTED)
    done = run("roofline", str(file), "--device", "a100-80g")
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "if what is unknown is nothing" in said
    assert "or more: not all operations are known" in said
    assert re.search(r"opaque\[0\] 1×4×8 unknown", said)
    found = json.loads(run("roofline", str(file), "--device", "a100-80g", "-f", "json").out)
    assert not found["complete"]
    assert [layer["operations"] for layer in found["layers"]] == [2 * 96 + 32, None]
    assert found["unfused_sum"]["operations"] is None
    assert found["unknown"]


def test_the_forms_have_the_same_figures(run: Command) -> None:
    words = ["roofline", "imagenet/resnet18", "--device", "a100-80g", "--dtype", "float16"]
    found = json.loads(run(*words, "-f", "json").out)
    lines = list(csv.DictReader(io.StringIO(run(*words, "-f", "csv").out)))
    assert [row["path"] for row in lines] == [layer["path"] for layer in found["layers"]]
    for line, layer in zip(lines, found["layers"], strict=True):
        assert (int(line["operations"]), int(line["bytes"])) == (layer["operations"], layer["bytes"])
        assert (line["binds"] or None, float(line["seconds"])) == (layer["binds"], layer["seconds"])
    assert sum(layer["bytes"] for layer in found["layers"]) == found["unfused_sum"]["bytes"]
    table = run(*words, "--depth", "1").out
    assert "Unfused sum 31.3 µs of layers one by one, no bound" in table
    assert "latency" not in table


def test_layers_stand_on_the_roof(run: Command) -> None:
    """By the ticks of the plot alone: no mark is above the roof, and each is on one of its lines."""
    device = load_device("a100-80g")
    svg = run("roofline", "imagenet/resnet50", "--device", "a100-80g", "--dtype", "float16", "-f", "svg").out
    plot = read(svg)
    assert len(plot.marks) > 50
    across, upright = plot.axis(True), plot.axis(False)
    for mark in plot.marks:
        x, y = exponential(across, mark.x), exponential(upright, mark.y)
        roofs = [x * float(device.bandwidth), 312e12, 78e12]
        assert y <= min(roofs[:2]) * 1.03, mark
        assert min(abs(y / roof - 1) for roof in roofs) < 0.03, mark
    root = ET.fromstring(svg)
    assert "unfused sum" in (root.findtext("{http://www.w3.org/2000/svg}desc") or "")


def exponential(ticks: list[tuple[float, Fraction]], pixel: float) -> float:
    (a, low), (b, high) = ticks[0], ticks[-1]
    return float(low) * exp(log(high / low) * (pixel - a) / (b - a))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("8 B/s", "8", "own.yaml:2:33: 8 has no unit\n  2 │ memory"),
        ("8 B/s", "-8 B/s", "own.yaml:2:33: -8 B/s is not above 0"),
        ("8 B/s", "0 GB/s", "own.yaml:2:33: 0 GB/s is not above 0"),
        ("8 B/s", "8 FLOP/s", "own.yaml:2:33: the unit 'FLOP/s' is unknown here"),
        ("8 B/s", "fast", "own.yaml:2:33: a number with its unit is needed here, not the text 'fast'"),
        ("size: 1 kB, ", "", "own.yaml:2:9: the key size is missing"),
        ("name: Board\n", "", "own.yaml:1:1: the key name is missing"),
        ("100 FLOP/s", "[1, 2]", "own.yaml:3:19: a mapping is needed here, not a list"),
        ("float16", "half", "own.yaml:3:10: the key 'half' is unknown"),
        ("matrix", "matrices", "own.yaml:3:1: the key 'matrices' is unknown\n"),
        ("100 FLOP/s", "{accumulate: float32}", "own.yaml:3:19: the key peak is missing"),
        (OWN[OWN.index("matrix") :], "", "own.yaml:1:1: no peak is given, under matrix or vector"),
        (OWN, "- 1", "own.yaml: a device is a mapping"),
        (OWN, "", "own.yaml: a device is a mapping"),
        ("Board", "{a: 1}", "own.yaml:1:7: a text is needed here, not a mapping"),
        ("Board", "[", "own.yaml:3:1: this is not YAML"),
    ],
)
def test_what_is_wrong_in_a_device_file_is_told_at_its_line(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        own(OWN.replace(old, new, 1))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "lenet --device h100",
            "error: there is no device 'h100'\n  hint: did you mean h100-pcie or h100-sxm? devices: a10,",
        ),
        ("lenet --device abacus", "error: there is no device 'abacus'\n  hint: devices: a10, a100-40g"),
        ("lenet --device no/such.yaml", "error: no/such.yaml can't be read: No such file or directory"),
        (
            "lenet --device v100-sxm --dtype bfloat16",
            "error: --dtype bfloat16: NVIDIA V100 32 GB, SXM2 has no peak for it\n  hint: it has float32",
        ),
        ("lenet --device l4 -i Nx1x28x28", "error: a device needs numbers, and LeNet has the letters N"),
        ("lenet --device l4 -o x.svg", "error: -o is of plots, and --format is table\n  hint: --format svg"),
        ("lenet", "Missing option '--device'"),
        ("lenet --device l4 --dtype float8", "Invalid value for '--dtype'"),
    ],
)
def test_refusals(words: str, message: str, run: Command) -> None:
    done = run("roofline", *words.split())
    assert done.code == 2
    assert message in done.err


def test_what_can_t_be_trained_is_refused() -> None:
    with pytest.raises(UsageError, match="no output depends on a trainable parameter"):
        roofline(analysed("input: 2x3\nlayers: [ReLU: {}]\n"), own(), "float16", train=True)


def test_python_takes_the_name_of_a_device() -> None:
    analysis = shapecalc.analyse(shapecalc.load("lenet"))
    found = shapecalc.roofline(analysis, "l4", "float16")
    assert found == roofline(analysis, load_device("l4"), "float16")
    assert isinstance(found, shapecalc.Roofline)
    with pytest.raises(UsageError, match="there is no device 'abacus'"):
        shapecalc.roofline(analysis, "abacus")


def test_a_device_of_one_s_own(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(OWN)
    done = run("roofline", "lenet", "--device", str(file), "--dtype", "float16")
    assert done.code == 0
    assert "Board: 1000 B at 8 B/s" in done.out
    assert re.search(r"Memory +the weights alone, \d+\.\d+ KiB, are more than the device has", done.out)
