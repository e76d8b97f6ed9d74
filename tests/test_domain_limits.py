"""`domain` and `solve` of large numbers, many conditions and many inputs answer within two seconds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.command import Command
from tests.stopwatch import LONGEST, timed

STRIDES = "".join(
    f"  - {{MaxPool1d: {{kernel_size: 1, stride: {199_999 - i}}}, from: x}}\n" for i in range(200)
)
JOINS = "".join(
    f"  - {{add: [x, [{{MaxPool1d: {{kernel_size: {k}, stride: {k}}}}}]], from: y}}\n" for k in range(2, 302)
)
CASES = [
    ("input: NxF\nlayers: [Linear: {in_features: 100000000, out_features: 1}]", "F = 100000000, any N"),
    ("input: 1x1xL\nlayers: [Conv1d: {out_channels: 1, kernel_size: 300000000}]", "L ≥ 300000000"),
    ("input: NxF\nlayers: [LayerNorm: {normalized_shape: 100000000}]", "F = 100000000, any N"),
    ("input: 1x1xL\nlayers: [Conv1d: {out_channels: 1, kernel_size: 1, padding: 1000000000}]", "any L"),
    (f"input: {{x: 1x1xL}}\nlayers:\n{STRIDES}", "any L"),
    ("input: 1x1xHxW\nlayers: [reshape: [-1, 166320]]", "Inputs      H⋅W divisible by 166320"),
    (f"input: {{x: 1x1xH, y: 1x1xW}}\nlayers:\n{JOINS}", "W ≥ 301"),
    ("input: {" + ", ".join(f"i{n}: 1x3xH" for n in range(1_000)) + "}\nlayers: [ReLU]", "any H"),
]


@pytest.mark.parametrize("command", ["domain", "solve"])
@pytest.mark.parametrize(("file", "inputs"), CASES)
def test_within_two_seconds(command: str, file: str, inputs: str, run: Command, tmp_path: Path) -> None:
    written = tmp_path / "net.yaml"
    written.write_text(file)
    words = [command, str(written), *(["-o", "1x1"] if command == "solve" else [])]
    done, seconds = timed(partial(run, *words), LONGEST)
    assert seconds < LONGEST
    assert done.code == ("No input gives" in done.out)
    assert command == "solve" or inputs in done.out
