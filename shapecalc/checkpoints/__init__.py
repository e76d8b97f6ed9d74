"""Files of weights: names, shapes and dtypes from their headers; no weight is read, no code is run."""
