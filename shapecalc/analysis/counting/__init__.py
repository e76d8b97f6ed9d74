"""Multiply-accumulates and operations, as each counting tool counts them."""
