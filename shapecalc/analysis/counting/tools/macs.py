"""Multiply-accumulates, and nothing else: what all tools would count if they counted the same."""

from shapecalc.analysis.counting.rules import Convention

CONVENTION = Convention(
    name="macs",
    unit="MACs",
    about="multiply-accumulates of convolutions and matrix products",
    by_products=True,
)
