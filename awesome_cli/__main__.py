"""The ``awesome`` program, the first one built on this package: ``python -m awesome_cli``."""

from __future__ import annotations

from awesome_cli import __version__
from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.program import Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

awesome = Program(
    "awesome",
    version=__version__,
    app_dir="awesome-cli",
    keyring_service="awesome-cli",
    extra_env_prefixes=("AUTH0_",),
    plugin_group="awesome_cli.commands",
    commands=tuple(BUILT_IN_COMMANDS),
)
session, auth = awesome.session, awesome.auth


def main() -> NoReturn:
    """Run ``awesome`` as its console script, which does nothing else."""
    from awesome_cli.cli.main import run

    run(awesome, is_last=True)


if __name__ == "__main__":
    awesome()
