"""The ImageNet networks against what torchvision publishes: parameters, GMACs, the smallest image."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import shapecalc
from shapecalc import Analysis, zoo
from shapecalc.analysis.domain.domain import domain
from shapecalc.analysis.domain.generalise import in_general
from shapecalc.symbolic import number


class Published(NamedTuple):
    """A line of the table."""

    model: str
    params: int
    gmacs: str
    input: int
    smallest: int

    @property
    def name(self) -> str:
        return f"imagenet/{self.model}"


def read() -> Iterator[Published]:
    text = (Path(__file__).parent / "data" / "published.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        yield Published(
            row["model"], int(row["params"]), row["gmacs"], int(row["input"]), int(row["smallest"])
        )


TABLE = list(read())


@cache
def analysed(name: str) -> Analysis:
    return shapecalc.analyse(shapecalc.load(name))


def each(published: Published) -> str:
    return published.model


@pytest.mark.parametrize("published", TABLE, ids=each)
def test_parameters(published: Published) -> None:
    assert analysed(published.name).totals.params == published.params


@pytest.mark.parametrize("published", TABLE, ids=each)
def test_macs_in_the_precision_that_they_are_published_in(published: Published) -> None:
    macs = analysed(published.name).totals.macs
    assert isinstance(macs, int)
    million = (macs + 500_000) // 1_000_000
    assert f"{million // 1000}.{million % 1000:03}" == published.gmacs


@pytest.mark.parametrize("published", TABLE, ids=each)
def test_the_file_expects_what_is_published_on_the_image_that_it_is_published_for(
    published: Published,
) -> None:
    analysis = analysed(published.name)
    expect = analysis.architecture.expect
    assert expect is not None
    assert (expect.params, expect.macs) == (published.params, analysis.totals.macs)
    assert expect.source
    assert [tensor.shape for tensor in analysis.inputs.values()] == [(1, 3, published.input, published.input)]


WINDOWS = ("alexnet", "densenet", "googlenet", "inception", "squeezenet", "vgg")
"""Families whose smallest image is the one that their windows fit on."""


@pytest.mark.one_in(4)
@pytest.mark.parametrize("published", TABLE, ids=each)
def test_the_smallest_image(published: Published) -> None:
    """Where it is another than the published one, the file's notes say why."""
    analysis = analysed(published.name)
    smallest = domain(in_general(analysis.architecture, analysis.inputs, {})).smallest
    size = published.smallest
    if published.model.startswith(WINDOWS) or smallest == {"H": size, "W": size}:
        assert smallest == {"H": size, "W": size}
    else:
        assert f"{size}×{size}" in (analysis.architecture.notes or "")


def test_the_zoo_has_these_networks_and_no_others() -> None:
    assert {name for name in zoo.names() if name.startswith("imagenet/")} == {row.name for row in TABLE}


def test_the_weights_of_an_auxiliary_classifier_are_those_of_the_one_that_runs() -> None:
    prediction, training = (
        shapecalc.analyse(shapecalc.load("imagenet/inception_v3"), parameters={"training": training})
        for training in (False, True)
    )
    assert prediction.totals.params == training.totals.params
    assert number(training.totals.macs) > number(prediction.totals.macs)
