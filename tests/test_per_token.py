"""FLOPs of a token: the rule, the exact count, and what makes the difference."""

from __future__ import annotations

import json

import pytest

import shapecalc
from shapecalc.analysis.counting.conventions import CONVENTIONS
from shapecalc.analysis.counting.counts import training
from shapecalc.analysis.counting.per_token import AGAIN, BIASES, EXPERTS, PerToken, per_token
from shapecalc.errors import UsageError
from shapecalc.operations import Unknown
from shapecalc.symbolic import difference, summed, symbol
from tests.command import Command

NAMES = [
    "llm/llama-3-8b",
    "llm/llama-3.2-1b",
    "gpt2",
    "mixtral-8x7b",
    "llm/gpt-oss-20b",
    "mamba-130m",
    "bert-base",
]


def found(name: str, **how: str) -> PerToken:
    return per_token(shapecalc.analyse(shapecalc.load(name), **how))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_the_differences_lead_from_the_rule_to_the_exact_count(name: str) -> None:
    one = found(name)
    forward = summed([difference.forward for difference in one.differences])
    assert 2 * one.params + forward == one.forward
    assert one.forward * one.tokens == 2 * one.analysis.totals.macs
    assert not isinstance(one.training, Unknown)
    back = summed([d.training for d in one.differences if not isinstance(d.training, Unknown)])
    assert 6 * one.params + back == one.training


@pytest.mark.parametrize("name", ["llm/llama-3-8b", "gpt2", "llm/llama-3.2-1b"])
def test_training_is_what_torch_counts(name: str) -> None:
    one = found(name)
    assert not isinstance(one.training, Unknown)
    assert one.training * one.tokens == training(CONVENTIONS["torch"], one.analysis)


def test_attention_takes_what_is_published() -> None:
    """12·L·H·Q·T FLOPs of training, Chowdhery et al. 2022, arXiv:2204.02311, appendix B."""
    for how, tokens in (({}, 8192), ({"input": "NxT:int64"}, symbol("T"))):
        one = found("llm/llama-3-8b", **how)
        (attention,) = [d for d in one.differences if "scaled_dot_product_attention" in d.what]
        assert attention.training == 12 * 32 * 32 * 128 * tokens
        assert attention.forward == 4 * 32 * 32 * 128 * tokens


def test_what_does_not_run_and_what_runs_twice() -> None:
    mixtral = {d.what: d.forward for d in found("mixtral-8x7b").differences}
    assert mixtral[EXPERTS] == -2 * (46_702_792_704 - 12_879_925_248)
    tied = {d.what: d.forward for d in found("llm/llama-3.2-1b").differences}
    assert tied[AGAIN] == 2 * 128_256 * 2048 == -tied["Embedding: multiplies nothing"]
    assert BIASES not in tied
    gpt2 = {d.what: d.forward for d in found("gpt2").differences}
    assert gpt2[BIASES] == -2 * 12 * (3 + 1 + 4 + 1) * 768


def test_formulas_are_those_of_numbers() -> None:
    general, one = found("gpt2", input="NxL:int64"), found("gpt2", input="3x50:int64")
    assert shapecalc.at(general.forward, {"N": 3, "L": 50}) == one.forward
    assert difference(general.tokens, symbol("N") * symbol("L")) == 0


@pytest.mark.parametrize("name", ["nin", "llm/t5-small", "detection/yolov8n"])
def test_what_has_no_tokens_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--tokens is for"):
        found(name)


def test_the_command(run: Command) -> None:
    printed = json.loads(run("flops", "gpt2", "--tokens", "--format", "json").out)
    assert printed == json.loads(json.dumps(found("gpt2").to_dict()))
    assert run("flops", "gpt2", "--tokens", "--convention", "all").code == 2
    assert "exact" in run("flops", "gpt2", "--tokens").out
