"""How many bytes a network needs at once, in prediction and in training."""
