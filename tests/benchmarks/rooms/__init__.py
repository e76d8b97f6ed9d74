"""The rows of the benchmark, a file for each group of them; a file put here is part of it."""
