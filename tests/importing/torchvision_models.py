"""torchvision's models, whichever torch stands beside it.

The wheel of torchvision on PyPI is built for torch with CUDA. Beside torch for the CPU its library is not
loaded, and importing it fails where it describes operations of its own, of which its models run none.
"""

from __future__ import annotations

from typing import Any

import torch


def import_models() -> Any:
    """`torchvision.models`; what describes an operation that is not there is left out.

    Raises:
        ImportError: torchvision is not installed.
    """
    register = torch.library.register_fake

    def register_if_there(operation: Any, *args: Any, **kwargs: Any) -> Any:
        def declare(function: Any) -> Any:
            try:
                return register(operation, function, **kwargs)
            except RuntimeError:
                return function

        return declare(*args) if args else declare

    torch.library.register_fake = register_if_there
    try:
        from torchvision import models
    finally:
        torch.library.register_fake = register
    return models
