"""The texts of the options that say which settings of a network are meant: `--input` and `--set`."""

from __future__ import annotations

import re

from shapecalc.errors import UsageError, quoted
from shapecalc.language.parameters import given_value


def given_input(texts: list[str]) -> str | dict[str, str] | None:
    """What `--input` gave: one shape, or shapes by name."""
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    return _assignments(texts, "--input") or None


def given_values(texts: list[str]) -> dict[str, object]:
    """What `--set` gave: values of parameters by their names."""
    return {name: given_value(text) for name, text in _assignments(texts, "--set").items()}


def _assignments(texts: list[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise UsageError(f"{option} {quoted(text)} must be of the form NAME=VALUE")
        if name in found:
            raise UsageError(f"{option}: {quoted(name)} is given twice")
        found[name] = value
    return found


def side_of(
    text: str, input: list[str] | None, set: list[str] | None
) -> tuple[str, list[str] | None, list[str] | None]:
    """One side of `diff`: ARCH and its own --input and --set, which come before those for both sides."""
    name, *words = re.split(r"\s+(?=-)", text.strip(), maxsplit=1)
    given: dict[str, list[str]] = {"--input": [], "--set": []}
    try:
        import shlex  # which no other command needs

        rest = shlex.split(words[0]) if words else []
    except ValueError as error:
        raise UsageError(f"{quoted(text)}: {str(error).lower()}") from None
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        option = {"-i": "--input", "-s": "--set"}.get(option, option)
        if option not in given or not (equals or rest):
            hint = "a side is written 'ARCH --set NAME=VALUE --input SHAPE'"
            reason = "needs a value" if option in given else "is no option of a side"
            raise UsageError(f"{quoted(text)}: {quoted(option)} {reason}", hint=hint)
        given[option].append(value if equals else rest.pop(0))
    own = {part.partition("=")[0].strip() for part in given["--set"]}
    common = [part for part in set or [] if part.partition("=")[0].strip() not in own]
    return name, given["--input"] or input, given["--set"] + common
