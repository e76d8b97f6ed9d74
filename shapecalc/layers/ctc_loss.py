"""The loss of sequences without an alignment (torch.nn, "Loss Functions")."""

from __future__ import annotations

from shapecalc.errors import ArchitectureError
from shapecalc.layers.base import example
from shapecalc.layers.checks import check_rank
from shapecalc.layers.fields import Flag, Size
from shapecalc.layers.loss import Loss, check_wide
from shapecalc.symbolic import Dim
from shapecalc.tensors import Tensor, check_at_least, check_equal, is_floating, product


class CTCLoss(Loss):
    """−log of the probability of a sequence, summed over its alignments with longer log-probabilities.

    log_probs (T, N, C), targets (N, S) or one after another (sum of target_lengths), input_lengths and
    target_lengths (N); or (T, C), (S), () and (). That the lengths fit is a matter of their values.
    Source: Graves et al. 2006, ICML; torch.nn.CTCLoss.
    """

    reads_values = True
    lettered = ("N", "NS", "TNC")
    undecided = "is decided by the values of target_lengths"
    blank = Size(0, minimum=0)
    zero_infinity = Flag(False)
    last_fields = ("reduction", "zero_infinity")
    example = example((50, 8, 20), Tensor((8, 30), "int64"), Tensor((8,), "int64"), Tensor((8,), "int64"))

    def output(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
    ) -> Tensor:
        check_rank(log_probs, 2, 3)
        check_wide(log_probs)
        message = f"blank is {self.blank}, but log_probs {log_probs} have classes 0 to {{0}}"
        check_at_least(log_probs.shape[-1] - 1, self.blank, message, why="the blank is a class")
        batch = log_probs.shape[1:-1]
        self.check_targets(targets, product(batch))
        for name, lengths in {"input_lengths": input_lengths, "target_lengths": target_lengths}.items():
            check_whole(lengths, name)
            message = f"{name} are {{0}}, but the batch is {{1}} ({log_probs})"
            check_equal(lengths.elements, product(batch), message, why="each sequence has a length")
        return self.reduced(Tensor(batch, log_probs.dtype))

    def check_targets(self, targets: Tensor, batch: Dim) -> None:
        """Refuse targets that are not (N, S) or (S)."""
        check_whole(targets, "targets")
        if targets.rank not in (1, 2):
            raise ArchitectureError(f"targets of 1 or 2 axes are needed, not {targets}")
        if targets.rank == 2:
            message = f"targets are {targets}, but the batch is {{1}}"
            check_equal(targets.shape[0], batch, message, why="each sequence has a target")


def check_whole(x: Tensor, name: str) -> None:
    """Refuse an input that is not of whole numbers."""
    if is_floating(x.dtype) or x.dtype == "bool":
        raise ArchitectureError(f"{name} are whole numbers, not {x.dtype}")
