"""Names of weights here → names in a checkpoint: by rules with patterns, one for all copies of a block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

_NUMBER = re.compile(r"(\d+)")
EACH = "#"
"""In a checkpoint's name, in place of 0, 1, 2 …: a tensor for each part along the first axis of a weight."""
TURNED = "^T"
"""At the end of a checkpoint's name: the tensor has the axes of the weight in the opposite order."""
LAST_TURNED = "^mT"
"""At the end of a checkpoint's name: the tensor has the last two axes of the weight in the opposite order."""
_PREFIXES = ("module.", "_orig_mod.")
"""What torch's DistributedDataParallel and torch.compile put before the names of a module."""


def in_numeric_order(name: str) -> list[tuple[int, int, str]]:
    """A key to sort names by: `layer.2` comes before `layer.10`."""
    parts = enumerate(_NUMBER.split(name))
    return [(1, int(part[:4000]), "") if number % 2 else (0, 0, part) for number, part in parts]


def skeleton(name: str) -> str:
    """A name without its numbers: what the copies of a weight in a repeated block have in common."""
    return _NUMBER.sub("*", name)


def common_prefix(names: Iterable[str]) -> str:
    """The prefixes of torch's wrappers that all names have, as `_orig_mod.module.`."""
    known, found = list(names), ""
    while prefix := next((p for p in _PREFIXES if known and all(n.startswith(found + p) for n in known)), ""):
        found += prefix
    return found


@dataclass(frozen=True)
class Rule:
    """A path of the network, and what stands in its place in a checkpoint; `*` is any text without `.[]`.

    A path that begins with a dot is for the rest of a name, behind what another rule is for.
    """

    here: str
    there: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the path matches: from the start of a name to its end, or to a dot."""
        parts = map(re.escape, self.here.split("*"))
        return re.compile(r"([^.\[\]]+)".join(parts) + r"(?=\.|$)")

    @cached_property
    def start(self) -> str:
        """What names begin with that the path matches."""
        return self.here.partition("*")[0]

    @cached_property
    def letters(self) -> int:
        """How many letters it has of its own."""
        return len(self.here) - self.here.count("*")

    def reach(self, name: str) -> int:
        """How many letters of a name the path matches; 0 of none."""
        match = self.pattern.match(name)
        return match.end() if match else 0

    def applied(self, name: str) -> str:
        """What stands in the checkpoint in place of as much of a name as the path matches."""
        match = self.pattern.match(name)
        assert match
        parts = iter(match.groups())
        first, *others = self.there.split("*")
        return "".join([first, *(next(parts) + piece for piece in others)])


@dataclass(frozen=True)
class Names:
    """The rules of a file, and the checkpoint's tensors that stand for nothing in the network."""

    rules: Sequence[Rule] = ()
    ignored: Sequence[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parts of names that some checkpoints have, and what stands in the rules for them."""

    @cached_property
    def exact(self) -> Mapping[str, Rule]:
        return {rule.here: rule for rule in self.rules if "*" not in rule.here}

    @cached_property
    def patterns(self) -> Sequence[Rule]:
        return [rule for rule in self.rules if "*" in rule.here]

    @cached_property
    def ignoring(self) -> Sequence[re.Pattern[str]]:
        return [Rule(text, text).pattern for text in self.ignored]

    def rule_for(self, name: str) -> Rule | None:
        """The rule for the most of a name; of two, the one with more letters of its own."""
        found = [*self._exactly(name), *self._by_patterns(name)]
        return max(found, key=lambda rule: (rule.reach(name), rule.letters), default=None)

    def there(self, name: str) -> str:
        """The checkpoint's name of a weight; its own where no rule is for it."""
        rule = self.rule_for(name)
        return rule.applied(name) + self.there(name[rule.reach(name) :]) if rule else name

    def rules_for(self, name: str) -> Iterator[Rule]:
        """All rules that make the name of a weight: one for its start, and those for what is left."""
        while rule := self.rule_for(name):
            yield rule
            name = name[rule.reach(name) :]

    def _exactly(self, name: str) -> list[Rule]:
        """The rule without a pattern for the most of a name."""
        end = len(name) if self.exact else -1
        while end >= 0:
            if rule := self.exact.get(name[:end]):
                return [rule]
            end = name.rfind(".", 0, end)
        return []

    def _by_patterns(self, name: str) -> list[Rule]:
        return [rule for rule in self.patterns if name.startswith(rule.start) and rule.reach(name)]

    def ignores(self, name: str) -> bool:
        """Whether a tensor, or what it is a part of, stands for nothing."""
        return any(pattern.match(name) for pattern in self.ignoring)

    @cached_property
    def _renaming(self) -> Sequence[tuple[re.Pattern[str], str]]:
        """Each part with its place: after a dot wherever it is, else at the start of a name."""
        return [
            (re.compile(("" if part.startswith(".") else "^") + re.escape(part) + r"(?=\.|$)"), there)
            for part, there in self.renamed.items()
        ]

    def usual(self, name: str) -> str:
        """A checkpoint's name of a tensor as the rules have it."""
        for part, there in self._renaming:
            name = part.sub(there.replace("\\", r"\\"), name)
        return name.removeprefix(".") if self.renamed else name
