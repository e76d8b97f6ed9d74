"""Published models become files that are equal, short, and compute the same.

`python -m tests.importing.breadth` reads hundreds of them; of twelve each push draws one of each package.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from shapecalc.importing.network import Imported
from tests.dice import one_way
from tests.importing.breadth import imported_model, values_differ, with_weights
from tests.importing.published import BY_VALUE, GATE, find

pytestmark = pytest.mark.skipif(
    any(find_spec(package) is None for package in GATE), reason="pip install -c constraints.txt '.[models]'"
)

MODELS = {name: package for package, names in GATE.items() for name in one_way(package, names)}

LINES = {
    "resnet50": 43,
    "densenet121": 57,
    "mobilenet_v3_large": 81,
    "vit_b_16": 25,
    "dla34": 80,
}
"""Lines that a prototype needed; as many and three tenths are allowed."""
MOST_LINES = {**{name: lines * 13 // 10 for name, lines in LINES.items()}, "hrnet_w18": 249, "swin_t": 129}


@pytest.fixture(autouse=True)
def _their_warnings() -> Iterator[None]:
    """What the packages warn of is no fault here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def by_value(name: str) -> bool:
    return name in BY_VALUE[MODELS[name]]


@cache
def read(name: str) -> tuple[Any, Imported]:
    """A model's file, and its module where they are run beside each other."""
    model = find(MODELS[name], name)
    module = with_weights(model) if by_value(name) else None
    return module, imported_model(model, module)


@pytest.mark.parametrize("name", MODELS)
def test_the_file_is_equal(name: str) -> None:
    _, found = read(name)
    assert found.differences == ()
    assert found.opaque == ()


@pytest.mark.parametrize("name", [name for name in MODELS if name in MOST_LINES])
def test_the_file_is_short(name: str) -> None:
    _, found = read(name)
    assert len(found.text.splitlines()) <= MOST_LINES[name], found.text


@pytest.mark.parametrize("name", [*filter(by_value, MODELS)])
def test_the_file_computes_the_same(name: str) -> None:
    """With the module's weights in float64, to the last bit."""
    assert values_differ(find(MODELS[name], name), *read(name)) == ""
