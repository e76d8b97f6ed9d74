"""Attention: each query takes a mean of all values, weighted by how well their keys fit it.

The letters are torch's: T queries, S keys and values, N samples, E features.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros, narrowed, of_repetition, passed
from shapecalc.allocation.kernels import bmm, dropout, linear, matmul, noisy, softmax, times_number, widened
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.checks import check_floating
from shapecalc.layers.fields import Flag, Inferred, Real, Size
from shapecalc.layers.linear import Linear
from shapecalc.layers.reads import ALL, AxisReads, Merged, Pattern, Reads, broadcast_to, except_along
from shapecalc.layers.repetition import expanded
from shapecalc.layers.rules import Wanted
from shapecalc.layers.sequences import Sequence, check_batch, inside, sequence
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations, Unknown, averaged, shares
from shapecalc.symbolic import Dim, difference, number
from shapecalc.symbolic.conditions import multiple
from shapecalc.tensors import Tensor, broadcast, check_equal, check_multiple, product


def check_heads(features: Dim, heads: Dim, names: tuple[str, str]) -> None:
    """Refuse heads that do not divide the features; `names` are those of the two arguments."""
    if not multiple(features, heads, "the heads divide the features"):
        raise ArchitectureError(
            f"{names[0]} {features} is not divisible by {names[1]} {heads}",
            hint="each head takes an equal part of the features",
            argument=names[1],
        )


class MultiheadAttention(Layer):
    """Attention in several heads side by side, between linear maps of its inputs and of its output.

    One input attends to itself; of two, the second is keys and values; three are query, key and value.
    (T, N, embed_dim) and (S, N, kdim), (S, N, vdim) → (T, N, embed_dim) and the weights of the keys, a mean
    over the heads, (N, T, S); with `batch_first` (N, T, …), without a batch (T, …).
    Source: torch.nn.MultiheadAttention; Vaswani et al. 2017, arXiv:1706.03762.
    """

    family = "attention"
    embed_dim = Inferred(axis=-1)
    num_heads = Size()
    dropout = Real(0.0, low=0, high=1)
    bias = Flag(True)
    add_bias_kv = Flag(False)
    add_zero_attn = Flag(False)
    kdim = Inferred(axis=-1, of=1)
    vdim = Inferred(axis=-1, of=2)
    batch_first = Flag(False)
    example = example((2, 9, 32), num_heads=4, batch_first=True)

    @property
    def more_keys(self) -> int:
        """How many keys are added to those of the input: a learned one, and one of zeros."""
        return self.add_bias_kv + self.add_zero_attn

    def feed(self, *inputs: Any) -> tuple[Any, ...]:
        query, key, *others = inputs if len(inputs) > 1 else inputs * 2
        return (query, key, *others) if others else (query, key, key)

    def sequences(self, *inputs: Tensor | None) -> tuple[Sequence, Sequence, Sequence]:
        """Query, key and value."""
        known = self.feed(*(x for x in inputs if x is not None))
        named = zip(known, ("query", "key", "value"), strict=True)
        query, key, value = (sequence(x, self.batch_first, f"the {name}") for x, name in named)
        return query, key, value

    def output(
        self, query: Tensor, key: Tensor | None = None, value: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        queries, keys, values = self.sequences(query, key, value)
        check_heads(queries.features, self.num_heads, ("embed_dim", "num_heads"))
        check_batch(queries, keys, "query and key")
        check_batch(keys, values, "key and value")
        message = "there are {0} values for {1} keys"
        check_equal(values.length, keys.length, message, why="each key has a value")
        return query, Tensor((*queries.batch, queries.length, keys.length + self.more_keys))

    def reads(self, *inputs: Tensor, port: int, **_: Any) -> tuple[Reads, ...] | None:
        """Each query reads all keys and values, which in a single input are all there is."""
        if port:  # the weights
            return None
        length = 0 if inputs[0].rank == 2 else int(self.batch_first)
        query, *others = (except_along(x, length, -1) for x in inputs)
        return (query if not others else except_along(inputs[0], -1), *others)

    def is_packed(self, features: Dim, *others: Dim) -> bool:
        """Whether one tensor holds the three matrices that inputs are projected by."""
        apart = [difference(size, features) for size in others]
        known = [size for size in apart if isinstance(size, int)]
        if not any(known) and known != apart:
            raise ArchitectureError(
                f"embed_dim {features}, kdim {others[0]} and vdim {others[1]} may be equal or not, and have"
                " one matrix or three: no formula of this kind says which",
                hint="give numbers, or the same symbols",
            )
        return not any(known)

    def weights(self, *inputs: Tensor) -> Weights:
        queries, keys, values = self.sequences(*inputs)
        size = queries.features
        kdim = keys.features if self.kdim is None else self.kdim
        vdim = values.features if self.vdim is None else self.vdim
        weights = {"in_proj_weight": Weight((3 * size, size))}
        if not self.is_packed(size, kdim, vdim):
            sizes = {"q": size, "k": kdim, "v": vdim}
            weights = {f"{name}_proj_weight": Weight((size, of)) for name, of in sizes.items()}
        if self.bias:
            weights["in_proj_bias"] = Weight((3 * size,))
        if self.add_bias_kv:
            weights |= {"bias_k": Weight((1, 1, size)), "bias_v": Weight((1, 1, size))}
        out = Linear(out_features=size, bias=self.bias)
        return {**weights, **inside("out_proj", out.weights(inputs[0]))}

    def macs(self, *inputs: Tensor, y: Tensor) -> Dim:
        """MACs of the linear maps of all inputs and the output, and of each query with each key and value.

        N·(T·E·E + S·E·E_k + S·E·E_v + 2·T·S'·E + T·E·E), where S' has the keys that are not of the input.
        """
        queries, keys, values = self.sequences(*inputs)
        size = queries.features
        maps = 2 * queries.length * size + keys.length * (keys.features + values.features)
        pairs = 2 * queries.length * (keys.length + self.more_keys)
        return queries.samples * size * (maps + pairs)

    def gradient_inputs(self, port: int, count: int) -> Set[int]:
        """Of the weights of keys, the query and the key alone."""
        return set(range(min(count, 2) if port else count))

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """Each map's matrix and input; queries, keys and values as far as anything before them is trained."""
        if not wanted.outputs[0]:
            raise UnknownError("the products for the weights of keys alone are not known")
        queries, keys, values = self.sequences(*inputs)
        trained, needs = wanted.weights, self.feed(*wanted.inputs)
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        matrices = ["in_proj_weight" in trained or name in trained for name in names]
        q, k, v = (
            need or matrix or "in_proj_bias" in trained for need, matrix in zip(needs, matrices, strict=True)
        )
        k, v = k or "bias_k" in trained, v or "bias_v" in trained
        each = queries.samples * queries.features
        lengths = [x.length * x.features for x in (queries, keys, values)]
        maps = [each * size * (need + own) for size, need, own in zip(lengths, needs, matrices, strict=True)]
        pairs = each * queries.length * (keys.length + self.more_keys)
        out = each * lengths[0] * (("out_proj.weight" in trained) + (q or k or v))
        # Of scores = Q·Kᵀ and of their mean of the values, each factor's gradient is made of the other one.
        total: Dim = sum(maps) + pairs * (q + k) + pairs * ((q or k) + v) + out
        return total

    def ops(self, *inputs: Tensor, y: Tensor) -> Operations:
        """The operations of the heads, and the mean of their attention weights."""
        queries, keys, _ = self.sequences(*inputs)
        weights = queries.samples * queries.length * (keys.length + self.more_keys)
        return self.in_heads(*inputs) + averaged(self.num_heads * weights, weights)

    def in_heads(self, *inputs: Tensor) -> Operations:
        """The biases of the four maps, and the softmax of scores / √E."""
        queries, keys, _ = self.sequences(*inputs)
        mapped = queries.samples * queries.features * 2 * (queries.length + keys.length)
        rows = queries.samples * self.num_heads * queries.length
        scores = rows * (keys.length + self.more_keys)
        return Operations(add=mapped if self.bias else 0, divide=scores) + shares(scores, rows)

    def run(self, trace: Trace, *inputs: Value) -> tuple[Value, ...]:
        query, key, value = self.feed(*inputs)
        attended, weights = self.attend(trace, query, key, value, need_weights=True)
        assert weights is not None
        return attended, weights

    # The rest is written after torch.nn.MultiheadAttention.forward and multi_head_attention_forward.

    def attend(
        self, trace: Trace, query: Value, key: Value, value: Value, need_weights: bool
    ) -> tuple[Value, Value | None]:
        batched = query.rank == 3
        weights = self.weights(*map(trace.declared, (query, key, value)))
        if batched and self.batch_first:
            if key is value:
                if query is key:
                    query = key = value = trace.transpose(query, 1, 0)
                else:
                    query, key = trace.transpose(query, 1, 0), trace.transpose(key, 1, 0)
                    value = key
            else:
                query, key, value = (trace.transpose(x, 1, 0) for x in (query, key, value))
        if not batched:
            query, key, value = (trace.view(x, (x.shape[0], 1, x.shape[1])) for x in (query, key, value))
        attended, scores = self.forward(trace, query, key, value, weights, need_weights)
        if not batched:
            attended = trace.view(attended, (attended.shape[0], attended.shape[2]))
            scores = scores and trace.view(scores, scores.shape[1:])
        if batched and self.batch_first:
            attended = trace.transpose(attended, 1, 0)
        return attended, scores

    def forward(
        self, trace: Trace, query: Value, key: Value, value: Value, weights: Weights, need_weights: bool
    ) -> tuple[Value, Value | None]:
        (length, batch, features), heads = query.shape, self.num_heads
        size = features // heads
        q, k, v = self.projected(trace, query, key, value, weights)
        if self.add_bias_kv:
            k = self.longer(trace, k, "bias_k", weights)
            v = self.longer(trace, v, "bias_v", weights)
        q, k, v = (self.by_head(trace, x, batch * heads, size) for x in (q, k, v))
        if self.add_zero_attn:
            k = self.with_zeros(trace, k)
            v = self.with_zeros(trace, v)
        if not need_weights:
            q, k, v = (trace.seen_as(x, (batch, heads, x.shape[1], size)) for x in (q, k, v))
            attended = attention_by_math(trace, q, k, v, self.dropout if trace.training else 0)
            del q, k, v
            attended = trace.reshape(trace.permute(attended, (2, 0, 1, 3)), (batch * length, features))
            return self.projected_out(trace, attended, query, weights), None
        scaled = times_number(trace, q)
        scores = bmm(trace, scaled, trace.transpose(k, 1, 2))
        del scaled, k
        scores = softmax(trace, scores)
        scores = dropout(trace, scores, self.dropout)
        attended = bmm(trace, scores, v)
        del v
        attended = trace.reshape(trace.transpose(attended, 0, 1), (length * batch, features))
        attended = self.projected_out(trace, attended, query, weights)
        scores = trace.seen_as(scores, (batch, heads, *scores.shape[1:]))
        scores = trace.kernel(Tensor((batch, *scores.shape[2:]), scores.dtype), scores)
        return attended, scores

    def projected_out(self, trace: Trace, x: Value, query: Value, weights: Weights) -> Value:
        names = ["out_proj.weight", *(["out_proj.bias"] if self.bias else [])]
        x = linear(trace, x, owned(trace, weights, *names))
        return trace.seen_as(x, query.shape)

    def projected(
        self, trace: Trace, query: Value, key: Value, value: Value, weights: Weights
    ) -> tuple[Value, Value, Value]:
        """What torch.nn.functional._in_projection_packed does, or _in_projection with a matrix for each."""
        if "in_proj_weight" not in weights:
            names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
            matrices = [[matrix] for matrix in owned(trace, weights, *names)]
            if self.bias:
                each = (query.shape[2],)
                (bias,) = owned(trace, weights, "in_proj_bias")
                biases = trace.parts(bias, [each] * 3)
                matrices = [[*matrix, own] for matrix, own in zip(matrices, biases, strict=True)]
        elif key is value and query is key:
            q, k, v = self.packed(trace, query, self.in_projection(trace, weights))
            return q, k, v
        elif key is value:
            first, both = self.in_projection_parts(trace, weights, query.shape[2], 1, 2)
            q = linear(trace, query, first)
            k, v = self.packed(trace, key, both)
            return q, k, v
        else:
            matrices = self.in_projection_parts(trace, weights, query.shape[2], 1, 1, 1)
        q, k, v = (linear(trace, x, own) for x, own in zip((query, key, value), matrices, strict=True))
        return q, k, v

    def in_projection(self, trace: Trace, weights: Weights) -> list[Value]:
        return owned(trace, weights, "in_proj_weight", *(["in_proj_bias"] if self.bias else []))

    def in_projection_parts(
        self, trace: Trace, weights: Weights, features: Dim, *counts: int
    ) -> list[list[Value]]:
        """The packed matrix and bias in parts, whose rows are `counts` times the features."""
        split = [
            trace.parts(whole, [(count * features, *whole.shape[1:]) for count in counts])
            for whole in self.in_projection(trace, weights)
        ]
        return [list(parts) for parts in zip(*split, strict=True)]

    def packed(self, trace: Trace, x: Value, weights: list[Value]) -> tuple[Value, ...]:
        """Several linear maps of one input in one product, whose results then lie one after another."""
        features = x.shape[2]
        y = linear(trace, x, weights)
        count = y.shape[2] // features
        y = trace.transpose(trace.seen_as(y, (1, *x.shape[:2], count, features)), 0, 3)
        y = trace.contiguous(trace.seen_as(y, (count, *x.shape[:2], features)))
        return tuple([trace.view(y, x.shape, back=in_zeros(y.look)) for _ in range(number(count))])

    def longer(self, trace: Trace, x: Value, name: str, weights: Weights) -> Value:
        """The keys or values with a learned one after them."""
        (one,) = owned(trace, weights, name)
        back = of_repetition(one.look, (1, x.shape[1], 1))
        more = trace.kernel(Tensor((1, *x.shape[1:])), one, back=back)
        longer = Tensor((x.shape[0] + 1, *x.shape[1:]), x.dtype)
        return trace.kernel(trace.made_by("cat", longer, x, more), x, more, back=narrowed(x.look, more.look))

    def with_zeros(self, trace: Trace, x: Value) -> Value:
        zeros = trace.new(Tensor((x.shape[0], 1, x.shape[2]), x.dtype))
        return trace.kernel(
            Tensor((x.shape[0], x.shape[1] + 1, x.shape[2]), x.dtype),
            x,
            zeros,
            back=narrowed(x.look, zeros.look),
        )

    def by_head(self, trace: Trace, x: Value, heads: Dim, size: Dim) -> Value:
        return trace.transpose(trace.seen_as(x, (x.shape[0], heads, size)), 0, 1)


def attention_by_math(
    trace: Trace, q: Value, k: Value, v: Value, p: float, is_causal: bool = False, enable_gqa: bool = False
) -> Value:
    """softmax(Q·Kᵀ)·V, queries and keys both scaled. Source: at::_scaled_dot_product_attention_math."""
    q, k, v = trace.cast("scaled_dot_product_attention", q, k, v)
    with trace.within_operation():
        return attention_of(trace, q, k, v, p, is_causal, enable_gqa)


def attention_of(
    trace: Trace, q: Value, k: Value, v: Value, p: float, is_causal: bool, enable_gqa: bool
) -> Value:
    dtype, mask = q.dtype, None
    wide_q, wide_k, wide_v = (widened(trace, x) for x in (q, k, v))
    k, v = wide_k, wide_v
    q = times_number(trace, wide_q)
    if is_causal:
        mask = causal_mask(trace, Tensor((q.shape[-2], k.shape[-2]), q.dtype))
    if enable_gqa and not q.shape[-3] == k.shape[-3] == v.shape[-3]:
        k, v = repeated_heads(trace, q, k), repeated_heads(trace, q, v)
    scores = matmul(trace, q, times_number(trace, trace.transpose(k, k.rank - 2, k.rank - 1)))
    if mask:
        scores = trace.kernel(scores.tensor, scores, back=passed(scores.look))
    scores = softmax(trace, scores)
    scores = noisy(trace, scores, p)
    if scores.dtype == dtype:
        return matmul(trace, scores, v)
    _shown = trace.kernel(Tensor(scores.shape, dtype), scores)
    y = matmul(trace, scores, v)
    return trace.kernel(Tensor(y.shape, dtype), y, strides=y.strides)


def causal_mask(trace: Trace, made: Tensor) -> Value:
    """Ones, the lower triangle of them, and one of two numbers where it has some and where it has none."""
    bools = Tensor(made.shape, "bool")
    ones = trace.new(bools)
    lower = trace.new(bools)
    del ones
    _numbers = [trace.new(Tensor((), made.dtype)) for _ in range(2)]
    return trace.new(Tensor(lower.shape, made.dtype))


def repeated_heads(trace: Trace, q: Value, x: Value) -> Value:
    """Keys or values, each head copied for all query heads that share it; a copy even where it is one."""
    shape = (*x.shape[:-3], q.shape[-3], *x.shape[-2:])
    return trace.kernel(Tensor(shape, x.dtype), x)


class scaled_dot_product_attention(Layer):
    """softmax(Q·Kᵀ / √E)·V, each branch a tensor: (…, T, E), (…, S, E) and (…, S, E_v) → (…, T, E_v).

    The axes before the last two are broadcast; with `enable_gqa` the third last one, of the heads, may be
    smaller in keys and values, where each head is then used several times. A causal mask saves no product;
    another one is added to the scores of a matmul, between it and a Softmax.
    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al. 2017, arXiv:1706.03762.
    """

    function = "nn.functional.scaled_dot_product_attention"
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

    def gradient_macs(self, *inputs: Tensor, wanted: Wanted) -> Dim:
        """The gradients of queries and keys go through those of the scores, which need the values."""
        figures = self.figures(inputs)
        means = figures.outputs[0].elements * inputs[1].shape[-2]
        query, key, value = wanted.inputs[:3]
        return (figures.macs - means) * (query + key) + means * (value + (query or key))

    undecided = "with a mask is not known"

    def run(self, trace: Trace, query: Value, key: Value, value: Value, *mask: Value) -> tuple[Value, ...]:
        """The dropout is that of the argument, in evaluation too."""
        if mask:
            return self.at_least(
                trace, Tensor(self.output(query.tensor, key.tensor, value.tensor).shape, query.dtype)
            )
        y = attention_by_math(trace, query, key, value, self.dropout_p, self.is_causal, self.enable_gqa)
        return (y,)

    def ops(self, query: Tensor, key: Tensor, value: Tensor, *mask: Tensor, y: Tensor) -> Operations:
        """The scaling and the softmax of the scores, and the addition of a mask."""
        rows = product(self.lead(query, self.with_heads(query, key, "key"))) * query.shape[-2]
        scores = rows * key.shape[-2]
        return Operations(divide=scores, add=scores if mask else 0) + shares(scores, rows)
