"""What ONNX's operators become here, a row for each; importing this declares all."""

from shapecalc.importing.onnx_file.rows import (
    elementwise,
    parts,
    products,
    rearranging,
    recurrent,
    reducing,
    windows,
)

__all__ = ["elementwise", "parts", "products", "rearranging", "recurrent", "reducing", "windows"]
