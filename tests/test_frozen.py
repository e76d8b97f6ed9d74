"""Weights that are not trained: which they are, what torch says of them, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import shapecalc
from shapecalc import Analysis, ArchitectureError, UsageError
from shapecalc.analysis.compare.difference import compare
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import training
from shapecalc.analysis.memory.memory import memory
from shapecalc.torch_check.memory import compare as bytes_of
from shapecalc.torch_check.network import build, sample
from shapecalc.torch_check.verify import verify


def analyse(text: str, **how: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), **how)


def network(*steps: str, head: str = "input: 2x6") -> str:
    return f"{{{head}, layers: [{', '.join(steps)}]}}"


def frozen(analysis: Analysis) -> list[str]:
    """The frozen parameters, by path and name, as torch's module has them; the engine has the same."""
    assert verify(analysis, torch.device("cpu"), "net").mismatches == ()
    modules = zip(analysis.rows, build(analysis).layers, strict=True)
    found = [(r, n) for r, m in modules for n, p in m.named_parameters() if not p.requires_grad]
    return [f"{row.path}.{name}" for row, name in found]


LORA = """
name: LoRA on one projection
input: 1x128x4096
parameters: {r: 8, base: true}
layers:
  - add:
      - [{Linear: {out_features: 4096, bias: false}, frozen: base}]
      - [Linear: {out_features: r, bias: false}, Linear: {out_features: 4096, bias: false}]
"""


def test_lora_trains_a_fraction_of_its_parameters() -> None:
    """Source: Hu et al. 2021, arXiv:2106.09685: r·(in + out) for each adapted matrix."""
    totals = analyse(LORA).totals
    assert (totals.params, totals.trainable_params) == (16_842_752, 65_536)
    assert frozen(analyse(LORA)) == ["add[0].0.Linear[0].weight"]


def test_a_parameter_decides_and_letters_stay() -> None:
    all_trained = analyse(LORA, parameters={"base": False}).totals
    assert all_trained.trainable_params == all_trained.params == 16_842_752
    assert str(analyse(LORA, parameters={"r": "r"}).totals.trainable_params) == "8192⋅r"


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("{Linear: 6, frozen: true}", ["Linear[0].weight", "Linear[0].bias"]),
        ("{Linear: 6, frozen: false}", []),
        ("{seq: [Linear: 6, ReLU], frozen: true}", ["seq[0].Linear[0].weight", "seq[0].Linear[0].bias"]),
        (
            "{add: [[PReLU], [BatchNorm1d]], frozen: true}",
            ["add[0].0.PReLU[0].weight", "add[0].1.BatchNorm1d[0].weight", "add[0].1.BatchNorm1d[0].bias"],
        ),
        ("{PReLU: , frozen: true, times: 2}", ["PReLU[0].weight", "PReLU[1].weight"]),
        ("{parameter: [6], frozen: true}", ["parameter[0].weight"]),
        ("{buffer: [6], frozen: true}", []),
        ("{ReLU: , frozen: true}", []),
        ("{seq: [{PReLU: , frozen: false}, PReLU], frozen: true}", ["seq[0].PReLU[1].weight"]),
        ("{seq: [{PReLU: , frozen: true}, PReLU], frozen: false}", ["seq[0].PReLU[0].weight"]),
        ("{act: , frozen: f}", ["PReLU[0].weight"]),
        ("{block: f, frozen: false}", ["block[0].PReLU[0].weight"]),
        ("{block: {held: false}, frozen: true}", []),
    ],
)
def test_what_is_frozen(step: str, names: list[str]) -> None:
    head = "input: 2x6, parameters: {f: true, act: PReLU}, blocks: {block(held): [{PReLU: , frozen: held}]}"
    assert frozen(analyse(network(step, head=head))) == names


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        (("{PReLU: , as: a, frozen: true}", "{PReLU: , share: a}"), ["a.weight", "PReLU[1].weight"]),
        (("{PReLU: , as: a}", "{PReLU: , share: a, frozen: true}"), ["a.weight", "PReLU[1].weight"]),
        (
            ("{PReLU: , as: a}", "{PReLU: , share: a, as: b}", "{seq: [{PReLU: , share: b}], frozen: true}"),
            ["a.weight", "b.weight", "seq[0].PReLU[0].weight"],
        ),
        (
            ("{Linear: {out_features: 6, bias: false}, as: a, frozen: true}", "{Linear: 6, share: a}"),
            ["a.weight", "Linear[1].weight"],
        ),
        (
            ("{Linear: {out_features: 6, bias: false}, as: a}", "{Linear: 6, share: a, frozen: true}"),
            ["a.weight", "Linear[1].weight", "Linear[1].bias"],
        ),
    ],
)
def test_a_shared_weight_is_one_tensor(steps: tuple[str, ...], names: list[str]) -> None:
    """It is frozen wherever it is used where one of its users freezes it, as `requires_grad_` does."""
    assert frozen(analyse(network(*steps))) == names


