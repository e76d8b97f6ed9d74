"""Sweeps: a point of many against a count by another tool, and two processes against one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import shapecalc
from shapecalc.exporting.torch_source import torch_source
from tests.benchmarks.measuring import NotMeasuredError, Room, Row, faster, in_turn

room = Room("sweeps")

_WIDTHS, _SIZES = range(1, 101), range(32, 432, 4)
"""Of ResNet-50: 10,000 points by width and resolution."""


def _points() -> int:
    """The sweep of 10,000 points; gives how many have MACs."""
    network = shapecalc.load("imagenet/resnet50")
    points = shapecalc.sweep(network, "1x3xSxS", set={"width": _WIDTHS}, vary={"S": _SIZES}, columns=["macs"])
    return sum(isinstance(point.figures["macs"], int) for point in points)


@cache
def _resnet50(device: str) -> tuple[Any, Any]:
    """ResNet-50 as plain modules of torch, and the smallest image of the sweep, which costs least."""
    import torch

    made: dict[str, Any] = {}
    source = torch_source(shapecalc.analyse(shapecalc.load("imagenet/resnet50"), "1x3x32x32"))
    exec(source.text, made)
    with torch.device(device):
        return made[source.name]().eval(), torch.rand(1, 3, 32, 32)


def _against(count: Callable[[], object], tool: str) -> Row:
    points = len(_WIDTHS) * len(_SIZES)
    if _points() != points:
        raise NotMeasuredError("some of the points have no MACs")
    ours, theirs = in_turn(_points, count, 5)
    what = f"a point of 10,000 of resnet50 by width and resolution against {tool}"
    return faster(what, (ours / points, theirs), "≥ 20 ×", digits=0)


@room.row(seconds=30)
def point_against_torch() -> Row:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, x = _resnet50("meta")

    def count() -> None:
        with torch.inference_mode(), FlopCounterMode(display=False):
            module(x)

    return _against(count, "FlopCounterMode on meta")


@room.row(seconds=60)
def point_against_fvcore() -> Row:
    from fvcore.nn import FlopCountAnalysis

    def count() -> object:
        quiet = (
            FlopCountAnalysis(*_resnet50("cpu"))
            .unsupported_ops_warnings(False)
            .uncalled_modules_warnings(False)
        )
        return quiet.total()

    return _against(count, "fvcore, which torch can't trace on meta, on the CPU")


@room.row(seconds=60)
def two_processes() -> Row:
    network = shapecalc.load("imagenet/resnet50")

    def swept(jobs: int) -> Callable[[], object]:
        sizes = {"S": range(32, 632)}
        return lambda: list(shapecalc.sweep(network, "1x3xSxS", vary=sizes, columns=["receptive"], jobs=jobs))

    times = in_turn(swept(2), swept(1), 5)
    return faster("fields of resnet50 at 600 resolutions by two processes against one", times, "≥ 1.7 ×")
