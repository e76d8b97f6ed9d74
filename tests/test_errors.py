"""Every message a wrong file can meet, pinned: where it points, what it says, and what to do.

`test_a_wrong_file_is_refused_in_these_words` is the table; the tests after it look at the printed form.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

import shapecalc
from shapecalc import ArchitectureError, ShapecalcError, UsageError


def error_of(text: str, parameters: dict[str, str] | None = None) -> ShapecalcError:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.analyse(shapecalc.parse(text, "net.yaml"), parameters=parameters)
    return caught.value


def steps(*lines: str, head: str = "", input: str = "1x3x8x8") -> str:
    """A file with these steps, whose first stands on line 3 (after `head`), column 5."""
    return f"input: {input}\n{head}layers:\n" + "".join(f"  - {line}\n" for line in lines)


def with_key(line: str, input: str = "1x3x8x8") -> str:
    """A file that is right but for its line 2."""
    return f"input: {input}\n{line}\nlayers: [ReLU]\n"


class Wrong(NamedTuple):
    """A wrong file, and what is said of it; a hint of None is not looked at."""

    id: str
    text: str
    place: str
    message: str
    hint: str | None = None
    exit_code: int = 1
    parameters: dict[str, str] | None = None


BESIDE_A_STEP = (
    "give each step a dash or, in [ ], a comma of its own; "
    "beside it go when, times, as, from, share, frozen, weights, for, weight_norm, spectral_norm"
)
ARITHMETIC = "an expression has numbers, names, + - * / // % ** ( ), == != < <= > >=, and or not"
NAME = "a name is letters, digits and _, and begins with no digit"
TWICE = "in a list, each entry has a dash of its own; a mapping has each key once"
BRANCHES = "{}: [[first steps], [other steps]]; [] is the current tensor itself"
OWN_LIST = "put the step into a list of its own: [step]"
SHAPE_FORM = "sizes joined by a small x, as in 1x3x224x224; a symbolic size has no x in its name"
HEADER_FORM = "write it as name(parameter, other=default)"
CONV2D = (
    "Conv2d takes out_channels, kernel_size, in_channels?, stride?, padding?, dilation?, groups?, bias?, "
    "padding_mode?"
)
PAIR = "a whole number of at least 1, or a list of 2 of them"
PADDING = "a whole number of at least 0, or a list of 2 of them, same or valid"

NOT_YAML = [
    Wrong(
        "a tab as indentation",
        "input: 1x3\nlayers:\n\t- ReLU\n",
        "3:1",
        "this is not YAML: found character that cannot start any token",
        exit_code=2,
    ),
    Wrong(
        "an indented key",
        "input: 1x3\n  layers: []\n",
        "2:9",
        "this is not YAML: mapping values are not allowed in this context",
        exit_code=2,
    ),
    Wrong(
        "a colon inside of text",
        with_key("name: a: b"),
        "2:8",
        "this is not YAML: mapping values are not allowed in this context",
        exit_code=2,
    ),
    Wrong(
        "a list at the top",
        "- ReLU\n- ReLU\n",
        "1:1",
        "an architecture is a mapping with the keys input and layers, not a list",
        exit_code=2,
    ),
    Wrong(
        "a word at the top",
        "ReLU\n",
        "1:1",
        "an architecture is a mapping with the keys input and layers, not the text 'ReLU'",
        exit_code=2,
    ),
    Wrong(
        "a number at the top",
        "42\n",
        "1:1",
        "an architecture is a mapping with the keys input and layers, not 42",
        exit_code=2,
    ),
    Wrong(
        "two documents",
        "input: 1x3\nlayers: [ReLU]\n---\ninput: 1x3\n",
        "3:1",
        "a second document begins: a file holds one architecture",
        exit_code=2,
    ),
    Wrong(
        "a key twice in the file",
        "input: 1x3\nlayers: [ReLU]\nlayers: [ReLU]\n",
        "3:1",
        "the key 'layers' stands twice in one mapping, first on line 2",
        TWICE,
        exit_code=2,
    ),
    Wrong(
        "a key twice, once in quotes",
        "input: 1x3\n'input': 1x3\nlayers: [ReLU]\n",
        "2:1",
        "the key 'input' stands twice in one mapping, first on line 1",
        TWICE,
        exit_code=2,
    ),
    Wrong(
        "an argument twice",
        steps("Conv2d: {out_channels: 3, out_channels: 4, kernel_size: 3}"),
        "3:31",
        "the key 'out_channels' stands twice in one mapping, first on line 3",
        TWICE,
        exit_code=2,
    ),
    Wrong(
        "a layer twice in a step",
        steps("{ReLU: , ReLU: }"),
        "3:14",
        "the key 'ReLU' stands twice in one mapping, first on line 3",
        TWICE,
        exit_code=2,
    ),
    Wrong(
        "a parameter twice",
        with_key("parameters: {a: 1, a: 2}"),
        "2:20",
        "the key 'a' stands twice in one mapping, first on line 2",
        TWICE,
        exit_code=2,
    ),
    Wrong("a list as a key", steps("{[a]: b}"), "3:6", "a key must be text", exit_code=2),
    Wrong("a mapping as a key", steps("{{a: b}: b}"), "3:6", "a key must be text", exit_code=2),
    Wrong(
        "sixty-one levels",
        f"input: 1x3\nlayers: {'[' * 61}{']' * 61}\n",
        "2:68",
        "more than 60 levels of nesting",
        exit_code=2,
    ),
]

KEYS = [
    Wrong(
        "a key that is close",
        with_key("inputs: 1x3"),
        "2:1",
        "the key 'inputs' is unknown",
        "did you mean input?",
    ),
    Wrong(
        "a key that is close to none",
        with_key("zzz: 1"),
        "2:1",
        "the key 'zzz' is unknown",
        "the keys of a file: name, source, notes, input, parameters, variants, expect, "
        "weights, use, names, config, blocks, layers",
    ),
    Wrong("no input", "layers: [ReLU]\n", "1:1", "the key 'input' is missing"),
    Wrong("no layers", "input: 1x3\n", "1:1", "the key 'layers' is missing"),
    Wrong("layers of nothing", "input: 1x3\nlayers:\n", "2:8", "layers must be a list of steps, not nothing"),
    Wrong("no layer in layers", "input: 1x3\nlayers: []\n", "2:9", "layers is empty"),
    Wrong(
        "layers as a mapping",
        "input: 1x3\nlayers: {ReLU: }\n",
        "2:9",
        "layers must be a list of steps, not a mapping",
    ),
    Wrong(
        "layers as a word",
        "input: 1x3\nlayers: ReLU\n",
        "2:9",
        "layers must be a list of steps, not the text 'ReLU'",
    ),
    Wrong("name as a list", with_key("name: [a]"), "2:7", "text is needed here, not a list"),
    Wrong("name of nothing", with_key("name:"), "2:6", "text is needed here, not nothing"),
    Wrong("blocks as a list", with_key("blocks: [b]"), "2:9", "blocks must be a mapping, not a list"),
    Wrong(
        "parameters as a list",
        with_key("parameters: [a]"),
        "2:13",
        "parameters must be a mapping, not a list",
    ),
    Wrong("expect as a number", with_key("expect: 3"), "2:9", "expect must be a mapping, not 3"),
    Wrong("a merge key", with_key("<<: {name: a}"), "2:1", "the key '<<' is unknown"),
]

STEPS = [
    Wrong(
        "a layer in other case",
        steps("Conv2D: 3"),
        "3:5",
        "the step 'Conv2D' is unknown",
        "did you mean Conv2d?",
    ),
    Wrong(
        "a type in small letters",
        steps("identity"),
        "3:5",
        "the step 'identity' is unknown",
        "did you mean Identity?",
    ),
    Wrong(
        "a block that is close",
        steps("nim: 3", head="blocks: {nin(out): [Linear: out]}\n"),
        "4:5",
        "the step 'nim' is unknown",
        "did you mean nin?",
    ),
    Wrong(
        "a step that is close to none",
        steps("Qqqq: 3"),
        "3:5",
        "the step 'Qqqq' is unknown",
        "`shapecalc layers` lists the layer types",
    ),
    Wrong(
        "two layers in one step",
        steps("{Dropout: 0.5, ReLU: }"),
        "3:20",
        "one step can't be both Dropout and ReLU",
        BESIDE_A_STEP,
    ),
    Wrong(
        "a layer and a block in one step",
        steps("ReLU:\n    b:", head="blocks: {b: [ReLU]}\n"),
        "5:5",
        "one step can't be both ReLU and b",
        BESIDE_A_STEP,
    ),
    Wrong(
        "times misspelt",
        steps("{ReLU: , time: 3}"),
        "3:14",
        "one step can't be both ReLU and time",
        "did you mean times?",
    ),
    Wrong("times alone", steps("{times: 3}"), "3:5", "a step needs a layer, a block, a join or seq"),
    Wrong("an empty mapping", steps("{}"), "3:5", "a step needs a layer, a block, a join or seq"),
    Wrong(
        "a list as a step",
        steps("[ReLU, ReLU]"),
        "3:5",
        "a step can't be a list",
        "several steps as one are written seq: [first, second]",
    ),
    Wrong("a dash alone", steps(""), "3:4", "a step must be a name, not nothing"),
    Wrong("a number as a step", steps("3"), "3:5", "a step must be a name, not 3"),
    Wrong("a flag as a step", steps("true"), "3:5", "a step must be a name, not true"),
    Wrong(
        "yes as a step",
        steps("yes"),
        "3:5",
        "a step must be a name, not the text 'yes'",
        "yes is a boolean to many readers of YAML: choose another name",
    ),
    Wrong(
        "a call as a step",
        steps("Conv2d(3)"),
        "3:5",
        "a step must be a name, not the text 'Conv2d(3)'",
        "write Conv2d: 3, with a colon and a space",
    ),
    Wrong(
        "a colon without space", steps("Linear:10"), "3:5", "a step must be a name, not the text 'Linear:10'"
    ),
    Wrong("a merge key in a step", steps("<<: {ReLU: }"), "3:5", "a step must be a name, not the text '<<'"),
    Wrong("seq of a word", steps("seq: ReLU"), "3:10", "seq must be a list of steps, not the text 'ReLU'"),
    Wrong("seq of a mapping", steps("seq: {ReLU: }"), "3:10", "seq must be a list of steps, not a mapping"),
]

ARGUMENTS = [
    Wrong(
        "an argument that is close",
        steps("Conv2d: {out_channels: 3, kernel: 3}"),
        "3:31",
        "Conv2d: there is no argument 'kernel'",
        "did you mean kernel_size?",
    ),
    Wrong(
        "an argument that is close to none",
        steps("Conv2d: {out_channels: 3, kernel_size: 3, zzz: 4}"),
        "3:47",
        "Conv2d: there is no argument 'zzz'",
        CONV2D,
    ),
    Wrong(
        "an argument of a join",
        steps("concat: {branches: [[], []], dm: 1}"),
        "3:34",
        "concat: there is no argument 'dm'",
        "did you mean dim?",
    ),
    Wrong(
        "no argument",
        steps("Conv2d"),
        "3:5",
        "Conv2d: out_channels is missing: a whole number of at least 1",
        CONV2D,
    ),
    Wrong(
        "one argument of two", steps("Conv2d: 3"), "3:5", f"Conv2d: kernel_size is missing: {PAIR}", CONV2D
    ),
    Wrong(
        "only the second argument",
        steps("Unflatten: {unflattened_size: [1, 3]}"),
        "3:5",
        "Unflatten: dim is missing: the number of an axis",
        "Unflatten takes dim, unflattened_size",
    ),
    Wrong(
        "a block's argument that is close",
        steps("nin: {ouy: 3}", head="blocks: {nin(out): [Linear: out]}\n"),
        "4:11",
        "nin: there is no argument 'ouy'",
        "did you mean out?",
    ),
    Wrong(
        "a block's argument that is close to none",
        steps("nin: {out: 3, zzz: 3}", head="blocks: {'nin(out, k=1)': [Linear: out]}\n"),
        "4:19",
        "nin: there is no argument 'zzz'",
        "nin takes out, k",
    ),
    Wrong(
        "a block's argument that is missing",
        steps("nin: 3", head="blocks: {'nin(out, k)': [Linear: out]}\n"),
        "4:5",
        "nin: k is missing",
        "nin takes out, k",
    ),
]


def of_type(id: str, step: str, column: int, message: str) -> Wrong:
    """A value of the wrong kind, in a step on line 3."""
    return Wrong(f"{id}: {step}", steps(step), f"3:{column}", message)


def linear(value: str, found: str) -> Wrong:
    return of_type(
        "number",
        f"Linear: {value}",
        13,
        f"Linear: out_features must be a whole number of at least 1, not {found}",
    )


def kernel(value: str, found: str) -> Wrong:
    step = f"Conv2d: {{out_channels: 3, kernel_size: {value}}}"
    return of_type("pair", step, 44, f"Conv2d: kernel_size must be {PAIR}, not {found}")


def padding(value: str, found: str) -> Wrong:
    step = f"Conv2d: {{out_channels: 3, kernel_size: 1, padding: {value}}}"
    return of_type("padding", step, 56, f"Conv2d: padding must be {PADDING}, not {found}")


def flag(value: str, found: str) -> Wrong:
    step = f"Linear: {{out_features: 3, bias: {value}}}"
    return of_type("flag", step, 37, f"Linear: bias must be true or false, not {found}")


def choice(value: str, found: str) -> Wrong:
    step = f"GELU: {{approximate: {value}}}"
    return of_type("choice", step, 25, f"GELU: approximate must be one of none, tanh, not {found}")


def probability(value: str, found: str) -> Wrong:
    return of_type("real", f"Dropout: {value}", 14, f"Dropout: p must be a number from 0 to 1, not {found}")


def axis(value: str, found: str) -> Wrong:
    return of_type(
        "axis", f"Softmax: {value}", 14, f"Softmax: dim must be the number of an axis, or null, not {found}"
    )


def sizes(value: str, found: str) -> Wrong:
    return of_type(
        "sizes",
        f"reshape: {value}",
        14,
        f"reshape: shape must be a list of sizes, at most one of them -1, not {found}",
    )


TYPES = [
    linear("true", "true"),
    linear("0", "0"),
    linear("-1", "-1"),
    linear("1.5", "1.5"),
    linear("1e3", "1000.0"),
    linear("[1, 2]", "[1, 2]"),
    linear("2*3-6", "0"),
    linear("9223372036854775808", "9223372036854775808"),
    kernel("[1, 2, 3]", "[1, 2, 3]"),
    kernel("[1]", "[1]"),
    kernel("[1, 0]", "[1, 0]"),
    kernel("[1, [1]]", "[1, [1]]"),
    kernel("[]", "[]"),
    kernel("0", "0"),
    kernel("true", "true"),
    padding("-1", "-1"),
    padding("1.5", "1.5"),
    padding("true", "true"),
    padding("[1, 2, 3]", "[1, 2, 3]"),
    padding("[same, same]", "[same, same]"),
    flag("1", "1"),
    flag("null", "null"),
    flag("[true]", "[true]"),
    choice("1", "1"),
    choice("null", "null"),
    choice("[tanh]", "[tanh]"),
    probability("-0.1", "-0.1"),
    probability("2", "2"),
    probability("true", "true"),
    probability("[0.5]", "[0.5]"),
    axis("1.0", "1.0"),
    axis("100", "100"),
    axis("true", "true"),
    axis("[1]", "[1]"),
    sizes("[-1, -1]", "[-1, -1]"),
    sizes("[0]", "[0]"),
    sizes("[]", "[]"),
    sizes("[-2]", "[-2]"),
    sizes("1.5", "1.5"),
    of_type("real", "BatchNorm2d: {eps: -1}", 24, "BatchNorm2d: eps must be a number of at least 0, not -1"),
    of_type(
        "mapping",
        "Conv2d: {out_channels: {a: 1}, kernel_size: 1}",
        28,
        "Conv2d: out_channels: a value can't be a mapping",
    ),
    Wrong(
        "a name where a number is wanted",
        steps("Linear: clases", head="parameters: {classes: 10}\n"),
        "4:13",
        "Linear: out_features: the name 'clases' is unknown",
        "did you mean classes?",
    ),
    Wrong(
        "a name that is close to none",
        steps("Linear: q", head="parameters: {classes: 10, width: 3}\n"),
        "4:13",
        "Linear: out_features: the name 'q' is unknown",
        "known here: classes, width, channels",
    ),
    Wrong(
        "no name to choose from",
        steps("Linear: q"),
        "3:13",
        "Linear: out_features: the name 'q' is unknown",
        "known here: channels",
    ),
    Wrong(
        "a block's parameter outside of it",
        steps("Linear: n", head="blocks: {b(n): [Linear: n]}\n"),
        "4:13",
        "Linear: out_features: the name 'n' is unknown",
    ),
    Wrong(
        "a flag for a number, through a parameter",
        steps("Linear: p", head="parameters: {p: true}\n"),
        "4:13",
        "Linear: out_features must be a whole number of at least 1, not true",
    ),
    Wrong(
        "a word for a number, through a block",
        steps("b: same", head="blocks: {b(n): [Linear: n]}\n"),
        "2:25",
        "Linear: out_features must be a whole number of at least 1, not same",
    ),
]

EXPRESSIONS = [
    Wrong(
        f"expression: {written}",
        steps(f"Linear: {written}"),
        "3:13",
        f"Linear: out_features: {message}",
        hint,
    )
    for written, message, hint in [
        ("6&2", "unexpected '&' in '6&2'", "conditions are joined by and, or, not"),
        ("7=2", "unexpected '=' in '7=2'", "a comparison is written =="),
        ("7<8<9", "comparisons in a row in '7<8<9'", "write a < b and b < c"),
        ("max(1)+ceil(1, 2)", "ceil of 2 values in 'max(1)+ceil(1, 2)'", "ceil takes 1 value"),
        ("divisible(7)", "divisible of 1 value in 'divisible(7)'", "divisible takes 2 or 3 values"),
        ("2***3", "a number or a name is missing before '*' in '2***3'", ARITHMETIC),
        ("3;4", "unexpected ';' in '3;4'", ARITHMETIC),
        ("3 4", "unexpected '4' in '3 4'", ARITHMETIC),
        ("3+", "a number or a name is missing in '3+'", ARITHMETIC),
        ("(3", "')' is missing in '(3'", None),
        ("3)", "unexpected ')' in '3)'", ARITHMETIC),
        ("max(1", "')' is missing in 'max(1'", None),
        ("min()", "a number or a name is missing before ')' in 'min()'", ARITHMETIC),
        ("f(3)", "unexpected '(' in 'f(3)'", ARITHMETIC),
        ("a.b", "the name 'a' is unknown", None),
        ("__import__('os')", "unexpected '(' in \"__import__('os')\"", ARITHMETIC),
        ("0x10", "unexpected 'x10' in '0x10'", ARITHMETIC),
        ("010", "010: a number has no leading zeros in '010'", ARITHMETIC),
        ("2*1.5.1", "unexpected '.' in '2*1.5.1'", ARITHMETIC),
        ("１", "unexpected '１' in '１'", ARITHMETIC),
        ("1//0", "'1//0': it divides 1 by zero", None),
        ("9223372036854775807*2", "'9223372036854775807*2': it is too large: sizes stay below 2**63", None),
        ("99999999999999999999999", "a number that is too large in '99999999999999999999999'", None),
        ("+".join("1" * 300), "an expression of 599 characters; 500 are allowed", None),
        (f"{'(' * 41}1{')' * 41}", f"more than 40 levels of nesting in '{'(' * 41}1{')' * 17}…'", None),
        (f"{'-' * 41}1", f"more than 40 levels of nesting in '{'-' * 41}1'", None),
    ]
]

EXPRESSIONS_OVER_PARAMETERS = [
    Wrong(
        "division by a parameter",
        steps("Linear: 4//(p-2)", head="parameters: {p: 2}\n"),
        "4:13",
        "Linear: out_features: '4//(p-2)': it divides 4 by zero",
    ),
    Wrong(
        "a product of parameters",
        steps("Linear: p*p", head="parameters: {p: 9223372036854775807}\n"),
        "4:13",
        "Linear: out_features: 'p*p': it is too large: sizes stay below 2**63",
    ),
    Wrong(
        "a fraction where a size is wanted",
        steps("Linear: 33*p", head="parameters: {p: 0.75}\n"),
        "4:13",
        "Linear: out_features must be a whole number of at least 1, not 24.75: 33*p with p 0.75",
        "floor(…), ceil(…) and round(…) make it whole, divisible(…, 8) a multiple of 8",
    ),
    Wrong(
        "arithmetic on a word",
        steps("b: same", head="blocks: {b(p): [Linear: 2*p]}\n"),
        "2:25",
        "Linear: out_features: '2*p': same is no number",
    ),
]

INPUTS = [
    Wrong(
        "a size of 0",
        steps("ReLU", input="1x0x3"),
        "1:8",
        "the input 1x0x3 has a size of 0: sizes are at least 1",
    ),
    Wrong(
        "a negative size",
        steps("ReLU", input="1x-3"),
        "1:8",
        "the input 1x-3 has a size of -3: sizes are at least 1",
    ),
    Wrong("a size left out", steps("ReLU", input="1xx3"), "1:8", "'1xx3' is no input shape", SHAPE_FORM),
    Wrong("an input of quotes alone", steps("ReLU", input="''"), "1:8", "'' is no input shape", SHAPE_FORM),
    Wrong(
        "sixty-five axes",
        steps("ReLU", input="x".join("1" * 65)),
        "1:8",
        f"'{'1x' * 29}1…' is no input shape",
        SHAPE_FORM,
    ),
    Wrong(
        "a list of sizes",
        steps("ReLU", input="[1, 3, 8, 8]"),
        "1:8",
        "a shape is text, not a list",
        "write the sizes of all axes joined by x: 1x3x224x224",
    ),
    Wrong("an input of nothing", steps("ReLU", input=""), "1:7", "a shape is text, not nothing"),
    Wrong("no inputs", steps("ReLU", input="{}"), "1:8", "at least one input is needed"),
    Wrong(
        "a wrong input of two", steps("ReLU", input="{a: 1x3, b: }"), "1:20", "a shape is text, not nothing"
    ),
    Wrong(
        "an input without a name",
        steps("ReLU", input="{1: 1x3}"),
        "1:9",
        "an input must be a name, not 1",
        NAME,
    ),
    Wrong(
        "an input called yes",
        steps("ReLU", input="{yes: 1x3}"),
        "1:9",
        "an input must be a name, not the text 'yes'",
        "yes is a boolean to many readers of YAML: choose another name",
    ),
    Wrong(
        "a dtype that is close",
        steps("ReLU", input="1x3:int65"),
        "1:8",
        "'int65' in the input '1x3:int65' is no dtype",
        "did you mean int64 or int16 or int8?",
    ),
    Wrong(
        "a dtype that is close to none",
        steps("ReLU", input="1x3:zzz"),
        "1:8",
        "'zzz' in the input '1x3:zzz' is no dtype",
        "dtypes: bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64,"
        " complex128",
    ),
    Wrong(
        "a symbol that is a function of formulas",
        steps("ReLU", input="Nx3xfloorx8"),
        "1:8",
        "'floor' can't be the name of a symbol",
        "a symbol has no x in its name, which joins sizes, and is no word of formulas or of Python",
    ),
    Wrong(
        "a formula that is never a size",
        steps("ReLU", input="Nx3x-Hx8"),
        "1:8",
        "the input Nx3x-Hx8 has a size of −H: sizes are at least 1",
    ),
    Wrong(
        "a symbol for the size of a window",
        "input: 1x3x8x8\nparameters: {K: 3}\nlayers:\n  - MaxPool2d: K\n",
        "4:16",
        "MaxPool2d: kernel_size must be a whole number of at least 1, or a list of 2 of them, not k",
        "a symbol can stand for channels, features and the sizes of an input, not for this",
        parameters={"K": "k"},
    ),
    Wrong(
        "a symbol for a number of copies",
        "input: 1x3x8x8\nparameters: {n: 3}\nlayers:\n  - {ReLU: , times: n}\n",
        "4:21",
        "times must be a whole number of at least 0, not k",
        "the number of copies decides which layers there are: give a number",
        parameters={"n": "k"},
    ),
    Wrong(
        "branches that differ for every input",
        steps("add: [[Conv2d: {out_channels: 3, kernel_size: 3}], []]", input="1x3xHxW"),
        "3:5",
        "add: the branches differ on axis 2: H − 2 and H (1×3×(H − 2)×(W − 2) and 1×3×H×W)",
        "branches that meet need the same strides, and padding that keeps their sizes equal",
    ),
]

EXPECTATIONS = [
    Wrong(
        f"expect: {written}",
        with_key(f"expect: {{{written}}}"),
        f"2:{column}",
        message,
        hint,
    )
    for written, column, message, hint in [
        ("params: abc", 18, "expect: params must be a whole number, not the text 'abc'", None),
        ("params: -1", 18, "expect: params must be a whole number, not -1", None),
        ("params: 1.5", 18, "expect: params must be a whole number, not 1.5", None),
        ("params: ", 18, "expect: params must be a whole number, not nothing", None),
        ("params: 1_000", 18, "expect: params must be a whole number, not the text '1_000'", None),
        ("macs: 1e6", 16, "expect: macs must be a whole number, not 1e6", None),
        ("macs: [1]", 16, "expect: macs must be a whole number, not a list", None),
        ("param: 3", 10, "expect: the figure 'param' is unknown", "did you mean params?"),
        ("output: 1x", 18, "'1x' is no input shape", SHAPE_FORM),
        ("source: [a]", 18, "text is needed here, not a list", None),
        ("params: {max: many}", 24, "expect: params: max must be a whole number, not the text 'many'", None),
        ("macs: {min: 1.5}", 22, "expect: macs: min must be a whole number, not 1.5", None),
        ("macs: {max: -1}", 22, "expect: macs: max must be a whole number, not -1", None),
        ("macs: {max: }", 22, "expect: macs: max must be a whole number, not nothing", None),
        ("macs: {max: [1]}", 22, "expect: macs: max must be a whole number, not a list", None),
        ("macs: {mx: 3}", 17, "expect: macs: the bound 'mx' is unknown", "did you mean max?"),
        ("macs: {zzz: 3}", 17, "expect: macs: the bound 'zzz' is unknown", "bounds: min, max"),
        ("params: {}", 18, "expect: params has no bound", "params: {max: 5000000}"),
        (
            "params: {min: 3, max: 2}",
            18,
            "expect: params: nothing is at least 3 and at most 2",
            "the least of a figure is min, the most max",
        ),
        ("output: {max: 3}", 18, "a shape is text, not a mapping", None),
    ]
]

PARAMETERS = [
    Wrong("no default", with_key("parameters: {a: }"), "2:17", "the parameter a needs a default"),
    Wrong("null as a default", with_key("parameters: {a: null}"), "2:17", "the parameter a needs a default"),
    Wrong(
        "a parameter that is used too early",
        with_key("parameters: {a: b, b: 1}"),
        "2:17",
        "the name 'b' is unknown",
        "no parameter is known here",
    ),
    Wrong(
        "an unknown parameter in a default",
        with_key("parameters: {a: 1, b: a+c}"),
        "2:23",
        "the name 'c' is unknown",
        "known here: a",
    ),
    Wrong(
        "a default that divides by 0",
        with_key("parameters: {a: 1//0}"),
        "2:17",
        "'1//0': it divides 1 by zero",
    ),
    Wrong(
        "a default that divides by a parameter",
        with_key("parameters: {a: 3, b: 1//(a-3)}"),
        "2:23",
        "'1//(a-3)': it divides 1 by zero",
    ),
    Wrong(
        "a mapping as a default", with_key("parameters: {a: {b: 1}}"), "2:17", "a value can't be a mapping"
    ),
    Wrong(
        "yes as a default",
        with_key("parameters: {a: yes}"),
        "2:17",
        "the name 'yes' is unknown",
        "a flag is written true or false",
    ),
    Wrong(
        "a parameter called on",
        with_key("parameters: {on: 1}"),
        "2:14",
        "a parameter must be a name, not the text 'on'",
        "on is a boolean to many readers of YAML: choose another name",
    ),
    Wrong(
        "a parameter with a dash",
        with_key("parameters: {a-b: 1}"),
        "2:14",
        "a parameter must be a name, not the text 'a-b'",
        NAME,
    ),
]


def family(variants: str, parameters: str = "{width: 8, wide: true, size: [2, 3]}") -> str:
    """A file that is right but for its variants, on line 3."""
    return (
        f"input: 1x3x8x8\nparameters: {parameters}\nvariants: {variants}\n"
        "layers: [{Conv2d: {out_channels: 4, kernel_size: 1}}]\n"
    )


VARIANT_NAME = "it is letters, digits, _, - and ., begins with a letter or digit, and has no .yaml"
VARIANTS = [
    Wrong(
        "a variant that sets an unknown parameter",
        family("{a: {}, b: {widht: 3}}"),
        "3:23",
        "the file has no parameter 'widht'",
        "did you mean width or wide?",
    ),
    Wrong(
        "a variant that sets what is close to no parameter",
        family("{a: {zzz: 3}}"),
        "3:16",
        "the file has no parameter 'zzz'",
        "the file's parameters: width, wide, size",
    ),
    Wrong(
        "a variant of a file without parameters",
        family("{a: {depth: 3}}", "{}"),
        "3:16",
        "the file has no parameter 'depth'",
        "the file's parameters: none",
    ),
    Wrong(
        "a variant with a key of a file that a variant has not",
        family("{a: {inputs: 1x3}}"),
        "3:16",
        "the file has no parameter 'inputs'",
        "did you mean input?",
    ),
    Wrong(
        "a variant's value of another kind",
        family("{a: {width: true}}"),
        "3:23",
        "the parameter width must be a whole number, not true",
    ),
    Wrong(
        "a variant's value that is no flag",
        family("{a: {wide: 3}}"),
        "3:22",
        "the parameter wide must be true or false, not 3",
    ),
    Wrong(
        "a variant's value that is nothing",
        family("{a: {width: }}"),
        "3:23",
        "the parameter width must be a whole number, not null",
    ),
    Wrong(
        "a variant's value that uses a later parameter",
        family("{a: {width: 2*other}}", "{width: 8, other: 3}"),
        "3:23",
        "the name 'other' is unknown",
    ),
    Wrong(
        "a variant's value that divides by zero",
        family("{a: {b: 1//a, a: 0}}", "{a: 1, b: 1}"),
        "3:19",
        "'1//a': it divides 1 by zero",
    ),
    Wrong(
        "a default that divides by zero in a variant",
        family("{v: {a: 0}}", "{a: 1, b: 1//a}"),
        "2:23",
        "'1//a': it divides 1 by zero",
    ),
    Wrong(
        "variants that are a list",
        family("[a, b]"),
        "3:11",
        "variants must be a mapping, not a list",
    ),
    Wrong(
        "very many variants",
        family("{" + ", ".join(f"v{n}: " for n in range(40_000)) + "}"),
        "3:11",
        "40,000 variants of 3 parameters: at most 100,000 values are read",
    ),
    Wrong("variants that are none", family("{}"), "3:11", "variants is empty"),
    Wrong(
        "a variant that is a number",
        family("{a: 3}"),
        "3:15",
        "a variant must be a mapping, not 3",
        "a: {parameter: value, …}",
    ),
    Wrong(
        "a variant whose name is a path",
        family("{a/b: {}}"),
        "3:12",
        "'a/b' can't be the name of a variant",
        VARIANT_NAME,
    ),
    Wrong(
        "a variant whose name is a file's",
        family("{a.yaml: {}}"),
        "3:12",
        "'a.yaml' can't be the name of a variant",
        VARIANT_NAME,
    ),
    Wrong(
        "a variant whose name is hidden",
        family("{.a: {}}"),
        "3:12",
        "'.a' can't be the name of a variant",
        VARIANT_NAME,
    ),
    Wrong(
        "a variant twice",
        family("{a: {}, a: {}}"),
        "3:19",
        "the key 'a' stands twice in one mapping, first on line 3",
        TWICE,
        exit_code=2,
    ),
    Wrong(
        "a parameter of a file with variants that is a variant's own",
        family("{a: {}}", "{input: 3}"),
        "2:21",
        "in a file with variants, no parameter can be called input",
        "name, input, expect in a variant are the network's own",
    ),
    Wrong(
        "a variant with other inputs",
        family("{a: {input: {x: 1x3x8x8}}}"),
        "3:23",
        "a variant has the inputs of its file, which are input",
    ),
    Wrong(
        "a variant's input that is no shape",
        family("{a: {input: 1xx3}}"),
        "3:23",
        "'1xx3' is no input shape",
        SHAPE_FORM,
    ),
    Wrong(
        "a variant's unknown figure",
        family("{a: {expect: {parms: 3}}}"),
        "3:25",
        "expect: the figure 'parms' is unknown",
        "did you mean params?",
    ),
    Wrong(
        "a variant's name that is none", family("{a: {name: []}}"), "3:22", "text is needed here, not a list"
    ),
]

TIMES = [
    Wrong(
        f"times: {written}",
        steps(f"{{ReLU: , times: {written}}}"),
        "3:21",
        f"times must be a whole number of at least 0, not {found}",
    )
    for written, found in [
        ("-1", "-1"),
        ("2.5", "2.5"),
        ("true", "true"),
        ("null", "null"),
        ("[2]", "[2]"),
    ]
] + [
    Wrong("times as a word", steps("{ReLU: , times: two}"), "3:21", "the name 'two' is unknown"),
    Wrong("times as a mapping", steps("{ReLU: , times: {a: 2}}"), "3:21", "a value can't be a mapping"),
    Wrong(
        "times below 0 by a parameter",
        steps("{ReLU: , times: n-2}", head="parameters: {n: 1}\n"),
        "4:21",
        "times must be a whole number of at least 0, not -1",
    ),
    Wrong(
        "times as a fraction by a parameter",
        steps("{ReLU: , times: n}", head="parameters: {n: 1.5}\n"),
        "4:21",
        "times must be a whole number of at least 0, not 1.5",
    ),
    Wrong(
        "times as a fraction by arithmetic",
        steps("{ReLU: , times: 2*n}", head="parameters: {n: 1.2}\n"),
        "4:21",
        "times must be a whole number of at least 0, not 2.4: 2*n with n 1.2",
        "floor(…), ceil(…) and round(…) make it whole",
    ),
    Wrong(
        "times divided by 0",
        steps("{ReLU: , times: 1//n}", head="parameters: {n: 0}\n"),
        "4:21",
        "'1//n': it divides 1 by zero",
    ),
    Wrong(
        "one layer too many",
        steps("{ReLU: , times: 1000001}"),
        "3:6",
        "the network has 1,000,001 layers; at most 1,000,000 are analysed",
    ),
]

POOLED = "{MaxPool2d: {kernel_size: 2, return_indices: true}, as: [a, b, c]}"

NAMES = [
    Wrong(
        "a name twice",
        steps("{ReLU: , as: a}", "{ReLU: , as: a}"),
        "4:18",
        "the name 'a' is taken by a step on line 3",
    ),
    Wrong(
        "a name of an input", steps("{ReLU: , as: input}"), "3:18", "the name 'input' is taken by an input"
    ),
    Wrong(
        "a name twice by an anchor",
        steps("&a {ReLU: , as: x}", "*a"),
        "3:21",
        "the name 'x' is taken by a step on line 3",
    ),
    Wrong("a number as a name", steps("{ReLU: , as: 3}"), "3:18", "as must be a name, not 3", NAME),
    Wrong(
        "a name with a dash",
        steps("{ReLU: , as: a-b}"),
        "3:18",
        "as must be a name, not the text 'a-b'",
        NAME,
    ),
    Wrong("no name", steps("{ReLU: , as: }"), "3:18", "as must be a name, not nothing", NAME),
    Wrong("no names", steps("{ReLU: , as: []}"), "3:18", "as must be a name or a list of names"),
    Wrong(
        "off as a name",
        steps("{ReLU: , as: off}"),
        "3:18",
        "as must be a name, not the text 'off'",
        "off is a boolean to many readers of YAML: choose another name",
    ),
    Wrong("three names for two outputs", steps(POOLED), "3:68", "as: 3 names for 2 outputs"),
    Wrong(
        "from a name that is close",
        steps("{ReLU: , as: skip}", "{ReLU: , from: skp}"),
        "4:20",
        "no tensor above is named 'skp'",
        "did you mean skip?",
    ),
    Wrong(
        "from a name that is close to none",
        steps("{ReLU: , from: zzz}"),
        "3:20",
        "no tensor above is named 'zzz'",
        "named here: input",
    ),
    Wrong(
        "from a later name",
        steps("{ReLU: , from: later}", "{ReLU: , as: later}"),
        "3:20",
        "no tensor above is named 'later'",
    ),
    Wrong("from its own name", steps("{ReLU: , from: me, as: me}"), "3:20", "no tensor above is named 'me'"),
    Wrong(
        "from a name inside of a block",
        steps("b", "{ReLU: , from: inner}", head="blocks: {b: [{ReLU: , as: inner}]}\n"),
        "5:20",
        "no tensor above is named 'inner'",
    ),
    Wrong("from an index", steps("{ReLU: , from: -1}"), "3:20", "from must be a name, not -1", NAME),
    Wrong("from no names", steps("{ReLU: , from: []}"), "3:20", "from must be a name or a list of names"),
    Wrong(
        "from two tensors into a layer of one",
        steps("{ReLU: , as: a}", "{ReLU: , from: [a, input]}"),
        "4:6",
        "ReLU: one input is needed, not 2",
    ),
    Wrong(
        "from two tensors into a block",
        steps("{ReLU: , as: a}", "{b: , from: [a, input]}", head="blocks: {b: [ReLU]}\n"),
        "5:6",
        "b: it takes one tensor, not 2",
        "a block of several tensors names them in its header: b(a, b;)",
    ),
]

JOINS = [
    Wrong(
        "concat alone",
        steps("concat"),
        "3:5",
        "concat: a list of branches is needed",
        BRANCHES.format("concat"),
    ),
    Wrong(
        "add alone",
        steps("add"),
        "3:5",
        "add: a list of branches or a number is needed",
        BRANCHES.format("add"),
    ),
    Wrong(
        "add of a name",
        steps("add: skip"),
        "3:10",
        "add: a list of branches or a number is needed",
        BRANCHES.format("add"),
    ),
    Wrong(
        "mul by a name that is close",
        steps("mul: scal", head="parameters: {scale: 0.5}\n"),
        "4:10",
        "mul: a list of branches or a number is needed",
        "did you mean scale?",
    ),
    Wrong(
        "no branches",
        steps("concat: []"),
        "3:13",
        "concat: at least two branches are needed",
        BRANCHES.format("concat"),
    ),
    Wrong(
        "one branch",
        steps("mul: [[]]"),
        "3:10",
        "mul: at least two branches are needed",
        BRANCHES.format("mul"),
    ),
    Wrong(
        "a layer as a branch",
        steps("add: [[], ReLU]"),
        "3:15",
        "add: a branch is a list of steps or the name of a tensor, not the text 'ReLU'",
        OWN_LIST,
    ),
    Wrong(
        "a layer with arguments as a branch",
        steps("add: [[], Linear: 8]"),
        "3:15",
        "add: a branch is a list of steps or the name of a tensor, not a mapping",
        OWN_LIST,
    ),
    Wrong(
        "a block as a branch",
        steps("add: [[], b]", head="blocks: {b: [ReLU]}\n"),
        "4:15",
        "add: a branch is a list of steps or the name of a tensor, not the text 'b'",
        OWN_LIST,
    ),
    Wrong(
        "numbers alone",
        steps("mul: [1, 2]"),
        "3:14",
        "mul: input and other are both numbers: one must be a tensor",
    ),
    Wrong(
        "a number among branches",
        steps("add: [[], 2, []]"),
        "3:15",
        "add: branch 1 must be a tensor, not a number",
        "put it at the end: the order decides nothing but the memory",
    ),
    Wrong(
        "a number that is compared",
        steps("gt: [0, []]"),
        "3:10",
        "gt: branch 0 must be a tensor, not a number",
    ),
    Wrong(
        "a number as a mask",
        steps("where: [1, [], []]"),
        "3:13",
        "where: branch 0 must be a tensor, not a number",
    ),
    Wrong(
        "a mask of numbers",
        steps("where: [[], [], 0]"),
        "3:5",
        "where: the first branch must be bool, not float32",
        "a comparison makes one: gt, ge, lt, le, eq, ne",
    ),
    Wrong(
        "masked_fill with what its input can't hold",
        steps("masked_fill: {branches: [[], [gt: 0]], value: 300}", input="2:uint8"),
        "3:51",
        "masked_fill: value 300 is beyond uint8: 0 to 255",
    ),
    Wrong(
        "masked_fill without a value",
        steps("masked_fill: [[], [gt: 0]]"),
        "3:5",
        "masked_fill: value is missing: a number",
    ),
    Wrong(
        "full of nothing",
        steps("full: {size: [2, 3]}"),
        "3:5",
        "full: fill_value is missing: a number",
        "full takes size, fill_value?, dtype?",
    ),
    Wrong(
        "full of what its dtype can't hold",
        steps("full: {size: [2, 3], fill_value: 300, dtype: int8}"),
        "3:38",
        "full: fill_value 300 is beyond int8: -128 to 127",
    ),
    Wrong(
        "no numbers in order",
        steps("arange: {start: 3, end: 3}"),
        "3:5",
        "arange: end is 3, and start 3: there is no number between them",
    ),
    Wrong(
        "a dtype that is none",
        steps("zeros: {size: 2, dtype: float31}"),
        "3:29",
        "zeros: dtype must be one of bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32,"
        " float64, complex64, complex128, or null, not float31",
        "did you mean float32 or float16 or bfloat16?",
    ),
    Wrong(
        "a clamp without bounds",
        steps("clamp"),
        "3:5",
        "clamp: min or max is needed, or both",
        "clamp takes min?, max?",
    ),
    Wrong(
        "a power of whole numbers below 0",
        steps("pow: -1", input="2:int64"),
        "3:10",
        "pow: exponent -1 is below 0: int64 holds no such power of whole numbers",
    ),
    Wrong(
        "a number twice",
        steps("sub: {branches: [1, []], input: 2}"),
        "3:22",
        "sub: input is there twice, among the branches too",
    ),
    Wrong(
        "a flag in the place of a number",
        steps("mul: true"),
        "3:10",
        "mul: a list of branches or a number is needed",
        BRANCHES.format("mul"),
    ),
    Wrong(
        "text in the place of a number",
        steps("mul: act", head="parameters: {act: ReLU}\n"),
        "4:10",
        "mul: other must be a number, in the place of a tensor, or null, not ReLU",
    ),
    Wrong(
        "a number beside two tensors",
        steps("sub: {branches: [[], []], other: 2}"),
        "3:5",
        "sub: one input is needed, not 2",
    ),
    Wrong(
        "a number that no tensor holds",
        steps("add: 9223372036854775808"),
        "3:10",
        "add: other must be a number, in the place of a tensor, or null, not 9223372036854775808",
    ),
    Wrong(
        "whole numbers divided by 0",
        steps("div: {other: 256, rounding_mode: floor}", head="input: 2:uint8\n").replace(
            "input: 1x3x8x8\n", ""
        ),
        "3:18",
        "div: other 256 is 0 as uint8, and divides nothing",
    ),
    Wrong(
        "a number as a branch of a join of tensors",
        steps("concat: [[], 3]"),
        "3:18",
        "a branch that is no list must be a name, not 3",
    ),
    Wrong(
        "a name that is close as a branch",
        steps("{ReLU: , as: skip}", "concat: [skp, []]"),
        "4:14",
        "no tensor above is named 'skp'",
        "did you mean skip?",
    ),
    Wrong(
        "add of different channels",
        steps("add: [[Conv2d: {out_channels: 4, kernel_size: 1}], []]"),
        "3:5",
        "add: the branches differ on axis 1: 4 and 3 (1×4×8×8 and 1×3×8×8)",
        "a 1×1 Conv2d with out_channels: 4 in the other branch makes them equal",
    ),
    Wrong(
        "mul of different heights",
        steps("mul: [[], [], [MaxPool2d: 2]]"),
        "3:5",
        "mul: the branches differ on axis 2: 8 and 4 (1×3×8×8 and 1×3×4×4)",
        "branches that meet need the same strides, and padding that keeps their sizes equal",
    ),
    Wrong(
        "concat of different heights",
        steps("concat: [[MaxPool2d: 2], []]"),
        "3:5",
        "concat: branches 0 and 1 differ on axis 2: 4 and 8 (1×3×4×4 and 1×3×8×8)",
        "along dim 1 they may differ, on every other axis they must agree",
    ),
    Wrong(
        "concat of different numbers of axes",
        steps("concat: [[], [Flatten]]"),
        "3:5",
        "concat: branch 1 has 2 axes (1×192), branch 0 has 4 (1×3×8×8)",
    ),
    Wrong(
        "concat along an axis that is not there",
        steps("concat: {branches: [[], []], dim: 4}"),
        "3:39",
        "concat: dim is 4, but the input 1×3×8×8 has axes 0 to 3",
    ),
]

MAXIMA = "{MaxPool1d: {kernel_size: 2, return_indices: true}, as: [y, i]}"

SHAPES = [
    Wrong(
        "a kernel that is too large",
        steps("Conv2d: {out_channels: 4, kernel_size: 9}"),
        "3:5",
        "Conv2d: the kernel of 9 does not fit on an input of 8",
    ),
    Wrong(
        "a kernel that is too large, with padding",
        steps("Conv2d: {out_channels: 4, kernel_size: 19, padding: 1}"),
        "3:5",
        "Conv2d: the kernel of 19 does not fit on an input of 8 + 2 of padding",
    ),
    Wrong(
        "a kernel that is too large, with dilation",
        steps("Conv2d: {out_channels: 4, kernel_size: 5, dilation: 4}"),
        "3:5",
        "Conv2d: the kernel of 5 with dilation 4 spans 17 and does not fit on an input of 8",
    ),
    Wrong(
        "a pooling window that is too large",
        steps("MaxPool2d: 9"),
        "3:5",
        "MaxPool2d: the kernel of 9 does not fit on an input of 8",
    ),
    Wrong(
        "a pooling window of padding alone",
        steps("MaxPool2d: {kernel_size: 3, padding: 2}"),
        "3:42",
        "MaxPool2d: padding 2 is more than half of kernel_size 3",
        "a window must touch the input, not padding alone",
    ),
    Wrong(
        "a stride of 0",
        steps("Conv2d: {out_channels: 3, kernel_size: 1, stride: 0}"),
        "3:55",
        f"Conv2d: stride must be {PAIR}, not 0",
    ),
    Wrong(
        "padding same with a stride",
        steps("Conv2d: {out_channels: 3, kernel_size: 1, padding: same, stride: 2}"),
        "3:56",
        "Conv2d: padding: same needs a stride of 1",
        "write the padding as numbers, (kernel_size - 1) // 2 for an odd kernel",
    ),
    Wrong(
        "reflection of more than there is",
        steps("Conv2d: {out_channels: 4, kernel_size: 1, padding: 8, padding_mode: reflect}"),
        "3:73",
        "Conv2d: padding_mode: reflect can't pad an axis of 8 by 8",
    ),
    Wrong(
        "padding of the output by a whole stride",
        steps("ConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2, output_padding: 2}"),
        "3:83",
        "ConvTranspose2d: output_padding 2 must be less than stride 2 or dilation 1",
        "a convolution makes one size of several: output_padding says which of them it was",
    ),
    Wrong(
        "a transposed convolution that leaves nothing",
        steps("ConvTranspose2d: {out_channels: 4, kernel_size: 2, padding: 5}"),
        "3:65",
        "ConvTranspose2d: padding 5 takes away all of the 9 elements that an input of 8 makes",
        "padding is cut off at both ends here: less of it, or a larger input",
    ),
    Wrong(
        "a transposed convolution that mirrors",
        steps("ConvTranspose2d: {out_channels: 4, kernel_size: 2, padding_mode: reflect}"),
        "3:70",
        "ConvTranspose2d: padding_mode must be zeros, not reflect",
    ),
    Wrong(
        "a mean that only padding makes room for",
        steps("AvgPool3d: {kernel_size: 4, padding: 1}", input="1x3x3x8x8"),
        "3:5",
        "AvgPool3d: kernel_size 4 does not fit on an input of 3: padding and ceil_mode do not help here",
    ),
    Wrong(
        "a root of order 0",
        steps("LPPool2d: {norm_type: 0, kernel_size: 2}"),
        "3:27",
        "LPPool2d: norm_type must not be 0: there is no root of order 0",
    ),
    Wrong(
        "a list where torch multiplies by a number",
        steps("LPPool1d: {norm_type: 2, kernel_size: [2]}", input="1x3x8"),
        "3:43",
        "LPPool1d: kernel_size must be a whole number of at least 1, not [2]",
    ),
    Wrong(
        "fractional pooling to no size",
        steps("FractionalMaxPool2d: 2"),
        "3:5",
        "FractionalMaxPool2d: output_size or output_ratio is missing",
        "one of the two says how large the output is",
    ),
    Wrong(
        "fractional pooling to two sizes",
        steps("FractionalMaxPool2d: {kernel_size: 2, output_size: 4, output_ratio: 0.5}"),
        "3:5",
        "FractionalMaxPool2d: output_size and output_ratio are both written",
        "one of the two says how large the output is",
    ),
    Wrong(
        "a ratio of 1",
        steps("FractionalMaxPool2d: {kernel_size: 2, output_ratio: 1.0}"),
        "3:57",
        "FractionalMaxPool2d: output_ratio must be a number between 0 and 1, or a list of 2 of them, or "
        "null, not 1.0",
    ),
    Wrong(
        "a ratio of a formula",
        steps("FractionalMaxPool2d: {kernel_size: 2, output_ratio: 0.5}", input="1x3xHx8"),
        "3:57",
        "FractionalMaxPool2d: output_ratio 0.5 of an input of H is rounded as a floating-point number: "
        "no formula of this kind gives that",
        "give numbers, or write output_size",
    ),
    Wrong(
        "more windows than there is room for",
        steps("FractionalMaxPool3d: {kernel_size: 3, output_size: 6}", input="1x3x8x8x8"),
        "3:5",
        "FractionalMaxPool3d: 6 windows of 3 need an input of 9, not 8",
    ),
    Wrong(
        "unpooling to a size that is not pooled to this",
        steps(MAXIMA, "{MaxUnpool1d: {kernel_size: 2, output_size: 10}, from: [y, i]}", input="1x3x8"),
        "4:49",
        "MaxUnpool1d: output_size 10 is not from 7 to 9, the sizes that are pooled to 4",
    ),
    Wrong(
        "unpooling to a size too many",
        steps(MAXIMA, "{MaxUnpool1d: {kernel_size: 2, output_size: [8, 8]}, from: [y, i]}", input="1x3x8"),
        "4:49",
        "MaxUnpool1d: output_size has 2 sizes; 1 or 3 are needed",
        "those of the spatial axes, or of all axes",
    ),
    Wrong(
        "unpooling without indices",
        steps(MAXIMA, "{MaxUnpool1d: 2, from: [y, y]}", input="1x3x8"),
        "4:6",
        "MaxUnpool1d: the second input must be indices of int64, not float32",
        "a max pooling with return_indices: true makes them",
    ),
    Wrong(
        "unpooling with the indices of others",
        steps(MAXIMA, "{AvgPool1d: 2, from: y, as: z}", "{MaxUnpool1d: 2, from: [z, i]}", input="1x3x8"),
        "5:6",
        "MaxUnpool1d: the maxima 1×3×2 and their indices 1×3×4 must be of one shape",
    ),
    Wrong(
        "unpooling that leaves nothing",
        steps(MAXIMA, "{MaxUnpool1d: {kernel_size: 2, padding: 4}, from: [y, i]}", input="1x3x8"),
        "4:45",
        "MaxUnpool1d: padding 4 takes away all of the 8 elements that 4 maxima come from",
    ),
    Wrong(
        "groups of unequal output",
        steps("Conv2d: {out_channels: 4, kernel_size: 1, groups: 3}"),
        "3:5",
        "Conv2d: out_channels 4 is not divisible by groups 3",
        "each group makes an equal part of the output channels",
    ),
    Wrong(
        "groups of unequal input",
        steps("Conv2d: {out_channels: 4, kernel_size: 1, groups: 2}"),
        "3:5",
        "Conv2d: the input's 3 channels are not divisible by groups 2",
        "each group sees an equal part of the input channels",
    ),
    Wrong(
        "Conv2d without space",
        steps("Flatten", "Conv2d: {out_channels: 4, kernel_size: 1}"),
        "4:5",
        "Conv2d: an input of 3 or 4 axes is needed, not 2 (1×192)",
        "Conv2d takes N×C×H×W, or the same without the batch axis",
    ),
    Wrong(
        "BatchNorm2d after Flatten",
        steps("Flatten", "BatchNorm2d"),
        "4:5",
        "BatchNorm2d: an input of 4 axes is needed, not 2 (1×192)",
    ),
    Wrong(
        "BatchNorm1d on images",
        steps("BatchNorm1d"),
        "3:5",
        "BatchNorm1d: an input of 2 or 3 axes is needed, not 4 (1×3×8×8)",
    ),
    Wrong(
        "MaxPool2d after Flatten",
        steps("Flatten", "MaxPool2d: 2"),
        "4:5",
        "MaxPool2d: an input of 3 or 4 axes is needed, not 2 (1×192)",
    ),
    Wrong(
        "Softmax along an axis that is not there",
        steps("Softmax: -5"),
        "3:14",
        "Softmax: dim is -5, but the input 1×3×8×8 has axes 0 to 3",
    ),
    Wrong(
        "Flatten from an axis that is not there",
        steps("Flatten: {start_dim: 7}"),
        "3:26",
        "Flatten: start_dim is 7, but the input 1×3×8×8 has axes 0 to 3",
    ),
    Wrong(
        "Flatten backwards",
        steps("Flatten: {start_dim: 3, end_dim: 1}"),
        "3:5",
        "Flatten: start_dim 3 comes after end_dim 1 in the input 1×3×8×8",
    ),
    Wrong(
        "reshape to another number of elements",
        steps("reshape: [5, 5]"),
        "3:5",
        "reshape: the input 1×3×8×8 of 192 elements can't become 5×5: that has 25",
    ),
    Wrong(
        "reshape with a rest",
        steps("reshape: [-1, 7]"),
        "3:5",
        "reshape: the input 1×3×8×8 of 192 elements can't become -1×7: 7 must divide it",
    ),
    Wrong(
        "Unflatten to another number of elements",
        steps("Unflatten: {dim: 1, unflattened_size: [2, 2]}"),
        "3:5",
        "Unflatten: axis 1 of 3 elements can't become 2×2: that has 4",
    ),
    Wrong(
        "Conv2d on integers",
        steps("Conv2d: {out_channels: 4, kernel_size: 1}", input="1x3x8x8:int64"),
        "3:5",
        "Conv2d: an input of float32 is needed, to match the weights, not int64",
    ),
    Wrong(
        "Linear on another float",
        steps("Linear: 4", input="1x3:float64"),
        "3:5",
        "Linear: an input of float32 is needed, to match the weights, not float64",
    ),
    Wrong(
        "MaxPool2d on integers",
        steps("MaxPool2d: 4", input="1x3x8x8:int64"),
        "3:5",
        "MaxPool2d: a floating-point input is needed, not int64",
    ),
    Wrong(
        "a wrong constant in a block that is not used",
        steps("ReLU", head="blocks: {b: [Linear: 0]}\n"),
        "2:22",
        "Linear: out_features must be a whole number of at least 1, not 0",
    ),
]

BLOCKS = [
    Wrong(
        "a block of nothing",
        with_key("blocks: {b: }"),
        "2:13",
        "the block b must be a list of steps, not nothing",
    ),
    Wrong(
        "a block of a word",
        with_key("blocks: {b: ReLU}"),
        "2:13",
        "the block b must be a list of steps, not the text 'ReLU'",
    ),
    Wrong(
        "a block twice",
        with_key("blocks: {a(x): [ReLU], a(y): [ReLU]}"),
        "2:24",
        "the block a is there twice",
    ),
    Wrong(
        "a block that uses itself",
        "input: 1x3\nblocks:\n  a: [ReLU, a]\nlayers: [a]\n",
        "3:3",
        "a block can't use itself: a → a",
    ),
    Wrong(
        "blocks that use each other",
        "input: 1x3\nblocks:\n  z: [a]\n  a: [seq: [b]]\n  b: [add: [[], [c]]]\n  c: [a]\nlayers: [z]\n",
        "4:3",
        "a block can't use itself: a → b → c → a",
    ),
] + [
    Wrong(
        f"block header: {header}",
        f"input: 1x3\nblocks:\n  {header}: [ReLU]\nlayers: [ReLU]\n",
        "3:3",
        message,
        hint,
    )
    for header, message, hint in [
        ("nin(", "'nin(' is no block header", HEADER_FORM),
        ("nin(a", "'nin(a' is no block header", HEADER_FORM),
        ("nin a", "'nin a' is no block header", HEADER_FORM),
        ("9nin", "'9nin' is no block header", HEADER_FORM),
        ("nin-2(a)", "'nin-2(a)' is no block header", HEADER_FORM),
        ("''", "'' is no block header", HEADER_FORM),
        ("nin(a, a)", "'a' is no new parameter of the block nin", None),
        ("nin(a=)", "'a=' is no new parameter of the block nin", None),
        ("nin(1a)", "'1a' is no new parameter of the block nin", None),
        ("nin(a b)", "'a b' is no new parameter of the block nin", None),
        ("nin(*a)", "'*a' is no new parameter of the block nin", None),
        ("seq", "seq means something already: give the block another name", None),
        ("times(n)", "times means something already: give the block another name", None),
        ("nin(a, b=c)", "the default 'c': the name 'c' is unknown", "known here: a, channels"),
        ("nin(a=1//0)", "the default '1//0': '1//0': it divides 1 by zero", None),
        ("nin(a=yes)", "the default 'yes': the name 'yes' is unknown", "a flag is written true or false"),
        ("'nin(a={})'", "the default '{}': a value can't be a mapping", None),
    ]
]

ANCHORS_AND_TAGS = [
    Wrong(
        "an anchor inside of itself",
        "input: 1x3\nlayers: &a [ReLU, *a]\n",
        "2:19",
        "*a stands for nothing that is complete above it",
        exit_code=2,
    ),
    Wrong(
        "an anchor that is not there",
        "input: 1x3\nlayers: [*a]\n",
        "2:10",
        "*a stands for nothing that is complete above it",
        exit_code=2,
    ),
    Wrong("a tag", steps("!layer ReLU"), "3:5", "the tag '!layer' means nothing here", exit_code=2),
]

EVERYTHING = [
    *NOT_YAML,
    *KEYS,
    *STEPS,
    *ARGUMENTS,
    *TYPES,
    *EXPRESSIONS,
    *EXPRESSIONS_OVER_PARAMETERS,
    *INPUTS,
    *EXPECTATIONS,
    *PARAMETERS,
    *VARIANTS,
    *TIMES,
    *NAMES,
    *JOINS,
    *SHAPES,
    *BLOCKS,
    *ANCHORS_AND_TAGS,
]


@pytest.mark.parametrize("wrong", EVERYTHING, ids=lambda wrong: wrong.id)
def test_a_wrong_file_is_refused_in_these_words(wrong: Wrong) -> None:
    error = error_of(wrong.text, wrong.parameters)
    assert error.message == wrong.message
    assert error.place is not None
    assert f"{error.place.line}:{error.place.column}" == wrong.place
    assert error.exit_code == wrong.exit_code
    assert wrong.hint in (None, error.hint)


# Errors of a file as a whole, which have no line.


@pytest.mark.parametrize("text", ["", "  \n\n", "# only\n# comments\n"])
def test_an_empty_file_says_what_a_file_needs(text: str) -> None:
    error = error_of(text)
    assert str(error) == (
        "net.yaml: the file is empty\n  hint: an architecture has the keys input and layers"
    )
    assert error.exit_code == 2


@pytest.mark.parametrize("character", ["\0", "\x01", "\x1b", "\x7f"])
def test_control_characters_are_no_text(character: str) -> None:
    error = error_of(f"input: 1x3\nlayers: [ReLU{character}]\n")
    assert "control characters are not allowed" in error.message
    assert error.exit_code == 2


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    assert error_of("input: 1x3\nname: \ud800\nlayers: [ReLU]\n").exit_code == 2


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!int", "!!str"]
)
def test_a_tag_is_refused_and_not_obeyed(tag: str) -> None:
    error = error_of(steps(f"{tag} ['exit 1']"))
    assert isinstance(error, UsageError)
    assert error.message.endswith("means nothing here")
    assert str(error.place) == "net.yaml:3:5"


# Bare words that many readers of YAML take for booleans: they are never a value, and no name.


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "On", "OFF", "Yes", "NO"])
@pytest.mark.parametrize(
    "step",
    [
        "Linear: {}",
        "Conv2d: {{out_channels: 3, kernel_size: {}}}",
        "Linear: {{out_features: 3, bias: {}}}",
        "GELU: {}",
        "Dropout: {}",
        "Softmax: {}",
        "reshape: [{}]",
        "{{ReLU: , times: {}}}",
        "{{ReLU: , as: {}}}",
        "{{ReLU: , from: {}}}",
        "concat: [[], {}]",
        "{}",
        "{}: 3",
    ],
)
def test_words_that_look_like_booleans_are_refused(step: str, word: str) -> None:
    error = error_of(steps(step.format(word)))
    assert isinstance(error, ArchitectureError)
    assert word in error.message
    assert error.place is not None
    assert error.place.text[error.place.column - 1 :].startswith(word)


# The printed form.


def test_the_place_the_line_the_carets_and_the_hint() -> None:
    error = error_of(
        steps("ReLU", "Conv2d: {out_channels: clases, kernel_size: 3}", head="parameters: {classes: 10}\n")
    )
    assert str(error).splitlines() == [
        "net.yaml:5:28: Conv2d: out_channels: the name 'clases' is unknown",
        "  5 │   - Conv2d: {out_channels: clases, kernel_size: 3}",
        "    │                            ^^^^^^",
        "  hint: did you mean classes?",
    ]


def test_the_line_number_may_have_several_digits() -> None:
    error = error_of(steps(*["ReLU"] * 98, "Foo"))
    assert str(error).splitlines()[:3] == [
        "net.yaml:101:5: the step 'Foo' is unknown",
        "  101 │   - Foo",
        "      │     ^^^",
    ]


def test_the_quotes_of_text_are_underlined_too() -> None:
    lines = str(error_of(steps("Linear: '3 +'"))).splitlines()
    assert lines[1:3] == [
        "  3 │   - Linear: '3 +'",
        "    │             ^^^^^",
    ]


def test_tabs_and_odd_characters_before_the_place_take_one_column() -> None:
    lines = str(error_of("input: 1x3\nlayers: ['\té×', Foo]\n")).splitlines()
    assert lines[0].startswith("net.yaml:2:10: a step must be a name")
    lines = str(error_of("input: 1x3\nlayers: [{ReLU: ,\tas: é}, Foo]\n")).splitlines()
    assert lines[1:3] == [
        "  2 │ layers: [{ReLU: , as: é}, Foo]",
        "    │                       ^",
    ]


def test_a_value_over_several_lines_is_underlined_on_its_first() -> None:
    lines = str(error_of(steps('Linear: "1\n      + x"'))).splitlines()
    assert lines[:3] == [
        "net.yaml:3:13: Linear: out_features: the name 'x' is unknown",
        '  3 │   - Linear: "1',
        "    │             ^^",
    ]


@pytest.mark.parametrize("before", [0, 30, 1000])
@pytest.mark.parametrize("after", [0, 30, 1000])
def test_of_a_long_line_a_short_excerpt_with_the_place_in_it(before: int, after: int) -> None:
    text = f"input: 1x3\nlayers: [{'ReLU, ' * before}Wrong{', ReLU' * after}]\n"
    _, quoted, carets, *_ = str(error_of(text)).splitlines()
    assert max(len(quoted), len(carets)) <= 120
    assert quoted[carets.index("^") : carets.rindex("^") + 1] == "Wrong"
    assert set(carets[4:]) <= {" ", "│", "^"}


def test_the_carets_of_a_long_value_end_with_the_excerpt() -> None:
    _, quoted, carets, *_ = str(error_of(steps(f"Linear: {'+'.join('1' * 300)}"))).splitlines()
    assert len(carets) == len(quoted) <= 120


@pytest.mark.parametrize(
    "text",
    [
        steps("A" * 100_000),
        steps(f"Linear: {{{'a' * 1000}: 3}}"),
        steps(f"Linear: {'a' * 400}"),
        steps(f"{{ReLU: , from: {'a' * 100_000}}}"),
        steps("ReLU", input=f"1x3:{'f' * 100_000}"),
        steps("ReLU", input=f"{'N' * 400}x3"),
        f"input: 1x3\nlayers: [ReLU]\n? {'k' * 100_000}\n: 3\n",
        f"input: 1x3\nlayers: [ReLU]\n? {'k' * 100_000}\n: 3\n? {'k' * 100_000}\n: 3\n",
        with_key(f"parameters: {{{'p' * 1000}: }}"),
        steps(f"*{'a' * 100_000}"),
        steps("{ReLU: , from: zzzz}", input=f"{{{', '.join(f'i{n}: 1x3' for n in range(5000))}}}"),
        steps("Linear: zzzz", head=f"parameters: {{{', '.join(f'p{n}: 1' for n in range(5000))}}}\n"),
        "input: 1x3\nblocks:\n"
        + "".join(f"  b{n}: [b{n + 1}]\n" for n in range(2000))
        + "  b2000: [b0]\nlayers: [b0]\n",
        "input: 1x3\nblocks:\n  b0: [ReLU]\n"
        + "".join(f"  b{n}: [{{b{n - 1}: , times: {10**18}}}]\n" for n in range(1, 90))
        + "layers: [b89]\n",
    ],
    ids=[
        "step",
        "argument",
        "unknown name",
        "from",
        "dtype",
        "symbolic size",
        "key",
        "key twice",
        "parameter",
        "anchor",
        "names to choose from",
        "parameters to choose from",
        "cycle",
        "number of layers",
    ],
)
def test_a_message_stays_short_whatever_it_quotes(text: str) -> None:
    longest = max(len(line) for line in str(error_of(text)).splitlines())
    assert longest <= 500


# Errors inside of blocks: the place is in the block, the path says which use of it.


def test_an_error_inside_a_block_says_which_use() -> None:
    text = """\
