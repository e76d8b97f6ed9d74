"""A published configuration, a config.json of Hugging Face transformers, as values for a family of the zoo.

It is read as data, without torch. Each key has a place in the family's file, changes no figure, or is refused
by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from shapecalc.checkpoints.json_text import without_doubles
from shapecalc.errors import UsageError, listed, nearest, quoted, shorten, written
from shapecalc.language.architecture import Architecture
from shapecalc.language.config_keys import MODEL_TYPE, Config, ConfigKey
from shapecalc.pause_gc import without_collecting
from shapecalc.zoo import lookup
from shapecalc.zoo.files import text_of

LARGEST = 2_000_000
"""Characters of a configuration; those of networks with 20,000 classes have one."""
_MOST_VALUES = 100_000
_WINDOW = "sliding_window"

NO_FIGURE = (
    "_*", "architectures", "auto_map", "transformers_version", "torch_dtype", "dtype",
    "quantization_config", "*_token_id", "*_token_ids", "*_token_index", "tokenizer_class", "prefix",
    "suppress_tokens", "begin_suppress_tokens", "forced_decoder_ids", "*dropout*", "*_pdrop",
    "*_layerdrop", "layerdrop", "initializer_*", "init_std", "use_cache", "output_*", "return_dict*",
    "torchscript", "use_bfloat16", "id2label", "label2id", "num_labels", "problem_type",
    "task_specific_params", "gradient_checkpointing", "pruned_heads", "is_decoder",
    "is_encoder_decoder", "add_cross_attention", "cross_attention_hidden_size", "tie_encoder_decoder",
    "chunk_size_feed_forward", "finetuning_task", "bad_words_ids", "sep_token_id", "num_beams",
    "num_beam_groups", "early_stopping", "length_penalty", "no_repeat_ngram_size", "max_length",
    "min_length", "encoder_no_repeat_ngram_size", "do_sample", "diversity_penalty",
    "repetition_penalty", "num_return_sequences", "remove_invalid_values",
    "exponential_decay_length_penalty", "temperature", "top_k", "top_p", "typical_p", "tf_legacy_loss",
    "rope_*", "partial_rotary_type", "pretraining_tp", "attn_implementation", "max_position_embeddings",
    "original_max_position_embeddings", "layer_types", "sliding_window*", "use_sliding_window",
    "max_window_layers", "attention_window",
)  # fmt: skip
"""Keys that change no figure of any family, as patterns; a file's own lines come before them."""


class Configured(NamedTuple):
    """What a configuration is of a family: the values of its parameters."""

    file: str
    """The name of the family's file."""
    architecture: Architecture
    settings: Mapping[str, Any]
    """Those that differ from the file's own, with which it is this network."""
    variant: str | None
    """The variant of the file that it is, by the name that finds it."""
    given: Mapping[str, Any]
    """All values that the configuration has for parameters."""
    window: int | None = None
    """How many tokens attention looks back, where the file has all see all earlier ones."""

    @property
    def command(self) -> str:
        """What shows the network."""
        if self.variant:
            return f"shapecalc show {self.variant}"
        values = [f" --set {name}={written(value)}" for name, value in self.settings.items()]
        return f"shapecalc show {self.file}{''.join(values)}"


@without_collecting
def read_config_json(path: Path) -> dict[str, Any]:
    """The keys of a configuration.

    Raises:
        UsageError: it can't be read, is no JSON object, has a key twice, or is too large.
    """
    text = text_of(path)
    if len(text) > LARGEST or sum(map(text.count, ",[{")) > _MOST_VALUES:
        raise UsageError(f"{path}: it is too large for a configuration", hint="a config.json has some KB")
    try:
        found = json.loads(text, object_pairs_hook=without_doubles, parse_constant=_refuse, parse_int=_whole)
    except RecursionError:
        raise UsageError(f"{path}: it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: a configuration is a JSON object, not {_in_json(found)}")
    return found


