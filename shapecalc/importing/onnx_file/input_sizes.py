"""The sizes of a model's inputs: those of the file, letters where it leaves one open, and given numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from shapecalc.errors import ArchitectureError, UsageError, nearest, quoted
from shapecalc.importing.onnx_file.graph import Graph
from shapecalc.language.arguments import BESIDE
from shapecalc.language.inputs import check_symbol, parse_input
from shapecalc.language.values import is_name
from shapecalc.layers import LAYERS
from shapecalc.symbolic import Dim, Expr, at, symbol, symbols_in
from shapecalc.tensors import Tensor

_TRIED = (224, 64, 128, 32, 16, 256, 8, 4, 512, 2, 1)
"""Sizes that stand for letters which nobody has given a number, the first at which the model runs."""
_BATCH = 2


class InputSizes:
    """The inputs of a graph with letters in their sizes, and the numbers that are given for these."""

    def __init__(self, graph: Graph, shapes: str | Mapping[str, str] | None) -> None:
        """`shapes` are of the one input, or of inputs by their names.

        Raises:
            UsageError: there is no such input, or it can't be of such a shape.
            ArchitectureError: the file does not say the shape of an input, and none is given.
        """
        self.graph = graph
        self.names = _names(graph.inputs)
        """By the name of an input in the file, its name here."""
        self.letters: dict[str, str] = {}
        """By the name of a size in the file, its letter here."""
        self.given: dict[str, int] = {}
        """The numbers that are given for letters."""
        texts = self.texts(shapes)
        self.tensors = {name: self.tensor(name, texts.get(name)) for name in graph.inputs}

    def texts(self, shapes: str | Mapping[str, str] | None) -> dict[str, str]:
        """What is given, by the name of the input in the file."""
        inputs = self.graph.inputs
        if isinstance(shapes, str):
            if len(inputs) > 1:
                raise UsageError(f"the model has the inputs {', '.join(inputs)}: each is given as NAME=SHAPE")
            return {next(iter(inputs)): shapes}
        own = {ours: theirs for theirs, ours in self.names.items()}
        texts = {own.get(name, name): text for name, text in (shapes or {}).items()}
        for name in texts.keys() - inputs.keys():
            hint = nearest(name, inputs) or f"inputs: {', '.join(inputs)}"
            raise UsageError(f"the model has no input {quoted(name)}", hint=hint)
        return texts

    def tensor(self, name: str, text: str | None) -> Tensor:
        dtype, sizes = self.graph.inputs[name]
        given = parse_input(text).tensor({}) if text else None
        if sizes is None:
            if given is None:
                hint = f"give it by --input, as in --input {name}=1x3x224x224"
                raise ArchitectureError(f"the file has no shape of its input {quoted(name)}", hint=hint)
            return Tensor(given.shape, dtype)
        if given is None:
            return Tensor(tuple(self.size(name, axis) for axis in range(len(sizes))), dtype)
        if len(given.shape) != len(sizes):
            raise self.unfit(name, sizes, given)
        return Tensor(tuple(self.chosen(name, axis, given) for axis in range(len(sizes))), dtype)

    def chosen(self, name: str, axis: int, given: Tensor) -> Dim:
        """A size that is given: of one that the file leaves open the letter, which has that number."""
        sizes = self.graph.inputs[name][1] or []
        size, number = sizes[axis], given.shape[axis]
        if isinstance(size, int):
            if size != number:
                raise self.unfit(name, sizes, given)
            return size
        if isinstance(number, Expr):
            return number
        letter = self.letter(name, axis)
        if self.given.setdefault(letter, number) != number:
            raise UsageError(
                f"{quoted(size or letter)} is {self.given[letter]} in one input, and {number} in another"
            )
        return symbol(letter)

    def unfit(self, name: str, sizes: Sequence[int | str | None], given: Tensor) -> UsageError:
        shape = "×".join("?" if size is None else str(size) for size in sizes)
        return UsageError(f"the input {quoted(name)} is {shape} in the file, and can't be {given}")

    def size(self, name: str, axis: int) -> Dim:
        found = (self.graph.inputs[name][1] or [])[axis]
        return found if isinstance(found, int) else symbol(self.letter(name, axis))

    def letter(self, name: str, axis: int) -> str:
        """The letter of a size: the file's own word for it if it can be one, else the usual one."""
        sizes = self.graph.inputs[name][1] or []
        usual = "N" if axis == 0 else {4: "NCHW", 3: "NLC"}.get(len(sizes), "")[axis : axis + 1] or f"D{axis}"
        size = sizes[axis]
        key = size if isinstance(size, str) else "batch" if axis == 0 else f"{name}/{axis}"
        if key not in self.letters:
            word = re.sub(r"\W+", "_", size.replace("x", "")).strip("_") if isinstance(size, str) else usual
            options = [word, usual, *(f"{usual}{number}" for number in range(2, 10_000))]
            taken = self.letters.values()
            self.letters[key] = next(o for o in options if _can_be(o) and o not in taken)
        return self.letters[key]

    @property
    def free(self) -> list[str]:
        """The letters of all inputs."""
        sizes = [size for tensor in self.tensors.values() for size in tensor.shape]
        return [*dict.fromkeys(name for size in sizes for name in sorted(symbols_in(size)))]

    @property
    def all_given(self) -> bool:
        return set(self.free) <= self.given.keys()

    @property
    def batch(self) -> set[str]:
        """The letters of first axes."""
        return {
            name for tensor in self.tensors.values() for size in tensor.shape[:1] for name in symbols_in(size)
        }

    def defaults(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """What letters are in a file unless an input is given: the given numbers, and a batch of 1."""
        return {name: self.given.get(name, 1 if name in self.batch else n) for name, n in numbers.items()}

    def choices(self) -> Iterator[dict[str, int]]:
        """Numbers for the letters, one choice after another."""
        batch = self.batch
        open_ = [name for name in self.free if name not in self.given]
        for size in _TRIED if set(open_) - batch else _TRIED[:1]:
            yield {name: self.given.get(name, _BATCH if name in batch else size) for name in self.free}

    def fixed(self, tensors: dict[str, Tensor]) -> InputSizes:
        """The same without letters."""
        other = copy(self)
        other.tensors, other.given = tensors, {}
        return other

    def spelled(self, name: str, parameters: Mapping[str, int]) -> str:
        """An input as a file has it: parameters by name, other letters as the numbers that are given."""
        tensor = self.tensors[name]
        numbers = {letter: n for letter, n in self.given.items() if letter not in parameters}
        sizes = [at(size, numbers) for size in tensor.shape]
        text = "x".join(size.ascii() if isinstance(size, Expr) else str(size) for size in sizes)
        return text + ("" if tensor.dtype == "float32" else f":{tensor.dtype}")


def at_numbers(tensor: Tensor, numbers: Mapping[str, int]) -> Tensor:
    """A tensor with numbers for its letters."""
    return Tensor(tuple(at(size, dict(numbers)) for size in tensor.shape), tensor.dtype)


def _can_be(name: str) -> bool:
    try:
        check_symbol(name)
    except ArchitectureError:
        return False
    return is_name(name) and name not in LAYERS and name != "channels"


def _names(inputs: Mapping[str, Any]) -> dict[str, str]:
    """By the name of an input in the file, its name here."""
    found: dict[str, str] = {}
    for number, name in enumerate(inputs):
        word = re.sub(r"\W+", "_", name).strip("_")
        options = [word, f"input{number}", *(f"{word}_{n}" for n in range(2, 1000))]
        taken = {*BESIDE, *found.values()}
        found[name] = next(o for o in options if is_name(o) and o not in taken and o not in LAYERS)
    return found
