"""Commands that other packages add, by entry points of the program's ``plugin_group``."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.main import get_command

from awesome_cli.errors import ConfigError
from awesome_cli.text import safe


def plugins(group: str) -> dict[str, EntryPoint]:
    """Return the entry points by the name of the command that each adds. Nothing is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=group))}


def load(entry: EntryPoint) -> Any:  # noqa: ANN401 - Click's Command is private to Typer
    """Return the command as Click's object; instead of one that cannot be loaded, one that raises ConfigError."""
    try:
        command = get_command(entry.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, our own commands go on
        command = get_command(_broken(entry, error))
    command.name = entry.name
    return command


def _broken(entry: EntryPoint, error: BaseException) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    package = safe(f"{entry.dist.name} {entry.dist.version}") if entry.dist else "(unknown)"
    problem = f"The command {safe(entry.name)} of the package {package} cannot be loaded"

    @app.command(help=f"{problem}.", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def broken() -> None:
        raise ConfigError(
            f"{problem} ({type(error).__name__}).", hint="Update that package, or uninstall it."
        ) from error

    return app
