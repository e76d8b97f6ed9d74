"""Serving: what is kept against published figures, the work against laws, and what is refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import shapecalc
from shapecalc import ArchitectureError, Serving, UsageError
from shapecalc.analysis.serving.runs import ServingRuns
from shapecalc.symbolic import at, number
from tests.command import Command
from tests.stopwatch import LONGEST, timed


def served(name: str, *sizes: int | str, **how: Any) -> Serving:
    return shapecalc.serving(shapecalc.load(name), *sizes, **how)


@cache
def formulas_of(name: str) -> ServingRuns:
    return served(name, "N", "T").formulas


def written(text: str, *sizes: int | str, **how: Any) -> Serving:
    return shapecalc.serving(shapecalc.parse(text), *sizes, **how)


PUBLISHED = {
    "llm/deepseek-v3": 70_272,  # DeepSeek-AI 2025, arXiv:2505.09343, table 1, these three: bytes in bfloat16
    "llm/qwen2-72b": 327_680,
    "llm/llama-3.1-405b": 516_096,
    "llm/llama-2-7b": 524_288,  # vLLM's and others' half a megabyte a token
    "llm/llama-2-13b": 819_200,  # Kwon et al. 2023, arXiv:2309.06180, section 3: 800 KB, there of OPT-13B
    "llm/opt-13b": 819_200,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_bytes_of_a_token_are_the_published_ones(name: str) -> None:
    kept = formulas_of(name).kept
    assert number(at(kept.bytes, {"N": 1, "T": 1})) == PUBLISHED[name]
    assert number(at(kept.bytes, {"N": 3, "T": 7})) == 21 * PUBLISHED[name]


def test_a_window_keeps_so_many_tokens() -> None:
    """Every other layer of GPT-OSS looks back 128 tokens, which a mask of its file says."""
    kept = formulas_of("llm/gpt-oss-20b").kept
    assert {cache.window for cache in kept.caches} == {None, 128}
    one = 2 * 8 * 64 * 2  # keys and values of 8 heads in bfloat16
    for tokens in (1, 127, 128, 129, 5000):
        assert number(at(kept.bytes, {"N": 2, "T": tokens})) == 2 * 12 * one * (tokens + min(tokens, 128))


WINDOWS = {  # layers that look back so far, and all others; heads of keys and values, features of each
    "llm/mistral-7b-v0.1": (4096, 32, 0, 8, 128),
    "llm/phi-3-mini": (2047, 32, 0, 32, 96),
    "llm/gemma-3-1b": (512, 22, 4, 1, 256),  # Gemma Team 2025, arXiv:2503.19786: five of six
    "llm/gemma-3-27b": (1024, 52, 10, 16, 128),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_keep_what_their_configurations_say(name: str) -> None:
    window, near, far, heads, features = WINDOWS[name]
    kept = formulas_of(name).kept
    one = 2 * heads * features * 2  # keys and values in bfloat16
    for tokens in (1, window - 1, window, window + 1, 5 * window):
        expected = one * (near * min(tokens, window) + far * tokens)
        assert number(at(kept.bytes, {"N": 3, "T": tokens})) == 3 * expected


def test_a_state_does_not_grow() -> None:
    """24 layers of Mamba keep 16 numbers of float32 for each of 1,536 channels, and 4 tokens in bfloat16."""
    assert served("mamba-130m", "N", "T").formulas.kept.bytes == 24 * 1536 * (
        16 * 4 + 4 * 2
    ) * shapecalc.symbol("N")


WITHOUT_WINDOWS = [
    "llm/llama-3-8b",
    "llm/mixtral-8x7b",
    "llm/qwen2-0.5b",
    "gpt2",
    "llm/opt-125m",
    "llm/phi-4",
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", WITHOUT_WINDOWS)
def test_as_many_steps_as_tokens_multiply_as_much_as_the_whole(name: str) -> None:
    """Where a step sees as many keys as there are tokens: the whole multiplies the square of them."""
    found = formulas_of(name)
    for tokens in (2, 60):
        whole = at(found.tokens.whole.totals.macs, {"N": 3, "T": tokens})
        assert whole == tokens * number(at(found.step.macs, {"N": 3, "T": tokens}))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", [*WITHOUT_WINDOWS, "llm/gpt-oss-20b"])
def test_what_is_written_is_the_sum_of_its_steps(name: str) -> None:
    found = served(name, 2, 200, new=150)
    steps = [number(found.at(found.formulas.step.macs, tokens)) for tokens in range(51, 201)]
    assert found.written == number(found.at(found.formulas.prefill.macs, 50)) + sum(steps)


FEW_LAYERS = {"parameters": {"num_hidden_layers": 4}}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("llm/llama-3-8b", {"weights": "int4:128", "kv": "fp8", **FEW_LAYERS}),
        ("llm/gpt-oss-20b", {"weights": "fp8", **FEW_LAYERS}),
        ("gpt2", {"prompts": 1}),
        ("llm/deepseek-v2-lite", {"new": 64, **FEW_LAYERS}),
    ],
)
def test_one_more_does_not_fit(name: str, how: dict[str, Any]) -> None:
    """The most that fits, and its neighbours, each worked out by itself."""
    budget = 40 * 2**30
    found = served(name, 2, 1000, **how)
    for most, sizes in zip(found.capacities(budget), [(None, 1000), (2, None)], strict=True):
        assert most.most > 0
        for more, fits in ((0, True), (1, False)):
            batch, context = [most.most + more if size is None else size for size in sizes]
            if most.next is not None or not more:
                assert served(name, batch, context, **how).fits(budget) is fits


def test_fewer_bits_take_fewer_bytes() -> None:
    """Two bytes of a matrix become a half and, for 128 of them, two of a scale; one of keys stays."""
    plain = served("llm/llama-3-8b", 1, 1024)
    small = served("llm/llama-3-8b", 1, 1024, weights="int4:128", kv="fp8")
    matrices = 8_030_261_248 - 128256 * 4096 - 65 * 4096
    assert plain.weights == 2 * 8_030_261_248 + 2 * 64
    assert plain.weights - number(small.weights) == 2 * matrices - matrices // 2 - matrices // 128 * 2
    assert plain.cache == 2 * number(small.cache) == 2**17 * 1024


REFUSED = [
    ("gpt2 --context 1025", 2, "--context 1025 is not taken: --context ≤ 1024 is needed"),
    ("llm/opt-125m --context 4096", 2, "--context 4096 is not taken"),
    (
        "llm/llama-3-8b --context 128 --weights int4:96",
        1,
        "groups of 96 do not divide the 4096",
    ),
    ("llm/llama-3-8b --context 128 --weights int4:96", 1, "hint: another group, as 64\n"),
    ("llm/llama-3-8b --context 128 --weights int5", 2, "'int5' is no dtype of weights"),
    ("llm/llama-3-8b --context 128 --weights fp8+zeros", 2, "fp8 has no zero points"),
    ("llm/llama-3-70b --context 128 --on 80GiB", 2, "the weights of Llama 3 70B alone are 141,107,413,120 B"),
    ("llm/llama-3-8b --context 128 --on lots", 2, "--on 'lots' is no size in bytes"),
    ("llm/llama-3-8b --context T --on 80GiB", 2, "--on is for numbers"),
    ("llm/llama-3-8b --context 0", 2, "--context '0' is no number from 1 on, and no letter"),
    ("llm/llama-3-8b --context 1e6", 2, "--context '1e6' is no number from 1 on, and no letter"),
    ("llm/llama-3-8b --context 128 --batch -3", 2, "--batch '-3' is no number from 1 on, and no letter"),
    ("llm/llama-3-8b --context 99999999999999999999999", 2, "is no number from 1 on, and no letter"),
    ("llm/llama-3-8b --context X --batch X", 2, "the letters X and X are one, or parameters of the file"),
    ("llm/llama-3-8b --context max", 2, "'max' can't be the name of a symbol"),
    ("llm/llama-3-8b --context 128 --batch x", 2, "'x' can't be the name of a symbol"),
    ("llm/llama-3-8b --context vocab_size", 2, "are one, or parameters of the file"),
    ("llm/llama-3-8b --context 128 --new 128", 2, "--new 128 of 128 tokens leaves none for the prompt"),
    ("llm/llama-3-8b --context T --new 1", 2, "--new is for numbers"),
    ("llm/llama-3-8b --context 128 --set hidden_size=H", 2, "serve needs numbers for all but the batch"),
    ("nin --context 128", 2, "NiN does not go on from token to token"),
    ("bert-base --context 128", 2, "BERT-base does not go on from token to token"),
    ("lstm-lm --context 16", 1, "LSTM: what it keeps from token to token is not known"),
    ("deberta-v3-xsmall --context 16", 1, "matmul: a token sees later ones"),
    ("transformer --context 16", 1, "TransformerDecoder: a token sees later ones"),
]


@pytest.mark.parametrize(("command", "code", "message"), REFUSED)
def test_refused(command: str, code: int, message: str, run: Command) -> None:
    done, seconds = timed(lambda: run("serve", *command.split()), LONGEST)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert seconds <= LONGEST


@pytest.mark.parametrize("words", [("gpt2", "embedding"), ("gpt2", "--format", "latex")])
def test_what_is_kept_is_of_the_whole_network(words: tuple[str, ...], run: Command) -> None:
    done = run("explain", *words, "--cache")
    assert (done.code, done.out) == (2, "")
    assert "--cache is of the whole network, as text or JSON\n  hint: without a LAYER, and" in done.err


BOTH_WAYS = """
input: 1xL:int64
parameters: {L: 8}
layers:
  - Embedding as x: {num_embeddings: 10, embedding_dim: 4}
  - scaled_dot_product_attention: [x, x, x]
