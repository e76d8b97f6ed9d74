"""Families: one file with variants, and the names by which its networks are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import shapecalc
from shapecalc import Architecture, ArchitectureError, UsageError, zoo
from shapecalc.language.expectation import Expectation
from shapecalc.zoo.index import variants_in
from tests.command import Command

FAMILY = """
name: Family
input: 1x3x32x32
parameters: {width: 8, hidden: 4*width, classes: 10}
variants:
  small:
  wide:
    width: 16
    name: The wide one
  deep-2.5: {hidden: 2*width, input: 2x3x64x64, expect: {params: 1, output: 2x10}}
expect: {params: 3, source: a paper}
blocks:
  head(out): [Flatten, Linear: out]
layers:
  - Conv2d: {out_channels: width, kernel_size: 1}
  - Conv2d: {out_channels: hidden, kernel_size: 1}
  - AdaptiveAvgPool2d: 1
  - head: classes
"""


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> Command:
    assert folder.is_dir()
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    within = tmp_path / "architectures" / "own"
    within.mkdir(parents=True)
    (within / "family.yaml").write_text(FAMILY)
    return within


def written_out(width: int, hidden: int, input: str = "1x3x32x32") -> shapecalc.Analysis:
    """A network of the family without variants and parameters."""
    return shapecalc.analyse(
        shapecalc.parse(
            f"input: {input}\nlayers: [Conv2d: {{out_channels: {width}, kernel_size: 1}}, "
            f"Conv2d: {{out_channels: {hidden}, kernel_size: 1}}, "
            "AdaptiveAvgPool2d: 1, Flatten, Linear: 10]\n"
        )
    )


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("small", written_out(8, 32)),
        ("wide", written_out(16, 64)),
        ("deep-2.5", written_out(8, 16, "2x3x64x64")),
    ],
)
def test_a_variant_is_the_network_with_its_values(name: str, same: shapecalc.Analysis) -> None:
    analysis = shapecalc.analyse(shapecalc.parse(FAMILY).variant(name))
    assert analysis.totals == same.totals
    assert analysis.inputs == same.inputs
    assert [row.outputs for row in analysis.rows] == [row.outputs for row in same.rows]


def test_what_a_variant_has_of_its_own_comes_before_what_the_file_has() -> None:
    family = shapecalc.parse(FAMILY)
    assert family.variants == ("small", "wide", "deep-2.5")
    assert [family.variant(name).name for name in family.variants] == ["small", "The wide one", "deep-2.5"]
    figures = [
        (e.params, e.source, e.output and e.output.text)
        for e in map(expect_of, map(family.variant, family.variants))
    ]
    assert figures == [(3, "a paper", None), (3, "a paper", None), (1, "a paper", "2x10")]


def expect_of(architecture: Architecture) -> Expectation:
    assert architecture.expect is not None
    return architecture.expect


def test_a_file_with_variants_is_its_first() -> None:
    text = FAMILY.replace("  small:\n", "")
    family = shapecalc.parse(text)
    assert (family.name, shapecalc.analyse(family).totals) == ("The wide one", written_out(16, 64).totals)
    assert family.variant("deep-2.5").variant("wide").parameters == family.parameters


def test_a_given_value_comes_before_a_variants() -> None:
    wide = shapecalc.parse(FAMILY).variant("wide")
    assert shapecalc.analyse(wide, parameters={"width": 4}).totals == written_out(4, 16).totals


def test_a_file_without_variants_has_none() -> None:
    lenet = shapecalc.load("lenet")
    assert lenet.variants == ()
    with pytest.raises(UsageError, match="has no variant 'x'") as caught:
        lenet.variant("x")
    assert caught.value.hint == "variants: none"


def test_an_unknown_variant_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        shapecalc.parse(FAMILY).variant("wid")
    assert caught.value.hint == "did you mean wide?"


# Where they are found.


@pytest.mark.parametrize("form", ["deep-2.5", "own/deep-2.5", "./architectures/own/deep-2.5"])
def test_the_forms_of_a_variants_name(form: str, run: Command) -> None:
    assert "deep-2.5 · input 2×3×64×64 float32" in run("show", form).out


@pytest.mark.parametrize("form", ["family", "own/family", "./architectures/own/family", "own/family.yaml"])
def test_a_files_own_name_is_its_first_variants(form: str, run: Command) -> None:
    assert run("show", form).out.startswith("small · ")


@pytest.mark.usefixtures("few_shipped")
def test_list_and_verify_take_every_variant(run: Command) -> None:
    listed = {entry["name"]: entry["network"] for entry in json.loads(run("list", "--format", "json").out)}
    assert {name: listed[name] for name in listed if name.startswith("own/")} == {
        "own/small": "small",
        "own/wide": "The wide one",
        "own/deep-2.5": "deep-2.5",
    }
    verified = json.loads(run("verify", "own/small", "wide", "--device", "meta", "--format", "json").out)
    assert [v["layers_checked"] for v in verified["architectures"]] == [5, 5]
    assert verified["architectures"][1]["mismatches"][0]["what"] == "expect params"


def test_search_path(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "f.yaml").write_text(FAMILY.replace("wide", "elsewhere"))
    assert run("show", "elsewhere").code == 2
    monkeypatch.setenv(zoo.SEARCH_PATH, str(tmp_path / "more"))
    assert run("show", "elsewhere").out.startswith("The elsewhere one")


def test_a_variant_in_the_working_folder(run: Command, tmp_path: Path) -> None:
    """It comes before a file of that name in the zoo, as a file there would."""
    (tmp_path / "mine.yaml").write_text(FAMILY.replace("small:", "nin:"))
    assert run("show", "nin").out.startswith("nin · ")
    assert run("show", "./nin").out.startswith("nin · ")


def test_a_variant_of_its_files_own_name(run: Command, folder: Path) -> None:
    (folder / "wide.yaml").write_text(FAMILY.replace("small", "other").replace("deep-2.5", "third"))
    (folder / "family.yaml").unlink()
    for form in ("wide", "own/wide", "./architectures/own/wide"):
        assert run("show", form).out.startswith("The wide one")


@pytest.mark.parametrize("command", ["show wide", "show own/wide", "show ./architectures/own/wide"])
def test_two_files_that_claim_one_name(command: str, run: Command, folder: Path) -> None:
    (folder / "second.yaml").write_text(FAMILY.replace("small", "a").replace("deep-2.5", "b"))
    done = run(*command.split())
    assert (done.code, done.out) == (1, "")
    first, second = (Path("architectures/own") / name for name in ("family.yaml", "second.yaml"))
    assert done.err == (
        f"error: {first}:7:3: 'wide' is also claimed by {second}\n"
        "  7 │   wide:\n    │   ^^^^\n  hint: give one of the two another name\n"
    )


def test_a_file_and_a_variant_of_one_name(run: Command, folder: Path) -> None:
    (folder / "wide.yaml").write_text("input: 1x3\nlayers: [ReLU]\n")
    done = run("show", "wide")
    assert done.code == 1
    assert "family.yaml:7:3: 'wide' is also claimed by architectures/own/wide.yaml" in done.err


@pytest.mark.usefixtures("few_shipped")
def test_a_name_claimed_twice_does_not_hide_the_others(run: Command, folder: Path) -> None:
    (folder / "second.yaml").write_text(FAMILY.replace("small", "a").replace("deep-2.5", "b"))
    done = run("list", "--format", "json")
    assert done.code == 1
    assert done.err.count("error: ") == 1
    names = {entry["name"] for entry in json.loads(done.out)}
    assert {"own/small", "own/a", "own/b", "own/deep-2.5"} < names
    assert "own/wide" not in names


@pytest.mark.usefixtures("few_shipped")
def test_an_error_of_all_variants_is_told_once(run: Command, folder: Path) -> None:
    (folder / "family.yaml").write_text(FAMILY.replace("hidden: 2*width", "hiden: 2*width"))
    done = run("list", "--format", "json")
    assert done.code == 1
    assert done.err.count("error: ") == 1
    assert "family.yaml:10:14: the file has no parameter 'hiden'" in done.err
    assert [entry["name"] for entry in json.loads(done.out)] == zoo.names()


def test_a_name_that_matches_nothing(run: Command) -> None:
    for asked, near in [("wied", "wide"), ("own/wied", "own/wide"), ("deep-25", "deep-2.5")]:
        done = run("show", asked)
        assert done.code == 2
        assert f"hint: did you mean {near}" in done.err


# The names of a file's variants are read off its text.


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (FAMILY, ["small", "wide", "deep-2.5"]),
        ("variants: {a: {}, b: {}}\nlayers: []\n", ["a", "b"]),
        ("{input: 1x3, variants: {a: {w: 1}, 'b': }, layers: []}", ["a", "b"]),
        ("variants: {\n  a: {},\n  # why\nb: {},\n}\nlayers: []\n", ["a", "b"]),
        ("x: &own {a: {}}\nvariants: *own\n", ["a"]),
        ("variants:\n\n# a comment\n  a: {}\n\n  b:\n    w: 1\nlayers: []\n", ["a", "b"]),
        ('"variants": {a: }\n', ["a"]),
        ("notes: |\n  variants: {a: {}}\nlayers: []\n", []),
        ("layers: [variants: 3]\n", []),
        ("variants: [a\n", []),
        ("variants: 3\n", []),
        ("", []),
    ],
)
def test_names_in_a_text(text: str, names: list[str]) -> None:
    assert variants_in(text) == names


def test_what_python_loads(run: Command) -> None:
    assert run("show", "own/wide").code == 0
    assert shapecalc.load("own/wide").name == shapecalc.load("wide").name == "The wide one"
    Path("twice.yaml").write_text(FAMILY)
    Path("twice2.yaml").write_text(FAMILY)
    with pytest.raises(ArchitectureError, match="'wide' is also claimed by twice2"):
        shapecalc.load("wide")


def test_the_names_in_the_text_are_those_of_the_file() -> None:
    for path in {zoo.find(name).path for name in zoo.names()}:
        assert list(shapecalc.load(path).variants) == variants_in(path.read_text(encoding="utf-8"))
