"""`Architecture`, and the keys of a file from which it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePath
from typing import Any, NamedTuple

from shapecalc.checkpoints.naming import Names
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.language import document
from shapecalc.language.beside import read_weights
from shapecalc.language.block import Block
from shapecalc.language.blocks import block_names, read_blocks
from shapecalc.language.config_keys import Config, read_config
from shapecalc.language.expectation import Expectation, read_expectation
from shapecalc.language.inputs import Inputs, InputSpec, read_inputs
from shapecalc.language.library import Find, Libraries, Library, is_library, nowhere
from shapecalc.language.parameters import values_of
from shapecalc.language.reader import StepReader
from shapecalc.language.tree import Argument, Steps
from shapecalc.language.values import Words, identifier, read_line, read_text, read_value, require_mapping
from shapecalc.language.variants import Variant, read_variants
from shapecalc.language.weight_names import read_names
from shapecalc.language.yaml_nodes import Scalar, Source, YamlMapping, YamlNode, kind
from shapecalc.layers import LAYERS
from shapecalc.pause_gc import without_collecting

KEYS = (
    *("name", "source", "notes", "input", "parameters", "variants", "expect"),
    *("weights", "use", "names", "config", "blocks", "layers"),
)
NO_NAMES = Names()


class Family(NamedTuple):
    """The variants of a file, and what of the file is for all of them."""

    inputs: Inputs
    parameters: Mapping[str, Argument]
    figures: Mapping[str, Any]
    variants: Mapping[str, Variant]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Architecture:
    """A network as its file describes it; of a file with variants, one of these."""

    name: str
    document: Source
    inputs: Mapping[str, InputSpec]
    input_nodes: Mapping[str, YamlNode]
    parameters: Mapping[str, Argument]
    blocks: Mapping[str, Block]
    """Those of its file, and of the libraries that the file uses."""
    layers: Steps
    source: str | None = None
    notes: str | None = None
    expect: Expectation | None = None
    weights: Argument | None = None
    """What the matrices of the network are stored as; None if the file does not say."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Names of layer types that mean something else in its `layers` → what they mean there."""
    libraries: tuple[Library, ...] = ()
    """Those that its file uses, directly or not."""
    family: Family | None = None
    """The variants; None of a file without."""
    names: Names = NO_NAMES
    """What its weights are called in a checkpoint."""
    config: Config | None = None
    """What the keys of a published configuration are for its parameters; None where the file does not say."""

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of the networks of its file, the first of which the file itself stands for."""
        return tuple(self.family.variants) if self.family else ()

    @property
    def hidden(self) -> dict[tuple[str, str], list[str]]:
        """The names of layer types that mean what a file has by them: by the file and what that is.

        Of the file's own blocks, and of those of libraries that it uses.
        """
        found: dict[tuple[str, str], list[str]] = {}
        for name, block in self.blocks.items():
            if name in LAYERS:
                found.setdefault((block.source.name, "a block of the file's own"), []).append(name)
        bodies = [(block.source.name, block.own) for block in self.blocks.values()]
        for file, own in [(self.document.name, self.own), *bodies]:
            for name, what in own.items():
                names = found.setdefault((file, what), [])
                names.extend([name] if name not in names else [])
        return found

    def variant(self, name: str) -> Architecture:
        """The network of that name of the file.

        Raises:
            UsageError: the file has none of that name.
        """
        if self.family is None or name not in self.family.variants:
            hint = nearest(name, self.variants) or f"variants: {listed(self.variants) or 'none'}"
            raise UsageError(f"{self.document.name} has no variant {quoted(name)}", hint=hint)
        own = self.family.variants[name]
        inputs = own.inputs or self.family.inputs
        figures = {**self.family.figures, **own.figures}
        return replace(
            self,
            name=own.title or name,
            inputs=inputs.specs,
            input_nodes=inputs.nodes,
            parameters={**self.family.parameters, **own.parameters},
            expect=Expectation(**figures) if figures else None,
        )

    @property
    def decided(self) -> frozenset[str]:
        """The parameters that stand alone as a size of an input: one that is given decides their values."""
        texts = (size.text for spec in self.inputs.values() for size in spec.sizes)
        return frozenset(text for text in texts if text in self.parameters)

    def undecided(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some values of parameters that no input decides."""
        return {name: value for name, value in values.items() if name not in self.decided}

    def scope(self, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values of the file's parameters, `overrides` in place of their defaults.

        Raises:
            UsageError: an override is for a parameter that the file lacks, or of another kind.
            ArchitectureError: a default can't be evaluated.
        """
        overrides = overrides or {}
        for name in map(str, overrides):
            if name not in self.parameters:
                known = listed(self.parameters) or "none"
                hint = nearest(name, self.parameters) or f"the file's parameters: {known}"
                raise UsageError(f"{self.name} has no parameter {quoted(name)}", hint=hint)
        return values_of(self.parameters, self.document, overrides)


@without_collecting
def parse(text: str, name: str = "<text>", find: Find = nowhere) -> Architecture:
    """The architecture that a YAML text describes; `name` is what errors call the text.

    Of a text with variants, it is the first; its `variant` gives the others. `find` gives the libraries
    that it uses.

    Raises:
        UsageError: the text is not YAML, or no mapping.
        ArchitectureError: what it describes is wrong.
    """
    if not isinstance(text, str):
        raise UsageError(f"a text is needed, not {type(text).__name__}")
    source = Source(name, text)
    root = document.read(source)
    if root is None or (isinstance(root, Scalar) and root.value() is None):
        raise UsageError(f"{name}: the file is empty", hint="an architecture has the keys input and layers")
    if not isinstance(root, YamlMapping):
        raise UsageError(
            f"an architecture is a mapping with the keys input and layers, not {kind(root)}",
            place=source.place_of(root),
        )
    return _FileReader(source, root, find).architecture()


class _FileReader:
    """Reads the keys of a file; each key's method takes the key's node."""

    def __init__(self, source: Source, root: YamlMapping, find: Find) -> None:
        self.source = source
        self.root = root
        self.check_keys()
        self.libraries = Libraries(find)
        self.used: Mapping[str, Block] = self.read("use", self.libraries.used, {})
        self.words = Words([*self.used, *self.read("blocks", block_names, ())])

    def check_keys(self) -> None:
        for key, (node, _) in self.root.entries.items():
            if key not in KEYS:
                hint = nearest(key, KEYS) or f"the keys of a file: {', '.join(KEYS)}"
                raise self.source.error(f"the key {quoted(key)} is unknown", node, hint)
        for key in ("input", "layers"):
            if key not in self.root.entries:
                hint = "input: 1x3x224x224" if key == "input" else "layers: [Flatten, Linear: 10]"
                hint = f"for example {hint}"
                if is_library(self.root.entries):
                    hint = f"a file of blocks alone is a library: a network has them by the key use; {hint}"
                raise self.source.error(f"the key {key!r} is missing", self.root, hint)

    def architecture(self) -> Architecture:
        parameters = self.read("parameters", lambda node, _: self.parameters(node), {})
        inputs = read_inputs(self.root.entries["input"][1], self.source)
        figures = self.read("expect", read_expectation, {})
        weights = self.read("weights", partial(read_weights, scope=parameters), None)
        blocks = {**self.used, **self.blocks(parameters)}
        layers, own = self.layers(parameters, blocks, inputs)
        architecture = Architecture(
            name=self.read("name", read_line, PurePath(self.source.name).stem),
            document=self.source,
            inputs=inputs.specs,
            input_nodes=inputs.nodes,
            parameters=parameters,
            blocks=blocks,
            layers=layers,
            own=own,
            source=self.read("source", read_text, None),
            notes=self.read("notes", read_text, None),
            expect=Expectation(**figures) if figures else None,
            weights=weights,
            libraries=tuple(self.libraries.known.values()),
            names=self.read("names", read_names, NO_NAMES),
            config=self.read("config", partial(read_config, parameters=parameters), None),
        )
        read = partial(read_variants, parameters=parameters, inputs=inputs, words=self.words)
        variants = self.read("variants", read, None)
        if variants is None:
            return architecture
        family = Family(inputs, parameters, figures, variants)
        return replace(architecture, family=family).variant(next(iter(variants)))

    def blocks(self, parameters: dict[str, Argument]) -> dict[str, Block]:
        """Those that stand in the file."""
        read = partial(read_blocks, parameters=parameters, words=self.words, used=self.used)
        found: dict[str, Block] = self.read("blocks", read, {})
        return found

    def layers(
        self, parameters: Mapping[str, Argument], blocks: Mapping[str, Block], inputs: Inputs
    ) -> tuple[Steps, Mapping[str, str]]:
        """The steps, and the names of types that mean what the file has by them."""
        headers = {name: block.signature for name, block in blocks.items()}
        given = dict.fromkeys(inputs.specs, "an input")
        reader = StepReader(self.source, parameters, headers, self.words, given)
        layers = reader.steps(self.root.entries["layers"][1], "layers")
        if not layers:
            raise self.source.error("layers is empty", self.root.entries["layers"][1])
        return layers, reader.own

    def read(self, key: str, read: Callable[[YamlNode, Source], Any], default: Any) -> Any:
        entry = self.root.entries.get(key)
        return read(entry[1], self.source) if entry else default

    def parameters(self, node: YamlNode) -> dict[str, Argument]:
        """Defaults in the file's order; each may be an expression over those before it."""
        parameters: dict[str, Argument] = {}
        for key, value in require_mapping(node, self.source, "parameters").entries.values():
            name = identifier(key, self.source, "a parameter")
            default = read_value(value, self.source, parameters, self.words)
            if default is None:
                raise self.source.error(f"the parameter {name} needs a default", value)
            parameters[name] = Argument(default, value)
        return parameters
