"""How a network is trained: all that decides, beside its sizes and its dtype, what a device has to hold."""

from __future__ import annotations

from typing import Any, NamedTuple

from shapecalc.analysis.memory.lora import Lora
from shapecalc.analysis.memory.optimizers import OPTIMIZERS, Optimizer
from shapecalc.analysis.memory.prediction import AMP
from shapecalc.errors import UsageError
from shapecalc.tensors import BYTES


class Rules(NamedTuple):
    """In words, by what a device has of each."""

    parameters: str = ""
    gradients: str = ""
    master: str = "of those that are trained, in float32"
    optimizer: str = ""


class Training(NamedTuple):
    """A step of training: its optimizer, and what of it a device holds."""

    optimizer: str = "sgd"
    master: bool = False
    """Whether the optimizer has a float32 copy of parameters that are of 2 bytes an element."""
    accumulate: int = 1
    """Batches whose gradients are added up before the optimizer's update."""
    zero: int = 0
    """The stage of ZeRO: at 1 the optimizer's state is partitioned, at 2 gradients too, at 3 all."""
    ranks: int = 1
    """Devices that train together, each on a batch of its own."""
    tensor: int = 1
    """Devices among which matrices are split."""
    pipeline: int = 1
    """Devices each of which has some of the repeated blocks."""
    checkpoint: str | None = None
    """The step whose inputs alone are kept, and which the way back computes again."""
    lora: Lora | None = None
    """Which adapters are trained, in place of all that the file does not freeze."""

    @property
    def method(self) -> Optimizer:
        return OPTIMIZERS[self.optimizer]

    @property
    def adds_up(self) -> bool:
        """Whether gradients of parameters do not stay as they arrive: they go to others that are there."""
        return self.accumulate > 1 or self.zero > 1 or self.tensor > 1

    @property
    def plain(self) -> bool:
        """Whether one device does all there is to a step, once, as torch alone does it."""
        return self == Training(self.optimizer)

    @property
    def terms(self) -> list[str]:
        """In words, how the step is done."""
        words = []
        if self.checkpoint:
            words.append(f"with {self.checkpoint} computed again on the way back, whole (early stop off)")
        if self.lora:
            words.append(f"of adapters alone, LoRA of rank {self.lora.r} on {', '.join(self.lora.on)}")
        if self.ranks > 1:
            words.append(
                f"on each of {self.ranks} ranks under ZeRO {self.zero}, buffers of communication aside"
            )
        if self.tensor > 1:
            words.append(f"on each of {self.tensor} devices that share matrices, activations whole")
        if self.accumulate > 1:
            words.append(f"with one update for the gradients of {self.accumulate:,} batches")
        if self.master:
            words.append("with an update in float32, for which gradients are copied")
        return words

    @property
    def rules(self) -> Rules:
        """What a rank has: all, or its part of the vector of all or, at stage 3, of each."""
        if not self.zero:
            return Rules()
        filled = f"in multiples of {self.ranks * (1 if self.zero == 3 else 2)}"
        part = f"1/{self.ranks} of {'each' if self.zero == 3 else 'all'}, {filled}"
        own = part if self.zero == 3 else f"whole, {filled}"
        return Rules(own, part if self.zero > 1 else "whole", part, part)

    def checked(self, dtype: str) -> Training:
        """The same.

        Raises:
            UsageError: options do not go with each other.
        """
        if self.zero and self.ranks == 1:
            raise UsageError("--zero partitions over ranks, and there is 1", hint="--ranks 8")
        if self.pipeline > 1 and self.zero > 1:  # as DeepSpeed's PipelineEngine says
            message = (
                f"--pipeline is not beside --zero {self.zero}: gradients of several batches are under way"
            )
            raise UsageError(message, hint="--zero 1 partitions the optimizer's state of each stage")
        if self.zero and self.method.whole:
            raise UsageError(
                f"--optimizer {self.optimizer} needs matrices as they are, and --zero cuts them",
                hint="without --zero, or --optimizer adamw",
            )
        if self.checkpoint and dtype == AMP:
            raise UsageError(
                "--checkpoint is not followed under autocast, which casts weights again on the way back",
                hint="--dtype bfloat16 --master",
            )
        if self.master and (dtype == AMP or BYTES[dtype] == 4):
            raise UsageError(
                f"--master: with --dtype {dtype} the parameters are in float32 themselves",
                hint="it is for --dtype bfloat16 and --dtype float16",
            )
        return self

    def to_dict(self) -> dict[str, Any]:
        return {**self._asdict(), "lora": self.lora and self.lora._asdict()}
