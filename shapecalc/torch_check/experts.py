"""Routed experts in torch: tokens go to the experts that their scores choose, run there, and are summed up.

Between `Dispatch` and `Gather` there is in place of a tensor one for each expert, `Parts`: its tokens along
the first axis, those after it of size 1 up to what a token holds, so that axes keep their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.func import functional_call

from shapecalc.engine.results import Row
from shapecalc.layers.experts import OfExperts, dispatch
from shapecalc.tensors import Tensor, product


class Parts(list[Any]):
    """The tensors of the experts in place of one."""

    @property
    def device(self) -> Any:
        return self[0].device

    @property
    def dtype(self) -> Any:
        return self[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them one after another along the first axis.

        Raises:
            RuntimeError: they do not fit one another.
        """
        return tuple(torch.cat([x.new_empty(x.shape, device="meta") for x in self]).shape)


def shape_in_torch(row: Row, y: Tensor) -> list[Any]:
    """The shape that an output of a row has: of what goes to experts, that of its parts."""
    layer: Any = row.layer
    if not isinstance(layer, (OfExperts, dispatch)):
        return list(y.shape)
    lead = layer.lead if isinstance(layer, OfExperts) else y.rank - 1
    return [layer.top_k * product(y.shape[:lead]), *[1] * (lead - 1), *y.shape[lead:]]


class Route(torch.nn.Module):
    """The greatest scores of each token, and the numbers of the experts that have them."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.layer: Any = row.layer

    def forward(self, _: Any, scores: Any) -> tuple[Any, ...]:
        return tuple(torch.topk(scores, self.layer.top_k))


def rows_of(numbers: Any, num_experts: int) -> Any:
    """The numbers of the experts of each token, a token a row, on the CPU.

    `meta` has no values to choose by: there each token goes to the experts after those of the token before.
    """
    rows = numbers.flatten(0, -2)
    if not rows.is_meta:
        return rows.cpu()
    return torch.arange(rows.numel(), device="cpu").reshape(rows.shape) % num_experts


class Dispatch(torch.nn.Module):
    """The tokens of each expert."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.number = row.arguments["num_experts"]

    def forward(self, x: Any, numbers: Any) -> Parts:
        rows, tokens = rows_of(numbers, self.number), x.flatten(0, -2)
        sent = [(rows == e).any(1).nonzero().flatten() for e in range(self.number)]
        found = [tokens.index_select(0, places.to(x.device)) for places in sent]
        return Parts([y.reshape(y.shape[0], *[1] * (x.dim() - 2), y.shape[-1]) for y in found])


class Gather(torch.nn.Module):
    """What the experts give, by the weights of their scores, summed up at the places of the tokens."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.layer: Any = row.layer

    def forward(self, scores: Any, numbers: Any, parts: Parts) -> Any:
        rows, weights = rows_of(numbers, self.layer.num_experts), scores.flatten(0, -2)
        if self.layer.norm_topk_prob:
            weights = weights / weights.sum(-1, keepdim=True)
        held = parts[0].shape[scores.dim() - 1 :]
        out = parts[0].new_zeros((len(weights), *held))
        for e, y in enumerate(parts):
            token, place = (at.to(out.device) for at in (rows == e).nonzero(as_tuple=True))
            share = weights[token, place].reshape(-1, *[1] * len(held))
            out.index_add_(0, token, (y.reshape(-1, *held) * share).to(out.dtype))
        return out.reshape(*scores.shape[:-1], *held)


class Stacked(torch.nn.Module):
    """A layer of each expert: the module of one, called with the weights of each on its tokens."""

    def __init__(self, row: Row, build: Callable[[Row], Any], call: Callable[[Row, Any], Any]) -> None:
        """`build` and `call` make the module of a row, and what is called to run it."""
        super().__init__()
        layer: Any = row.layer
        one = row._replace(layer=layer.inner, figures=layer.inner.figures(row.inputs))
        module = build(one)
        # In a tuple the weights of this module are none of the network's.
        self.one = (one.layer, module, call(one, module) if one.layer.function else None)
        self.number = layer.num_experts
        for name, weight in module.named_parameters():
            self.enter(name, torch.nn.Parameter(weight.new_empty((self.number, *weight.shape))))
        for name, weight in module.named_buffers():
            self.enter(name, torch.nn.Buffer(weight.new_empty((self.number, *weight.shape))))

    def enter(self, path: str, weight: Any) -> None:
        """Own a weight under its name, which is a path where it is that of a module inside."""
        *inside, name = path.split(".")
        owner: torch.nn.Module = self
        for part in inside:
            if part not in owner._modules:
                owner.add_module(part, torch.nn.Module())
            owner = owner.get_submodule(part)
        setattr(owner, name, weight)

    def forward(self, *inputs: Parts) -> tuple[Parts, ...]:
        weights = dict([*self.named_parameters(), *self.named_buffers()])
        found = [
            self.run({name: w[e] for name, w in weights.items()}, tensors)
            for e, tensors in enumerate(zip(*inputs, strict=True))
        ]
        return tuple(Parts(ys) for ys in zip(*found, strict=True))

    def run(self, weights: dict[str, Any], tensors: Sequence[Any]) -> Iterable[Any]:
        layer, module, call = self.one
        fed = layer.feed(*tensors)
        y = call(*fed) if call else functional_call(module, weights, fed)
        return y if isinstance(y, (tuple, list)) else (y,)
