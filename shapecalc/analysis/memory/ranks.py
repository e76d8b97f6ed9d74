"""What each of several ranks holds of a network's weights, of their gradients and of an optimizer's state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from shapecalc.allocation.mode import bytes_of
from shapecalc.analysis.memory.optimizers import Trained, Update, total
from shapecalc.analysis.memory.splitting import Split, Splits
from shapecalc.analysis.memory.training import Training
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import UsageError
from shapecalc.layers.schemes import Scheme, size_in_bytes
from shapecalc.symbolic import Dim, maximum, summed

MASTER = 4
"""Bytes of an element of a float32 copy of the parameters."""


class Held(NamedTuple):
    """Bytes that a rank holds from step to step, and what a step takes beside them.

    ZeRO: Rajbhandari, Rasley, Ruwase & He 2020, arXiv:1910.02054, as DeepSpeed lays it out. Stages 1 and 2
    put the trained parameters into one vector, filled up to a multiple of 2·ranks elements, of which each
    rank has as many (`flatten_dense_tensors_aligned` in stage_1_and_2.py). Stage 3 fills up each parameter
    to a multiple of the ranks (`_aligned_size` in partition_parameters.py).
    """

    parameters: Dim
    gradients: Dim
    """Those of parameters, once all are there."""
    master: Dim
    """A float32 copy of the trained parameters."""
    optimizer: Dim
    update: Update
    """What the optimizer's update makes, beside gradients."""
    gathered: Dim = 0
    """At stage 3, the parameters of the one layer that has the most: it needs them whole while it runs."""
    gathered_at: str = ""
    """That layer."""


class Weight(NamedTuple):
    """A parameter, the row that owns it, and whether it is trained."""

    row: int

    of: Trained
    trained: bool


def held(analysis: Analysis, dtype: str, training: Training, splits: Splits) -> Held:
    """What a rank holds of a network whose float32 is `dtype`, and some of whose weights are split.

    Raises:
        ArchitectureError: the state of the optimizer has no formula.
    """
    most, path = _largest(analysis, dtype) if training.zero == 3 else (0, "")
    own = share(list(weights_of(analysis, dtype, splits)), training)
    return own._replace(gathered=most, gathered_at=path)


def share(weights: Sequence[Weight], training: Training) -> Held:
    """What a rank holds of these weights, beside what it gathers for a layer.

    Raises:
        ArchitectureError: the state of the optimizer has no formula.
    """
    whole = [weight.of for weight in weights if weight.trained]
    parts = [_part(weight, training) for weight in weights] if training.zero == 3 else weights
    own = [weight.of for weight in parts if weight.trained]
    if training.zero in (1, 2):
        own = _flat(whole, 2 * training.ranks, training.ranks)
    elif training.zero == 3:
        own = _flat(own, 1, 1)
    others = total([weight.of for weight in parts if not weight.trained])
    copy = [x._replace(width=MASTER) for x in own] if training.master else []
    update = training.method.update(copy or own)
    return Held(
        parameters=others + total(own) * (training.ranks if training.zero in (1, 2) else 1),
        gradients=total(whole if training.zero < 2 else own),
        master=total(copy),
        optimizer=training.method.kept(copy or own),
        update=update._replace(bytes=update.bytes + total(copy)),
    )


def weights_of(analysis: Analysis, dtype: str, splits: Splits = MappingProxyType({})) -> Iterator[Weight]:
    """The parameters of a network, each once, in the order of its layers; of what is split the part."""
    sizes = bytes_of(dtype)
    last = max([n for n, row in enumerate(analysis.rows) if _multiplies(row)], default=-1)
    for number, (row, times) in enumerate(zip(analysis.rows, analysis.times, strict=True)):
        for name, weight in row.own_weights.items():
            if not weight.buffer:
                hidden = len(weight.shape) == 2 and number != last and _multiplies(row)
                path = f"{row.path}.{name}"
                split = splits.get((number, name))
                shape, width = split.part if split else weight.shape, sizes[weight.dtype]
                if scheme := row.stored.get(name):
                    shape, width = (_bytes_stored(weight, scheme, split), 1), 1
                own = Trained(path, shape, width, hidden, times)
                yield Weight(number, own, name not in row.frozen)


def _bytes_stored(weight: Any, scheme: Scheme, split: Split | None) -> Dim:
    """The bytes of a matrix under a scheme, which the devices have as it is."""
    if split:
        message = f"--tensor does not split weights in {scheme}: whose groups a device has is its tool's own"
        raise UsageError(message, hint="without them, or without --tensor")
    return size_in_bytes(weight, scheme, {})


def _multiplies(row: Row) -> bool:
    """Whether a layer multiplies by what it has learned, as a table that is looked up in does not."""
    return bool(row.learned) and row.macs != 0


def _part(weight: Weight, training: Training) -> Weight:
    """What a rank has of a parameter that is cut into as many as there are ranks."""
    elements = -(-weight.of.elements // training.ranks)
    return weight._replace(of=weight.of._replace(shape=(elements,), hidden=False))


def _flat(trained: Sequence[Trained], multiple: int, ranks: int) -> list[Trained]:
    """A rank's part of the vector of these, filled up to a multiple; one for each width."""
    found = []
    for width in dict.fromkeys([x.width for x in trained]):
        elements = summed([x.times * x.elements for x in trained if x.width == width])
        found.append(Trained("its partition", (-(-elements // multiple) * (multiple // ranks),), width))
    return found


def _largest(analysis: Analysis, dtype: str) -> tuple[Dim, str]:
    """The bytes of the parameters of the layer that has the most, shared ones too, and its path."""
    sizes = bytes_of(dtype)
    most: Dim = 0
    path = ""
    for row in analysis.rows:
        own = summed([size_in_bytes(row.weights[n], row.stored.get(n), sizes) for n in row.learned])
        if isinstance(own, int) and isinstance(most, int) and own <= most:
            continue
        path = row.path if isinstance(own, int) else ""
        most = maximum(most, own)
    return most, path
