"""Networks at many points: parameters and sizes over ranges, the figures at each, and the best of them."""
