"""Plots: points and lines on two axes, as an SVG by the writer of drawings."""
