"""What a network that writes token after token holds and costs: weights, keys and values, one step."""
