"""The rules that a layer type declares, in a file for each question that they answer, and what follows."""

from shapecalc.layers.rules.costs import PARTLY_FROZEN, Costs, InnerLayer, Wanted
from shapecalc.layers.rules.figures import Figures
from shapecalc.layers.rules.memory import Keeps, Saved

__all__ = ["PARTLY_FROZEN", "Costs", "Figures", "InnerLayer", "Keeps", "Saved", "Wanted"]
