"""What every test may ask for, and how long it may take."""

from __future__ import annotations

import os

import hypothesis

pytest_plugins = ["awesome_cli.testing", "rigs.signals", "rigs.program", "rigs.terminal"]

for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
    del os.environ[name]  # the other side of every test is on this machine

# a busy machine is no failure
hypothesis.settings.register_profile("steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("steady")
