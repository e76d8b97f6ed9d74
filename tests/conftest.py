"""Settings of all property tests: HYPOTHESIS_PROFILE is `ci`, the same examples each time, or `thorough`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow,)  # the first draws import torch's kernels

settings.register_profile("ci", max_examples=200, derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.register_profile("thorough", max_examples=600, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
