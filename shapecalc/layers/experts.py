"""Routed experts: of many copies of a block, each token goes through the few that its router chooses.

No token is dropped and none is padded: each of `top_k` experts takes the tokens that chose it, however many.
Which these are depends on values; how many there are in all does not: `top_k` for each token. So the work of
all experts together is exact, and what a single one holds in memory is not known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, Rearranging
from shapecalc.layers.checks import check_floating, check_least_rank
from shapecalc.layers.fields import Flag, Size
from shapecalc.layers.inner import Inner
from shapecalc.layers.reads import POINT, Pattern, Reads, except_along, same_place
from shapecalc.layers.rules.costs import InnerLayer, Wanted
from shapecalc.layers.softmax import rows
from shapecalc.layers.sorting import selections
from shapecalc.layers.weights import Weight, Weights
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim, at, symbol, symbols_in
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Shape, Tensor, check_equal, product, with_size

MOST_EXPERTS = 10_000
"""Of one step: each is run by itself where torch is asked."""
_NAME = "the tokens of an expert"
_TOKENS = symbol(_NAME)
"""How many tokens an expert gets."""
_BY_TOKEN = "an expert sees the tokens that are sent to it, and each by itself"
_HINT = "what looks at several tokens, or at how many there are, stands before or after experts"


class Routed(Layer, abstract=True):
    """A part of routed experts, whose memory depends on where tokens go."""

    undecided = "depends on how many tokens go to each expert"

    def unallocated(self, trace: Trace, x: Value, made: tuple[Tensor, ...]) -> tuple[Value, ...]:
        """Outputs that take no memory: a lower bound in prediction, which the sum of the experts says.

        Raises:
            UnknownError: autograd watches.
        """
        if trace.grad:
            raise UnknownError(f"{self.type}: what it keeps for the backward pass {self.undecided}")
        return tuple([Value(y, x.storage) for y in made])


class Routing(Routed, abstract=True):
    """What knows which `top_k` of `num_experts` a token goes to."""

    num_experts: Any = Size()  # numbers, as `check` has it; formulas name sizes
    top_k: Any = Size()

    def check(self) -> None:
        for name in ("num_experts", "top_k"):
            value = self.__dict__[name]
            if not isinstance(value, int) or value > MOST_EXPERTS:
                message = f"{name} must be a number up to {MOST_EXPERTS:,}, not {value}"
                raise ArchitectureError(message, argument=name)
        if self.top_k > self.num_experts:
            message = f"top_k is {self.top_k}, and num_experts {self.num_experts}: there are not so many"
            raise ArchitectureError(message, argument="top_k")


class route(Routing, abstract=True):
    """The `top_k` greatest scores of each token of (*, F), and the numbers of the experts that have them.

    Scores (*, num_experts) → (*, top_k), and the numbers of int64. Source: torch.topk.
    """

    inputs_range = (2, 2)

    def output(self, x: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        check_least_rank(x, 2)
        shape = f"the router gives {scores}"
        if scores.rank != x.rank:
            raise ArchitectureError(f"{shape}, and the tokens of {x} need num_experts scores each")
        check_floating(scores)
        wanted = f"{shape}: {{0}} scores for a token, and num_experts is {{1}}"
        check_equal(scores.shape[-1], self.num_experts, wanted, why="each expert has a score")
        for size, needed in zip(scores.shape[:-1], x.shape, strict=False):
            check_equal(size, needed, f"{shape}, and the tokens are those of {x}: {{0}} and {{1}}")
        chosen = with_size(scores, scores.rank - 1, self.top_k)
        return chosen, Tensor(chosen.shape, "int64")

    def reads(self, x: Tensor, scores: Tensor, **_: Any) -> tuple[Reads | None, ...]:
        """All scores of the token, and of the token itself nothing but its shape."""
        return None, except_along(scores, -1)

    def ops(self, x: Tensor, scores: Tensor, y: Tensor) -> Operations:
        return Operations(compare=rows(y, -1) * selections(self.num_experts, self.top_k))

    def run(self, trace: Trace, x: Value, scores: Value) -> tuple[Value, ...]:
        made = self.output(x.tensor, scores.tensor)
        self.unallocated(trace, x, ())
        return tuple([trace.new(y) for y in made])


class dispatch(Routing, Rearranging, abstract=True):
    """The tokens of (*, F), each for the `top_k` experts of these numbers.

    The shape is that of the tokens that come in: each row of them is there for `top_k` experts.
    Source: torch.Tensor.index_select.
    """

    inputs_range = (2, 2)

    def output(self, x: Tensor, numbers: Tensor) -> Tensor:
        return x

    def reads(self, x: Tensor, numbers: Tensor, **_: Any) -> tuple[Reads, ...]:
        return same_place(x.rank), except_along(numbers, -1)

    def run(self, trace: Trace, x: Value, numbers: Value) -> tuple[Value, ...]:
        return self.unallocated(trace, x, (x.tensor,))


class experts(Routing, abstract=True):
    """The sum of what the experts of a token give, weighted by its scores for them.

    (*, top_k), the numbers of these experts, and (*, F) → (*, F). With `norm_topk_prob` the weights of a
    token are divided by their sum. Source: torch.Tensor.index_add_; the names are those of transformers.
    """

    inputs_range = (3, 3)
    norm_topk_prob = Flag(True)

    @classmethod
    def synopsis(cls) -> str:
        return f"{cls.__name__} takes num_experts, top_k, expert, router?, norm_topk_prob?"

    def output(self, scores: Tensor, numbers: Tensor, given: Tensor) -> Tensor:
        return given

    def reads(self, scores: Tensor, numbers: Tensor, given: Tensor, **_: Any) -> tuple[Reads, ...]:
        return except_along(scores, -1), except_along(numbers, -1), same_place(given.rank)

    def ops(self, scores: Tensor, numbers: Tensor, given: Tensor, y: Tensor) -> Operations:
        """A product of each element with its weight, and the sum over a token's experts."""
        tokens, k = rows(scores, -1), self.top_k
        shares = Operations(add=k - 1, divide=k) if self.norm_topk_prob else Operations()
        return shares * tokens + Operations(mul=k * y.elements, add=(k - 1) * y.elements)

    def run(self, trace: Trace, scores: Value, numbers: Value, given: Value) -> tuple[Value, ...]:
        """What is summed up has a storage of its own."""
        return self.at_least(trace, given.tensor)