input: 1x3x8x8
blocks:
  conv(kernel):
    - Conv2d: {out_channels: 4, kernel_size: kernel}
  pair(kernel):
    - conv: kernel
    - conv: kernel
layers:
  - pair: 2
  - add:
    - []
    - [pair: 4]
"""
    assert str(error_of(text)).splitlines()[:4] == [
        "net.yaml:4:7: Conv2d: the kernel of 4 does not fit on an input of 3",
        "  4 │     - Conv2d: {out_channels: 4, kernel_size: kernel}",
        "    │       ^^^^^^",
        "  at add[0].1.pair[0].conv[1].Conv2d[0]",
    ]


def test_an_error_in_a_copy_says_which_copy() -> None:
    text = """\
input: 1x3x8x8
blocks: {conv: [Conv2d: {out_channels: 4, kernel_size: 3}]}
layers:
  - as: body
    seq:
      - {conv: , times: 9}
"""
    error = error_of(text)
    assert error.path == "body.conv[3].Conv2d[0]"
    assert str(error.place) == "net.yaml:2:17"


@pytest.mark.parametrize(
    ("block", "argument", "message"),
    [
        ("b(n): [Linear: n]", "0", "Linear: out_features must be a whole number of at least 1, not 0"),
        ("b(n): [{ReLU: , times: n}]", "-1", "times must be a whole number of at least 0, not -1"),
        ("'b(n, m=1//n)': [Linear: m]", "0", "b: m: '1//n': it divides 1 by zero"),
        ("b(n): [c: 1//n]", "0", "c: n: '1//n': it divides 1 by zero"),
        ("b(n): [{ReLU: , from: nowhere}]", "0", "no tensor above is named 'nowhere'"),
    ],
)
def test_every_error_inside_a_block_has_a_path(block: str, argument: str, message: str) -> None:
    error = error_of(
        steps("b: 3", f"b: {argument}", head=f"blocks: {{{block}, c(n): [ReLU]}}\n").replace("b: 3", "ReLU")
    )
    assert error.message == message
    assert error.path is not None
    assert error.path.startswith("b[0]")


def test_an_error_outside_of_any_step_has_no_path() -> None:
    assert error_of(with_key("zzz: 3")).path is None


# What is given beside the file is wrong: usage, with no place in the file.


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("1x0x8x8", "the input 1x0x8x8 has a size of 0: sizes are at least 1", None),
        (
            "1x3:flot32",
            "'flot32' in the input '1x3:flot32' is no dtype",
            "did you mean float32 or float64 or float16?",
        ),
        ("1xx3", "'1xx3' is no input shape", SHAPE_FORM),
        ("minx3x8x8", "'min' can't be the name of a symbol", None),
        ([1, 3, -8, 8], "the input 1x3x-8x8 has a size of -8: sizes are at least 1", None),
        ({"imput": "1x3x8x8"}, "net has no input 'imput'", "did you mean input?"),
        ({"zzz": "1x3x8x8"}, "net has no input 'zzz'", "inputs: input"),
    ],
)
def test_a_given_input_that_is_wrong(
    given: str | list[int] | dict[str, str], message: str, hint: str | None
) -> None:
    architecture = shapecalc.parse(steps("ReLU"), "net.yaml")
    with pytest.raises(UsageError) as caught:
        shapecalc.analyse(architecture, input=given)
    assert (caught.value.message, caught.value.place) == (message, None)
    assert hint in (None, caught.value.hint)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"clases": 3}, "net has no parameter 'clases'", "did you mean classes?"),
        ({"zzz": 3}, "net has no parameter 'zzz'", "the file's parameters: classes, rate, wide"),
        ({"classes": 2.5}, "the parameter classes must be a whole number, not 2.5", None),
        ({"classes": True}, "the parameter classes must be a whole number, not true", None),
        ({"rate": "a"}, "the parameter rate must be a number, not a", None),
        ({"wide": 1}, "the parameter wide must be true or false, not 1", None),
    ],
)
def test_a_given_parameter_that_is_wrong(given: dict[str, object], message: str, hint: str | None) -> None:
    text = steps("Linear: classes", head="parameters: {classes: 10, rate: 0.5, wide: true}\n")
    with pytest.raises(UsageError) as caught:
        shapecalc.analyse(shapecalc.parse(text, "net.yaml"), parameters=given)
    assert (caught.value.message, caught.value.place) == (message, None)
    assert hint in (None, caught.value.hint)


# A file that can't be read at all.


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as caught:
        shapecalc.load("resnet81")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean resnet18")
    assert caught.value.message.startswith("no architecture 'resnet81': no such file, and no such name in ")
