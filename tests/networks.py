"""Which of the networks that shapecalc ships a test runs over, where all of them would take long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import shapecalc
from shapecalc import Analysis, zoo
from shapecalc.symbolic import number
from tests.dice import DRAWS

_SHORT = [
    "swin_v2_t",
    "llm/clip-vit-b-32",
    "llm/deberta-v3-xsmall",
    "llm/mamba2-130m",
    "llm/opt-125m",
    "llm/phi-3-mini",
    "llm/t5-small",
    "llm/whisper-tiny",
    "imagenet/convnext_tiny",
    "imagenet/efficientnet_v2_s",
    "imagenet/swin_t",
]
_FIRST = {entry.path: name for name, entry in reversed(zoo.known().items())}
ONE_OF_EACH = sorted((_FIRST | {zoo.find(name).path: name for name in _SHORT}).values())
"""Of the variants of one file, the first, or one that has as many kinds of layers and far fewer of them."""

OWN = [name for name in zoo.names() if not name.startswith(("imagenet/", "llm/"))]
OWN += [name for name in ONE_OF_EACH if name.startswith("llm/")]
"""The networks that are taught, and those of other kinds; of a family of language models, one."""

_FEW = 200  # rows

_DECODER = {"num_hidden_layers": 2, "L": 16, "vocab_size": 100, "intermediate_size": 512}
_NARROW = {**_DECODER, "hidden_size": 256, "num_attention_heads": 4}
_PAIR = {"encoder_layers": 2, "decoder_layers": 2, "d_model": 192, "T": 8, "vocab_size": 100}

_SMALLER: Mapping[str, tuple[str | None, Mapping[str, int]]] = {
    "bert-base": (None, {"depth": 2, "words": 1000, "width": 192, "hidden": 384}),
    "detection/retinanet": ("1x3x128x128", {}),
    "detection/yolov8n": ("1x3x64x64", {}),
    "diffusion/stable-diffusion-unet": (None, {"width": 64, "H": 8, "W": 8, "layers_per_block": 1}),
    "diffusion/stable-diffusion-vae": ("1x3x32x32", {"width": 32, "layers_per_block": 1}),
    "llm/bart-base": (None, {**_PAIR, "L": 16, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512}),
    "llm/bert-base-cased": (None, {**_NARROW}),
    "llm/clip-vit-b-32": (
        None,
        {"vision_layers": 2, "vision_width": 128, "text_layers": 2, "text_width": 128, "vocab_size": 100},
    ),
    "llm/deberta-v3-xsmall": (None, {**_DECODER, "num_hidden_layers": 1}),
    "llm/deepseek-v2-lite": (None, {**_NARROW, "moe_intermediate_size": 64, "n_routed_experts": 8}),
    "llm/gemma-2-2b": (None, {**_NARROW, "head_dim": 64, "sliding_window": 4}),
    "llm/gemma-2b": (None, _NARROW),
    "llm/gpt-oss-20b": (
        None,
        {**_DECODER, "hidden_size": 256, "num_local_experts": 8, "num_attention_heads": 16},
    ),
    "llm/gpt2": (None, {"depth": 2, "L": 16, "words": 100, "longest": 64}),
    "llm/llama-2-7b": (None, _NARROW),
    "llm/mamba-130m": (None, {"n_layer": 2, "L": 8, "vocab_size": 100, "d_model": 128}),
    "llm/mamba2-130m": (
        None,
        {"num_hidden_layers": 2, "hidden_size": 128, "state_size": 16, "L": 8, "vocab_size": 100},
    ),
    "llm/mixtral-8x7b": (
        None,
        {**_DECODER, "num_hidden_layers": 1, "hidden_size": 256, "intermediate_size": 64},
    ),
    "llm/mistral-7b-v0.1": (None, {**_DECODER, "hidden_size": 256, "sliding_window": 4}),
    "llm/opt-125m": (
        None,
        {"num_hidden_layers": 2, "hidden_size": 144, "L": 16, "vocab_size": 100, "positions": 64},
    ),
    "llm/phi-3-mini": (None, _NARROW),
    "llm/qwen2-0.5b": (None, _DECODER),
    "llm/smollm2-135m": (None, {"depth": 2, "L": 16, "words": 100, "width": 144, "hidden": 256}),
    "llm/t5-small": (
        None,
        {"num_layers": 2, "d_model": 128, "d_ff": 256, "L": 16, "T": 8, "vocab_size": 100},
    ),
    "llm/whisper-tiny": (None, {**_PAIR, "max_source_positions": 32}),
    "lstm-lm": ("1x6:int64", {"width": 64, "words": 1000}),
    "imagenet/swin_t": (None, {"depth": 2}),
    "nasnet-a-mobile": (None, {"repeats": 1}),
    "swin_v2_t": (None, {"depth": 2}),
    "transformer": (None, {"depth": 2, "words": 1000, "width": 128, "hidden": 256}),
    "unet": (None, {"width": 16}),
    "vit-b-16": (None, {"depth": 2}),
}
"""Network → an input that is smaller, and parameters with which it has fewer copies of its blocks."""


def settings_of(name: str) -> tuple[str | None, Mapping[str, int]]:
    return _SMALLER[name] if name in _SMALLER and DRAWS != "long" else (None, {})


@cache
def short(name: str) -> Analysis:
    """A network of fewer copies of its blocks, on a smaller input, where it is large; at length, as it is."""
    own = settings_of(name)
    return shapecalc.analyse(shapecalc.load(name), *own) if any(own) else analysed(name)


@cache
def analysed(name: str) -> Analysis:
    """A network of the zoo at its own input."""
    return shapecalc.analyse(shapecalc.load(name))


def is_large(name: str) -> bool:
    """Whether its weights take more than 4 GiB, so that it is looked at on `meta` alone."""
    return number(analysed(name).weight_bytes()) > 2**32


ROUTED = [name for name in ONE_OF_EACH if short(name).active_params is not None]
"""Those in which tokens are sent to experts."""

SCANNING = [name for name in ONE_OF_EACH if name.startswith("llm/mamba")]
"""Those that scan their tokens one by one, which torch does in Python."""


def typed(name: str) -> list[str]:
    """The same network, as a command is asked for it."""
    shape, parameters = settings_of(name)
    values = [word for parameter, n in parameters.items() for word in ("--set", f"{parameter}={n}")]
    return [name, *(["--input", shape] if shape else []), *values]


def covering(names: Sequence[str]) -> list[str]:
    """Networks that have each layer type of all of these: the small ones that add most; at length, all."""
    return [*names] if DRAWS == "long" else sorted(_covering(names))


@cache
def _types(name: str) -> list[str]:
    return [row.type for row in short(name).rows]


def _covering(names: Sequence[str]) -> Iterator[str]:
    rows = {name: _types(name) for name in names}
    missing = {kind for kinds in rows.values() for kind in kinds}
    while missing:
        name = max(rows, key=lambda name: len(missing & {*rows[name]}) ** 2 / len(rows[name]))
        missing -= {*rows[name]}
        yield name


EVERY_TYPE = covering(ONE_OF_EACH)
"""For what is asked of each row alike: networks that have every layer type; at length, one of each file."""


def is_brief(name: str) -> bool:
    """Whether a network has few rows, for tests that take long for each; at length, every one is taken."""
    return DRAWS == "long" or len(_types(name)) <= _FEW
