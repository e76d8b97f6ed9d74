"""A torch module → the program that one forward pass of it is, recorded on fake tensors.

Modules of torch.nn are recorded as layers, with nothing inside of them; other modules are regions, and what
they call beside modules is recorded as functions. No weight is allocated, and the module stays as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode

from shapecalc.errors import ArchitectureError
from shapecalc.importing.leaves import described
from shapecalc.importing.program import Program
from shapecalc.importing.recording import Recorder
from shapecalc.language.inputs import parse_input
from shapecalc.torch_check.uncounted import UNCOUNTED


def sample_inputs(shapes: str | Mapping[str, str] | None) -> tuple[list[Any], dict[str, Any]]:
    """Tensors of these shapes, on `meta`: the one input, or those that are named, as keywords.

    Raises:
        ArchitectureError: a text is no shape, or has letters.
    """
    named = {"": shapes} if isinstance(shapes, str) else dict(shapes or {})
    made = {}
    for name, text in named.items():
        tensor = parse_input(text).tensor({})
        if not all(type(size) is int for size in tensor.shape):
            raise ArchitectureError(f"the input {text} has letters: a module is run at numbers")
        made[name] = torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype), device="meta")
    alone = made.pop("", None)
    return ([] if alone is None else [alone]), made


class Copies:
    """The weights of a module as fake tensors, which all of its runs have in common."""

    def __init__(self, module: Any) -> None:
        with _mode_of(module) as self.mode, torch.no_grad():
            weights = {key: self.fake(p) for key, p in _owned(module, "named_parameters")}
            buffers = {key: self.fake(b) for key, b in _owned(module, "named_buffers")}
        self.state = _tied(module, {**weights, **buffers})
        self.weights = {key: self.state[key] for key in weights}
        self.buffers = {key: self.state[key] for key in buffers}

    def fake(self, x: Any) -> Any:
        return _fake(self.mode, x)


def read_module(
    module: Any,
    inputs: Sequence[Any],
    keywords: Mapping[str, Any],
    name: str,
    copies: Copies | None = None,
) -> Program:
    """The program of a module, run once on fake tensors like `inputs` and `keywords`.

    `copies` are those of its weights, where other runs have made them.

    Raises:
        ArchitectureError: the module fails on fake tensors, or its run depends on values.
    """
    if isinstance(module, torch.jit.ScriptModule):
        hint = "import the module that it was compiled of, or a module around it"
        raise ArchitectureError("it is compiled by torch.jit, and hidden from Python", hint=hint)
    counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
    copies = copies or Copies(module)
    with _left_as_it_was(module), without_log(), _allowing(copies.mode), torch.no_grad():
        arguments, options = tree_map(copies.fake, (tuple(inputs), dict(keywords)))
        recorder = Recorder(module, copies.weights, copies.buffers, counter)
        given = recorder.take_inputs(arguments, options)
        with plain_attention(), counter, recorder.recording():
            result = functional_call(module, copies.state, arguments, options, tie_weights=False)
    return Program(
        name,
        given,
        recorder.recorded.whole(result),
        {key: described(copies.state[key]) for key, _ in module.named_parameters()},
        {key: described(copies.state[key]) for key, _ in module.named_buffers()},
        frozenset(key for key, weight in module.named_parameters() if not weight.requires_grad),
        (counter.get_total_flops() - recorder.flops_of_constants) // 2,
    )


@contextmanager
def without_log() -> Iterator[None]:
    """Keep torch from printing the traceback of what fails on fake tensors: its error is raised."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = disabled


@contextmanager
def plain_attention() -> Iterator[None]:
    """Keep MultiheadAttention from torch's fused kernel, whose products torch's counter does not see."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


@contextmanager
def _mode_of(module: Any) -> Iterator[Any]:
    """The fake mode that the module was built in, as tensors of two don't meet; constants are real."""
    modes = [weight.fake_mode for weight in module.parameters() if isinstance(weight, FakeTensor)]
    with _allowing(modes[0] if modes else FakeTensorMode()) as mode:
        yield mode


@contextmanager
def _allowing(mode: Any) -> Iterator[Any]:
    """Let the tensors of a fake mode meet others, which are constants."""
    allowed, mode.allow_non_fake_inputs = mode.allow_non_fake_inputs, True
    try:
        yield mode
    finally:
        mode.allow_non_fake_inputs = allowed


def _fake(mode: Any, x: Any) -> Any:
    """A fake tensor like `x` on the CPU, wherever that is; what is no tensor stays."""
    if not isinstance(x, torch.Tensor):
        return x
    with mode:
        return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="cpu")


def _owned(module: Any, which: str) -> Iterator[tuple[str, Any]]:
    """Parameters or buffers by all names but those of a module that is there again, by its first name.

    torch's `functional_call` puts back what it took away name by name: the second time, its own tensor.
    """
    for path, part in module.named_modules():
        for name, tensor in getattr(part, which)(recurse=False, remove_duplicate=False):
            yield f"{path}.{name}" if path else name, tensor


def _tied(module: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The same, one tensor for all names of a weight that has several."""
    owners: dict[int, str] = {}
    originals = [*_owned(module, "named_parameters"), *_owned(module, "named_buffers")]
    return {key: state[owners.setdefault(id(tensor), key)] for key, tensor in originals}


@contextmanager
def _left_as_it_was(module: Any) -> Iterator[None]:
    """In evaluation for a while; every module's own mode comes back, and so does the random state."""
    modes = [(part, part.training) for part in module.modules()]
    state = torch.get_rng_state()
    try:
        module.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training
        torch.set_rng_state(state)
