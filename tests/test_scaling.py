"""Compound scaling: each row to `show` and `memory` at its values, the rule in fractions, the refusals."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import shapecalc
from tests.command import Command

CASES = [
    ("imagenet/efficientnet_b0", ["--phi", "1,3", "--multiple", "32"], ("depth", "width")),
    ("imagenet/mobilenet_v2", ["--alpha", "1", "--phi", "1..2", "--gamma", "1.3"], ("width",)),
    ("imagenet/resnet50", ["--alpha", "1", "--phi", "2", "--input", "1x3x64x96"], ("width",)),
    ("gpt2", ["--gamma", "1", "--beta", "1", "--phi", "2"], ("depth",)),
]


def rows_of(done: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


@pytest.mark.parametrize(("network", "words", "names"), CASES)
def test_each_row_is_the_network_at_its_values(
    network: str, words: list[str], names: tuple[str, ...], run: Command
) -> None:
    rows = rows_of(run("scale", network, *words, "--columns", "params,macs,peak", "--format", "json"))
    own = shapecalc.load(network).scope()
    assert [rows[0][name] for name in names] == [own[name] for name in names]
    assert len(rows) > 1
    for row in rows:
        at = [word for name in names for word in ("--set", f"{name}={row[name]}")]
        given = [] if network == "gpt2" else ["--input", row["input"]]
        shown = json.loads(run("show", network, *at, *given, "--format", "json").out)["totals"]
        needed = json.loads(run("memory", network, *at, *given, "--format", "json").out)
        assert (row["params"], row["macs"]) == (shown["params"], shown["macs"])
        assert row["peak"] == needed["inference_peak"]
        assert row["times"] == row["macs"] / rows[0]["macs"]
        assert row["doubled"] == 2 ** row["phi"]


def test_values_are_powers_to_the_last_digit(run: Command) -> None:
    rows = rows_of(run("scale", "imagenet/efficientnet_b0", "--phi", "1..7", "--format", "json"))
    assert [row["phi"] for row in rows] == [*range(8)]
    for row in rows:
        assert Fraction(str(row["depth"])) == Fraction(12, 10) ** row["phi"]
        assert Fraction(str(row["width"])) == Fraction(11, 10) ** row["phi"]
        size = Fraction(115, 100) ** row["phi"] * 224
        assert row["input"] == f"1x3x{round(size)}x{round(size)}"
        assert row["by_rule"] == float(Fraction("1.92027") ** row["phi"])


def test_the_multipliers_of_the_paper_are_its_networks(run: Command) -> None:
    """At φ = 1 they are those of the published B2, at φ = 2, after rounding, those of B3."""
    rows = rows_of(run("scale", "imagenet/efficientnet_b0", "--phi", "1,2", "--format", "json"))
    published = [shapecalc.load(f"imagenet/efficientnet_b{number}").expect for number in (0, 2, 3)]
    assert [row["params"] for row in rows] == [expect and expect.params for expect in published]


def test_sizes_are_the_nearest_multiples(run: Command) -> None:
    words = ["--phi", "1..6", "--multiple", "32", "--format", "json"]
    for row in rows_of(run("scale", "imagenet/efficientnet_b0", *words))[1:]:
        size = int(row["input"].rpartition("x")[2])
        assert size % 32 == 0
        assert abs(size - 224 * Fraction(115, 100) ** row["phi"]) <= 16


def test_a_whole_number_is_multiplied_to_the_nearest(run: Command) -> None:
    rows = rows_of(run("scale", "imagenet/resnet50", "--alpha", "1", "--phi", "1..3", "--format", "json"))
    assert [row["width"] for row in rows] == [64, 70, 77, 85]  # 70.4, 77.44, 85.184


VOLUME = """
input: 1x2x8x8x8
parameters: {wide: 4, classes: 10}
layers:
  - Conv3d: {out_channels: wide, kernel_size: 3, padding: 1, groups: 2}
  - mean: {dim: [2, 3, 4]}
  - Linear: classes
"""


def test_what_a_network_can_t_be_is_a_row_with_its_error(tmp_path: Path, run: Command) -> None:
    """Of volumes three sizes grow; a width that two groups don't divide is none."""
    file = tmp_path / "volume.yaml"
    file.write_text(VOLUME)
    words = [str(file), "--alpha", "1", "--width", "wide", "--beta", "1.25", "--phi", "1,2", "--gamma", "1.5"]
    done = run("scale", *words)
    assert done.code == 0
    assert "Error       φ = 1: volume.yaml:5:5: Conv3d" in done.out
    assert "α⋅β²⋅γ^3 = 5.2734375" in done.out
    rows = [*csv.DictReader(io.StringIO(run("scale", *words, "--format", "csv").out))]
    assert [row["wide"] for row in rows] == ["4", "5", "6"]
    assert [row["input"] for row in rows] == ["1x2x8x8x8", "1x2x12x12x12", "1x2x18x18x18"]
    assert [bool(row["error"]) for row in rows] == [False, True, False]
    assert rows[1]["macs"] == rows[1]["times"] == ""


REFUSED = [
    ("imagenet/resnet50", "", "ResNet-50 has no parameter 'depth', which --alpha multiplies"),
    ("imagenet/resnet50", "--depth units", "the parameter units is [3, 4, 6, 3], no number that --alpha"),
    ("imagenet/resnet50", "--alpha 1 --width wide", "ResNet-50 has no parameter 'wide', which --beta"),
    ("gpt2", "--beta 1", "the input of GPT-2 small has no height and width, which --gamma multiplies"),
    ("imagenet/efficientnet_b0", "--alpha 0", "--alpha '0' is no number above 0"),
    ("imagenet/efficientnet_b0", "--beta much", "--beta 'much' is no number above 0"),
    ("imagenet/efficientnet_b0", "--phi 0.5", "--phi: a step is a whole number up to 64, not 0.5"),
    ("imagenet/efficientnet_b0", "--phi 1..", "--phi: the range '1..' has no end"),
    ("imagenet/efficientnet_b0", "--input 1x3xSxS", "scale needs numbers for all sizes, not S"),
    ("imagenet/efficientnet_b0", "--depth width", "--depth and --width are both width"),
    ("imagenet/efficientnet_b0", "--columns cost", "--columns: there is no column 'cost'"),
]


@pytest.mark.parametrize(("network", "words", "message"), REFUSED)
def test_refusals(network: str, words: str, message: str, run: Command) -> None:
    done = run("scale", network, *words.split())
    assert done.code == 2
    assert message in done.err
    assert not done.out


def test_more_digits_than_sizes_have_are_refused_at_their_step(run: Command) -> None:
    done = run("scale", "imagenet/efficientnet_b0", "--alpha", "1.2345", "--phi", "1,6", "--format", "json")
    first, _, last = rows_of(done)
    assert first["error"] is None
    assert last["macs"] is None
    assert "parts" in last["error"] or "large" in last["error"]


def test_rows_go_to_a_file(tmp_path: Path, run: Command) -> None:
    words = ["scale", "imagenet/mobilenet_v2", "--alpha", "1", "--phi", "1"]
    for form in ("table", "csv", "json", "markdown"):
        file = tmp_path / form
        assert run(*words, "--format", form, "-o", str(file)).out == ""
        assert file.read_text() == run(*words, "--format", form).out
