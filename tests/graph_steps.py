"""The steps that random networks are made of: each function draws one, with arguments that may fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from shapecalc.symbolic import number
from shapecalc.tensors import Shape, Tensor
from tests import graph_images, graph_losses
from tests.graph_drafts import Draft, Draw, Net, plain

LONGEST = 12
"""Instants of a sequence that a recurrent layer is given."""

elementwise = plain("ReLU", "Sigmoid", "Tanh", "GELU", "SiLU", "ELU", "Softplus", "Identity", "Hardtanh")
others = plain("Mish", "Softsign", "LogSigmoid", "Tanhshrink", "Hardswish", "LeakyReLU", "relu", "tanh")
rarer = plain(
    *("Hardsigmoid", "Hardshrink", "Softshrink", "RReLU", "CELU", "SELU", "ReLU6", "sigmoid", "gelu", "silu"),
    *("PReLU", "Threshold", "dropout"),
    Threshold={"threshold": 0.5, "value": 0},
)
functions = plain(
    *("abs", "clamp", "cos", "exp", "log", "neg", "reciprocal", "rsqrt", "sin", "sqrt", "square"),
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cosh", "erf", "exp2", "expm1", "floor"),
    *("log10", "log1p", "log2", "round", "sign", "sinh", "tan", "trunc"),
    clamp={"min": 0},
)
norms = plain("LayerNorm", "RMSNorm", "LayerNorm")
images = plain("BatchNorm2d", "InstanceNorm2d", "Dropout2d", "Softmax2d", ranks=(3, 4))
volumes = plain("BatchNorm3d", "InstanceNorm3d", "Dropout3d", ranks=(4, 5))
batches = plain("BatchNorm1d", "InstanceNorm1d", "SyncBatchNorm", ranks=(2, 3))


def dropout(net: Net) -> Draft | None:
    picked = net.pick(integers=net.rng.random() < 0.05)
    name = net.rng.choice(
        ("Dropout", "Dropout", "AlphaDropout", "Dropout1d", "Dropout2d", "FeatureAlphaDropout")
    )
    return picked and Draft(name, {"p": net.rng.choice((0.5, 0.5, 0, 1))}, (picked[0],))


def written_over(net: Net) -> Draft | None:
    names = (
        "ReLU",
        "ReLU",
        "ELU",
        "SiLU",
        "Hardtanh",
        "LeakyReLU",
        "Dropout",
        "ReLU6",
        "Hardswish",
        "Dropout2d",
    )
    picked = net.pick() if net.in_place else None
    return picked and Draft(net.rng.choice(names), {"inplace": True}, (picked[0],))


def slopes(net: Net) -> Draft | None:
    """One for each channel."""
    picked = net.pick(2, 3, 4)
    return picked and Draft("PReLU", {"num_parameters": picked[1].shape[1]}, (picked[0],))


def soft(net: Net) -> Draft | None:
    picked = net.pick()
    kinds = "Softmax", "LogSoftmax", "Softmin", "softmax", "log_softmax", "GLU", "normalize", "cumsum"
    kind = net.rng.choice(kinds)
    return picked and Draft(kind, {"dim": net.axis(picked[1])}, (picked[0],))


def linear(net: Net) -> Draft | None:
    picked = net.pick()
    width = net.rng.choice((net.size(), picked[1].shape[-1] if picked and picked[1].rank else 4))
    return picked and Draft("Linear", {"out_features": width, "bias": net.flag()}, (picked[0],))


def convolution(net: Net) -> Draft | None:
    axes = 2 if net.images else net.rng.choice((1, 1, 2, 2, 3))
    picked = net.pick(axes + 2, *(() if net.images else (axes + 1,)))
    if picked is None:
        return None
    kernel = net.rng.choice((1, 2, 3))
    arguments: dict[str, Any] = {"out_channels": net.size(), "kernel_size": kernel, "bias": net.flag()}
    arguments |= {"stride": net.rng.choice((1, 1, 2)), "padding": net.rng.choice((0, 0, 1, 2))}
    turned = net.rng.random() < 0.2
    if not turned and net.rng.random() < 0.2:
        arguments |= {"groups": picked[1].shape[-axes - 1], "out_channels": picked[1].shape[-axes - 1]}
    return Draft(f"Conv{'Transpose' * turned}{axes}d", arguments, (picked[0],))


def correlation(net: Net) -> Draft | None:
    """A tensor for the kernel that another one is convolved with, or itself."""
    axes = net.rng.choice((1, 1, 2, 2, 3))
    picked = net.pick(axes + 2)
    if picked is None:
        return None
    name, x = picked
    kernel = net.like(lambda y: y.rank == axes + 2 and y.shape[1] == x.shape[1]) or name
    arguments = {"stride": net.rng.choice((1, 1, 2)), "padding": net.rng.choice((0, 0, 1, 2))}
    return Draft(f"conv{axes}d", arguments, (name, kernel))


def group_norm(net: Net) -> Draft | None:
    picked = net.pick(*((4,) if net.images else ()))
    if picked is None or picked[1].rank < 2:
        return None
    return Draft("GroupNorm", {"num_groups": net.rng.choice((1, 1, 2, picked[1].shape[1]))}, (picked[0],))


def pooling(net: Net) -> Draft | None:
    axes = 2 if net.images else net.rng.choice((1, 1, 2, 2, 3))
    picked = net.pick(axes + 2, *(() if net.images else (axes + 1,)))
    kind = net.rng.choice(("Max", "Avg", "AdaptiveAvg", "AdaptiveMax"))
    arguments: dict[str, Any] = {"output_size": net.rng.choice((1, 1, 2, 3))}
    if not kind.startswith("Adaptive"):
        arguments = {"kernel_size": net.rng.choice((2, 3)), "stride": net.rng.choice((1, 2))}
        arguments |= {"padding": net.rng.choice((0, 1)), "ceil_mode": net.flag()}
    if kind.endswith("Max") and not net.images and net.flag():
        arguments["return_indices"] = True
    return picked and Draft(f"{kind}Pool{axes}d", arguments, (picked[0],))


def embedding(net: Net) -> Draft | None:
    picked = net.pick(integers=True)
    return picked and Draft("Embedding", {"num_embeddings": 5, "embedding_dim": net.size()}, (picked[0],))


def bag(net: Net) -> Draft | None:
    picked = net.pick(2, integers=True)
    own = {"num_embeddings": 5, "embedding_dim": net.size(), "mode": net.rng.choice(("sum", "mean", "max"))}
    return picked and Draft("EmbeddingBag", own, (picked[0],))


def recurrent(net: Net) -> Draft | None:
    """Over a short time: torch runs some dozen kernels for each instant."""
    picked = net.pick(2, 3)
    if picked is None:
        return None
    name, x = picked
    arguments: dict[str, Any] = {"hidden_size": net.rng.choice((2, 3))}
    if net.flag() and x.rank == 2:
        return Draft(net.rng.choice(("RNNCell", "GRUCell", "LSTMCell")), arguments, (name,))
    arguments |= {"batch_first": net.flag(), "bidirectional": net.flag()}
    instants: Any = x.shape[x.rank == 3 and arguments["batch_first"]]
    if instants > LONGEST:
        return None
    return Draft(net.rng.choice(("RNN", "GRU", "LSTM")), arguments, (name,))


def attention(net: Net) -> Draft | None:
    """Of one tensor thrice, mostly; or of others with as many features."""
    picked = net.pick(2, 3)
    if picked is None:
        return None
    name, x = picked
    arguments: dict[str, Any] = {"batch_first": net.flag()}
    heads = [h for h in (1, 2, 4) if x.shape[-1] % h == 0]  # type: ignore[operator]
    other = net.like(lambda y: y.rank == x.rank and y.shape[-1] == x.shape[-1]) if net.flag() else None
    key = other or name
    return Draft("MultiheadAttention", {"num_heads": net.rng.choice(heads), **arguments}, (name, key, key))


def transformer(net: Net) -> Draft | None:
    """Of a sequence, or of one and another with as many features."""
    picked = net.pick(2, 3)
    if picked is None:
        return None
    name, x = picked
    kind = net.rng.choice(("EncoderLayer", "DecoderLayer", "Encoder", "Decoder", ""))
    arguments: dict[str, Any] = {"nhead": net.rng.choice((1, 2)), "dim_feedforward": net.size()}
    arguments |= {"batch_first": net.flag(), "norm_first": net.flag(), "bias": net.flag()}
    if kind in ("Encoder", "Decoder"):
        arguments["num_layers"] = net.rng.choice((1, 2))
    if not kind:
        arguments |= {"num_encoder_layers": 1, "num_decoder_layers": net.rng.choice((1, 2))}
    other = net.like(lambda y: y.rank == x.rank and y.shape[-1] == x.shape[-1]) or name
    return Draft(f"Transformer{kind}", arguments, (name,) if kind.startswith("Encoder") else (name, other))


def products(net: Net) -> Draft | None:
    picked = net.pick(3, 4)
    if picked is None:
        return None
    name, x = picked
    q = net.like(lambda y: y.rank == x.rank and (y.shape[:-2], y.shape[-1]) == (x.shape[:-2], x.shape[-1]))
    v = net.like(lambda y: y.rank == x.rank and y.shape[:-1] == x.shape[:-1])
    return Draft("scaled_dot_product_attention", {"is_causal": net.flag()}, (q or name, name, v or name))


# Views


def reshape(net: Net) -> Draft | None:
    """Two neighbours become one axis, an axis becomes two, or all of them one."""
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    shape = list(picked[1].shape)
    at = net.rng.randrange(len(shape))
    how = net.rng.choice(("join", "divide", "all"))
    if how == "join" and at + 1 < len(shape):
        shape[at : at + 2] = [shape[at] * shape[at + 1]]
    elif how == "divide":
        part = net.divisor(shape[at])
        shape[at : at + 1] = [part, shape[at] // part]
    else:
        shape = [-1]
    kind = "view" if net.rng.random() < 0.3 else "reshape"
    return Draft(kind, {"shape": shape}, (picked[0],))


def unflatten(net: Net) -> Draft | None:
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    axis, kind = net.axis(picked[1]), net.rng.choice(("Unflatten", "unflatten"))
    sizes = [net.divisor(picked[1].shape[axis]), -1]
    return Draft(
        kind, {"dim": axis, "unflattened_size" if kind == "Unflatten" else "sizes": sizes}, (picked[0],)
    )


def permute(net: Net) -> Draft | None:
    picked = net.pick(2, 3, 4)
    if picked is None:
        return None
    order = list(range(picked[1].rank))
    if net.flag():
        return Draft(
            "transpose", dict(zip(("dim0", "dim1"), net.rng.sample(order, 2), strict=True)), (picked[0],)
        )
    net.rng.shuffle(order)
    return Draft("permute", {"dims": order}, (picked[0],))


def flatten(net: Net) -> Draft | None:
    picked = net.pick()
    if net.flag():
        return picked and Draft("Flatten", {}, (picked[0],))
    return picked and Draft("flatten", {"start_dim": net.axis(picked[1])}, (picked[0],))


def squeeze(net: Net) -> Draft | None:
    picked = net.pick()
    if net.flag():
        return picked and Draft("squeeze", {"dim": net.axis(picked[1])} if net.flag() else {}, (picked[0],))
    return picked and Draft("unsqueeze", {"dim": net.axis(picked[1])}, (picked[0],))


def expand(net: Net) -> Draft | None:
    picked = net.pick(1, 2, 3)
    if picked is None:
        return None
    lead = [net.rng.choice((1, 2, 3))] if net.flag() else []
    sizes = [net.rng.choice((2, 3)) if n == 1 else net.rng.choice((n, -1)) for n in picked[1].shape]
    return Draft("expand", {"sizes": [*lead, *sizes]}, (picked[0],))


def expand_as(net: Net) -> Draft | None:
    picked = net.pick()
    if picked is None:
        return None
    name, x = picked
    other = net.like(lambda y: y.rank >= x.rank and repeats(x.shape, y.shape))
    return Draft("expand_as", {}, (name, other or name))


def repeat(net: Net) -> Draft | None:
    picked = net.pick(1, 2, 3)
    return picked and Draft(
        "repeat", {"repeats": [net.rng.choice((1, 1, 2)) for _ in picked[1].shape]}, (picked[0],)
    )


def roll(net: Net) -> Draft | None:
    picked = net.pick(1, 2, 3)
    if picked and net.rng.random() < 0.1:
        return Draft("to", {"dtype": net.rng.choice(("float32", "int64"))}, (picked[0],))
    if picked and net.flag():
        return Draft("flip", {"dims": net.axis(picked[1])}, (picked[0],))
    return picked and Draft("roll", {"shifts": 1, "dims": net.axis(picked[1])}, (picked[0],))


def part(net: Net) -> Draft | None:
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    axis = net.axis(picked[1])
    n: Any = picked[1].shape[axis]
    start = net.rng.randrange(n)
    if net.flag():
        return Draft("select", {"dim": axis, "index": start}, (picked[0],))
    if net.flag():
        given = {"dim": axis, "start": start, "step": net.rng.choice((1, 2, 3))}
        return Draft("slice", given, (picked[0],))
    return Draft(
        "narrow", {"dim": axis, "start": start, "length": net.rng.randint(1, n - start)}, (picked[0],)
    )


def slid(net: Net) -> Draft | None:
    """All places of a window along an axis."""
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    name, x = picked
    dim = net.axis(x)
    longest = number(x.shape[dim])
    size = net.rng.choice([n for n in (1, 2, 3, longest) if n <= longest])
    return Draft("unfold", {"dimension": dim, "size": size, "step": net.rng.choice((1, 1, 2, 3))}, (name,))


def lookup(net: Net) -> Draft | None:
    """Elements by the numbers that another tensor holds."""
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    name, x = picked
    dim = net.axis(x)
    if net.flag():
        rank = 1 if net.flag() else 2
        chosen = net.like(lambda y: y.rank == rank and y.dtype == "int64", integers=True)
        numbers = chosen or net.whole(tuple(net.size() for _ in range(rank)))
        kind = "index_select" if rank == 1 else "index"
        return Draft(kind, {"dim": dim}, (name, numbers)) if numbers else None
    sizes = list(x.shape)
    sizes[dim] = net.size()
    if net.flag():
        sizes = [n if axis == dim % x.rank else 1 for axis, n in enumerate(sizes)]
    numbers = net.whole(tuple(sizes))
    kind = "take_along_dim" if sizes.count(1) or net.flag() else "gather"
    return Draft(kind, {"dim": dim}, (name, numbers)) if numbers else None


def order(net: Net) -> Draft | None:
    picked = net.pick()
    kind = net.rng.choice(("sort", "sort", "argsort", "argmax", "argmin"))
    return picked and Draft(kind, {"dim": net.axis(picked[1])}, (picked[0],))


def classes(net: Net) -> Draft | None:
    """Of numbers of int64 below 5."""
    picked = net.pick(1, 2, integers=True)
    return picked and Draft("one_hot", {"num_classes": 5}, (picked[0],))


def parts(net: Net) -> Draft | None:
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    axis = net.axis(picked[1])
    if net.rng.random() < 0.1:
        return Draft("unbind", {"dim": axis}, (picked[0],))
    if net.flag():
        return Draft("chunk", {"chunks": net.rng.choice((1, 2, 2, 3)), "dim": axis}, (picked[0],))
    n: Any = picked[1].shape[axis]
    first = net.rng.randint(1, n)
    sizes: Any = [first, n - first] if n > first and net.flag() else net.rng.choice((1, 2, n))
    return Draft("split", {"split_size_or_sections": sizes, "dim": axis}, (picked[0],))


def reduction(net: Net) -> Draft | None:
    picked = net.pick()
    if picked and picked[1].rank and net.rng.random() < 0.1:
        axis = net.axis(picked[1])
        size: Any = picked[1].shape[axis]
        return Draft("topk", {"k": net.rng.randint(1, size), "dim": axis}, (picked[0],))
    kind = net.rng.choice(("mean", "sum", "mean", "sum", "amax", "amin"))
    return picked and Draft(kind, {"dim": net.axis(picked[1]), "keepdim": net.flag()}, (picked[0],))


# Joins


def repeats(shape: Shape, other: Shape) -> bool:
    return all(1 in (a, b) or a == b for a, b in zip(reversed(shape), reversed(other), strict=False))


def join(net: Net) -> Draft | None:
    """Of tensors of one shape mostly, else of such as are repeated."""
    picked = net.pick()
    if picked is None:
        return None
    name, x = picked
    same = net.flag()
    other = net.like(lambda y: y.shape == x.shape if same else repeats(x.shape, y.shape)) or name
    sources = [name, other] if net.flag() else [other, name]
    kind = net.rng.choice(("add", "add", "add", "mul", "mul", "sub", "div", "remainder", "fmod"))
    if kind in ("add", "mul") and net.rng.random() < 0.2:
        sources.append(net.like(lambda y: y.shape == x.shape) or name)
    return Draft(kind, {}, tuple(sources))


def number_beside(net: Net) -> Draft | None:
    """Of a tensor and a number, in either order."""
    picked, kind = net.pick(), net.rng.choice(("add", "sub", "mul", "div", "pow", "remainder"))
    other = "exponent" if kind == "pow" else "other"
    return picked and Draft(kind, {net.rng.choice(("input", other)): net.rng.choice((2, 0.5))}, (picked[0],))


def mask(net: Net) -> Draft | None:
    """Of a tensor and another one or a number, or of a mask that is there."""
    picked = net.pick()
    known = net.like(lambda y: y.dtype == "bool", integers=True)
    if known and net.rng.random() < 0.2:
        kind = net.rng.choice(("logical_not", "logical_and", "logical_or", "logical_xor"))
        return Draft(kind, {}, (known,) if kind == "logical_not" else (known, known))
    if picked is None:
        return None
    name, x = picked
    kind = net.rng.choice(("eq", "ne", "lt", "le", "gt", "ge"))
    other = net.like(lambda y: repeats(x.shape, y.shape)) if net.flag() else None
    return Draft(kind, {}, (name, other)) if other else Draft(kind, {"other": 0}, (name,))


def masked(net: Net) -> Draft | None:
    """Of a mask and the tensors that it chooses from; `addcmul`, of three tensors."""
    picked = net.pick()
    if picked is None:
        return None
    name, x = picked
    other = net.like(lambda y: repeats(x.shape, y.shape)) or name
    if net.rng.random() < 0.3:
        third = net.like(lambda y: repeats(x.shape, y.shape)) or name
        return Draft("addcmul", {}, (name, other, third))
    chosen = net.like(lambda y: y.dtype == "bool" and repeats(x.shape, y.shape), integers=True)
    if not chosen:
        return None
    if net.flag():
        return Draft("masked_fill", {"value": 0}, (name, chosen))
    return (
        Draft("where", {}, (chosen, name, other))
        if net.flag()
        else Draft("where", {"other": 0}, (chosen, name))
    )


def scattered(net: Net) -> Draft | None:
    """A tensor in the place of a part of another one, or of all of it."""
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    (name, x), dim = picked, net.rng.randrange(picked[1].rank)
    rest = x.shape[:dim], x.shape[dim + 1 :]
    if net.flag() and (other := net.like(lambda y: y.shape == (*rest[0], *rest[1]) and y.dtype == x.dtype)):
        return Draft("select_scatter", {"dim": dim, "index": -1}, (name, other))
    other = net.like(
        lambda y: y.rank == x.rank and (y.shape[:dim], y.shape[dim + 1 :]) == rest and y.dtype == x.dtype
    )
    size = net.tensors[other or name].shape[dim]
    return Draft("slice_scatter", {"dim": dim, "end": size}, (name, other or name))


def side_by_side(net: Net) -> Draft | None:
    picked = net.pick(*((4,) if net.images else ()))
    if picked is None or not picked[1].rank:
        return None
    name, x = picked
    if not net.images and net.rng.random() < 0.3:
        other = net.like(lambda y: y.shape == x.shape) or name
        return Draft("stack", {"dim": net.axis(x)}, (name, other))
    axis = 1 if net.images else net.rng.randrange(x.rank)

    def fits(y: Tensor) -> bool:
        return y.rank == x.rank and all(
            a == b for i, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)) if i != axis
        )

    return Draft(
        "concat",
        {"dim": axis},
        tuple([net.like(fits) or name for _ in range(net.rng.choice((1, 2)))] + [name]),
    )


def matmul(net: Net) -> Draft | None:
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    name, x = picked
    other = net.like(lambda y: y.rank > 0 and y.shape[max(-2, -y.rank)] == x.shape[-1])
    return Draft(net.rng.choice(("matmul", "matmul", "bmm")), {}, (name, other)) if other else None


def bilinear(net: Net) -> Draft | None:
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    name, x = picked
    other = net.like(lambda y: y.rank == x.rank and y.shape[:-1] == x.shape[:-1])
    return Draft("Bilinear", {"out_features": net.size(), "bias": net.flag()}, (name, other or name))


def einsum(net: Net) -> Draft | None:
    picked = net.pick(2, 3)
    if picked is None:
        return None
    name, x = picked
    other = net.like(
        lambda y: y.rank == x.rank and (y.shape[:-2], y.shape[-1]) == (x.shape[:-2], x.shape[-1])
    )
    return Draft(
        "einsum", {"equation": "bik,bjk->bij" if x.rank == 3 else "ik,jk->ij"}, (name, other or name)
    )


# Weights


def learned(net: Net) -> Draft | None:
    """A weight of a tensor's shape, or of its last axes, or that is repeated along some of them."""
    picked = net.pick()
    if picked is None or not picked[1].rank:
        return None
    shape = picked[1].shape[net.rng.randrange(picked[1].rank) :]
    shape = tuple([n if net.rng.random() < 0.7 else 1 for n in shape])
    return Draft("parameter" if net.rng.random() < 0.8 else "buffer", {"shape": list(shape)}, ())


