"""Commands that other packages add, by entry points of the group ``awesome_cli.commands``."""

from __future__ import annotations

from collections.abc import Container
from importlib.metadata import EntryPoint, entry_points

import typer
from typer.main import get_command

from awesome_cli.errors import ConfigError
from awesome_cli.text import safe

GROUP = "awesome_cli.commands"


def packages(own: Container[str] = ()) -> dict[str, str]:
    """Return the package by name of the command that it adds, names in ``own`` excepted. Nothing is loaded."""
    return {entry.name: _package(entry) for entry in sorted(entry_points(group=GROUP)) if entry.name not in own}


def load(name: str) -> typer.Typer | None:
    """Return the app of a command, or None; instead of one that cannot be loaded, an app that raises ConfigError."""
    for entry in entry_points(group=GROUP, name=name):
        try:
            app = entry.load()
            get_command(app)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, our own commands go on
            return _broken(entry, error)
        return app  # type: ignore[no-any-return]  # or get_command() would have refused it
    return None


def _broken(entry: EntryPoint, error: BaseException) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    problem = f"The command {safe(entry.name)} of the package {_package(entry)} cannot be loaded"

    @app.command(help=f"{problem}.", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def broken() -> None:
        raise ConfigError(
            f"{problem} ({type(error).__name__}).", hint="Update that package, or uninstall it."
        ) from error

    return app


def _package(entry: EntryPoint) -> str:
    return safe(f"{entry.dist.name} {entry.dist.version}") if entry.dist else "(unknown)"
