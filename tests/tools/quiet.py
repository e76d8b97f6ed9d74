"""What keeps a counting tool from disturbing the tests that run after it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import torch


@contextmanager
def quiet() -> Iterator[None]:
    """Swallow what a tool warns of, logs and prints, and put torch's functions back.

    fvcore and thop import what is deprecated, DeepSpeed greets, and calflops leaves `torch.baddbmm` wrapped.
    """
    originals = [(owner, dict(vars(owner))) for owner in (torch, torch.nn.functional)]
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        for owner, functions in originals:
            for name, function in functions.items():
                if not name.startswith("_") and vars(owner).get(name) is not function:
                    setattr(owner, name, function)
