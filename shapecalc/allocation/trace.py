"""What torch allocates to run a layer, kernel by kernel: the functions of torch's that rules call on a trace.

A layer is run on a `Trace` as torch runs it: kernels make new storages, views share one, and a storage goes
with the last value that lies in it, as torch's tensors do. So the rules are written after torch's own code,
name by name. What the trace has recorded becomes a `Footprint`: the bytes that are alive at every moment, in
prediction and in training, as numbers or as formulas.

It is what torch does on the device `meta`: the kernels of its own Python and C++ code, without the fused ones
that the libraries of a GPU have in their place, and without the workspace of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shapecalc.allocation.autocast import GIVING_FLOAT32, LOWER, LOWERED, RAISED, WIDEST
from shapecalc.allocation.gradients import looked_at, passed, permuted, summed
from shapecalc.allocation.recording import Recording
from shapecalc.allocation.strides import is_scattered, strides_as
from shapecalc.allocation.values import Handed, Parameter, Value
from shapecalc.errors import UnknownError
from shapecalc.tensors import Shape, Tensor, is_floating, result_dtype


class Trace(Recording):
    """Runs a layer: casts before its operations, and functions that are views or copies."""

    # Casts, as torch.autocast makes them before an operation

    def cast(self, operation: str, *values: Value) -> list[Value]:
        """The arguments of an operation in the dtype of its list; the last one is cast first."""
        if not self.autocast:
            return list(values)
        if operation in LOWERED:
            dtype = LOWER
        elif operation in RAISED:
            dtype = "float32"
        elif operation in WIDEST:
            dtype = "float32" if any(x.dtype == "float32" for x in values) else LOWER  # float64 aside
        else:
            return list(values)
        return [self.in_dtype(x, dtype) for x in reversed(values)][::-1]

    def in_dtype(self, x: Value, dtype: str) -> Value:
        """A copy if it is of another one; float64 is left alone."""
        if x.dtype in (dtype, "float64") or not is_floating(x.dtype):
            return x
        if isinstance(x, Handed):
            raise UnknownError("how long the copy of a weight of another layer stays is not followed")
        if not isinstance(x, Parameter) or x.frozen:
            return self.kernel(Tensor(x.shape, dtype), x, strides=x.strides)
        if x.lowered is None:
            x.lowered = self.kernel(Tensor(x.shape, dtype), x)
        return x.lowered

    def copies(self, weights: Sequence[Value]) -> list[Value]:
        """The weights that are casts, or computed, whose bytes count where autograd keeps them."""
        return [w for w in weights if not isinstance(w.base or w, (Parameter, Handed))]

    def made_by(self, operation: str, made: Tensor, *values: Value) -> Tensor:
        """The output of an operation; under autocast in the dtype that follows from its arguments."""
        floats = [x.tensor for x in values if is_floating(x.dtype)]
        if not self.autocast or not floats or not is_floating(made.dtype):
            return made
        dtype = result_dtype(*floats)
        if operation in GIVING_FLOAT32 and dtype == LOWER:
            dtype = "float32"
        return Tensor(made.shape, dtype)

    def declared(self, x: Value) -> Tensor:
        """A tensor as the network declares it, whatever has been cast."""
        return Tensor(x.shape, "float32") if self.autocast and x.dtype == LOWER else x.tensor

    def refuse_autocast(self) -> None:
        """Raises UnknownError under autocast, of a layer that a GPU's library runs in its own way."""
        if self.autocast:
            raise UnknownError("what it casts under autocast is for cuDNN to say: not known")

    @contextmanager
    def within_operation(self) -> Iterator[None]:
        """Kernels of an operation whose arguments have been cast: nothing more is."""
        autocast, self.autocast = self.autocast, False
        yield
        self.autocast = autocast

    # Functions of torch's that are a view or a copy, as the strides demand

    def copy(self, x: Value) -> Value:
        """The same elements in a row, in a storage of their own."""
        return self.kernel(x.tensor, x, back=passed(x.look))

    def contiguous(self, x: Value) -> Value:
        return self.copy(x) if is_scattered(x.shape, x.strides) else x

    def reshape(self, x: Value, shape: Shape) -> Value:
        """A view if there is one, else a copy, which autograd takes for no view. Source: at::reshape."""
        strides = strides_as(x.shape, x.all_strides, shape)
        if strides is None:
            return self.unsafe(self.view(self.copy(x), shape))
        return self.view(x, shape, strides)

    def seen_as(self, x: Value, shape: Shape) -> Value:
        """A view; where there is none torch refuses."""
        return self.view(x, shape, strides_as(x.shape, x.all_strides, shape))

    def looked_at(self, x: Value) -> Value:
        """A view of all of it, as where an axis of 1 is taken away that was put there before."""
        return self.view(x, x.shape, x.strides, back=looked_at(x.look))

    def unsafe(self, view: Value) -> Value:
        """A view of what nothing else needs; autograd does not know it for a view, as at::_unsafe_view."""
        view.base, view.of_many = None, False
        return view

    def expand(self, x: Value, shape: Shape) -> Value:
        """A view with axes of 1 repeated; the gradient is summed over these."""
        new = len(shape) - x.rank
        kept = zip(x.shape, shape[new:], x.all_strides, strict=True)
        strides = (*[0] * new, *[0 if n == 1 != size else step for n, size, step in kept])
        return self.view(x, shape, strides, back=summed(x.look))

    def transpose(self, x: Value, first: int, second: int) -> Value:
        order = list(range(x.rank))
        order[first], order[second] = order[second], order[first]
        return self.permute(x, order)

    def permute(self, x: Value, order: Sequence[int]) -> Value:
        strides = x.all_strides
        shape = tuple([x.shape[i] for i in order])
        return self.view(x, shape, tuple([strides[i] for i in order]), back=permuted(order))
