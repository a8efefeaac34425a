"""What a command is given: the environment, the program's names, the console, and the account."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from awesome_cli.brand import Brand
from awesome_cli.system.hidden_variables import environ_of_process
from awesome_cli.system.replacement import system_replacement

if TYPE_CHECKING:
    import httpx

    from awesome_cli.account import Account
    from awesome_cli.cli.console import Console
    from awesome_cli.sessions.model import Session
    from awesome_cli.sessions.user import User
    from awesome_cli.system.environment import Environment


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
    The environment and the console of this process are made when they are first used: the program's own commands may
    need neither, and their modules take as long to import as Python takes to start.
    """

    program: Definition

    def __init__(self, environment: Environment | None, brand: Brand) -> None:
        self._given = environment
        # As they are before own code redirects them.
        self._streams: dict[str, Any] = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self.brand = brand
        self.is_system = environment is None and system_replacement() is None
        self.named_profile: str | None = None
        self.is_own_command = False  # whether the program's own code runs, whose errors are not ours

    def nested(self) -> CommandContext:
        """Return the context of a command that runs within this one: with its options, until it names others."""
        inner = CommandContext(self._given, self.brand)
        inner.named_profile, inner.console.profile = self.named_profile, self.console.profile
        inner.console.verbose, inner.console.quiet = self.console.verbose, self.console.quiet
        return inner

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""
        return environ_of_process() if self.is_system else self.environment.environ

    @cached_property
    def environment(self) -> Environment:
        """Everything outside the program. Raises ConfigError, if there is no home folder."""
        from dataclasses import replace

        from awesome_cli.system.environment import run_beside_event_loop, system_environment
        from awesome_cli.system.files import restrict_write_access

        environment = self._given or system_environment(self.brand)
        for folder in (environment.config_dir, environment.state_dir, environment.cache_dir):
            restrict_write_access(folder, warn=lambda text: self.console.warning(text))  # noqa: PLW0108 - made only then
        streams = self._streams if self.is_system else {}
        return replace(environment, run=run_beside_event_loop(environment.run), **streams)

    @cached_property
    def console(self) -> Console:
        from awesome_cli.cli.console import Console

        if self.is_system:  # without a home folder errors can be told all the same
            return Console(SimpleNamespace(**self._streams, environ=self.environ), self.brand)
        return Console(self._given or self.environment, self.brand)

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
