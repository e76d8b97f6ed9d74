"""The tools whose conventions shapecalc reproduces, each asked for its own count of a network."""
