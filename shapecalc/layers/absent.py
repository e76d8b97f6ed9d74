"""The classes of torch.nn that are no layer types here, and what to write instead."""

from __future__ import annotations

_LIST = "a list of steps is a sequence already; several steps as one are seq"
_BLOCK = "a block, or a list of branches, holds several steps"
_BASE = "a base class of others, which does nothing itself"
_SPREAD = "it spreads a network over devices and changes none of its figures"

ABSENT: dict[str, str] = {
    "Sequential": _LIST,
    "ModuleList": _BLOCK,
    "ModuleDict": _BLOCK,
    "ParameterList": "write a parameter for each of them",
    "ParameterDict": "write a parameter for each of them",
    "Container": _BASE,
    "Module": _BASE,
    "RNNBase": _BASE,
    "RNNCellBase": _BASE,
    "DataParallel": _SPREAD,
    **{
        f"Lazy{name}": f"every {name} infers its sizes here"
        for name in (
            "Linear",
            *(
                f"{kind}{axes}d"
                for kind in ("BatchNorm", "InstanceNorm", "Conv", "ConvTranspose")
                for axes in (1, 2, 3)
            ),
        )
    },
}
"""Class → why it is not here."""
