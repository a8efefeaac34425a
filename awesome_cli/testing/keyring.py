"""A keyring in memory, for the demo and for tests."""

from __future__ import annotations

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError


class MemoryKeyring(KeyringBackend):
    """A keyring backend that keyring does not find by itself.

    ``limit`` is the maximum size of a secret in bytes of UTF-16, which is 2,560 on Windows.
    """

    backend_name = "MemoryKeyring"  # what ``whoami`` shows, without the name of this package
    priority = 0.0  # below 1 is not recommended
    viable = False  # excludes the class from keyring's search for backends

    application = "memory"

    def __init__(self, *, limit: int | None = None) -> None:
        # KeyringBackend.__init__ is not called: it sets attributes from the environment.
        self._limit = limit
        self._secrets: dict[tuple[str, str], str] = {}

    def __repr__(self) -> str:
        return f"<MemoryKeyring with {len(self._secrets)} entries>"

    def get_password(self, service: str, username: str) -> str | None:
        return self._secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self._limit is not None and len(password.encode("utf-16-le", "surrogatepass")) > self._limit:
            raise PasswordSetError(f"The secret is longer than {self._limit} bytes.")
        self._secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self._secrets.pop((service, username), None) is None:
            raise PasswordDeleteError("There is no such entry.")

    def entries(self) -> dict[tuple[str, str], str]:
        """Return a copy of all entries, by service and user name."""
        return dict(self._secrets)
