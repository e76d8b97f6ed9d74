"""The memory of whole networks: against torch on `meta`, figures from outside, and laws."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis, ArchitectureError, UsageError
from shapecalc.analysis.domain.generalise import generalised
from shapecalc.analysis.memory.batch import budget_of, with_batch
from shapecalc.analysis.memory.fitting import fitting
from shapecalc.analysis.memory.ledger import Ledger
from shapecalc.analysis.memory.memory import Memory, memory
from shapecalc.analysis.memory.prediction import predicted
from shapecalc.errors import UnknownError
from shapecalc.layers import LAYERS
from shapecalc.layers.rules import Keeps
from shapecalc.symbolic import Dim, at, number, symbol
from shapecalc.torch_check.memory import Alive, compare, kept
from shapecalc.torch_check.network import build
from shapecalc.torch_check.startup import without_compiler
from tests.command import Command
from tests.dice import one_way
from tests.kernels import compiled_kernels
from tests.networks import EVERY_TYPE, ROUTED, is_brief, short

FOLLOWED = ["alexnet", "googlenet", "lenet-batchnorm", "nin", "resnet18", "unet", "wavenet"]


@pytest.fixture(autouse=True, scope="module")
def _judge() -> Iterator[None]:
    with without_compiler(), compiled_kernels(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def of_two(name: str) -> Analysis:
    """A batch that every norm can be trained with, of fewer copies of a network's blocks."""
    return with_batch(short(name), 2)


def figures(found: Memory) -> dict[str, Dim]:
    sizes = (found.parameters, found.buffers, found.saved, found.activations.bytes)
    return dict(
        zip(("parameters", "buffers", "saved", "activations"), sizes, strict=True),
        prediction=found.prediction.bytes,
        training=found.training.bytes,
    )


UNKNOWN = {
    **dict.fromkeys(["llm/mamba-130m", "llm/mamba2-130m"], "depends on the kernel that scans"),
    **dict.fromkeys(ROUTED, "depends on how many tokens go to each expert"),
}
"""Networks of which nothing is said in training → why."""

DTYPES = ("float32", "bfloat16")
CASES = [
    (name, dtype)
    for name in EVERY_TYPE
    if name not in UNKNOWN
    for dtype in (one_way(name, DTYPES) if is_brief(name) else ["float32"])
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_torch_agrees(name: str, dtype: str) -> None:
    found = list(compare(of_two(name), dtype))
    assert len(found) == 5
    for what, expected, measured, _ in found:
        assert expected == measured > 0, what


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNKNOWN)
def test_of_an_unknown_way_back_torch_takes_as_much_as_is_said(name: str, dtype: str) -> None:
    found = compare(of_two(name), dtype)
    prediction = next(found)
    assert prediction.at_least
    assert 0 < number(prediction.expected) <= prediction.measured
    with pytest.raises(UnknownError, match=UNKNOWN[name]):
        next(found)


@pytest.mark.parametrize("loss", ["BCELoss", "GaussianNLLLoss"])
def test_losses_that_look_at_values_are_measured(loss: str) -> None:
    """On `meta` there are none; torch goes on as for values that it takes."""
    more, spread = (", spread: 8x1", ", spread") if loss == "GaussianNLLLoss" else ("", "")
    text = f"""
        input: {{x: 8x4, target: 8x3{more}}}
        layers:
          - {{Linear: 3, from: x}}
          - {{Sigmoid: , as: y}}
          - {{{loss}: , from: [y, target{spread}]}}
    """
    found = list(compare(shapecalc.analyse(shapecalc.parse(text))))
    assert [each for each in found if not each.agrees] == []
    assert found[1].measured > 2 * 8 * 3 * 4  # the loss keeps more than the layers before it


def test_a_norm_that_counts_its_batches_is_measured() -> None:
    """With no momentum it divides by how many there have been, which `meta` does not know."""
    text = (
        "{input: 2x3x4, layers: [Conv1d: {out_channels: 4, kernel_size: 1}, BatchNorm1d: {momentum: null}]}"
    )
    assert [each for each in compare(shapecalc.analyse(shapecalc.parse(text))) if not each.agrees] == []


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LAYERS["ReLU"], "keeps", Keeps.INPUTS)
    text = "input: 2x8\nlayers: [Linear: 8, ReLU, Linear: 8, ReLU]\n"
    found = compare(shapecalc.analyse(shapecalc.parse(text)))
    assert [each.what for each in found if not each.agrees] != []


