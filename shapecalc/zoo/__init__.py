"""The zoo: which names stand for which architectures, where their files are, and how these are loaded."""

from shapecalc.zoo.index import SEARCH_PATH, Entry, shipped
from shapecalc.zoo.libraries import known_libraries, load_library, matching_libraries
from shapecalc.zoo.lookup import find, known, load, look_up, matching, members, names, parse

__all__ = [
    "SEARCH_PATH",
    "Entry",
    "find",
    "known",
    "known_libraries",
    "load",
    "load_library",
    "look_up",
    "matching",
    "matching_libraries",
    "members",
    "names",
    "parse",
    "shipped",
]
