"""The modules of layers around another layer, and of routed experts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from shapecalc.engine.results import Row
from shapecalc.layers import Layer
from shapecalc.layers.experts import OfExperts, dispatch, experts, route
from shapecalc.layers.parametrized import Parametrized
from shapecalc.torch_check.experts import Dispatch, Gather, Route, Stacked

Build = Callable[[Row], Any]

_ROUTING: Mapping[type[Layer], Callable[[Row], Any]] = {route: Route, dispatch: Dispatch, experts: Gather}


def module_around(row: Row, build: Build, call: Callable[[Row, Any], Any]) -> Any:
    """The module of such a layer, None of any other; `build` and `call` are for the layers within it."""
    if isinstance(row.layer, OfExperts):
        return Stacked(row, build, call)
    if isinstance(row.layer, Parametrized):
        return parametrized(row.layer, row, build)
    made = _ROUTING.get(type(row.layer))
    return made(row) if made else None


def parametrized(layer: Parametrized, row: Row, build: Build) -> Any:
    """The module of the layer within, one of whose weights torch makes."""
    inner = layer.inner
    module = build(row._replace(layer=inner, figures=inner.figures(row.inputs)))
    arguments = {name: vars(layer.by)[name] for name in layer.by.fields if name != "use"}
    return getattr(torch.nn.utils.parametrizations, layer.by.type)(module, **arguments)
