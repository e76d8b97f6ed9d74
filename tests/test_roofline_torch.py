"""A measured pass beside its bound: what measures is given to the test, which has no GPU."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc.analysis.roofline.bound import roofline
from shapecalc.analysis.roofline.device import devices, load_device
from shapecalc.errors import UsageError
from shapecalc.torch_check.network import Network
from shapecalc.torch_check.roofline import figures_of, timed
from tests.command import Command

FAST = """\
name: Fast
memory: {size: 1 TB, bandwidth: 1000 EB/s}
vector: {float32: 1000 EFLOP/s}
"""
"""No pass is as fast as this one."""


def analysed(name: str) -> shapecalc.Analysis:
    return shapecalc.analyse(shapecalc.load(name))


@pytest.mark.parametrize(("device", "dtype"), [("h200", "bfloat16"), ("v100-sxm", "float16")])
def test_a_pass_is_held_to_its_bound(device: str, dtype: str) -> None:
    known, analysis = load_device(device), analysed("lenet")
    bound = ceil(roofline(analysis, known, dtype).at_least.seconds * 10**9)
    seen: list[torch.dtype] = []

    def measure(nanoseconds: int) -> Any:
        def of(network: Network, inputs: Sequence[Any]) -> int:
            seen.extend([inputs[0].dtype, next(network.parameters()).dtype])
            return nanoseconds

        return of

    for nanoseconds, differ in ((bound - 1, 1), (bound, 0), (bound + 1, 0)):
        found = timed(analysis, torch.device("cpu"), known, measure(nanoseconds))
        assert len(found.mismatches) == differ
        assert (found.nanoseconds, found.measured, found.dtype) == (bound, nanoseconds, dtype)
    assert {*seen} == {getattr(torch, dtype)}


def test_a_pass_that_is_too_fast_is_a_mismatch(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapecalc.torch_check.roofline.fastest", lambda *_: 1)
    done = run("verify", "lenet", "--roofline", "--roof", "h200", "--format", "json")
    assert done.code == 1
    (found,) = json.loads(done.out)["architectures"]
    (mismatch,) = found["mismatches"]
    assert mismatch["what"] == "nanoseconds of a pass in bfloat16 on NVIDIA H200 141 GB, SXM5"
    assert (mismatch["measured"], found["roofline"]["device"]) == (1, "NVIDIA H200 141 GB, SXM5")
    assert mismatch["expected"]["min"] > 1


def test_a_real_pass_is_measured(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "fast.yaml"
    file.write_text(FAST)
    done = run("verify", "lenet", "--roofline", "--roof", str(file))
    assert done.code == 0
    assert "lenet: a pass in float32 took " in done.out
    assert "on Fast" in done.out


def test_a_gpu_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    named = [device.cuda for device in devices()]
    assert all(named)
    assert len({*named}) == len(named)
    for device in devices():
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _, name=device.cuda: name)
        assert figures_of(torch.device("cuda")) == device
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Abacus")
    with pytest.raises(UsageError, match="no figures are known of Abacus"):
        figures_of(torch.device("cuda"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--roofline",
            "error: --roofline: no figures are known of what cpu runs on\n  hint: --roof NAME or FILE",
        ),
        ("--roof h200", "error: --roof is what --roofline holds a pass to"),
        ("--roofline --roof h100", "error: there is no device 'h100'"),
        ("--roofline --roof h200 --device meta", "error: --roofline: on meta nothing is computed"),
        ("--roofline --roof h200 --input 1x1xHxW", "are run with numbers|is run with numbers"),
    ],
)
def test_refusals(words: str, message: str, run: Command) -> None:
    done = run("verify", "lenet", *words.split())
    assert done.code == 2
    assert any(part in done.err for part in message.split("|"))
