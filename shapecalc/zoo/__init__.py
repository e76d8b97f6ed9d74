"""The zoo: which names stand for which architectures, where their files are, and how these are loaded."""

from shapecalc.zoo.index import SEARCH_PATH, Entry, shipped
from shapecalc.zoo.lookup import find, known, load, look_up, matching, members, names

__all__ = [
    "SEARCH_PATH",
    "Entry",
    "find",
    "known",
    "load",
    "look_up",
    "matching",
    "members",
    "names",
    "shipped",
]
