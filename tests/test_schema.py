"""The JSON Schema: what it accepts and refuses, held against the reader of the language itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import shapecalc
from shapecalc import ShapecalcError, zoo
from shapecalc.language import library
from shapecalc.language.architecture import KEYS
from shapecalc.language.arguments import BESIDE
from shapecalc.language.expectation import FIGURES
from shapecalc.language.heads import EXPERTS, GROUP
from shapecalc.language.schema import schema
from shapecalc.language.variants import OWN
from shapecalc.layers import LAYERS

VALIDATOR = Draft202012Validator(schema())


def errors(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.load(text, yaml.CSafeLoader))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


def test_its_keys_are_those_that_the_reader_knows() -> None:
    of_file = schema()["properties"]
    assert of_file.keys() == {*KEYS, *library.KEYS}
    assert of_file["variants"]["additionalProperties"]["properties"].keys() == set(OWN)
    assert of_file["expect"]["properties"].keys() == set(FIGURES)
    step = schema()["$defs"]["step"]["anyOf"][-1]
    assert step["properties"].keys() - LAYERS.keys() == {GROUP, EXPERTS, *BESIDE}
    assert step["maxProperties"] == 1 + len(BESIDE)


@pytest.mark.parametrize("path", sorted(zoo.shipped().rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_are_valid(path: Path) -> None:
    assert errors(path.read_text()) == []


@pytest.mark.parametrize(
    "step",
    [
        "ReLU",
        "Linear: 10",
        "Linear: {out_features: 4*k, bias: false}",
        "MaxPool2d: [2, 3]",
        "Conv2d: {out_channels: k, kernel_size: 3, padding: same}",
        "AdaptiveAvgPool2d: [null, 1]",
        "add: [[ReLU], []]",
        "add: [[own], named]",
        "concat: {branches: [[], []], dim: 2}",
        "experts: {num_experts: 8, top_k: k, expert: [ReLU], router: [Linear: 8], norm_topk_prob: false}",
        "mul: 0.5",
        "mul: k",
        "sub: [1, []]",
        "add: [[], named, 2*k]",
        "sub: {input: 1}",
        "own: 3",
        "own",
        "seq: [ReLU, Linear: 3]",
        "ReLU: , times: k, as: y, from: x, share: z, frozen: f",
        "parameter: {shape: [1, 2]}",
        "ReLU: , when: k != 3 and act == 'any@text'",
        "ReLU: , when: true",
        "Linear: {out_features: 'divisible(0.75*k, 8)', bias: not norm}",
        "ReLU when not norm",
        "Linear when k % 2 == 0 or act != 'ReLU': 10",
        "ReLU as y",
        "own times 3 as y from x share z frozen f",
        "Linear as y times k: 10",
        "own as y: {width: 3}",
        "seq as y: [ReLU as z]",
        "'own as y.i from x.0, x.j for i, j in [[1, 2]]'",
        "Linear: w, for: w in widths, as: y.i",
        "add: [x.i, x.0]",
        "'add from x.(i - 1), x.0 as x.(i + 1)'",
        "add: [x.i for i in range(3) when i != 2, {seq: [ReLU], from: x.i, for: i in range(n)}]",
        "add: [{own from x: {out: 3}}, {ReLU: , when: n > 2}, ReLU from x.i for i in range(2)]",
        "add as y: [[ReLU], []]",
        "Linear weights int4:128+zeros: 4",
        "Linear: {out_features: 4, dtype: int8}",
        "own: 3, weights: quant",
    ],
)
def test_steps_that_are_valid(step: str) -> None:
    assert (
        errors(
            f"{{input: 1x2, layers: [{{{step}}}]}}" if ":" in step else f"{{input: 1x2, layers: [{step}]}}"
        )
        == []
    )


@pytest.mark.parametrize(
    "variants",
    [
        "{a: {}, b-1.5: }",
        "{a: {w: 3, sizes: [1, 2], name: A, input: 1x3, expect: {params: 3, macs: 4}}}",
        "{a: {input: {x: 1x3, y: 2x4}, expect: {output: 1x10, source: a paper}}}",
        "{a: {expect: {params: {max: 3}, macs: {min: 0, max: 4}}}}",
    ],
)
def test_variants_that_are_valid(variants: str) -> None:
    assert errors(f"{{input: 1x2, variants: {variants}, layers: [ReLU]}}") == []


WRONG = [
    "{input: 1x2, layers: [ReLU], expect: {params: -1}}",
    "{input: 1x2, layers: [ReLU], expect: {params: {}}}",
    "{input: 1x2, layers: [ReLU], expect: {params: {most: 3}}}",
    "{input: 1x2, layers: [ReLU], expect: {macs: {max: 1.5}}}",
    "{input: 1x2, layers: [ReLU], variants: {}}",
    "{input: 1x2, layers: [ReLU], variants: [a]}",
    "{input: 1x2, layers: [ReLU], variants: {a: 3}}",
    "{input: 1x2, layers: [ReLU], variants: {a/b: {}}}",
    "{input: 1x2, layers: [ReLU], variants: {a: {name: []}}}",
    "{input: 1x2, layers: [ReLU], variants: {a: {input: true}}}",
    "{input: 1x2, layers: [ReLU], variants: {a: {expect: {param: 3}}}}",
    "{input: 1x2}",
    "{layers: [ReLU]}",
    "{input: 1x2, layers: [ReLU], inputs: 1}",
    "{input: 1x2, layers: [Linear: {out_feature: 3}]}",
    "{input: 1x2, layers: [Linear: {bias: true}]}",
    "{input: 1x2, layers: [Linear: 0]}",
    "{input: 1x2, layers: [Linear: 1.5]}",
    "{input: 1x2, layers: [Dropout: 1.5]}",
    "{input: 1x2x3x3, layers: [MaxPool2d: [1, 2, 3]]}",
    "{input: 1x2x3x3, layers: [Conv2d: {out_channels: 3, kernel_size: 1, padding_mode: 3}]}",
    "{input: 1x2, layers: [{ReLU: , times: -1}]}",
    "{input: 1x2, layers: [{ReLU: , as: 1}]}",
    "{input: 1x2, layers: [{ReLU: , when: 1}]}",
    "{input: 1x2, layers: [{ReLU: , when: a & b}]}",
    "{input: 1x2, layers: [{Linear: {out_features: 1, bias: 1}}]}",
    "{input: 1x2, layers: [Conv2d]}",
    "{input: 1x2x3x3, layers: [Conv2d as y]}",
    "{input: 1x2, layers: [{Linear as y: {out_feature: 3}}]}",
    "{input: 1x2, layers: [{Linear as y: }]}",
    "{input: 1x2, layers: [{seq times 2: ReLU}]}",
    "{input: 1x2, layers: [{seq: [{Linear times 2: 0}]}]}",
    "{input: 1x2, layers: ReLU}",
    "{input: 1x2, layers: [concat: [[ReLU], 3]]}",
    "{input: 1x2, layers: [add: [[ReLU], true]]}",
    "{input: 1x2, layers: [add: {input: 1, others: 3}]}",
    "{input: 1x2, layers: [add: [[ReLU], {Linear: 3}]]}",
    "{input: 1x2, layers: [add: [[ReLU], {Linear: 3, as: x}]]}",
    "{input: 1x2, layers: [{Linear: 3, for: [a, b]}]}",
    "{input: 1x2, layers: [{Linear: 3, for: a}]}",
    "{input: 1x2, layers: [{ReLU: , as: x.}]}",
    "{input: 1x2, layers: [ReLU], expect: {param: 3}}",
    "{input: 1x2, weights: int4:0, layers: [Linear: 3]}",
    "{input: 1x2, layers: [{Linear: 3, weights: 4}]}",
    "{input: 1x2, layers: [{Linear: {out_features: 3, dtype: int4:x}}]}",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_marked_and_refused(text: str) -> None:
    assert errors(text)
    with pytest.raises(ShapecalcError):
        shapecalc.analyse(shapecalc.parse(text))


def test_every_argument_is_described() -> None:
    definitions: dict[str, Any] = schema()["$defs"]
    for name, layer in LAYERS.items():
        forms = definitions[name]["anyOf"]
        properties = next(form["properties"] for form in forms if "properties" in form)
        assert set(layer.fields) <= set(properties)
        assert all(properties[argument]["description"] for argument in layer.fields)
