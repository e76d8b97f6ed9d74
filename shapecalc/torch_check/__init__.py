"""The judge: the same network built in torch and run, and every figure compared."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch warns of a missing NumPy, which nothing here needs
    import torch as _torch  # noqa: F401
