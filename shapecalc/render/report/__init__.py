"""The page of a network: one HTML file whose figures follow the sizes, with nothing from elsewhere."""
