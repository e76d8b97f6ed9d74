"""Each operator of ONNX becomes what computes the same: shapes by its inference, values by its reference."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import torch

from tests.importing.onnx_models.making import (
    Model,
    computed,
    constants,
    expected,
    node,
    proto,
    read,
    sample,
    save,
)
from tests.importing.onnx_models.operators import MODELS


@pytest.mark.parametrize("name", MODELS)
def test_an_operator_computes_the_same(tmp_path: Path, name: str) -> None:
    model = MODELS[name]
    found = read(save(model, tmp_path / "model.onnx"))
    assert found.differences == ()
    sizes = {"batch": 3, "N": 3, "time": 7}
    shapes = {key: tuple(sizes.get(str(n), n) for n in shape) for key, (shape, _) in model.inputs.items()}
    inputs = {key: sample(shapes[key], model.inputs[key][1]) for key in model.inputs}  # type: ignore[arg-type]
    at = {key: "x".join(map(str, shape)) for key, shape in shapes.items()}
    given = next(iter(at.values())) if len(at) == 1 else at
    stored = {**model.stored, **constants(model, found)}
    outputs = computed(found, stored, [*inputs.values()], given)
    for ours, theirs in zip(outputs, expected(proto(model), inputs), strict=False):
        assert ours.shape == theirs.shape
        numpy.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def test_maxima_of_padding_that_differs_at_the_ends(tmp_path: Path) -> None:
    """ONNX's reference pads the wrong axes there; torch pads by what is below all."""
    pool = node("MaxPool", "x", kernel_shape=[3, 3], pads=[0, 1, 2, 0])
    found = read(save(Model([pool], {"x": ((1, 2, 5, 6), "float32")}), tmp_path / "model.onnx"))
    x = sample((1, 2, 5, 6), "float32")
    padded = torch.nn.functional.pad(torch.from_numpy(x), (1, 0, 0, 2), value=-torch.inf)
    (y,) = computed(found, {}, [x])
    numpy.testing.assert_array_equal(y, torch.nn.functional.max_pool2d(padded, 3, 1).numpy())


def test_a_transposed_convolution_of_groups(tmp_path: Path) -> None:
    """ONNX's reference can't compute one."""
    weight = sample((4, 3, 3, 3), "float32")
    model = Model([node("ConvTranspose", "x w", group=2)], {"x": ((1, 4, 5, 6), "float32")}, {"w": weight})
    found = read(save(model, tmp_path / "model.onnx"))
    x = sample((1, 4, 5, 6), "float32")
    made = torch.nn.functional.conv_transpose2d(torch.from_numpy(x), torch.from_numpy(weight), groups=2)
    numpy.testing.assert_array_equal(computed(found, model.stored, [x])[0], made.numpy())
