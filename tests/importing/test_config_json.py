"""Configurations of Hugging Face transformers as networks of the zoo's families."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import shapecalc
from shapecalc import ArchitectureError, UsageError, zoo
from shapecalc.engine.run import abridged
from shapecalc.importing.config_json import configured, families
from shapecalc.importing.config_written import as_file
from shapecalc.symbolic import number
from tests.command import Command


class Case(NamedTuple):
    """A configuration as transformers 5.24 writes it, and the parameters of its class, built on `meta`.

    One for each family is published, by the command that shows it; the other's sizes are odd, and it has the
    name of the family's file. Of DeepSeek-V3's, transformers counts the corrections of the router as buffers.
    """

    counted: int
    buffers: int
    command: str
    config: dict[str, Any]

    @property
    def params(self) -> int:
        return self.counted + self.buffers


CASES = [
    Case(**case)
    for case in json.loads((Path(__file__).parents[1] / "data" / "configs.json").read_text(encoding="utf-8"))
]
LLAMA = CASES[1].config


def of_type(kind: str) -> Case:
    """The configuration of a type of model whose sizes are odd."""
    return [case for case in CASES if case.config["model_type"] == kind][-1]


def named(case: Case) -> str:
    return f"{case.config['model_type']}-{case.command.rpartition('/')[2]}"


def file_of(folder: Path, config: object) -> Path:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_count_is_that_of_the_class(case: Case, tmp_path: Path) -> None:
    found = configured(file_of(tmp_path, case.config))
    analysis = abridged(found.architecture, parameters=found.settings)
    assert analysis.totals.params == case.params
    assert case.command in (found.command, found.file)
    written = abridged(zoo.parse(as_file(found)))
    assert written.totals.params == case.params
    assert written.totals.macs == analysis.totals.macs


MORE: dict[str, tuple[str, dict[str, Any], Callable[[dict[str, Any]], int]]] = {
    "biases of the perceptron": (
        "llama",
        {"mlp_bias": True},
        lambda c: c["num_hidden_layers"] * (2 * c["intermediate_size"] + c["hidden_size"]),
    ),
    "tied": ("phi3", {"tie_word_embeddings": True}, lambda c: -c["vocab_size"] * c["hidden_size"]),
    "a part of a head is turned": ("phi3", {"partial_rotary_factor": 0.5}, lambda _: 0),
}


@pytest.mark.parametrize("what", MORE)
def test_what_a_key_adds(what: str, tmp_path: Path) -> None:
    """To the parameters of the class as it was counted without."""
    kind, keys, more = MORE[what]
    case = of_type(kind)
    found = configured(file_of(tmp_path, {**case.config, **keys}))
    analysis = shapecalc.analyse(found.architecture, parameters=found.settings)
    assert analysis.totals.params == case.params + more(case.config)


def test_phi_4_mini_is_found(tmp_path: Path) -> None:
    """By the keys of its published configuration that are not those of Phi-3."""
    sizes = {"vocab_size": 200064, "num_attention_heads": 24, "num_key_value_heads": 8}
    keys = {"partial_rotary_factor": 0.75, "tie_word_embeddings": True, "sliding_window": 262144}
    published = next(case.config for case in CASES if case.command == "shapecalc show llm/phi-3-mini")
    assert configured(file_of(tmp_path, {**published, **sizes, **keys})).variant == "llm/phi-4-mini"


def test_each_family_has_a_published_and_an_odd_one() -> None:
    found = [architecture.config for _, architecture in families()]
    types = [kind for config in found if config for kind in config.model_types]
    assert sorted(case.config["model_type"] for case in CASES) == sorted(map(str, types * 2))


@pytest.mark.parametrize(
    ("of", "window", "told"),
    [("mixtral", 4096, True), ("mixtral", None, False), ("gemma2", 64, False), ("mistral", 4096, False)],
)
def test_a_window_that_is_left_out_is_said(
    of: str, window: int | None, told: bool, tmp_path: Path, run: Command
) -> None:
    """Parameters and MACs are the same with a mask; some files have the window as a parameter."""
    config = next(case.config for case in CASES if case.config["model_type"] == of)
    done = run("import", str(file_of(tmp_path, {**config, "sliding_window": window})))
    assert done.code == 0
    note = "note: its window of 4,096 tokens is left out: serve counts what is kept of all\n"
    assert (note in done.err) is told


def test_the_command(tmp_path: Path, run: Command) -> None:
    """What shows the network is printed, and shows it."""
    path = file_of(tmp_path, {**LLAMA, "num_hidden_layers": 2, "vocab_size": 50})
    done = run("import", str(path), "-o", str(tmp_path / "net.yaml"))
    assert (done.code, done.out.split()[:3]) == (0, ["shapecalc", "show", "llm/llama"])
    assert done.err.startswith(f"note: {path}: a network of llm/llama, ")
    shown = run(*done.out.split()[1:], "--format", "json")
    written = run("show", str(tmp_path / "net.yaml"), "--format", "json")
    assert json.loads(shown.out)["totals"] == json.loads(written.out)["totals"]


REFUSED = {
    "unknown family": (
        {**LLAMA, "model_type": "lama"},
        "no file is for model_type 'lama'",
        "did you mean llama?",
    ),
    "no family": ({"hidden_size": 8}, "model_type is missing", '"model_type": "llama"'),
    "a family that is no word": ({"model_type": ["llama"]}, 'model_type ["llama"] is no word', ""),
    "a key without a place": (
        {**LLAMA, "qk_layernorm": True},
        "the key 'qk_layernorm' has no place in llm/llama",
        "the parameters there",
    ),
    "a parameter that no key is for": ({**LLAMA, "L": 5}, "the key 'L' has no place in llm/llama", ""),
    "a value without a place": (
        {**LLAMA, "hidden_act": "gelu"},
        'llm/llama has no place for "hidden_act": "gelu"',
        'its hidden_act is "silu"',
    ),
    "0 is not false": (
        {**of_type("bert").config, "is_decoder": 0},
        'llm/bert has no place for "is_decoder": 0',
        "false",
    ),
    "0 is no flag": ({**LLAMA, "mlp_bias": 0}, "'mlp_bias': the parameter mlp_bias must be true", ""),
    "text and images": (
        {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}, "vision_config": {}},
        "model_type 'gemma3' is several networks, the text's of model_type 'gemma3_text' under 'text_config'",
        "import what stands under text_config from a file of its own",
    ),
    "another class": (
        {**LLAMA, "architectures": ["LlamaForSequenceClassification"]},
        'llm/llama has no place for "architectures": "LlamaForSequenceClassification"',
        "",
    ),
    "a key that is missing": (
        {key: value for key, value in LLAMA.items() if key != "hidden_size"},
        "the key 'hidden_size' is missing, which llm/llama needs",
        "",
    ),
    "a letter": ({**LLAMA, "hidden_size": "K"}, "'hidden_size' must be a number, or true or false", ""),
    "a list": ({**LLAMA, "hidden_size": [8, 9]}, "'hidden_size' must be a number, or true or false", ""),
    "a fraction": (
        {**LLAMA, "hidden_size": 8.5},
        "'hidden_size': the parameter hidden_size must be a whole",
        "",
    ),
    "true": ({**LLAMA, "hidden_size": True}, "'hidden_size': the parameter hidden_size must be a whole", ""),
    "a list of nothing": ("[]", "a configuration is a JSON object, not []", ""),
    "no JSON": ('{"model_type": }', "config.json:1:16: no JSON: Expecting value", ""),
    "twice": ('{"model_type": "llama", "model_type": "t5"}', "it has the key 'model_type' twice", ""),
    "twice after many": (
        "{" + "".join(f'"key {number}": 1, ' for number in range(90_000)) + '"a": 1, "a": 2}',
        "it has the key 'a' twice",
        "",
    ),
    "not a number": ('{"model_type": "llama", "rms_norm_eps": NaN}', "NaN is no number of JSON", ""),
    "deep": ('{"model_type":' + "[" * 90_000, "it is nested too deep", ""),
    "many values": ('{"model_type": [' + "0," * 200_000, "too large for a configuration", ""),
    "a long text": ('{"model_type": "' + "a" * 3_000_000, "too large for a configuration", ""),
    "a long number": ('{"hidden_size": ' + "9" * 100_000 + "}", "is too large a number", ""),
    "not there": (None, "can't be read: No such file", ""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str, tmp_path: Path) -> None:
    """By its name, within two seconds of the process."""
    config, message, hint = REFUSED[what]
    path = tmp_path / "config.json" if config is None else file_of(tmp_path, config)
    started = time.process_time()
    with pytest.raises(UsageError) as caught:
        configured(path)
    assert time.process_time() - started < 2
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "heads do not divide": {"num_attention_heads": 7},
    "no width": {"hidden_size": 0},
    "too many layers": {"num_hidden_layers": 10**9},
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_there_is_no_such_network(what: str, tmp_path: Path, run: Command) -> None:
    path = file_of(tmp_path, {**LLAMA, **IMPOSSIBLE[what]})
    started = time.process_time()
    done = run("import", str(path))
    assert time.process_time() - started < 2
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")


@pytest.mark.parametrize("words", ["--flat", "--args {}", "--input 1x8:int64", "--names n.yaml"])
def test_options_for_other_targets_are_refused(words: str, tmp_path: Path, run: Command) -> None:
    done = run("import", str(file_of(tmp_path, LLAMA)), *words.split())
    assert (done.code, done.err.splitlines()[0]) == (2, "error: a config.json is read as it is")


def test_values_of_a_whole_number_keep_it(tmp_path: Path) -> None:
    """A null is a key that is not there."""
    found = configured(file_of(tmp_path, {**LLAMA, "num_key_value_heads": None}))
    assert number(found.architecture.scope(found.settings)["num_key_value_heads"]) == 6


WRONG = {
    "config: {hidden_act: [silu]}": "config needs model_type",
    "config: {model_type: [x], n: nothing}": "config: nothing is no parameter of the file",
    "config: {model_type: [x], n: {1: width}}": "config: a mapping is needed, not the text 'width'",
    "config: {model_type: [x], n: {1: {depth: 2}}}": "config: depth is no parameter of the file",
    "config: {model_type: [[x]]}": "config: a value is needed, not a list",
    "config: [x]": "config must be a mapping, not a list",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_file_whose_config_is_wrong(text: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        shapecalc.parse(f"input: 1x8\nparameters: {{width: 8}}\n{text}\nlayers: [Linear: width]\n")
    assert caught.value.message == WRONG[text]
    assert caught.value.place