class OfExperts(Inner, Routed, abstract=True):
    """A layer that each of `num_experts` experts has for itself, and that `top_k` of them run for a token.

    It is the `inner` layer in all that is said of one token; its weights are those of all experts, stacked.
    """

    routed = True

    def __init__(self, inner: Layer, num_experts: int, top_k: int, lead: int) -> None:
        """`lead`: how many axes, the first ones, hold the tokens."""
        own = {"num_experts": num_experts, "top_k": top_k}
        super().__init__(inner, own, num_experts=Size(), top_k=Size())
        self.lead = lead
        self.num_experts: int = num_experts
        self.top_k: int = top_k

    def weights(self, *inputs: Tensor) -> Weights:
        """Those of the experts, one after another along a new first axis."""
        own = self.inner.weights(*inputs)
        return {name: w._replace(shape=(self.num_experts, *w.shape)) for name, w in own.items()}

    def active(self, weight: Weight) -> Dim:
        return self.top_k * product(weight.shape[1:])

    def macs(self, *inputs: Tensor, y: Tensor) -> Dim:
        """Those of the experts that run for each token."""
        return self.top_k * super().macs(*inputs, y=y)

    def macs_without_padding(self, *inputs: Tensor, y: Tensor) -> Dim:
        return self.top_k * super().macs_without_padding(*inputs, y=y)

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        return self.top_k * super().gradient_macs(*inputs, wanted=wanted)

    def parts(self, *inputs: Tensor) -> tuple[InnerLayer, ...]:
        """All tokens, one after another along the first axis as an expert gets those of its own."""
        tokens = tuple([self.rows(x, product(x.shape[: self.lead])) for x in inputs])
        return (InnerLayer(self.inner, tokens, self.top_k),)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        made = self.figures(tuple([x.tensor for x in inputs])).outputs
        return self.unallocated(trace, inputs[0], made)

    def check_tokens(self, inputs: tuple[Tensor, ...]) -> None:
        """Refuse a layer that is not the same for each token by itself, whatever others come with it.

        It is asked for a number of tokens that is a symbol: what it makes of them must be so many again, each
        made of the token at its own place alone, by weights and products that do not depend on the number.
        """
        few = tuple([self.rows(x, _TOKENS) for x in inputs])
        with collecting() as conditions:
            try:
                found = self.inner.figures(few)
            except ArchitectureError as error:
                raise ArchitectureError(f"{_BY_TOKEN}: {error.message}", hint=_HINT) from None
        sizes = [n for weight in found.weights.values() for n in weight.shape]
        sizes += [n for c in (*conditions, *found.conditions) for n in (c.left, c.right)]
        alone = bool(inputs) and self.reads_tokens(few, 1) and self.reads_tokens(inputs, self.lead)
        kept = all(y.shape[:1] == (_TOKENS,) for y in found.outputs)
        linear = found.macs == _TOKENS * at(found.macs, {_NAME: 1})
        counted = any(weight.buffer for weight in found.weights.values())  # statistics of a whole batch
        if not (alone and kept and linear) or counted or _NAME in symbols_in(*sizes):
            raise ArchitectureError(_BY_TOKEN, hint=_HINT)

    def rows(self, x: Tensor, tokens: Dim) -> Tensor:
        """So many tokens in place of those of an input: along the first axis, those after it have size 1."""
        if x.rank <= self.lead:
            raise ArchitectureError(f"{_BY_TOKEN}: the input {x} has no axis for what a token holds")
        return x._replace(shape=(tokens, *[1] * (self.lead - 1), *x.shape[self.lead :]))

    def reads_tokens(self, inputs: tuple[Tensor, ...], lead: int) -> bool:
        """Whether each token of all outputs is made of those at its own place, along the first axes."""
        ports = range(len(self.inner.figures(inputs).outputs))
        found = [self.inner.reads_of(inputs, port) or (None,) * len(inputs) for port in ports]
        return all(
            _by_token(own, x.shape[:lead]) for reads in found for own, x in zip(reads, inputs, strict=True)
        )


def _by_token(reads: Reads | None, tokens: Shape) -> bool:
    """Whether an element reads its own place along the first axes of an input, of these sizes."""
    return reads is not None and all(
        n == 1 or (isinstance(own, Pattern) and own[:3] == (axis, POINT, 1))
        for axis, (own, n) in enumerate(zip(reads, tokens, strict=False))
    )


@lru_cache(maxsize=10_000)
def of_experts(inner: Layer, num_experts: int, top_k: int, lead: int) -> OfExperts:
    """The layer as experts have it; equal ones are one object."""
    return OfExperts(inner, num_experts, top_k, lead)