def test_totals_are_of_each_tensor_once() -> None:
    analysis = analyse(network("{Linear: 6, as: a, frozen: true}", "{Linear: 6, share: a}", "Linear: 1"))
    assert (analysis.totals.params, analysis.totals.trainable_params) == (49, 7)
    assert [row.frozen_params for row in analysis.rows] == [42, 0, 0]
    assert analysis.to_dict()["totals"]["trainable_params"] == 7
    assert [row.get("frozen") for row in analysis.to_dict()["layers"]] == [["bias", "weight"]] * 2 + [None]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1", "frozen must be true or false, not 1"),
        ("null", "frozen must be true or false, not null"),
        ("[true]", "frozen must be true or false, not [true]"),
        ("n", "frozen must be true or false, not 3"),
        ("n*2", "frozen must be true or false, not 6"),
        ("channels", "the name 'channels' is unknown"),
        ("yes", "the name 'yes' is unknown"),
        ("{a: 1}", "a value can't be a mapping"),
    ],
)
def test_what_is_no_answer(value: str, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        analyse(network(f"{{ReLU: , frozen: {value}}}", head="input: 2x6, parameters: {n: 3}"))
    assert caught.value.message == message
    assert caught.value.place is not None


def test_the_kind_of_a_parameter_is_kept() -> None:
    with pytest.raises(UsageError, match="the parameter base must be true or false, not 1"):
        analyse(LORA, parameters={"base": 1})


def test_frozen_is_written_beside_a_step() -> None:
    with pytest.raises(ArchitectureError) as caught:
        analyse(network("{Linear: {out_features: 6, frozen: true}}"))
    assert caught.value.hint == "write it beside the step: {Linear: …, frozen: …}"


def test_diff_shows_what_was_frozen() -> None:
    text = network("{Linear: 6, frozen: true}", "Linear: 6", "ReLU")
    found = compare(analyse(text), analyse(text.replace("true", "false")))
    assert [pair.changes for pair in found.pairs] == [{"frozen": (True, False)}, {}, {}]
    assert not found.equal
    part = "{Linear: {out_features: 6, bias: false}, as: a, frozen: f}"
    text = network(part, "{Linear: 6, share: a}", head="input: 2x6, parameters: {f: true}")
    found = compare(analyse(text), analyse(text, parameters={"f": False}))
    assert [pair.changes for pair in found.pairs] == [
        {"frozen": (True, False)},
        {"frozen": (("weight",), False)},
    ]


def differences(text: str) -> list[object]:
    return [found for found in bytes_of(analyse(text)) if not found.agrees]


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ("{Linear: 8, frozen: true}, ReLU", 0),
        ("{Linear: 8, frozen: true}, ReLU, Linear: 8", 4 * 8),  # its input, and nothing before it
        ("Linear: 8, {Linear: 8, frozen: true}", 4 * 6),  # the input; a frozen map keeps its weight alone
        ("Linear: 8, {Linear: 8, frozen: true}, ReLU", 4 * (6 + 8)),
        ("Linear: 8, {BatchNorm1d: , frozen: true}", 4 * (6 + 8) + 2 * 4 * 8 // 4),
        ("{Linear: 8, as: a, frozen: true}, {mul: [a, [Linear: 8]]}", 4 * 8),  # both need the one tensor
        ("{Linear: 8, as: a}, {mul: [a, [{Linear: 8, frozen: true}]]}", 4 * (6 + 8 + 8)),
        ("{mul: [[{Linear: 8, frozen: true}], [Linear: 8]]}", 4 * (6 + 8)),
    ],
)
def test_what_autograd_keeps(steps: str, kept: int) -> None:
    """In floats of a batch of four: what the gradient of a trained weight, or one on the way to it, needs."""
    text = network(steps, head="input: 4x6")
    assert memory(analyse(text)).saved == 4 * kept
    assert differences(text) == []


