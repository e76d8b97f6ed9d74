"""What ONNX's operators become here, a row for each; importing this declares all."""

from shapecalc.importing.onnx_file.rows import (
    elementwise,
    norms,
    parts,
    products,
    rearranging,
    recurrent,
    reducing,
    resizing,
    windows,
)

__all__ = [
    "elementwise",
    "norms",
    "parts",
    "products",
    "rearranging",
    "recurrent",
    "reducing",
    "resizing",
    "windows",
]
