"""Numbers with prefixes and units: one way to write them, wherever a command or a file takes one."""

from __future__ import annotations

from fractions import Fraction

import pytest

from shapecalc.analysis.quantities import BANDWIDTH, COUNT, MEMORY, OPERATIONS, SIZE, read_quantity

READ = [
    ("600M", COUNT, 600 * 10**6),
    ("4.2 g", COUNT, 42 * 10**8),
    ("1P", COUNT, 10**15),
    ("-3", COUNT, -3),
    ("+0.125", COUNT, Fraction(1, 8)),
    ("2Ki", COUNT, 2048),
    ("7", SIZE, 7),
    ("24GiB", SIZE, 24 * 2**30),
    ("24 gib", SIZE, 24 * 2**30),
    ("24GB", SIZE, 24 * 10**9),
    ("24G", SIZE, 24 * 10**9),
    ("1.5kb", SIZE, 1500),
    ("1EiB", SIZE, 2**60),
    ("80 GB", MEMORY, 80 * 10**9),
    ("2.0 TiB/s", BANDWIDTH, 2 * 2**40),
    ("19.5 TFLOP/s", OPERATIONS, 195 * 10**11),
    ("312 TFLOPS", OPERATIONS, 312 * 10**12),
    ("624TOPS", OPERATIONS, 624 * 10**12),
]
OTHERS = [
    ("5MB", COUNT),
    ("3Q", SIZE),
    ("24 gallons", SIZE),
    ("24Gb", MEMORY),
    ("900 Gb/s", BANDWIDTH),
    ("8 FLOP/s", BANDWIDTH),
    ("8B", OPERATIONS),
]


@pytest.mark.parametrize(("text", "units", "value"), READ)
def test_what_is_read(text: str, units: tuple[str, ...], value: Fraction) -> None:
    found = read_quantity(text)
    assert found
    assert found.of(units) == value


def test_more_digits_than_python_reads() -> None:
    found = read_quantity("9" * 5000)
    assert found
    assert found.of(COUNT) == 10**5000 - 1


@pytest.mark.parametrize(("text", "units"), OTHERS)
def test_numbers_of_another_unit(text: str, units: tuple[str, ...]) -> None:
    found = read_quantity(text)
    assert found
    assert found.of(units) is None


@pytest.mark.parametrize("text", ["", "GiB", "1e9", "1,000", "1/2", "1.", ".5", "--1", "ten", "1x3", "٣"])
def test_no_numbers(text: str) -> None:
    assert read_quantity(text) is None
