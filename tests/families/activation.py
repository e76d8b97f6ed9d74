"""Draws for `shapecalc/layers/activation.py`."""

from __future__ import annotations

TAKES_ALL = ("Sigmoid", "Tanh")
