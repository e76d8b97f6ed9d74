"""How torch is called for the same layer: the name of its module or function, and the arguments."""

from __future__ import annotations

from typing import Any, ClassVar

from shapecalc.layers.rules.figures import FigureRules
from shapecalc.symbolic.conditions import collecting
from shapecalc.tensors import Tensor


class CallRules(FigureRules):
    """By default torch.nn has a module of the type's name, which takes the type's arguments.

    Of a name in lower case, `torch` has a function.
    """

    function: ClassVar[str | None] = None
    """For a type that is no module, its function below `torch`; by default its own name, in `namespace`."""
    namespace: ClassVar[str] = ""
    folds: ClassVar[bool] = False
    """Whether the function takes two inputs, and further ones after the result of these."""
    operator: ClassVar[str] = ""
    """Python's operator that means the function, as + of `x + y`."""
    own_defaults: ClassVar[frozenset[str]] = frozenset()
    """The arguments whose default is not that of torch's function, or that have none there."""
    wraps: ClassVar[tuple[str, str] | None] = None
    """The argument of torch's that is a module made of this layer's arguments, and that module's type."""
    positional: ClassVar[tuple[str, ...]] = ()
    """The arguments that torch's function takes without a name, after the inputs."""
    called_with: ClassVar[frozenset[str]] = frozenset()
    """The arguments that torch's module takes when it is called, not when it is made: `feed` passes them."""
    reads_values: ClassVar[bool] = False
    """Whether torch looks at the values of its inputs, which those on `meta` do not have, or refuses some."""

    def feed(self, *inputs: Any) -> tuple[Any, ...]:
        """The arguments of torch's `forward`, made of the inputs: a recurrent layer's states are a pair.

        Of a function they are those without a name.
        """
        return (*inputs, *[self.__dict__[name] for name in self.positional])

    def keywords(self) -> dict[str, Any]:
        """The arguments with a name of torch's function; by default all, torch's defaults may be others."""
        return {name: self.__dict__[name] for name in self.fields if name not in self.positional}

    def in_python(self, *inputs: Any) -> str | None:
        """The call in Python's own syntax, of names of the inputs: `x + y`, `x[:, 0]`; None if it has none.

        By default that of its operator. A quotient or a power of a number is a function's: Python's inverts.
        """
        operands = self.feed(*inputs)
        more = any(value not in (None, False) for value in self.keywords().values())
        begins = operands[0] is inputs[0] or self.operator in ("+", "-", "*")
        if not self.operator or more or not begins:
            return None
        texts = [str(operand) for operand in operands]
        close = self.operator == "**" and not texts[-1].startswith("-")
        return (self.operator if close else f" {self.operator} ").join(texts)

    def returned(self, *outputs: Any) -> Any:
        """What torch returns, made of the outputs: one as it is, several as a tuple."""
        return outputs[0] if len(outputs) == 1 else outputs

    def arguments(self, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
        """torch's arguments, in its order: the inferred sizes and what the file gave."""
        with collecting():  # what has to hold was recorded with the figures
            inferred = self.inferred(inputs)
        known = {**{name: self.__dict__[name] for name in self.given}, **inferred}
        return {name: known[name] for name in self.fields if name in known}
