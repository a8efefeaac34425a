"""The settings of one profile, from flags, variables and the config file, each opened at its first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from awesome_cli.brand import Brand
from awesome_cli.errors import ConfigError
from awesome_cli.settings.profile import Profile, Settings, profile_name, require_distinct, resolve
from awesome_cli.settings.profile_names import default_profile

if TYPE_CHECKING:
    from awesome_cli.settings.config_file import ConfigFile


class ProfileSettings:
    """``named``: the profile that was asked for by name; ``with_session`` returns the profiles that have a session.

    ``config_text`` returns the text of the config file without parsing it, or an empty text, if it cannot be read.
    """

    def __init__(
        self,
        named: str | None,
        environ: Mapping[str, str],
        brand: Brand,
        *,
        read_config: Callable[[], ConfigFile],
        config_text: Callable[[], str],
        with_session: Callable[[], Iterable[str]],
    ) -> None:
        self._named = named
        self._environ = environ
        self._brand = brand
        self._read_config = read_config
        self._config_text = config_text
        self._with_session = with_session

    @cached_property
    def name(self) -> str:
        """The profile's name. Raises UsageError, if it is not valid, or differs from an existing one only in case."""
        name = profile_name(self._named, self._environ, self._brand, default=self._default_name)
        existing = {*self._with_session()}
        if name not in existing:  # the config file is slow to open
            with suppress(ConfigError):
                existing.update(self.config.names)
            require_distinct(name, existing)
        return name

    def _default_name(self) -> str:
        return default_profile(self._config_text()) or self.config.default_profile

    @property
    def config(self) -> ConfigFile:
        return self._read_config()

    @property
    def names(self) -> list[str]:
        """The profiles that have settings or a session."""
        return sorted({*self.config.names, *self._with_session()})

    def resolve(self, flags: Settings | None = None) -> Profile:
        """Return the settings as ``login`` resolves them."""
        return self._resolve(flags or {}, self._environ)

    def stored(self, flags: Settings | None = None) -> Profile:
        """Return ``flags`` and what the config file says; variables do not count."""
        return self._resolve(flags or {}, {})

    def differences(self, audience: str | None, requested_scope: str | None) -> list[str]:
        """Say which settings a session was not made with; none, if the settings cannot be used at all."""
        try:
            found = self.resolve().differences(audience, requested_scope)
        except ConfigError:
            return []
        made_with = {"audience": audience or "none", "scope": requested_scope}
        return [
            f"The {name} is set to {text}, but this session was made with {made_with[name]}."
            for name, text in found.items()
        ]

    @property
    def api_url(self) -> str:
        """The base URL of the profile's API. Raises ConfigError, if it is not set."""
        variable = self._brand.variable("api_url")
        url = self.stored({"api_url": self._environ.get(variable)}).api_url
        if url is None:
            raise ConfigError(
                "The URL of the API is not set.", hint=f"Set {variable}, or api_url in the profile in config.toml."
            )
        return url

    def _resolve(self, flags: Settings, environ: Mapping[str, str]) -> Profile:
        return resolve(self.name, flags=flags, environ=environ, table=self.config.profile(self.name), brand=self._brand)
