"""The text of an exported program → its graph as plain objects, with all sizes as numbers.

Source: torch/_export/serde/schema.py of torch 2.13.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shapecalc.errors import ArchitectureError, quoted
from shapecalc.importing.exported.sizes import symbol_alone, value
from shapecalc.importing.onnx_file.scopes import Scope, Scopes
from shapecalc.tensors import MOST_AXES, Tensor

DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
}
"""By the schema's number of a dtype, torch's name of it."""
_FRAME = re.compile(r'File "([^"\n]*)", line (\d+)')
_DROPPED = {"device", "layout", "pin_memory", "memory_format", "cudnn_enable", "cudnn_enabled"}
"""Arguments that say where and how elements lie."""
_CUT = "the file is damaged, or none that torch.export writes"


class Name(str):
    """The name of a tensor among arguments."""

    __slots__ = ()


class Dtype(str):
    """The name of a dtype among arguments."""

    __slots__ = ()


class Node(NamedTuple):
    """One call: torch's operator, its arguments, the names of the tensors that it gives."""

    target: str
    args: list[Any]
    kwargs: dict[str, Any]
    outputs: list[str]
    scopes: Scopes
    place: str


@dataclass(slots=True)
class Graph:
    """A program at some values of its symbols."""

    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    """By the tensor's name in the graph, the module's name of a parameter; of a buffer; of a constant."""
    buffers: dict[str, str] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    """The module's names of parameters that are not trained."""


class Symbols(NamedTuple):
    """The symbols of a program: their values at its own inputs, and the bounds that they keep."""

    hints: dict[str, int]
    bounds: dict[str, tuple[int, float]]


def symbols_of(program: Mapping[str, Any]) -> Symbols:
    """The symbols of the sizes of a program.

    Raises:
        ArchitectureError: the program is not as the schema has it.
    """
    with damaged():
        graph = program["graph_module"]["graph"]
        hints = {}
        for meta in graph["tensor_values"].values():
            for size in meta["sizes"]:
                expression = size.get("as_expr") or {}
                if name := symbol_alone(expression.get("expr_str", "")):
                    hints[name] = int(expression["hint"]["as_int"])
        bounds = {}
        for name, limits in program.get("range_constraints", {}).items():
            most = limits.get("max_val")
            bounds[name] = int(limits.get("min_val") or 1), float("inf") if most is None else int(most)
        return Symbols(hints, bounds)


@contextmanager
def damaged() -> Iterator[None]:
    """Whatever fails within is the fault of the file."""
    try:
        yield
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, StopIteration) as error:
        what = f"the program is not as torch's schema has it ({type(error).__name__}: {error})"
        raise ArchitectureError(what, hint=_CUT) from None


def graph_of(program: Mapping[str, Any], symbols: Mapping[str, int]) -> Graph:
    """The graph of a program at these values of its symbols.

    Raises:
        ArchitectureError: the program is not as the schema has it, or has what is no call on tensors.
    """
    with damaged():
        return _Reading(program, symbols).graph()