"""


def test_attention_in_both_directions_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="a token sees later ones"):
        written(BOTH_WAYS, 1, 8)


TIED = """
input: 1x16:int64
layers:
  - Embedding as x: {num_embeddings: 10, embedding_dim: 4}
  - parameter as places: {shape: [16, 4]}
  - add: [x, places]
"""


def test_what_ties_a_network_to_one_length_is_said() -> None:
    with pytest.raises(UsageError, match="does not go on from token to token") as caught:
        written(TIED, 1, 8)
    hint = "add[0] needs T = 16: a number of tokens is a parameter, as L of input: 1xL:int64"
    assert caught.value.hint == hint


def test_weights_that_depend_on_the_length_are_refused() -> None:
    text = (
        TIED.replace("1x16", "1xL")
        .replace("layers:", "parameters: {L: 16}\nlayers:")
        .replace("16, 4", "L, 4")
    )
    with pytest.raises(UsageError, match="parameter: its weights have a size for each token") as caught:
        written(text, 1, 8)
    assert caught.value.path == "places"


def test_a_network_that_keeps_nothing_is_refused() -> None:
    text = "input: 1x8:int64\nlayers: [Embedding: {num_embeddings: 10, embedding_dim: 4}, Linear: 10]"
    with pytest.raises(UsageError, match="keeps nothing from token to token: it has no attention"):
        written(text, 1, 8)


def test_json_has_the_figures(run: Command) -> None:
    words = ("llm/llama-3-8b", "--context", "8192", "--batch", "4", "--on", "80GiB", "--format", "json")
    found = json.loads(run("serve", *words).out)
    own = served("llm/llama-3-8b", 4, 8192)
    assert found == json.loads(json.dumps(own.to_dict(80 * 2**30)))
    assert found["cache"]["bytes"] == 4 * 8192 * 131_072
    assert found["cache"]["formula"] == "131072*N*T"
    assert found["fits"] is True


def test_one_is_no_plural(run: Command) -> None:
    printed = run("serve", "llm/llama-3-8b", "--context", "2", "--new", "1").out
    assert all(
        text in printed for text in ("1 sequence of 2 tokens", ", of 1 token\n", "the prompt, and 1 step\n")
    )


@pytest.mark.parametrize("columns", [80, 200])
def test_every_line_fits(columns: int, run: Command) -> None:
    for name in ("llm/llama-3-8b", "llm/gpt-oss-20b"):
        for sizes in (("32768", "16", "--on", "80GiB"), ("T", "N")):
            context, batch, *on = sizes
            words = (name, "--set", "num_hidden_layers=4", "--context", context, "--batch", batch, *on)
            printed = run("serve", *words, columns=columns).out
            assert max(map(len, printed.splitlines())) <= columns


def test_a_file_of_ones_own(tmp_path: Path, run: Command) -> None:
    """Two heads of keys for four of queries: 2 of keys and 2 of values, of 4 numbers each."""
    (tmp_path / "own.yaml").write_text(
        """
