"""Which of the networks that shapecalc ships a test runs over, where all of them would take long."""

from __future__ import annotations

from shapecalc import zoo

OWN = [name for name in zoo.names() if not name.startswith("imagenet/")]
"""The networks that are taught, and those of other kinds."""

ONE_OF_EACH = sorted({entry.path: name for name, entry in reversed(zoo.known().items())}.values())
"""Of the variants of one file, the first."""