class _Reading:
    def __init__(self, program: Mapping[str, Any], symbols: Mapping[str, int]) -> None:
        self.module = program["graph_module"]
        self.source = self.module["graph"]
        self.symbols = symbols
        self.numbers = {name: self.size(size) for name, size in self.source["sym_int_values"].items()}

    def graph(self) -> Graph:
        found = Graph()
        found.tensors = {name: self.tensor(name, meta) for name, meta in self.source["tensor_values"].items()}
        for spec in self.module["signature"]["input_specs"]:
            self.take(found, *next(iter(spec.items())))
        for spec in self.module["signature"]["output_specs"]:
            (kind, given), *_ = spec.items()
            if kind == "user_output" and "as_tensor" in given["arg"]:
                found.outputs.append(given["arg"]["as_tensor"]["name"])
        for node in self.source["nodes"]:
            if made := self.node(node):
                found.nodes.append(made)
        return found

    def take(self, found: Graph, kind: str, spec: Mapping[str, Any]) -> None:
        """Take note of what a tensor that comes from outside is."""
        if kind == "user_input":
            if "as_tensor" in spec["arg"]:
                found.inputs.append(spec["arg"]["as_tensor"]["name"])
        elif kind == "parameter":
            name, own = spec["arg"]["name"], str(spec["parameter_name"])
            found.parameters[name] = own
            if not self.source["tensor_values"][name]["requires_grad"]:
                found.frozen.add(own)
        elif kind == "buffer":
            found.buffers[spec["arg"]["name"]] = str(spec["buffer_name"])
        elif kind == "tensor_constant":
            found.constants.add(spec["arg"]["name"])
        elif kind not in ("constant_input", "token"):
            raise ArchitectureError(f"the program takes {kind}, which is no tensor")

    def tensor(self, name: str, meta: Mapping[str, Any]) -> Tensor:
        sizes = tuple([self.size(size) for size in meta["sizes"]])
        if meta["dtype"] not in DTYPES or len(sizes) > MOST_AXES or any(n < 0 for n in sizes):
            raise ArchitectureError(f"the tensor {quoted(name)} has a dtype or a size that none here has")
        return Tensor(sizes, DTYPES[meta["dtype"]])

    def size(self, size: Mapping[str, Any]) -> int:
        if "as_int" in size:
            if type(size["as_int"]) is not int:
                raise ValueError(f"a size is {size['as_int']!r}")
            return size["as_int"]
        return value(size["as_expr"]["expr_str"], self.symbols)

    def node(self, node: Mapping[str, Any]) -> Node | None:
        """A call that gives tensors; None of what only computes sizes, or asserts something."""
        outputs = [name for output in node["outputs"] for name in _tensors(output)]
        if not outputs:
            return None
        target, metadata = str(node["target"]), node.get("metadata") or {}
        place = _place(metadata.get("stack_trace") or "") or f"node {quoted(outputs[0])}"
        args, kwargs = [], {}
        for given in node["inputs"]:
            if given["name"] in _DROPPED:
                continue
            made = self.argument(given["arg"], f"{target}, at {place}")
            if given.get("kind") == 2:
                kwargs[str(given["name"])] = made
            else:
                args.append(made)
        return Node(target, args, kwargs, outputs, _scopes(metadata.get("nn_module_stack") or ""), place)

    def argument(self, given: Mapping[str, Any], where: str) -> Any:
        (kind, found), *_ = given.items()
        if kind in _PLAIN:
            return _PLAIN[kind](found)
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            return self.number(found)
        if kind in ("as_sym_ints", "as_sym_floats"):
            return [self.number(x) for x in found]
        hint = "control flow and objects have no counterpart; export the module without them"
        raise ArchitectureError(f"{where}: an argument is {kind.removeprefix('as_')}", hint=hint)

    def number(self, found: Mapping[str, Any]) -> Any:
        return self.numbers[found["as_name"]] if "as_name" in found else next(iter(found.values()))


def tensors_in(tree: Any) -> Iterator[str]:
    """The names of tensors among arguments."""
    if isinstance(tree, Name):
        yield str(tree)
    elif isinstance(tree, list):
        for item in tree:
            yield from tensors_in(item)


def _optional(found: Mapping[str, Any]) -> Name | None:
    """A tensor that may be left out."""
    return Name(found["as_tensor"]["name"]) if "as_tensor" in found else None


_PLAIN: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("as_int", "as_ints", "as_bool", "as_bools", "as_string", "as_int_lists"), lambda x: x),
    "as_none": lambda _: None,
    "as_float": float,
    "as_floats": lambda xs: [float(x) for x in xs],
    "as_scalar_type": lambda number: Dtype(DTYPES[number]),
    "as_tensor": lambda x: Name(x["name"]),
    "as_tensors": lambda xs: [Name(x["name"]) for x in xs],
    "as_optional_tensor": _optional,
    "as_optional_tensors": lambda xs: [_optional(x) for x in xs],
}
"""By the kind of an argument that needs no sizes, its value."""


def _tensors(output: Mapping[str, Any]) -> list[str]:
    """The names of the tensors in an output of a node."""
    (kind, found), *_ = output.items()
    if kind == "as_tensor":
        return [found["name"]]
    return [x["name"] for x in found] if kind == "as_tensors" else []


def _place(trace: str) -> str:
    """File and line of the user's code: the innermost frame that is not torch's own."""
    frames = [(file, line) for file, line in _FRAME.findall(trace) if "/torch/" not in file]
    return ":".join(frames[-1]) if frames else ""


def _scopes(stack: str) -> Scopes:
    """The modules of a node, the outermost first: `key,path,class` each."""
    found = []
    for entry in stack.split(";") if stack else []:
        _, path, kind = entry.split(",", 2)
        found.append(Scope(path, kind.rpartition(".")[2]))
    return tuple([scope for scope in found if scope.path])