@pytest.fixture
def softplus(monkeypatch: pytest.MonkeyPatch) -> Analysis:
    """A network of which what it allocates is said to be known in part."""
    monkeypatch.setattr(LAYERS["Softplus"], "saved", lambda *_: None)
    return shapecalc.analyse(shapecalc.parse("{input: 4x7, layers: [Linear: 9, Softplus]}"))


def test_a_bound_from_below_is_checked_as_one(softplus: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    found = next(compare(softplus))
    assert (found.at_least, found.agrees) == (True, True)
    held = Ledger.held  # as if the input were nine times as large
    monkeypatch.setattr(Ledger, "held", lambda self, size, row: held(self, size * 9, row))
    found = next(compare(softplus))
    assert (found.at_least, found.agrees) == (True, False)


def test_figures_from_outside() -> None:
    """Followed by hand in torch: the taught AlexNet; and what autograd keeps of ImageNet's ResNet-18."""
    alexnet = memory(of_two("alexnet")).to_dict()
    assert (alexnet["saved"], alexnet["activations_peak"]) == (7_997_440, 4_880_384)
    resnet = memory(with_batch(shapecalc.analyse(shapecalc.load("imagenet/resnet18")), 32))
    assert number(resnet.saved) == 709_793_280


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", EVERY_TYPE)
def test_the_batch_as_a_formula(name: str) -> None:
    """One formula for all batches has the figures of each."""
    analysis = short(name)
    general = figures(memory(with_batch(analysis, symbol("B"))))
    for batch in (2, 7):
        expected = figures(memory(with_batch(analysis, batch)))
        assert {name: at(size, {"B": batch}) for name, size in general.items()} == expected


@pytest.mark.parametrize("name", FOLLOWED)
def test_formulas_for_every_input(name: str) -> None:
    """The maximum of what may be the peak is the peak, also where another row has it."""
    architecture = shapecalc.load(name)
    inputs = shapecalc.analyse(architecture).inputs
    general = generalised(architecture, inputs, batch=True)
    formulas = figures(memory(shapecalc.analyse(architecture, general)))
    (tensor,) = inputs.values()
    spaces: dict[int, list[tuple[int, ...]]] = {1: [(2048,), (4096,)], 2: [(96, 96), (224, 256)]}
    for batch, space in [(b, s) for b in (1, 3) for s in spaces[tensor.rank - 2]]:
        shape = (batch, tensor.shape[1], *(space if name != "lenet-batchnorm" else (28, 28)))
        sizes = {
            str(symbolic): size
            for symbolic, size in zip(general[next(iter(general))].shape, shape, strict=True)
            if not isinstance(symbolic, int)
        }
        expected = figures(memory(shapecalc.analyse(architecture, list(shape))))
        assert {key: at(size, sizes) for key, size in formulas.items()} == expected


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_optimizers(name: str) -> None:
    """What torch's optimizer keeps, and makes for a second step, of all parameters at once."""
    analysis = of_two("nin")
    network = build(analysis)
    parameters = list(network.parameters())
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    make: dict[str, Any] = {
        "sgd": lambda: torch.optim.SGD(parameters, lr=1.0, foreach=True),
        "momentum": lambda: torch.optim.SGD(parameters, lr=1.0, momentum=0.9, foreach=True),
        "adam": lambda: torch.optim.Adam(parameters, lr=1.0, foreach=True),
        "adamw": lambda: torch.optim.AdamW(parameters, lr=1.0, weight_decay=0, foreach=True),
    }
    optimizer = make[name]()
    optimizer.step()
    kept = [x for state in optimizer.state.values() for x in state.values() if getattr(x, "is_meta", False)]
    found = memory(analysis, how=name)
    assert sum(x.untyped_storage().nbytes() for x in kept) == number(found.optimizer)
    with Alive([*parameters, *(p.grad for p in parameters)], kept) as alive:
        optimizer.step()
    assert alive.peak - number(found.optimizer) == number(found.held.update.bytes)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["alexnet", "gpt2", "resnet18", "unet"])
