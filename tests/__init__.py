"""The proofs of shapecalc."""

import sys

if "slipcover.pytest_plugin" in sys.modules:  # before any of shapecalc is imported
    from tests import probes as probes
