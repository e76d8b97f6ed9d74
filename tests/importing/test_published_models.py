"""Published models become files that are equal, short, and compute the same.

`python -m tests.importing.breadth` reads hundreds of them; of twelve of them each push draws half.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import pytest

from shapecalc.importing.network import Imported
from tests.dice import is_drawn
from tests.importing.breadth import imported_model, values_differ
from tests.importing.published import BY_VALUE, GATE, find

pytestmark = pytest.mark.skipif(
    any(find_spec(package) is None for package in GATE), reason="pip install -c constraints.txt '.[models]'"
)

MODELS = {name: package for package, names in GATE.items() for name in names if is_drawn(name, 2)}

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


@cache
def read(package: str, name: str) -> Imported:
    return imported_model(find(package, name))


@pytest.mark.parametrize("name", MODELS)
def test_the_file_is_equal(name: str) -> None:
    found = read(MODELS[name], name)
    assert found.differences == ()
    assert found.opaque == ()


@pytest.mark.parametrize("name", [name for name in MODELS if name in MOST_LINES])
def test_the_file_is_short(name: str) -> None:
    text = read(MODELS[name], name).text
    assert len(text.splitlines()) <= MOST_LINES[name], text


@pytest.mark.parametrize("name", [name for name in MODELS if name in BY_VALUE[MODELS[name]]])
def test_the_file_computes_the_same(name: str) -> None:
    """With the module's weights in float64, to the last bit."""
    package = MODELS[name]
    assert values_differ(find(package, name), BY_VALUE[package][name]) == ""
