"""The largest values of parameters and sizes within bounds of a network's figures."""
