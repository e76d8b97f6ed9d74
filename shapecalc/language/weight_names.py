"""`names`: what the weights of a network are called in a checkpoint, in its file or in one of their own."""

from __future__ import annotations

import re

from shapecalc.checkpoints.naming import Names, Rule
from shapecalc.errors import UsageError
from shapecalc.language import document
from shapecalc.language.values import require_mapping
from shapecalc.language.yaml_nodes import Scalar, Source, YamlList, YamlMapping, YamlNode, kind

IGNORED = "ignored"
RENAMED = "renamed"
_MOST_PATTERNS = 1000
"""So many are tried of each weight."""
_PART = re.compile(r"[.\[\]]")


def parse_names(text: str, name: str) -> Names:
    """The names of a file that has nothing else; `name` is what errors call it.

    Raises:
        UsageError: it is not YAML.
        ArchitectureError: it is no mapping of paths to names.
    """
    source = Source(name, text)
    root = document.read(source)
    if root is None:
        raise UsageError(f"{name}: the file is empty", hint="a line is as in conv1.weight: stem.conv.weight")
    return read_names(root, source)


def read_names(node: YamlNode, source: Source) -> Names:
    """The names after the key `names` of a file."""
    entries = require_mapping(node, source, "names").entries
    renamed = _renamed(entries[RENAMED][1], source) if RENAMED in entries else None
    lists = {key: value for key, value in entries.values() if isinstance(value, YamlList)}
    ignored = [
        _pattern(item, source) for key, value in lists.items() for item in _ignored(key, value, source)
    ]
    apart = {*lists, *([entries[RENAMED][0]] if renamed is not None else [])}
    pairs = [(key, value) for key, value in entries.values() if key not in apart]
    rules = [_rule(key, value, source) for key, value in pairs]
    patterns = [key for key, _ in pairs if "*" in key.text]
    if len(patterns) > _MOST_PATTERNS:
        raise source.error(f"names: more than {_MOST_PATTERNS:,} patterns with *", patterns[_MOST_PATTERNS])
    return Names(rules, ignored, renamed or {})


def _renamed(found: YamlNode, source: Source) -> dict[str, str] | None:
    """Parts of names in some checkpoints → the same as the lines have it; None where a step is called so."""
    if not isinstance(found, YamlMapping):
        return None
    return {_pattern(key, source): _part(value, source) for key, value in found.entries.values()}


def _part(node: YamlNode, source: Source) -> str:
    return "" if isinstance(node, Scalar) and not node.text else _pattern(node, source)


def _rule(key: Scalar, value: YamlNode, source: Source) -> Rule:
    here, there = _pattern(key, source), _pattern(value, source)
    if here.count("*") != there.count("*"):
        message = f"names: {here} has {here.count('*')} times *, and {there} has {there.count('*')}"
        raise source.error(
            message, value, "each * of the name is what the * of the path, in order, stands for"
        )
    return Rule(here, there)


def _ignored(key: Scalar, found: YamlList, source: Source) -> list[YamlNode]:
    """The tensors of a list, which the key says to leave out."""
    if key.text != IGNORED:
        raise source.error(f"names: a list stands after {IGNORED}, not after {key.text}", key)
    return found.items


def _pattern(node: YamlNode, source: Source) -> str:
    if not isinstance(node, Scalar) or not node.text.strip():
        hint = "a line is as in conv[0].Conv2d[0]: stem.conv, or encoder[*].norm: layers.*.norm"
        raise source.error(f"names: a name is needed, not {kind(node)}", node, hint)
    if any(part.count("*") > 1 for part in _PART.split(node.text)):
        raise source.error("names: between two dots or brackets stands one * at most", node)
    return node.text.strip()
