"""The help texts of all commands."""

from __future__ import annotations

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.time import VirtualTime
from generator.commands import reference
from support.terminal import Terminal

FOUND = reference()
COMMANDS = [command.name.split()[1:] for command in (FOUND.root, *FOUND.all_commands)]  # the words of each


@pytest.fixture(scope="session")
def helps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return every help text by the command words before ``--help``."""
    time = VirtualTime()
    issuer = ProviderSimulator(now=time.now, url="https://provider.example/")
    terminal = Terminal(tmp_path_factory.mktemp("helps"), issuer, time)
    found = {}
    for words in COMMANDS:
        assert terminal.run(*words, "--help") == 0
        found[" ".join(words)] = terminal.out
    return found
