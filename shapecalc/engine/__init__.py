"""Architecture × inputs → `Analysis`: every layer's shape, weights and MACs, in the order of execution."""
