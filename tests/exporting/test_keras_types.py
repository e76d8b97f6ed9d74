"""Each layer type as Keras code, on drawn arguments: what is written gives what `verify` builds gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shapecalc import ArchitectureError, ShapecalcError
from shapecalc.exporting.keras import keras_source
from shapecalc.layers import LAYERS
from shapecalc.torch_check.network import BuildError
from tests.chance import assume
from tests.dice import DRAWS, count
from tests.exporting.keras_running import Built, check_equal
from tests.exporting.test_torch_types import UNWRITTEN, network_of
from tests.families.base import Drawn
from tests.strategies import each_layer

FEW = ["AvgPool2d", "BatchNorm2d", "Conv1d", "Conv2d", "ConvTranspose2d", "LayerNorm", "LeakyReLU", "Linear"]
FEW += ["MaxPool2d", "ReflectionPad2d", "concat", "interpolate", "pad", "reshape", "split", "sum"]
NAMES = sorted({*LAYERS} - UNWRITTEN) if DRAWS == "long" else FEW


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_a_layer_that_is_written_is_equal(name: str) -> None:
    pytest.importorskip("keras", reason="keras is not installed: pip install 'shapecalc[keras]'")

    def check(drawn: Drawn, _: Sequence[bool]) -> None:
        if not drawn.inputs:  # what is made of nothing is no network for Keras
            return
        assume(all(x.rank for x in drawn.inputs))
        try:
            analysis = network_of(drawn)
        except ShapecalcError:
            assume(False)
        try:
            source = keras_source(analysis)
        except ArchitectureError as error:
            assert error.path  # noqa: PT017 - one or the other
            return
        try:
            check_equal(analysis, Built(source, analysis))
        except BuildError:
            assume(False)

    each_layer(LAYERS[name], (True,), count(5, 200), check)