def constant(net: Net) -> Draft | None:
    """A tensor of one value, of the last axes of another tensor, or a row of whole numbers."""
    picked, kind = net.pick(), net.rng.choice(("zeros", "ones", "full", "arange"))
    if picked is None or not picked[1].rank:
        return None
    size = list(picked[1].shape[net.rng.randrange(picked[1].rank) :])
    if kind == "arange":
        return Draft(kind, {"end": size[-1]}, ())
    return Draft(kind, {"size": size, **({"fill_value": 0.5} if kind == "full" else {})}, ())


def sharing(net: Net) -> Draft | None:
    """The weights of an earlier step, for another tensor or the same."""
    owners = [(name, d) for name, d in net.drafts if d.type in ("Linear", "Conv2d", "LayerNorm", "Embedding")]
    owners = [(name, d) for name, d in owners if not d.share]
    if not owners:
        return None
    name, draft = net.rng.choice(owners)
    x = net.tensors[draft.sources[0]]
    channels = -3 if draft.type == "Conv2d" else -1

    def fits(y: Tensor) -> bool:
        alike = y.rank == x.rank and y.dtype == x.dtype
        return alike and (not x.rank or y.shape[channels] == x.shape[channels])

    return draft._replace(sources=(net.like(fits) or draft.sources[0],), share=name)


