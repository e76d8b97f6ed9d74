"""Networks as papers have them, written by the words of docs/language.md alone."""

from __future__ import annotations

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.symbolic import number
from shapecalc.torch_check.verify import verify

SHUFFLE_NET = """
input: 1x3x224x224
parameters: {stages: [[116, 4], [232, 8], [464, 4]], classes: 1000}
blocks:
  conv(out, kernel, stride=1, groups=1, act=true):
    - Conv2d:
        out_channels: out
        kernel_size: kernel
        stride: stride
        padding: kernel//2
        groups: groups
        bias: false
    - BatchNorm2d
    - ReLU when act
  branch(out, stride):
    - conv: {out: out, kernel: 1}
    - conv: {out: out, kernel: 3, stride: stride, groups: out, act: false}
    - conv: {out: out, kernel: 1}
  shuffle:
    - unflatten: {dim: 1, sizes: [2, channels//2]}
    - transpose: [1, 2]
    - flatten: {start_dim: 1, end_dim: 2}
  unit(out):
    - chunk as a, b: {chunks: 2, dim: 1}
    - concat: [a, [branch from b: {out: out//2, stride: 1}]]
    - shuffle
  reduce(out):
    - concat:
      - - conv: {out: channels, kernel: 3, stride: 2, groups: channels, act: false}
        - conv: {out: out//2, kernel: 1}
      - [branch: {out: out//2, stride: 2}]
    - shuffle
layers:
  - conv: {out: 24, kernel: 3, stride: 2}
  - MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}
  - seq for out, n in stages: [reduce: out, unit times n - 1: out]
  - conv: {out: 1024, kernel: 1}
  - mean: [2, 3]
  - Linear: classes
"""

U_NET = """
input: 1x3x64x64
parameters: {n: 4, width: 64}
blocks:
  double(out): [seq times 2: [Conv2d: {out_channels: out, kernel_size: 3, padding: 1}, ReLU]]
layers:
  - seq for i in range(n):
    - double as skip.i: width*2**i
    - MaxPool2d: 2
  - double: width*2**n
  - seq for i in reversed(range(n)):
    - ConvTranspose2d: {out_channels: width*2**i, kernel_size: 2, stride: 2}
    - concat: [skip.i, []]
    - double: width*2**i
"""

SWIN = """
input: 1x8x8x32
parameters: {window: 4, heads: 4, dim: 32, size: 8, depth: 2}
blocks:
  windows:
    - unflatten: {dim: 2, sizes: [-1, window]}
    - unflatten: {dim: 1, sizes: [-1, window]}
    - permute: [0, 1, 3, 2, 4, 5]
    - flatten: {start_dim: 3, end_dim: 4}
    - flatten: {start_dim: 0, end_dim: 2}
  region(shift):
    - arange as pos: {end: size}
    - lt as a from pos: size - window
    - lt as b from pos: size - shift
    - add: [a, b]
  mask(shift) -> bias:
    - region as rows: shift
    - add: [[unsqueeze from rows: 1], [mul: [[unsqueeze from rows: 0], 3]]]
    - unsqueeze: 0
    - unsqueeze: -1
    - windows as ids
    - sub: [[transpose from ids: [1, 2]], ids]
    - ne as differ: 0
    - zeros as none: {size: [1]}
    - masked_fill as bias: {branches: [none, differ], value: -.inf}
  attention(x, mask;):
    - Linear from x: 3*dim
    - unflatten: {dim: -1, sizes: [3, heads, dim//heads]}
    - permute: [2, 0, 3, 1, 4]
    - unbind as q, k, v
    - unsqueeze from mask as m: 1
    - mul from q: 0.25
    - matmul as scores: [[], [transpose from k: [2, 3]]]
    - add: [scores, m]
    - Softmax: -1
    - matmul: [[], v]
    - transpose: [1, 2]
    - flatten: 2
    - Linear: dim
  back:
    - unflatten: {dim: 0, sizes: [1, size//window, size//window]}
    - unflatten: {dim: 3, sizes: [window, window]}
    - permute: [0, 1, 3, 2, 4, 5]
    - flatten: {start_dim: 3, end_dim: 4}
    - flatten: {start_dim: 1, end_dim: 2}
  block(x, mask; shift) -> y, mask:
    - LayerNorm from x
    - roll when shift > 0: {shifts: [-shift, -shift], dims: [1, 2]}
    - windows as w
    - attention from w, mask
    - back
    - roll when shift > 0: {shifts: [shift, shift], dims: [1, 2]}
    - add as h: [[], x]
    - add as y: [[LayerNorm, Linear: 4*dim, GELU, Linear: dim], []]
layers:
  - mask as bias: window//2
  - block from input, bias times depth: window//2
"""


def analyse(text: str, **values: object) -> Analysis:
    return shapecalc.analyse(shapecalc.parse(text), parameters=values)


def test_shuffle_net_has_the_published_parameters() -> None:
    """Source: torchvision's table of weights, shufflenet_v2_x1_0."""
    assert analyse(SHUFFLE_NET).totals.params == 2_278_604


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_u_net_of_depth_n_ends_as_wide_as_it_begins(n: int) -> None:
    """Its deepest convolution has 2**n times the channels of the first, on a 2**n-th of the places."""
    found = analyse(U_NET, n=n)
    assert found.outputs[0].shape == (1, 64, 64, 64)
    shapes = [row.output.shape for row in found.rows]
    assert (1, 64 * 2**n, 64 // 2**n, 64 // 2**n) in shapes
    assert max(number(shape[1]) for shape in shapes) == 64 * 2**n


def test_a_swin_block_with_a_mask_that_is_computed_is_torchs() -> None:
    found = verify(analyse(SWIN), torch.device("cpu"), "swin")
    assert found.mismatches == ()
