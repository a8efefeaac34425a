"""Fixtures and settings for all tests."""

from __future__ import annotations

import os
import signal

import hypothesis

from awesome_cli.system.signals import EXIT_CODES

pytest_plugins = [
    "awesome_cli.testing",
    "support.signals",
    "support.terminal",
    "support.help_texts",
    "support.process",
    "support.provider_table",
]

for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
    del os.environ[name]  # all servers of the tests are on this machine

# In the background, signals may be ignored from the start. The program would respect that, and tests wait for its end.
for number in [number for number in EXIT_CODES if signal.getsignal(number) == signal.SIG_IGN]:
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# on a busy machine examples take longer
hypothesis.settings.register_profile("steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("steady")
