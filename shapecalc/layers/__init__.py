"""Every layer type, declared once, each in the file of its kind.

A new file in this folder is found by itself; a new class in one of its files needs nothing else.
"""

from importlib import import_module
from pkgutil import iter_modules

from shapecalc.layers.absent import ABSENT
from shapecalc.layers.base import LAYERS, Figures, Layer, Weight

for _module in iter_modules(__path__, prefix=f"{__name__}."):
    import_module(_module.name)

__all__ = ["ABSENT", "LAYERS", "Figures", "Layer", "Weight"]