class Kind(NamedTuple):
    """Steps of one kind, how often one of them is drawn, and whether images may go through them."""

    weight: float
    drafts: tuple[Draw, ...]
    images: bool = False


KINDS: Mapping[str, Kind] = {
    "elementwise": Kind(4, (elementwise, elementwise, others, rarer, functions, dropout), images=True),
    "in place": Kind(1.5, (written_over,), images=True),
    "softmax": Kind(0.7, (soft, slopes)),
    "linear": Kind(3, (linear,)),
    "norms": Kind(2, (norms, norms, group_norm, batches, images, volumes)),
    "norms of images": Kind(0.7, (plain("BatchNorm2d", ranks=(4,)), group_norm), images=True),
    "convolutions": Kind(2, (convolution,), images=True),
    "correlations": Kind(0.5, (correlation,)),
    "pooling": Kind(1, (pooling,), images=True),
    "embedding": Kind(1, (embedding, embedding, bag)),
    "recurrent": Kind(0.3, (recurrent,)),
    "attention": Kind(0.8, (attention, products)),
    "transformers": Kind(0.2, (transformer,)),
    "views": Kind(4, (reshape, reshape, unflatten, permute, flatten, squeeze, expand, expand_as, part)),
    "copies": Kind(0.5, (repeat, roll)),
    "parts": Kind(1.5, (parts,)),
    "windows": Kind(0.2, (slid,)),
    "lookups": Kind(0.6, (lookup, lookup, order, classes)),
    "reductions": Kind(0.8, (reduction,)),
    "joins": Kind(4, (join, join, side_by_side), images=True),
    "numbers": Kind(0.5, (number_beside,), images=True),
    "masks": Kind(1, (mask, masked)),
    "replaced parts": Kind(0.5, (scattered,)),
    "products": Kind(1, (matmul, matmul, einsum, bilinear)),
    "weights": Kind(1, (learned, learned, constant)),
    "sharing": Kind(1, (sharing,)),
    "losses": Kind(1, graph_losses.DRAWS),
    "distances": Kind(0.3, graph_losses.DISTANCES),
    "padding": Kind(0.5, graph_images.PADDING),
    "resizing": Kind(0.5, graph_images.RESIZING),
    "places": Kind(1, graph_images.PLACES),
}

UNDRAWN = {
    **dict.fromkeys(
        ("CTCLoss", "AdaptiveLogSoftmaxWithLoss"),
        "torch looks at the values, which tensors on `meta` have none of",
    ),
    **dict.fromkeys(("MultiMarginLoss", "MultiLabelMarginLoss"), "`meta` lacks the way back"),
    "CrossMapLRN2d": "a Python loop over the channels of each image, slow in so many networks",
    **dict.fromkeys(
        ("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "rfft2", "irfft2"),
        "how their output lies depends on the library that transforms",
    ),
    **dict.fromkeys(
        ("view_as_real", "view_as_complex", "real", "imag"),
        "what is kept of complex numbers is not known",
    ),
    "DeformConv2d": "what it keeps depends on torchvision's kernel",
    "selective_scan": "what it keeps depends on the kernel that scans",
}
"""Layer types that no random network has, and why: `tests/test_saved.py` holds what is known of them."""
