"""What torch's functions become here, a row for each; importing this declares all."""

from shapecalc.importing.rows import elementwise, parts, products, rearranging, reducing, views

__all__ = ["elementwise", "parts", "products", "rearranging", "reducing", "views"]
