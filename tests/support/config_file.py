"""A ``config.toml`` for tests."""

from __future__ import annotations

from pathlib import Path

from awesome_cli.settings.config_file import ConfigFile

FILE = """
# our tenant
[profiles.work]
domain = "work.eu.auth0.com"  # production
client_id = "from file"
scope = "openid offline_access"
"""


def read(path: Path, text: str) -> ConfigFile:
    """Write the text to the path, and read it."""
    path.write_bytes(text.encode())
    return ConfigFile.read(path)
