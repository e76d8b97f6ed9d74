"""Attention, as one function of queries, keys and values: softmax(Q·Kᵀ / √E)·V.

The letters are torch's: T queries, S keys and values, E features.
"""

from __future__ import annotations

from typing import Any, Self

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import passed
from shapecalc.allocation.kernels import matmul, noisy, softmax, times_number, widened
from shapecalc.allocation.mode import STATISTIC
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import Flag, Real
from shapecalc.layers.reads import ALL, AxisReads, Merged, Pattern, Reads, broadcast_to, except_along
from shapecalc.layers.repetition import expanded
from shapecalc.layers.rules import Wanted
from shapecalc.operations import Operations, Unknown, shares
from shapecalc.symbolic import Dim, minimum
from shapecalc.tensors import Tensor, broadcast, check_equal, check_multiple, product


def attention_by_math(
    trace: Trace,
    q: Value,
    k: Value,
    v: Value,
    *masks: Value,
    p: float,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> Value:
    """softmax(Q·Kᵀ + mask)·V, with both factors scaled. Source: at::_scaled_dot_product_attention_math."""
    q, k, v, *cast = trace.cast("scaled_dot_product_attention", q, k, v, *masks)
    with trace.within_operation():
        numbers = [as_numbers(trace, mask, q.dtype) for mask in cast]
        return attention_of(trace, q, k, v, numbers, p, is_causal, enable_gqa)


def attention_of(
    trace: Trace,
    q: Value,
    k: Value,
    v: Value,
    masks: list[Value],
    p: float,
    is_causal: bool,
    enable_gqa: bool,
) -> Value:
    dtype = q.dtype
    wide_q, wide_k, wide_v = (widened(trace, x) for x in (q, k, v))
    k, v = wide_k, wide_v
    q = times_number(trace, wide_q)
    if is_causal:
        masks = [causal_mask(trace, Tensor((q.shape[-2], k.shape[-2]), q.dtype))]
    if enable_gqa and not q.shape[-3] == k.shape[-3] == v.shape[-3]:
        k, v = repeated_heads(trace, q, k), repeated_heads(trace, q, v)
    scores = matmul(trace, q, times_number(trace, trace.transpose(k, k.rank - 2, k.rank - 1)))
    for mask in masks:
        back = passed(scores.look, mask.look)
        scores = trace.kernel(scores.tensor, scores, mask, back=back)
    scores = softmax(trace, scores)
    scores = noisy(trace, scores, p)
    if scores.dtype == dtype:
        return matmul(trace, scores, v)
    _shown = trace.kernel(Tensor(scores.shape, dtype), scores)
    y = matmul(trace, scores, v)
    return trace.kernel(Tensor(y.shape, dtype), y, strides=y.strides)


def causal_mask(trace: Trace, made: Tensor) -> Value:
    """The kernels that make a causal mask: ones, their lower triangle, and 0 or −∞ by it."""
    bools = Tensor(made.shape, "bool")
    ones = trace.new(bools)
    lower = trace.new(bools)
    del ones
    return as_numbers(trace, lower, made.dtype)


def as_numbers(trace: Trace, mask: Value, dtype: str) -> Value:
    """Where it is true 0, else −∞, made of one of two numbers; a mask of numbers as it is.

    Source: convert_boolean_attn_mask in ATen/native/transformers/attention.cpp.
    """
    if mask.dtype != "bool":
        return mask
    _numbers = [trace.new(Tensor((), dtype)) for _ in range(2)]
    return trace.new(Tensor(mask.shape, dtype))


def repeated_heads(trace: Trace, q: Value, x: Value) -> Value:
    """Keys or values with a copy of each head for every query head, even if there is only one."""
    shape = (*x.shape[:-3], q.shape[-3], *x.shape[-2:])
    return trace.kernel(Tensor(shape, x.dtype), x)


class scaled_dot_product_attention(Layer):
    """softmax(Q·Kᵀ / √E)·V, each branch a tensor: (…, T, E), (…, S, E) and (…, S, E_v) → (…, T, E_v).

    The axes before the last two are broadcast; with `enable_gqa` the third last one, of the heads, may be
    smaller in keys and values, where each head is then used several times. A causal mask saves no product;
    another one is added to the scores of a matmul, between it and a Softmax.
    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al. 2017, arXiv:1706.03762.
    """

    namespace = "nn.functional."
    attends = True
    branching = True
    dropout_p = Real(0.0, low=0, high=1)
    is_causal = Flag(False)
    scale = Real(None)
    enable_gqa = Flag(False)
    example = example((2, 4, 9, 16), (2, 4, 7, 16), (2, 4, 7, 16))

    def output(self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        self.check_kinds(query, key, value)
        message = "query and key differ in their features: {0} and {1}"
        check_equal(query.shape[-1], key.shape[-1], message, why="query and key have the same features")
        message = "there are {1} values for {0} keys"
        check_equal(key.shape[-2], value.shape[-2], message, why="each key has a value")
        key, value = self.with_heads(query, key, "key"), self.with_heads(query, value, "value")
        lead = broadcast(self.lead(query, key), value.shape[:-2])
        if attn_mask is not None:
            self.check_mask(attn_mask, query, key)
        return Tensor((*lead, query.shape[-2], value.shape[-1]), query.dtype)

    def reads(self, *inputs: Tensor, y: Tensor, **_: Any) -> tuple[Reads, ...]:
        """Each query reads all keys and values (of these the feature that is made), or those not after it."""
        *lead, length, feature = range(y.rank)
        ordered: AxisReads = Unknown("with is_causal a query sees the keys up to its own place")
        keys = ordered if self.is_causal else ALL
        ends: list[Reads] = [(Pattern(length), ALL), (keys, ALL), (keys, Pattern(feature))]
        whole = Tensor(y.shape[: len(lead)])
        found = [(*self.lead_reads(x, whole), *own) for x, own in zip(inputs, ends, strict=False)]
        return (*found, *[self.mask_reads(mask, whole) for mask in inputs[3:]])

    def mask_reads(self, mask: Tensor, whole: Tensor) -> Reads:
        """The row of the query, and the numbers for all keys."""
        rows = Pattern(None) if mask.shape[-2] == 1 else Pattern(whole.rank)
        return (*broadcast_to(whole, Tensor(mask.shape[:-2])), rows, ALL)[-mask.rank :]

    def lead_reads(self, x: Tensor, whole: Tensor) -> Reads:
        """What is read of the axes before the last two, which are `whole` in the output."""
        heads = x.shape[-3:-2]
        if self.enable_gqa and heads != whole.shape[-1:]:
            return except_along(x, -3, reads=Merged(len(whole.shape) - 1, "heads are used several times"))[
                :-2
            ]
        return broadcast_to(whole, Tensor(x.shape[:-2]))

    def check_kinds(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """At least two axes, three where heads are repeated, and one floating-point dtype."""
        least = 3 if self.enable_gqa else 2
        for name, x in {"query": query, "key": key, "value": value}.items():
            check_floating(x)
            if x.rank < least:
                raise ArchitectureError(f"the {name} needs at least {least} axes, not {x.rank} ({x})")
            if x.dtype != query.dtype:
                raise ArchitectureError(f"the query is {query.dtype}, the {name} {x.dtype}: they must agree")

    def check_mask(self, mask: Tensor, query: Tensor, key: Tensor) -> None:
        """Refuse a mask that the scores can't be broadcast with, without more axes of its own."""
        if self.is_causal:
            raise ArchitectureError("a mask is given, and is_causal is true: one of them says what is seen")
        if mask.dtype not in ("bool", query.dtype):
            raise ArchitectureError(
                f"the mask is {mask.dtype}: it must be bool, or {query.dtype} as the query"
            )
        scores = (*self.lead(query, key), query.shape[-2], key.shape[-2])
        expanded(mask, scores)

    def with_heads(self, query: Tensor, x: Tensor, name: str) -> Tensor:
        """The keys or values with as many heads as there are of queries."""
        if not self.enable_gqa:
            return x
        heads = query.shape[-3]
        message = f"the query's {{0}} heads are not divisible by the {{1}} of the {name}"
        check_multiple(heads, x.shape[-3], message, why="enable_gqa repeats heads")
        return Tensor((*x.shape[:-3], heads, *x.shape[-2:]), x.dtype)

    def lead(self, query: Tensor, key: Tensor) -> tuple[Dim, ...]:
        """The axes of the products of queries and keys, but for the last two."""
        return broadcast(query.shape[:-2], key.shape[:-2])

    def macs(self, query: Tensor, key: Tensor, value: Tensor, *_: Tensor, y: Tensor) -> Dim:
        """MACs of each query with each key, over the features, and of each output element over all values."""
        scores = (
            product(self.lead(query, self.with_heads(query, key, "key"))) * query.shape[-2] * key.shape[-2]
        )
        return scores * query.shape[-1] + y.elements * key.shape[-2]

    left_out = "what is_causal hides"

    def macs_without_padding(
        self, query: Tensor, key: Tensor, value: Tensor, *masks: Tensor, y: Tensor
    ) -> Dim:
        """The products of what each query sees; what a mask hides stands in its values, and is counted.

        With `is_causal` query i sees keys 0 to i, of those that there are: of S keys and as many queries
        S·(S+1)/2 in all. Source: torch.nn.functional.scaled_dot_product_attention, tril(diagonal=0).
        """
        if not self.is_causal:
            return self.macs(query, key, value, *masks, y=y)
        queries, keys = query.shape[-2], key.shape[-2]
        lead = product(self.lead(query, self.with_heads(query, key, "key")))
        each = lead * query.shape[-1] + product(y.shape[:-2]) * value.shape[-1]
        first = minimum(queries, keys)  # the queries before whose last one a key is hidden
        return first * (first + 1) * each // 2 + (queries - first) * keys * each

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """The gradients of queries and keys go through those of the scores, which need the values."""
        figures = self.figures(inputs)
        means = figures.outputs[0].elements * inputs[1].shape[-2]
        query, key, value = wanted.inputs[:3]
        return (figures.macs - means) * (query + key) + means * (value + (query or key))

    stores_scores = True
    """Whether the scores are a tensor, as in torch's own code; a fused kernel has none."""

    def last(self) -> Self:
        """The last query sees all keys; a causal mask of one row would show it the first one alone."""
        return self.replaced({"is_causal": False}) if self.is_causal else self

    def fused(self) -> Self:
        return self.replaced({"stores_scores": False})

    def run(self, trace: Trace, query: Value, key: Value, value: Value, *mask: Value) -> tuple[Value, ...]:
        """The dropout is that of the argument, in evaluation too."""
        if not self.stores_scores:
            return (self.run_fused(trace, query, key, value),)
        causal, grouped = self.is_causal, self.enable_gqa
        inputs = (query, key, value, *mask)
        return (attention_by_math(trace, *inputs, p=self.dropout_p, is_causal=causal, enable_gqa=grouped),)

    def run_fused(self, trace: Trace, query: Value, key: Value, value: Value) -> Value:
        """The output, and a logarithm of float32 for each query. Source: at::_flash_attention_forward."""
        y = trace.new(self.output(query.tensor, key.tensor, value.tensor))
        _sums = trace.new(Tensor(y.shape[:-1], STATISTIC))
        return y

    def ops(self, query: Tensor, key: Tensor, value: Tensor, *mask: Tensor, y: Tensor) -> Operations:
        """The scaling and the softmax of the scores, and the addition of a mask."""
        rows = product(self.lead(query, self.with_heads(query, key, "key"))) * query.shape[-2]
        scores = rows * key.shape[-2]
        return Operations(divide=scores, add=scores if mask else 0) + shares(scores, rows)