def test_lora_needs_gradients_of_its_adapters_alone() -> None:
    found = memory(analyse(LORA), how="adam")
    assert (found.parameters, found.gradients, found.optimizer) == (67_371_008, 262_144, 524_288)
    assert differences(LORA) == []
    trained = memory(analyse(LORA, parameters={"base": False}), how="adam")
    assert (trained.gradients, trained.optimizer) == (67_371_008, 134_742_016)


def test_gradients_and_optimizer_are_those_of_torch() -> None:
    """A step of Adam on a small LoRA: what torch has allocated of both."""
    text = LORA.replace("4096", "64")
    found = memory(analyse(text), how="adam")
    net = build(analyse(text)).to_empty(device="cpu")
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(1, 128, 64), observe=lambda *_: None)[0].sum().backward()
    optimizer.step()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    state = [x for s in optimizer.state.values() for x in s.values() if x.dim()]  # without the counters
    assert found.gradients == sum(x.nbytes for x in gradients)
    assert found.optimizer == sum(x.nbytes for x in state)


@pytest.mark.parametrize(
    ("steps", "hint"),
    [
        ("{Linear: 6, frozen: true}, ReLU", "frozen: false beside a step lets its weights be trained"),
        ("{Linear: 6, as: a}, {ReLU: , from: x}", "without --train, memory says what prediction needs"),
        ("ReLU", "without --train, memory says what prediction needs"),
    ],
)
def test_nothing_to_train(steps: str, hint: str) -> None:
    """torch's backward raises: the output has no way back to a parameter."""
    analysis = analyse(network(steps, head="input: {x: 2x6}"))
    refusal = memory(analysis).refusal
    assert refusal is not None
    assert "can't be trained: no output depends on a trainable parameter" in refusal.message
    assert refusal.hint == hint
    (output,) = build(analysis)(torch.zeros(2, 6, device="meta"), observe=lambda *_: None)
    with pytest.raises(RuntimeError, match="does not require grad"):
        output.sum().backward()
    assert memory(analysis).to_dict()["training_peak"] is None
    assert [found for found in bytes_of(analysis) if not found.agrees] == []


def trained_flops(analysis: Analysis) -> int:
    """Of a pass forward and one back, by torch's own counter."""
    net = build(analysis)
    with FlopCounterMode(display=False) as counter:
        (output,) = net(*[sample(x, "meta") for x in analysis.inputs.values()], observe=lambda *_: None)
        output.sum().backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize(
    ("steps", "back"),
    [
        ("Linear: 8, Linear: 8", 2 * 4 * (6 * 8 + 2 * 8 * 8)),  # all but the gradient of the input
        ("{Linear: 8, frozen: true}, Linear: 8", 2 * 4 * 8 * 8),  # of the second weight
        ("Linear: 8, {Linear: 8, frozen: true}", 2 * 4 * (6 * 8 + 8 * 8)),  # through the second to the first
        ("{Linear: 8, frozen: true}, {Linear: 8, frozen: true}, Linear: 8", 2 * 4 * 8 * 8),
        ("{Linear: 8, as: a}, {Linear: 8, frozen: true, from: x}, {add: [[], a]}", 2 * 4 * 6 * 8),
    ],
)
def test_products_of_gradients(steps: str, back: int) -> None:
    analysis = analyse(network(steps, head="input: {x: 4x6}"))
    found = training(CONVENTIONS["torch"], analysis)
    assert found == 2 * analysis.totals.macs + back == trained_flops(analysis)


def test_products_of_lora() -> None:
    """Those of both adapters' weights, and of the gradient between the two; none of the frozen projection."""
    analysis = analyse(LORA)
    assert (
        training(CONVENTIONS["torch"], analysis)
        == trained_flops(analysis)
        == 2 * 2_155_872_256 + 6 * 4_194_304
    )


def test_products_of_what_nothing_is_trained_in() -> None:
    found = training(CONVENTIONS["torch"], analyse(network("{Linear: 6, frozen: true}")))
    assert "no output depends on a trainable parameter" in str(found)


def test_a_frozen_norm_still_follows_the_batches() -> None:
    """Frozen is not evaluation: in training the running statistics are updated all the same."""
    (norm,) = build(analyse(network("{BatchNorm1d: , frozen: true}"))).to_empty(device="cpu").train().layers
    norm.reset_running_stats()
    norm(torch.full((4, 6), 3.0))
    assert norm.running_mean.tolist() == pytest.approx([0.3] * 6)
