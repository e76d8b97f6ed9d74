"""Losses and distances as steps of random networks."""

from __future__ import annotations

from typing import Any

from tests.graph_drafts import Draft, Net

ALIKE = (
    *("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss", "KLDivLoss", "PoissonNLLLoss"),
    *("HingeEmbeddingLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss", "CrossEntropyLoss", "BCELoss"),
)
"""Losses of an input and a target of one shape."""

OF_THREE = (
    *("MarginRankingLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss", "CosineEmbeddingLoss"),
    "GaussianNLLLoss",
)


def reduced(net: Net) -> dict[str, Any]:
    return {"reduction": net.rng.choice(("none", "mean", "sum"))}


def alike(net: Net) -> Draft | None:
    """Of two tensors of one shape, or of one twice."""
    picked = net.pick()
    if picked is None:
        return None
    name, x = picked
    sources = [name, net.like(lambda y: y.shape == x.shape) or name]
    net.rng.shuffle(sources)
    return Draft(net.rng.choice(ALIKE), reduced(net), tuple(sources))


def of_three(net: Net) -> Draft | None:
    """The third is like the others, or has their first axis alone."""
    picked, kind = net.pick(), net.rng.choice(OF_THREE)
    if picked is None:
        return None
    name, x = picked
    other = net.like(lambda y: y.shape == x.shape) or name
    if kind == "CosineEmbeddingLoss":
        target = net.whole(x.shape[:-1])
        return Draft(kind, reduced(net), (name, other, target)) if target else None
    third = net.like(lambda y: y.shape == x.shape) or name
    return Draft(kind, reduced(net), (name, other, third))


def of_classes(net: Net) -> Draft | None:
    """Of scores N×C×… and classes N×…, or of features and a class."""
    picked, kind = net.pick(), net.rng.choice(("NLLLoss", "NLLLoss2d", "CrossEntropyLoss"))
    if picked is None or not picked[1].rank:
        return None
    name, x = picked
    arguments = reduced(net)
    if net.rng.random() < 0.3:
        kind, arguments = (
            "LinearCrossEntropyLoss",
            arguments | {"num_classes": net.size(), "bias": net.flag()},
        )
    classes = (*x.shape[:1], *x.shape[2:]) if x.rank > 1 else ()
    target = net.whole(classes)
    return Draft(kind, arguments, (name, target)) if target else None


def distance(net: Net) -> Draft | None:
    """Of two tensors of one shape."""
    picked = net.pick()
    if picked is None:
        return None
    name, x = picked
    other = net.like(lambda y: y.shape == x.shape) or name
    if net.flag():
        return Draft("CosineSimilarity", {"dim": net.axis(x)}, (name, other))
    return Draft("PairwiseDistance", {"keepdim": net.flag()}, (name, other))


DRAWS = (alike, of_three, of_classes, of_classes)
DISTANCES = (distance,)
