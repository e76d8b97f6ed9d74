"""A network of a family as a file of its own: the family's file, with its values and without its variants."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shapecalc.errors import written
from shapecalc.importing.config_json import Configured
from shapecalc.language.tree import Argument
from shapecalc.language.yaml_nodes import Scalar

_OF_A_FAMILY = ("name", "parameters", "variants", "expect", "config")
_KEY = re.compile(r"(?m)^(?=[a-z]+:)")


def as_file(found: Configured) -> str:
    """The text of the file; the comment at the top of the family's is of its variants, and left out."""
    _, *sections = _KEY.split(found.architecture.document.text)
    by_key = {section.partition(":")[0]: section for section in sections}
    own = [f"name: {found.architecture.name if found.variant else _title(found)}\n"]
    for key, section in by_key.items():
        own += [section] if key not in _OF_A_FAMILY else []
        own += ["parameters:\n", *_parameters(found)] if key == "parameters" else []
    return "".join(own)


def _title(found: Configured) -> str:
    """The name of the family's file: what it is called itself is its first variant's."""
    return found.file.rpartition("/")[2]


def _parameters(found: Configured) -> Iterator[str]:
    for name, argument in found.architecture.parameters.items():
        value = found.given.get(name)
        yield f"  {name}: {_text(argument) if value is None else written(value)}\n"


def _text(argument: Argument) -> str:
    """The default as the file has it."""
    node = argument.node
    assert isinstance(node, Scalar)  # a family with a configuration has no lists
    return node.text if node.plain else f'"{node.text}"'
