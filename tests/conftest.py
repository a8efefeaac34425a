"""What every test may ask for, and how long it may take."""

from __future__ import annotations

import hypothesis

pytest_plugins = ["awesome_cli.testing", "rigs.program", "rigs.terminal"]

hypothesis.settings.register_profile("steady", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("steady")
