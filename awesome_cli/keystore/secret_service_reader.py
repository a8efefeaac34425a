"""Read from the Secret Service (GNOME Keyring, KeePassXC) with jeepney alone. The fast path imports it.

Secrets cross the bus unencrypted here, so only the manifest is read with it, which contains no token:
docs/decisions/0004-manifest-over-an-unencrypted-bus.md. ``secret_service.py`` encrypts.
"""

from __future__ import annotations

import time

from jeepney import DBusAddress, new_method_call
from jeepney.bus import get_bus
from jeepney.io.blocking import DBusConnection, prep_socket
from jeepney.wrappers import unwrap_msg

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

NAME = "org.freedesktop.secrets"
SERVICE = "/org/freedesktop/secrets", "org.freedesktop.Secret.Service"  # path and interface
COLLECTION = "/org/freedesktop/secrets/aliases/default", "org.freedesktop.Secret.Collection"

Secret = tuple[str, bytes, bytes, str]  # session, parameters of its encryption, value, content type


class Connection(DBusConnection):  # type: ignore[misc]  # jeepney has no type hints
    """A connection to the bus that waits ``timeout`` seconds for all messages together; without one, for ever."""

    def __init__(self, sock: socket.socket, timeout: float | None) -> None:
        self.ends = None if timeout is None else time.monotonic() + timeout
        super().__init__(sock)  # sends a message, and waits

    def receive(self, *, timeout: float | None = None) -> Any:  # noqa: ANN401 - a message
        if self.ends is not None:
            timeout = max(self.ends - time.monotonic(), 0.0)
        return super().receive(timeout=timeout)


class SecretServiceReader:
    """One connection to the Secret Service API.

    ``connect_timeout``: seconds to connect; ``timeout``: for everything together, if it is limited.
    Methods raise whatever jeepney does, TimeoutError among it, and ``locked_error`` for an entry that is locked.
    """

    locked_error: type[Exception] = LookupError

    def __init__(self, connect_timeout: float, timeout: float | None = None) -> None:
        self._connection = Connection(prep_socket(get_bus("SESSION"), timeout=connect_timeout), timeout)

    def close(self) -> None:
        self._connection.close()

    def get_password(self, service: str, username: str) -> str | None:
        paths = self._find(service, username)
        if not paths:
            return None
        (secrets,) = self._call(SERVICE, "GetSecrets", "aoo", paths, self._session_path())
        for path in paths:
            if path in secrets:
                return self._decrypt(secrets[path]).decode("utf-8")
        if self._find(service, username):  # else it was deleted meanwhile
            raise self.locked_error
        return None

    def _find(self, service: str, username: str) -> list[str]:
        """Return the object paths of the items with these attributes."""
        (paths,) = self._call(COLLECTION, "SearchItems", "a{ss}", {"service": service, "username": username})
        return list(paths)

    def _session_path(self) -> str:
        """Return the object path of the session in which secrets are transferred."""
        _, path = self._call(SERVICE, "OpenSession", "sv", "plain", ("s", ""))
        return str(path)

    def _decrypt(self, secret: Secret) -> bytes:
        return bytes(secret[2])  # in a plain session it is not encrypted

    def _call(self, target: tuple[str, str], method: str, signature: str, *body: object) -> Any:  # noqa: ANN401 - as D-Bus has it
        path, interface = target
        message = new_method_call(DBusAddress(path, NAME, interface), method, signature, body)
        return unwrap_msg(self._connection.send_and_get_reply(message))
