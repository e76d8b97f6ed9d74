"""Which elements of the input an output element reads."""