input: NxL:int64
parameters: {N: 1, L: 8}
blocks:
  heads(number): [Linear: 4*number, Unflatten: {dim: -1, unflattened_size: [number, 4]}, transpose: [1, 2]]
layers:
  - Embedding as x: {num_embeddings: 10, embedding_dim: 16}
  - heads from x as q: 4
  - heads from x as k: 2
  - heads from x as v: 2
  - scaled_dot_product_attention: {branches: [q, k, v], is_causal: true, enable_gqa: true}
  - transpose: [1, 2]
  - Flatten: 2
  - Linear: 10
"""
    )
    words = ("--context", "8", "--batch", "3", "--dtype", "float32", "--format", "json")
    found = json.loads(run("serve", str(tmp_path / "own.yaml"), *words).out)
    assert found["cache"]["bytes"] == 3 * 8 * 2 * 2 * 4 * 4


def test_the_cache_is_explained(run: Command) -> None:
    """DeepSeek's latent, a window of a mask, what is taken for granted of a layer that says nothing."""
    latent = run("explain", "llm/deepseek-v2-lite", "--cache").out
    assert "N⋅T⋅512 elements of 2 B = 1,024⋅N⋅T B, of 27 layers 27,648⋅N⋅T B" in latent
    assert "Instead of  N×16×T×192 and N×16×T×128, which are made of it" in latent
    assert "a mask hides those that are 128 places back" in run("explain", "llm/gpt-oss-20b", "--cache").out
    assert "of which the file says nothing" in run("explain", "gpt2", "--cache").out
    found = json.loads(run("explain", "gpt2", "--cache", "--format", "json").out)
    assert found["formula"] == "36864*N*T"
    assert run("explain", "gpt2", "Linear[0]", "--cache").code == 2
