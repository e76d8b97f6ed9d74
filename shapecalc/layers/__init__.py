"""Every layer type, declared once, each in the file of its kind.

A new file in this folder is found by itself; a new class in one of its files needs nothing else.
"""

from shapecalc.layers.absent import ABSENT
from shapecalc.layers.base import LAYERS, Layer
from shapecalc.layers.rules import Figures
from shapecalc.layers.weights import Weight

__all__ = ["ABSENT", "LAYERS", "Figures", "Layer", "Weight"]
