"""What a command is given: the environment, the program's names, the console, and the account."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from awesome_cli.brand import Brand
from awesome_cli.cli.console import Console
from awesome_cli.system.environment import Environment, run_beside_event_loop, system_environment
from awesome_cli.system.replacement import system_replacement

if TYPE_CHECKING:
    import httpx

    from awesome_cli.account import Account
    from awesome_cli.sessions.model import Session, User


class Definition(Protocol):
    """What a :class:`awesome_cli.program.Program` is made of."""

    @property
    def brand(self) -> Brand: ...
    @property
    def app(self) -> Any: ...  # noqa: ANN401 - a Typer app, a function, text or None
    @property
    def context(self) -> CommandContext | None: ...
    def user(self) -> User: ...
    def session(self) -> Session: ...
    def client(self) -> httpx.Client: ...
    def async_client(self) -> httpx.AsyncClient: ...
    def running(self, context: CommandContext, /, *, is_command: bool) -> AbstractContextManager[None]: ...
    def run(self, argv: Sequence[str]) -> int: ...


class CommandContext:
    """One run of a program; Typer's ``ctx.obj`` in built-in commands and those of other packages.

    ``program``: the one that runs, with the session, tokens and clients for commands of other packages.
    ``is_system``: whether the environment is that of this process, and not one of a test or of the demo.
    """

    program: Definition

    def __init__(self, environment: Environment, brand: Brand, *, is_system: bool = False) -> None:
        self.environment = replace(environment, run=run_beside_event_loop(environment.run))
        self.brand = brand
        self.is_system = is_system
        self.console = Console(environment, brand)
        self.named_profile: str | None = None
        self.is_own_command = False  # whether the program's own code runs, whose errors are not ours

    @classmethod
    def of_system(cls, brand: Brand) -> CommandContext:
        """Return the context of a command in this process. Raises ConfigError, if there is no home folder."""
        return cls(system_environment(brand), brand, is_system=system_replacement() is None)

    def nested(self) -> CommandContext:
        """Return the context of a command that runs within this one: with its options, until it names others."""
        inner = CommandContext(self.environment, self.brand, is_system=self.is_system)
        inner.named_profile, inner.console.profile = self.named_profile, self.console.profile
        inner.console.verbose, inner.console.quiet = self.console.verbose, self.console.quiet
        return inner

    def choose_profile(self, name: str) -> None:
        """Use the profile of that name. Raises UsageError, if it is not a valid name."""
        from awesome_cli.settings.profile import profile_name

        self.named_profile = self.console.profile = profile_name(name, self.environment.environ, self.brand)

    @cached_property
    def account(self) -> Account:
        from awesome_cli.account import Account

        return Account(self.environment, self.brand, self.console, named_profile=self.named_profile)

    @property
    def name(self) -> str:
        """The profile's name. Commands of other packages rely on it, as on ``api_url`` and ``console``."""
        return self.account.profile

    @property
    def api_url(self) -> str:
        """The base URL of the profile's API. Raises ConfigError, if it is not set."""
        return self.account.settings.api_url
