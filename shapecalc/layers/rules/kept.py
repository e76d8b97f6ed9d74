"""Answers that a layer keeps, so that the same question about the same inputs costs nothing again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, TypeVarTuple

_MOST = 20_000
"""Answers that are kept to each question; one more, and all of them are forgotten."""
_NONE: Any = object()


class Keeping:
    """An object that keeps its answers to the questions that are marked `kept`. A copy begins with none."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, dict[object, Any]] = defaultdict(dict)

    def __getstate__(self) -> dict[str, Any]:
        """What `copy` copies: a copy may be changed, and then answers otherwise."""
        return {**self.__dict__, "_answers": defaultdict(dict)}


_Asked = TypeVar("_Asked", bound=Keeping)
_Given = TypeVarTuple("_Given")
_Answer = TypeVar("_Answer")


def kept(question: Callable[[_Asked, *_Given], _Answer]) -> Callable[[_Asked, *_Given], _Answer]:
    """A method whose answer to equal arguments is worked out once; what it raises is not kept."""
    name = question.__name__

    @wraps(question)
    def ask(asked: _Asked, /, *given: *_Given) -> _Answer:
        answers = asked._answers[name]
        answer: _Answer = answers.get(given, _NONE)
        if answer is _NONE:
            answer = question(asked, *given)
            if len(answers) >= _MOST:
                answers.clear()
            answers[given] = answer
        return answer

    return ask