def _in_json(value: object) -> str:
    return shorten(json.dumps(value), 60)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _whole(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"{text[:20]}… is too large a number")
    return int(text)


def configured(path: Path) -> Configured:
    """The network of a family that a configuration is.

    Raises:
        UsageError: it can't be read, no family is for it, or a key has no place or no such value there.
        ArchitectureError: with these values there is no such network.
    """
    found = read_config_json(path)
    kind = found.get(MODEL_TYPE)
    if not isinstance(kind, str):
        said = f"{MODEL_TYPE} is missing" if kind is None else f"{MODEL_TYPE} {_in_json(kind)} is no word"
        raise UsageError(f"{path}: {said}", hint='as in "model_type": "llama"')
    _check_part(path, found, kind)
    file, architecture, config = _family(path, kind)
    reader = _Reader(path, file, architecture, config)
    given = reader.settings(found)
    return _settled(file, architecture, reader, given)._replace(window=reader.window(found))


_PART = "text_config"
"""Where a configuration of text and images, or of text and sound, has that of its language model."""


def _check_part(path: Path, found: Mapping[str, Any], kind: str) -> None:
    """Refuse a configuration of several networks, of which one may be of a family."""
    if isinstance(part := found.get(_PART), dict):
        own = part.get(MODEL_TYPE)
        of = f" of {MODEL_TYPE} {quoted(own)}" if isinstance(own, str) else ""
        message = f"{path}: {MODEL_TYPE} {quoted(kind)} is several networks, the text's{of} under {_PART!r}"
        hint = f"import what stands under {_PART} from a file of its own"
        raise UsageError(message, hint=f"{hint}; a key that is not there has the class's default")


def _family(path: Path, kind: str) -> tuple[str, Architecture, Config]:
    """The file that is for a type of model, with its name."""
    known: set[str] = set()
    for file, architecture in chain(families(kind), families()):
        config = architecture.config
        assert config
        if kind in config.model_types:
            return file, architecture, config
        known.update(map(str, config.model_types))
    hint = nearest(kind, known) or f"{MODEL_TYPE} is one of {listed(sorted(known), len(known))}"
    raise UsageError(f"{path}: no file is for {MODEL_TYPE} {quoted(kind)}", hint=hint)


def families(word: str = "") -> Iterator[tuple[str, Architecture]]:
    """The files that say what a configuration is for them, with the names that find them.

    A file whose text has not the word is not read.
    """
    seen = set()
    for name, entry in lookup.known().items():
        if entry.path not in seen:
            seen.add(entry.path)
            architecture = _with_config(entry, word)
            folder = name.rpartition("/")[0]
            if architecture:
                yield f"{folder}/{entry.path.stem}" if folder else entry.path.stem, architecture


def _with_config(entry: Any, word: str) -> Architecture | None:
    text = text_of(entry.path)
    if "\nconfig:" not in text or word not in text:
        return None
    architecture = lookup.load(entry._replace(variant=None))
    return architecture if architecture.config else None


