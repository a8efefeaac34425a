"""A keyring in memory: for the demo, and for tests that must not touch anybody's real one."""

from __future__ import annotations

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError


class MemoryKeyring(KeyringBackend):
    """Keeps secrets as long as the object lives; used where it is constructed, never found by itself.

    ``limit`` is the most bytes of UTF-16 that one secret may have, as on Windows (2,560).
    """

    priority = 0.0  # below 1 is not recommended
    viable = False  # hides the class from keyring's own search for a backend

    def __init__(self, *, limit: int | None = None) -> None:
        # Without KeyringBackend.__init__, which takes attributes from the environment.
        self._limit = limit
        self._secrets: dict[tuple[str, str], str] = {}

    def __repr__(self) -> str:
        return f"<MemoryKeyring with {len(self._secrets)} entries>"

    def get_password(self, service: str, username: str) -> str | None:
        """Return the secret, or None if there is none."""
        return self._secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep the secret. Raises PasswordSetError, if it is longer than the limit."""
        if self._limit is not None and len(password.encode("utf-16-le", "surrogatepass")) > self._limit:
            raise PasswordSetError(f"A secret may have at most {self._limit} bytes here.")
        self._secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Forget the secret. Raises PasswordDeleteError, if there is none."""
        if self._secrets.pop((service, username), None) is None:
            raise PasswordDeleteError("There is no such entry.")

    def entries(self) -> dict[tuple[str, str], str]:
        """Return a copy of everything kept, by service and user name."""
        return dict(self._secrets)
