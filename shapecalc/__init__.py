"""shapecalc: what shape, how many parameters, how much compute — by formula, proved against torch.

>>> import shapecalc
>>> analysis = shapecalc.analyse(shapecalc.load("nin"), input="1x1x224x224")
>>> analysis.totals.params
1992166
"""

from shapecalc.architecture import Architecture, parse
from shapecalc.engine import analyse
from shapecalc.errors import ArchitectureError, ShapecalcError, UnavailableError, UsageError
from shapecalc.operations import Operations, Unknown
from shapecalc.results import Analysis, Node, Row, Totals
from shapecalc.symbolic import Expr, at, symbol
from shapecalc.tensors import Tensor
from shapecalc.zoo import load

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Architecture",
    "ArchitectureError",
    "Expr",
    "Node",
    "Operations",
    "Row",
    "ShapecalcError",
    "Tensor",
    "Totals",
    "UnavailableError",
    "Unknown",
    "UsageError",
    "analyse",
    "at",
    "load",
    "parse",
    "symbol",
]