def test_the_largest_batch(name: str, training: bool) -> None:
    """It fits, and one more does not."""
    analysis = shapecalc.analyse(shapecalc.load(name))
    found = fitting(memory(analysis) if training else predicted(analysis), budget_of("8GiB"))

    def needed(batch: int) -> int:
        own = memory(with_batch(analysis, batch))
        return number((own.training if training else own.prediction).bytes)

    assert needed(found.batch) <= 8 * 2**30 < needed(found.batch + 1)
    assert found.formula
    assert needed(found.batch) == found.needed == found.formula.fixed + found.formula.each * found.batch


def test_what_is_not_asked_for_is_not_followed(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The passes of training are those of whoever asks for training; what is predicted is the same."""
    analysis = of_two("resnet18")
    found, both = predicted(analysis), memory(analysis)
    assert [getattr(both, field.name) for field in fields(found)] == [
        getattr(found, field.name) for field in fields(found)
    ]
    monkeypatch.setattr("shapecalc.analysis.memory.memory.step_of", None)
    assert run("memory", "resnet18").code == 0
    assert run("memory", "resnet18", "--train").code == 4


@pytest.mark.parametrize(
    ("text", "size"),
    [("24GiB", 24 * 2**30), ("1.5 kib", 1536), ("80GB", 80 * 10**9), ("7", 7), ("1TiB", 2**40), ("3b", 3)],
)
def test_budgets(text: str, size: int) -> None:
    assert budget_of(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1GiB", "24 gallons", "1e9", "1,000"])
def test_no_budgets(text: str) -> None:
    with pytest.raises(UsageError, match="--fit"):
        budget_of(text)


@pytest.mark.parametrize("option", [["--batch", "2"], ["--fit", "1GiB"]])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{input: 3x8x8, layers: [Conv2d: {out_channels: 8, kernel_size: 3}]}",
            "with another size the weights of Conv2d[0] change",
        ),
        (
            "{input: 3x8x8, layers: [Flatten: {start_dim: 0}, Linear: 5]}",
            "with another size the weights of Linear[0] change",
        ),
        (
            "{input: {q: 4x8, k: 6x8}, layers: [{Linear: 5, from: q}]}",
            "inputs q 4×8 and k 6×8 differ in their first axis",
        ),
    ],
)
def test_a_first_axis_that_is_no_batch(
    text: str, reason: str, option: list[str], run: Command, tmp_path: Path
) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(text)
    done = run("memory", str(file), *option, columns=400)
    assert done.code == 2
    assert reason in done.err


@pytest.mark.parametrize(("layer", "most"), [("Softplus", True), ("ReLU", False)])
def test_a_batch_by_a_bound_from_below_is_one_from_above(
    layer: str, most: bool, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LAYERS["Softplus"], "saved", lambda *_: None)
    file = tmp_path / "net.yaml"
    file.write_text(f"{{input: 4x6, layers: [Linear: 9, {layer}]}}")
    words = ("memory", str(file), "--fit", "1MiB")
    assert ("Fits         at most a batch" in run(*words).out) == most
    status = json.loads(run(*words, "--format", "json").out)["fit"]["status"]
    assert status == ("at most" if most else "exact")


def test_an_optimizer_is_for_training(run: Command) -> None:
    done = run("memory", "lenet", "--optimizer", "adam")
    assert done.code == 2
    assert "--train" in done.err


def test_a_dtype_that_a_layer_refuses() -> None:
    text = "input: 1x4x8x8x8\nlayers:\n  - AvgPool3d: 2\n"
    analysis = shapecalc.analyse(shapecalc.parse(text))
    assert memory(analysis).to_dict()["saved"] == 0
    with pytest.raises(ArchitectureError, match=r"AvgPool3d: .* not in bfloat16") as caught:
        memory(analysis, "bfloat16")
    assert caught.value.path == "AvgPool3d[0]"


def test_memory_of_a_network_with_an_unknown(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prediction is known from below, and training not at all: which figure it is, and why."""
    monkeypatch.setattr(LAYERS["Softplus"], "saved", lambda *_: None)
    file = tmp_path / "net.yaml"
    file.write_text("{input: 2x4x8x8, layers: [{Linear: 8}, {Softplus: {beta: 0.625}}]}")
    found = json.loads(run("memory", str(file), "--format", "json").out)
    known = [found[name] for name in ("inference_peak_status", "saved", "training_peak")]
    assert known == ["at least", None, None]
    assert [layer["saved"] for layer in found["layers"]] == [None, None]
    reason = "Softplus: what it keeps for the backward pass is not known"
    assert found["training_peak_status"].startswith(reason)
    first = next(compare(shapecalc.analyse(shapecalc.parse(file.read_text()))))
    assert first.at_least
    assert first.agrees
    assert "Prediction   peak of at least" in run("memory", str(file)).out
    assert "at most a batch" in run("memory", str(file), "--fit", "1MiB").out
    refused = run("memory", str(file), "--train")
    assert refused.code == 1
    assert reason in refused.err
    assert "Softplus[0]" in refused.err


def test_values_decide_what_a_loss_keeps(run: Command, tmp_path: Path) -> None:
    """Longer targets of the same shape have more alignments, which torch keeps in training."""

    def kept_of(length: int) -> int:
        lengths, scores = torch.tensor([50]), torch.rand(50, 1, 5).log_softmax(-1).requires_grad_()
        with kept([]) as found:
            torch.nn.CTCLoss()(scores, torch.ones(1, 20, dtype=torch.int64), lengths, torch.tensor([length]))
        return sum(found.values())

    assert kept_of(20) > kept_of(10)
    file = tmp_path / "net.yaml"
    file.write_text("""
        input: {scores: 50x1x5, targets: 1x20:int64, lengths: 1:int64, target_lengths: 1:int64}
        layers:
          - {Linear: 5, from: scores, as: x}
          - {CTCLoss: , from: [x, targets, lengths, target_lengths]}
    """)
    reason = "is decided by the values of target_lengths"
    assert f"what CTCLoss makes on the way, which {reason}" in " ".join(run("memory", str(file)).out.split())
    assert f"CTCLoss: what it keeps for the backward pass {reason}" in run("memory", str(file), "--train").err


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag"])
def test_a_sparse_gradient_is_no_table(name: str) -> None:
    table = getattr(torch.nn, name)(1000, 4, sparse=True)
    table(torch.zeros(2, 3, dtype=torch.int64)).sum().backward()
    assert table.weight.grad._values().numel() < table.weight.numel()

    def found(*more: str) -> Memory:
        step = ", ".join([f"{name}: {{num_embeddings: 1000, embedding_dim: 4, sparse: true}}", *more])
        return memory(shapecalc.analyse(shapecalc.parse(f"{{input: 2x3:int64, layers: [{{{step}}}]}}")))

    assert "its gradient is sparse" in str(found().refusal)
    assert "no output depends on a trainable parameter" in str(found("frozen: true").refusal)


def test_recurrent_lengths_are_numbers() -> None:
    with pytest.raises(ArchitectureError, match="step by step"):
        memory(shapecalc.analyse(shapecalc.load("lstm-lm"), "1xL:int64"))


def test_views_and_copies() -> None:
    """A flatten after a permute is a copy, which autograd keeps for the layer after it; else it is a view."""
    text = "input: 2x4x6\nlayers:\n  - Linear: 6\n{}  - Flatten\n  - Linear: 3\n"
    plain, permuted = (
        number(memory(shapecalc.analyse(shapecalc.parse(text.format(line)))).activations.bytes)
        for line in ("", "  - permute: [0, 2, 1]\n")
    )
    assert permuted - plain == 2 * 4 * 6 * 4 - 2 * 3 * 4  # the copy, in place of the output of the last layer


@pytest.mark.parametrize(
    "budget",
    ["1" + 310 * "0", 5000 * "9", "9223372036854775808", "9999999999999TiB"],
)
def test_a_budget_that_no_memory_has(budget: str, run: Command) -> None:
    done = run("memory", "lenet", "--fit", budget)
    assert done.code == 2
    assert "is more than 9,223,372,036,854,775,807 B, which no memory has" in done.err


def test_the_largest_budget(run: Command) -> None:
    done = run("memory", "lenet", "--fit", str(2**63 - 1))
    assert done.code == 0
    assert "8,388,608.00 TiB" in done.out
