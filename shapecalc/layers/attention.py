"""Attention, in several heads, with maps of its inputs and output: each query takes a mean of all values.

The means are weighted by how well the keys fit the query. The letters are torch's: T queries, S keys and
values, N samples, E features.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, ClassVar

from shapecalc.allocation import Trace, Value
from shapecalc.allocation.gradients import in_zeros, narrowed, of_repetition
from shapecalc.allocation.kernels import bmm, dropout, linear, softmax, times_number
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.fields import Flag, Inferred, Real, Size
from shapecalc.layers.linear import Linear
from shapecalc.layers.reads import Reads, except_along
from shapecalc.layers.rules import Wanted
from shapecalc.layers.rules.serving import Opened
from shapecalc.layers.scaled_dot_product import attention_by_math
from shapecalc.layers.sequences import Sequence, check_batch, check_heads, inside, sequence
from shapecalc.layers.weights import Weight, Weights, owned
from shapecalc.operations import Operations, averaged, shares
from shapecalc.symbolic import Dim, difference, number
from shapecalc.tensors import Tensor, check_equal, with_size


class MultiheadAttention(Layer):
    """Attention in several heads side by side, between linear maps of its inputs and of its output.

    One input attends to itself; of two, the second is keys and values; three are query, key and value.
    (T, N, embed_dim) and (S, N, kdim), (S, N, vdim) → (T, N, embed_dim) and the weights of the keys, a mean
    over the heads, (N, T, S); with `batch_first` (N, T, …), without a batch (T, …).
    Source: torch.nn.MultiheadAttention; Vaswani et al. 2017, arXiv:1706.03762.
    """

    splits: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("in_proj_weight", "in_proj_bias"), "columns"),
        **dict.fromkeys(("q_proj_weight", "k_proj_weight", "v_proj_weight"), "columns"),
        "out_proj.weight": "rows",
    }

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

    def opened(self, *inputs: Tensor) -> tuple[Opened, ...]:
        """Its linear maps, and between them the attention of the heads, as if it were causal by a mask.

        Of one input, or of two, of which the second is keys and values; nothing of other forms.
        """
        query, *others = inputs
        plain = not self.more_keys and not any(self.__dict__[name] for name in ("kdim", "vdim"))
        if len(others) > 1 or query.rank != 3 or not (self.batch_first and plain):
            return ()
        from shapecalc.layers.opened_attention import in_heads  # which is made of other layers

        size, heads = query.shape[-1], self.num_heads
        return in_heads(size, heads, bias=self.bias, own_keys=bool(others))

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
            turned = {x: trace.transpose(x, 1, 0) for x in dict.fromkeys((query, key, value))}
            query, key, value = turned[query], turned[key], turned[value]
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
            attended = attention_by_math(trace, q, k, v, p=self.dropout if trace.training else 0)
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
        return self.joined(trace, x, trace.kernel(Tensor((1, *x.shape[1:])), one, back=back), 0)

    def with_zeros(self, trace: Trace, x: Value) -> Value:
        return self.joined(trace, x, trace.new(with_size(x.tensor, 1, 1)), 1)

    def joined(self, trace: Trace, x: Value, more: Value, axis: int) -> Value:
        """One key or value more along an axis."""
        made = with_size(x.tensor, axis, x.shape[axis] + 1)
        return trace.kernel(trace.made_by("cat", made, x, more), x, more, back=narrowed(x.look, more.look))

    def by_head(self, trace: Trace, x: Value, heads: Dim, size: Dim) -> Value:
        return trace.transpose(trace.seen_as(x, (x.shape[0], heads, size)), 0, 1)
