"""Published networks that repeat in more ways than a chain does, each written as its paper describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc import Analysis
from shapecalc.torch_check.verify import verify

FOLDER = Path(__file__).parent / "data" / "sayable"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def analyse(name: str, **parameters: Any) -> Analysis:
    return shapecalc.analyse(shapecalc.load(FOLDER / f"{name}.yaml"), parameters=parameters)


def wiring(analysis: Analysis) -> list[object]:
    return [(row.layer, row.edges, row.figures.outputs) for row in analysis.rows]


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees_in_every_figure(name: str) -> None:
    analysis = analyse(name)
    verdict = verify(analysis, torch.device("meta"), name)
    assert (verdict.mismatches, verdict.layers_checked) == ((), len(analysis.rows))


def test_llama_has_the_published_parameters() -> None:
    """Those of LLaMA 7B, 6,738,415,616, by its sizes."""
    sizes = {"words": 32_000, "width": 4096, "hidden": 11_008, "heads": 32, "pairs": 32, "depth": 32}
    assert analyse("llama_block", **sizes).totals.params == 6_738_415_616


def test_two_loops_make_the_u_net_that_is_written_out() -> None:
    assert wiring(analyse("unet")) == wiring(shapecalc.analyse(shapecalc.load("unet")))
    deeper = analyse("unet", widths=[8, 16, 32, 64, 128, 256])
    assert str(deeper.outputs[0]) == "1×1×256×256"
    assert sum(row.type == "MaxPool2d" for row in deeper.rows) == 6


def test_a_nasnet_cell_reads_the_last_two_outputs() -> None:
    analysis = analyse("nasnet_cells", normals=3)
    paths = [row.path for row in analysis.rows]
    cells = [path for path in paths if path.endswith(".new")]
    assert [cell.split(".")[-2] for cell in cells] == [
        *("normal[0]", "normal[1]", "normal[2]"),
        *("reduction[0]", "normal[0]", "normal[1]", "normal[2]") * 2,
    ]
    for before, last, cell in zip(["stem", *cells], cells, cells[1:], strict=False):
        prefix = cell.removesuffix("new")
        assert read_first(analysis, f"{prefix}p.") == before
        assert read_first(analysis, f"{prefix}h.") == last


def read_first(analysis: Analysis, prefix: str) -> str:
    """The path of what the first row of this prefix reads."""
    row = next(row for row in analysis.rows if row.path.startswith(prefix))
    return analysis.rows[row.edges[0].row].path