class _Reader:
    """Values for the parameters of a file, of the keys of a configuration."""

    def __init__(self, path: Path, file: str, architecture: Architecture, config: Config) -> None:
        self.path = path
        self.file = file
        self.architecture = architecture
        self.config = config

    def settings(self, found: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key, value in found.items():
            given |= self.of_key(key, value)
        for key, parameter in self.placed().items():
            if parameter not in given:
                given |= self.absent(key)
            if parameter not in given and self.is_needed(parameter):
                message = f"{self.path}: the key {quoted(key)} is missing, which {self.file} needs"
                raise UsageError(message, hint=f"it is the parameter {parameter} there")
        return given

    def of_key(self, key: str, value: Any) -> Mapping[str, Any]:
        """The parameters that a key sets."""
        rule = self.config.keys.get(key)
        if rule is None and key in {*self.architecture.parameters} - self.inner():
            rule = ConfigKey(key)
        if rule is None:
            self.check_ignored(key)
            return {}
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        for own, settings in rule.values:
            if own == value and isinstance(own, bool) == isinstance(value, bool):
                return settings
        if rule.parameter is None:
            allowed = ", ".join(json.dumps(own) for own, _ in rule.values)
            message = f"{self.path}: {self.file} has no place for {_in_json(key)}: {_in_json(value)}"
            raise UsageError(message, hint=f"its {key} is {allowed}")
        return {} if value is None else {rule.parameter: self.checked(key, value, rule.parameter)}

    def absent(self, key: str) -> Mapping[str, Any]:
        """What a key sets that is not there, as with null."""
        rule = self.config.keys.get(key)
        return next((settings for own, settings in rule.values if own is None), {}) if rule else {}

    def window(self, found: Mapping[str, Any]) -> int | None:
        """The window of a configuration that has no place in the file, so that none of its masks has it."""
        window = found.get(_WINDOW)
        used = found.get("use_sliding_window", True) is True and _WINDOW not in self.placed()
        return window if used and type(window) is int else None

    def check_ignored(self, key: str) -> None:
        if key in self.config.ignored or any(fnmatchcase(key, known) for known in NO_FIGURE):
            return
        known = [*self.config.keys, *self.architecture.parameters]
        hint = nearest(key, known) or f"the parameters there: {listed(self.architecture.parameters)}"
        raise UsageError(f"{self.path}: the key {quoted(key)} has no place in {self.file}", hint=hint)

    def checked(self, key: str, value: Any, parameter: str) -> Any:
        if type(value) not in (int, float, bool):
            message = f"{self.path}: {quoted(key)} must be a number, or true or false, not {_in_json(value)}"
            raise UsageError(message)
        try:
            self.architecture.scope({parameter: value})
        except UsageError as error:
            raise UsageError(f"{self.path}: {quoted(key)}: {error.message}", hint=error.hint) from None
        return value

    def placed(self) -> dict[str, str]:
        """The keys that have a parameter, and which."""
        own = {name: name for name in self.architecture.parameters if name not in self.config.keys}
        keys = {key: rule.parameter for key, rule in self.config.keys.items() if rule.parameter}
        taken = {*keys.values(), *self.inner()}
        return {**{key: name for key, name in own.items() if name not in taken}, **keys}

    def inner(self) -> set[str]:
        """The parameters that no key is for: sizes of the input, and what values of keys set."""
        sets = {
            name for rule in self.config.keys.values() for _, values in rule.values for name in values
        } - {rule.parameter for rule in self.config.keys.values()}
        return {*self.architecture.decided, *sets}

    def is_needed(self, parameter: str) -> bool:
        """Whether it is a number that stands in the file for one variant of many."""
        default = self.architecture.family or self.architecture
        return type(default.parameters[parameter].value) is int


def _settled(file: str, architecture: Architecture, reader: _Reader, given: Mapping[str, Any]) -> Configured:
    """The network, by no more values than it takes."""
    scope = figures(reader, architecture, given)
    folder = file.rpartition("/")[0]
    for name in architecture.variants:
        if figures(reader, architecture.variant(name), {}) == scope:
            own = f"{folder}/{name}" if folder else name
            return Configured(file, architecture.variant(name), {}, own, given)
    settings = dict(given)
    for name in given:
        fewer = {key: value for key, value in settings.items() if key != name}
        settings = fewer if figures(reader, architecture, fewer) == scope else settings
    return Configured(file, architecture, settings, None, given)


def figures(reader: _Reader, architecture: Architecture, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that figures hang on: whole numbers and flags, but for the sizes of an input."""
    scope = architecture.scope(given)
    free = architecture.decided - {*reader.placed().values()}
    return {name: value for name, value in scope.items() if isinstance(value, int) and name not in free}
