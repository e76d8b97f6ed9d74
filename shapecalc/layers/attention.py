"""Attention: each query takes a mean of all values, weighted by how well their keys fit it.

The letters are torch's: T queries, S keys and values, N samples, E features.
"""

from __future__ import annotations

from typing import Any

from shapecalc.conditions import multiple
from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import Layer, Weight, Weights, check_floating, example
from shapecalc.layers.fields import Flag, Inferred, Real, Size
from shapecalc.layers.linear import Linear
from shapecalc.layers.sequences import Sequence, check_batch, inside, sequence
from shapecalc.operations import Operations, averaged, shares
from shapecalc.symbolic import Dim, difference
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
        """The keys that are not of the input: one that is learned, one of zeros."""
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
        seen = keys.length + self.more_keys
        return query, Tensor((*queries.batch, queries.length, seen))

    def packed(self, features: Dim, *others: Dim) -> bool:
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
        kdim, vdim = self.kdim or keys.features, self.vdim or values.features
        weights = {"in_proj_weight": Weight((3 * size, size))}
        if not self.packed(size, kdim, vdim):
            sizes = {"q": size, "k": kdim, "v": vdim}
            weights = {f"{name}_proj_weight": Weight((size, of)) for name, of in sizes.items()}
        if self.bias:
            weights["in_proj_bias"] = Weight((3 * size,))
        if self.add_bias_kv:
            weights |= {"bias_k": Weight((1, 1, size)), "bias_v": Weight((1, 1, size))}
        out = Linear(out_features=size, bias=self.bias)
        return {**weights, **inside("out_proj", out.weights(inputs[0]))}

    def macs(self, *inputs: Tensor, y: Tensor) -> Dim:
        """The maps of all inputs and of the output, and each query with each key and each value.

        N·(T·E·E + S·E·E_k + S·E·E_v + 2·T·S'·E + T·E·E), where S' has the keys that are not of the input.
        """
        queries, keys, values = self.sequences(*inputs)
        size = queries.features
        maps = 2 * queries.length * size + keys.length * (keys.features + values.features)
        pairs = 2 * queries.length * (keys.length + self.more_keys)
        return queries.samples * size * (maps + pairs)

    def ops(self, *inputs: Tensor, y: Tensor) -> Operations:
        """Those of the heads, and the mean of their weights."""
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


class scaled_dot_product_attention(Layer):
    """softmax(Q·Kᵀ / √E)·V, each branch a tensor: (…, T, E), (…, S, E) and (…, S, E_v) → (…, T, E_v).

    The axes before the last two are broadcast; with `enable_gqa` the third last one, of the heads, may be
    smaller in keys and values, where each head is then used several times. A causal mask saves no product.
    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al. 2017, arXiv:1706.03762.
    """

    function = "nn.functional.scaled_dot_product_attention"
    branching = True
    dropout_p = Real(0.0, low=0, high=1)
    is_causal = Flag(False)
    scale = Real(None)
    enable_gqa = Flag(False)
    example = example((2, 4, 9, 16), (2, 4, 7, 16), (2, 4, 7, 16))

    def output(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        self.check_kinds(query, key, value)
        message = "query and key differ in their features: {0} and {1}"
        check_equal(query.shape[-1], key.shape[-1], message, why="query and key have the same features")
        message = "there are {1} values for {0} keys"
        check_equal(key.shape[-2], value.shape[-2], message, why="each key has a value")
        key, value = self.repeated(query, key, "key"), self.repeated(query, value, "value")
        lead = broadcast(self.lead(query, key), value.shape[:-2])
        return Tensor((*lead, query.shape[-2], value.shape[-1]), query.dtype)

    def check_kinds(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """At least two axes, three where heads are repeated, and one floating-point dtype."""
        least = 3 if self.enable_gqa else 2
        for name, x in {"query": query, "key": key, "value": value}.items():
            check_floating(x)
            if x.rank < least:
                raise ArchitectureError(f"the {name} needs at least {least} axes, not {x.rank} ({x})")
            if x.dtype != query.dtype:
                raise ArchitectureError(f"the query is {query.dtype}, the {name} {x.dtype}: they must agree")

    def repeated(self, query: Tensor, x: Tensor, name: str) -> Tensor:
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

    def macs(self, query: Tensor, key: Tensor, value: Tensor, y: Tensor) -> Dim:
        """Each query with each key, over their features, and each element out over all values."""
        scores = product(self.lead(query, self.repeated(query, key, "key"))) * query.shape[-2] * key.shape[-2]
        return scores * query.shape[-1] + y.elements * key.shape[-2]

    def ops(self, query: Tensor, key: Tensor, value: Tensor, y: Tensor) -> Operations:
        rows = product(self.lead(query, self.repeated(query, key, "key"))) * query.shape[-2]
        return Operations(divide=rows * key.shape[-2]) + shares(rows * key.shape[-2], rows)
