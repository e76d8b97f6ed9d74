"""How wide a text is without a font at hand: by the widths of DejaVu Sans, wider than Helvetica and Arial."""

from __future__ import annotations

_WIDTHS = {
    27: "'",
    28: "ijl",
    32: "I ,.·⋅",
    34: "/:;\\|",
    36: "-f",
    39: "()[]t⌊⌋⌈⌉",
    40: "!⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉J",
    41: "r",
    46: '"',
    50: "*_`",
    53: "sz?",
    57: "cLkF",
    60: "vxyP",
    62: "TYaoe",
    64: "ESbdghnpqu$0123456789{}",
    70: "KAVBRXZC",
    76: "UHND",
    80: "G&OQ",
    84: "w#+<=>^~×−→≥≤",
    99: "MmW%",
    100: "@…",
}
"""Hundredths of the font's size → the characters that are no wider."""
_OF = {character: width for width, characters in _WIDTHS.items() for character in characters}
_OTHER = 110


def text_width(text: str, size: float) -> float:
    """At least the width of a text in a font of so many pixels."""
    return sum([_OF.get(character, _OTHER) for character in text]) * size / 100
