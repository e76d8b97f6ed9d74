"""Embeddings (torch.nn, "Sparse Layers"): rows of a table, looked up by their numbers."""

from __future__ import annotations

from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_rank
from shapecalc.layers.fields import Choice, Flag, Index, Real, Size
from shapecalc.layers.reads import ALL, Pattern, Reads, same_place
from shapecalc.layers.rules import Keeps
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import NOTHING, Operations, additions, averaged
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import Tensor, check_at_least

INTEGERS = ("int32", "int64")


def check_row_numbers(x: Tensor, what: str) -> None:
    """Refuse what holds no numbers of rows."""
    if x.dtype not in INTEGERS:
        raise ArchitectureError(
            f"{what} of int32 or int64 is needed, not {x.dtype}",
            hint="a dtype follows the shape of an input: 1x128:int64",
        )


class Table(Layer, abstract=True):
    """A table of num_embeddings rows of embedding_dim features."""

    num_embeddings = Size()
    embedding_dim = Size()
    padding_idx = Index(None)
    max_norm = Real(None)
    norm_type = Real(2.0)
    scale_grad_by_freq = Flag(False)
    sparse = Flag(False)
    example = example(Tensor((2, 9), "int64"), num_embeddings=1000, embedding_dim=32)

    def check(self) -> None:
        if self.padding_idx is not None:
            rows = self.padding_idx + 1 if self.padding_idx >= 0 else -self.padding_idx
            if not at_least(self.num_embeddings, rows, "padding_idx is one of the rows"):
                raise ArchitectureError(
                    f"padding_idx {self.padding_idx} is none of the {self.num_embeddings} rows",
                    argument="padding_idx",
                )

    @property
    def rescales(self) -> bool:
        """Whether longer rows are scaled to `max_norm`: for which, their values say."""
        return self.max_norm is not None

    def check_dense(self, trace: Trace) -> None:
        """Raises UnknownError in training where the gradient is a sparse tensor."""
        if self.sparse and trace.grad and "weight" not in trace.frozen:
            raise UnknownError(
                f"{self.type}: its gradient is sparse, rows for the numbers that come: it is not followed",
                hint="with sparse: false it is a table like the weight, and known",
            )

    def weights(self, x: Tensor, *_: Tensor) -> Weights:
        return {"weight": Weight((self.num_embeddings, self.embedding_dim))}


class Embedding(Table):
    """A row of the table for each number of the input: (*) → (*, embedding_dim).

    Source: torch.nn.Embedding.
    """

    keeps = Keeps.INPUTS
    keeps_weight = False

    def output(self, x: Tensor) -> Tensor:
        check_row_numbers(x, "an input")
        return Tensor((*x.shape, self.embedding_dim))

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        self.check_dense(trace)
        return super().run(trace, *inputs)

    def reads(self, x: Tensor, **_: Any) -> tuple[Reads, ...]:
        return (same_place(x.rank),)

    def ops(self, x: Tensor, y: Tensor) -> Operations | None:
        return None if self.rescales else NOTHING


class EmbeddingBag(Table):
    """The sum, the mean or the maximum of the rows of each bag: (N, L) → (N, embedding_dim).

    An input of one axis is all bags one after another; a second input says where each bag starts, and with
    `include_last_offset` where the last one ends. Source: torch.nn.EmbeddingBag.
    """

    mode = Choice("mean", "sum", "max")
    include_last_offset = Flag(False)
    last_fields = ("sparse", "include_last_offset", "padding_idx")

    def check(self) -> None:
        super().check()
        for name in ("scale_grad_by_freq", "sparse"):
            if self.mode == "max" and getattr(self, name):
                raise ArchitectureError(f"mode: max does not go with {name}: true", argument=name)

    def output(self, x: Tensor, offsets: Tensor | None = None) -> Tensor:
        check_rank(x, 1, 2)
        check_row_numbers(x, "an input")
        bags = x.shape[0] if offsets is None else self.bags(offsets)
        if (x.rank == 1) is not (offsets is not None):
            raise ArchitectureError(
                f"an input of 1 axis needs offsets as a second input, and one of 2 axes takes none ({x})"
            )
        return Tensor((bags, self.embedding_dim))

    def run(self, trace: Trace, x: Value, *given: Value) -> tuple[Value, ...]:
        """Besides it makes the bag of each number, how many each bag has, and of maxima where they are.

        Rows that are longer than `max_norm` are made shorter in place, in the table itself.
        """
        self.check_dense(trace)
        made = self.output(x.tensor, *[y.tensor for y in given])
        starts = given or (trace.new(Tensor((x.shape[0],), x.dtype)),)
        numbers = trace.reshape(x, (x.elements,))
        besides = [Tensor((n,), numbers.dtype) for n in (numbers.elements, starts[0].elements)]
        if self.mode == "max":
            besides.append(Tensor(made.shape, numbers.dtype))
        weights = owned(trace, self.weights(numbers.tensor))
        return (trace.kernel(made, *weights, keeps=(numbers, *starts, *besides)),)

    def reads(self, x: Tensor, *offsets: Tensor, **_: Any) -> tuple[Reads, ...] | None:
        return None if offsets else ((Pattern(0), ALL),)

    def ops(self, x: Tensor, offsets: Tensor | None = None, *, y: Tensor) -> Operations | None:
        """Of bags that are rows of the input, all of whose elements count."""
        if offsets is not None or self.rescales or "padding_idx" in self.given:
            return None
        elements = x.elements * self.embedding_dim
        if self.mode == "max":
            return Operations(compare=elements - y.elements)
        return averaged(elements, y.elements) if self.mode == "mean" else additions(elements, y.elements)

    def bags(self, offsets: Tensor) -> Dim:
        """How many bags there are."""
        if offsets.rank != 1:
            raise ArchitectureError(f"offsets need 1 axis, not {offsets.rank} ({offsets})")
        check_row_numbers(offsets, "a second input, the offsets,")
        (starts,) = offsets.shape
        if not self.include_last_offset:
            return starts
        message = "include_last_offset: {0} offset makes no bag, {1} are needed"
        check_at_least(starts, 2, message, why="there is a bag")
        return starts - 1
