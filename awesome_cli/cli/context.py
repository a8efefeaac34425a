"""What a command is given: the environment, the program's names, the console, and the account."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from awesome_cli.brand import Brand
from awesome_cli.cli.console import Console
from awesome_cli.system.environment import Environment

if TYPE_CHECKING:
    from awesome_cli.account import Account


class CommandContext:
    """One run of the program; Typer's ``ctx.obj``."""

    def __init__(self, environment: Environment, brand: Brand) -> None:
        self.environment = environment
        self.brand = brand
        self.console = Console(environment, brand)
        self._profile: str | None = None

    def choose_profile(self, name: str) -> None:
        """Use the profile of that name. Raises UsageError, if it is not a valid name."""
        from awesome_cli.settings.profile import profile_name

        self._profile = self.console.profile = profile_name(name, self.environment.environ, self.brand)

    @cached_property
    def account(self) -> Account:
        from awesome_cli.account import Account

        return Account(self.environment, self.brand, self.console, named_profile=self._profile)

    @property
    def name(self) -> str:
        """The profile's name. Commands of other packages rely on it, as on ``api_url`` and ``console``."""
        return self.account.profile

    @property
    def api_url(self) -> str:
        """The base URL of the profile's API. Raises ConfigError, if it is not set."""
        return self.account.settings.api_url
