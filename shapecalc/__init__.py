"""shapecalc: what shape, how many parameters, how much compute — by formula, proved against torch.

>>> import shapecalc
>>> analysis = shapecalc.analyse(shapecalc.load("nin"), input="1x1x224x224")
>>> analysis.totals.params
1992166
"""

TYPE_CHECKING = False  # importing it takes longer than all that is here
if TYPE_CHECKING:
    from shapecalc.analysis.budgets.budgets import Budget, solve
    from shapecalc.analysis.compare.difference import Difference, compare
    from shapecalc.analysis.counting.totals import Work
    from shapecalc.analysis.domain.domain import Domain, domain
    from shapecalc.analysis.memory.memory import Memory, memory
    from shapecalc.analysis.roofline.bound import Roofline, roofline
    from shapecalc.analysis.serving.serving import Serving, serving
    from shapecalc.analysis.sweep.points import Point
    from shapecalc.analysis.sweep.sweep import sweep
    from shapecalc.engine.nodes import Node
    from shapecalc.engine.results import Analysis, Row, Totals
    from shapecalc.engine.run import analyse
    from shapecalc.errors import ArchitectureError, ShapecalcError, UnavailableError, UsageError
    from shapecalc.importing.network import from_torch
    from shapecalc.language.architecture import Architecture
    from shapecalc.operations import Operations, Unknown
    from shapecalc.render.drawing.draw import Drawing, draw
    from shapecalc.symbolic import Expr, at, symbol
    from shapecalc.tensors import Tensor
    from shapecalc.zoo import load, parse

__version__ = "0.1.0"

_HOMES = {
    "language.architecture": ("Architecture",),
    "engine.run": ("analyse",),
    "importing.network": ("from_torch",),
    "errors": ("ArchitectureError", "ShapecalcError", "UnavailableError", "UsageError"),
    "operations": ("Operations", "Unknown"),
    "analysis.roofline.bound": ("Roofline", "roofline"),
    "analysis.serving.serving": ("Serving", "serving"),
    "analysis.sweep.points": ("Point",),
    "analysis.sweep.sweep": ("sweep",),
    "render.drawing.draw": ("Drawing", "draw"),
    "analysis.budgets.budgets": ("Budget", "solve"),
    "analysis.compare.difference": ("Difference", "compare"),
    "analysis.counting.totals": ("Work",),
    "analysis.domain.domain": ("Domain", "domain"),
    "analysis.memory.memory": ("Memory", "memory"),
    "engine.nodes": ("Node",),
    "engine.results": ("Analysis", "Row", "Totals"),
    "symbolic": ("Expr", "at", "symbol"),
    "tensors": ("Tensor",),
    "zoo": ("load", "parse"),
}
"""Module → the public names that it has, for those who do not read the imports above: see `__getattr__`."""

__all__ = [
    "Analysis",
    "Architecture",
    "ArchitectureError",
    "Budget",
    "Difference",
    "Domain",
    "Drawing",
    "Expr",
    "Memory",
    "Node",
    "Operations",
    "Point",
    "Roofline",
    "Row",
    "Serving",
    "ShapecalcError",
    "Tensor",
    "Totals",
    "UnavailableError",
    "Unknown",
    "UsageError",
    "Work",
    "analyse",
    "at",
    "compare",
    "domain",
    "draw",
    "from_torch",
    "load",
    "memory",
    "parse",
    "roofline",
    "serving",
    "solve",
    "sweep",
    "symbol",
]


def __getattr__(name: str) -> object:
    """A public name, imported when it is asked for: the command is ready for an interrupt before that."""
    from importlib import import_module

    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def load_ipython_extension(shell: object) -> None:
    """`%load_ext shapecalc` lets a notebook read a cell of YAML that begins with `%%shapecalc`."""
    from shapecalc.render.notebook import load_magic

    load_magic(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
