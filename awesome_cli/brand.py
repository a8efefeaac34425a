"""What differs between the programs that are built on this package. It imports nothing: it is loaded at every start."""

from __future__ import annotations


class Brand:
    """The names of one program, derived from its own name unless given.

    ``app_dir`` names its folders for settings, state, cache and locks, ``keyring_service`` begins the names of its
    keyring entries, ``env_prefix`` the names of its variables. ``extra_env_prefixes`` begin the variables that are
    read for domain, client id and audience as well.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "",
        app_dir: str | None = None,
        keyring_service: str | None = None,
        env_prefix: str | None = None,
        extra_env_prefixes: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.version = version
        self.app_dir = app_dir or name
        self.keyring_service = keyring_service or name
        self.env_prefix = env_prefix or self._word + "_"
        self.extra_env_prefixes = extra_env_prefixes

    def variable(self, setting: str) -> str:
        """Return the variable for a setting: ``keyring_timeout`` is ``AWESOME_KEYRING_TIMEOUT``."""
        return self.env_prefix + setting.upper()

    @property
    def completion_variable(self) -> str:
        """The variable in which a shell asks for completions."""
        return f"_{self._word}_COMPLETE"

    @property
    def _word(self) -> str:
        return self.name.upper().replace("-", "_")


AWESOME = Brand("awesome", app_dir="awesome-cli", keyring_service="awesome-cli", extra_env_prefixes=("AUTH0_",))
