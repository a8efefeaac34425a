"""Secret Service backend (GNOME Keyring, KeePassXC) that uses one connection, and the same items as keyring's own.

keyring's backend connects, looks the collection up and negotiates a key in every call, which is slow for a session
of several entries.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from jeepney import message_bus
from jeepney.io.blocking import open_dbus_connection
from jeepney.wrappers import unwrap_msg
from secretstorage import Item, ItemNotFoundException, LockedException, get_default_collection
from secretstorage.util import add_match_rules

from awesome_cli.keystore.detection import SECRET_SERVICE
from awesome_cli.keystore.names import SECRET_SERVICE_APPLICATIONS

BUS_TIMEOUT = 5.0  # seconds to connect; secretstorage waits for one, which is too short on a busy machine


class SecretService:
    """Secrets are sent over the bus encrypted. It may raise whatever secretstorage and jeepney do."""

    backend_name = SECRET_SERVICE

    def __init__(self) -> None:
        self._connection = open_dbus_connection(auth_timeout=BUS_TIMEOUT)
        add_match_rules(self._connection)
        self._collection = get_default_collection(self._connection)

    def unlock(self) -> None:
        """Ask the user to unlock the collection, if it is locked. Raises LockedException, if they do not."""
        if self._collection.is_locked():
            self._collection.unlock()
        if self._collection.is_locked():
            raise LockedException

    @property
    def application(self) -> str:
        """The application that provides the service, as people know it; empty if that is not known."""
        request = message_bus.GetConnectionUnixProcessID("org.freedesktop.secrets")
        (process,) = unwrap_msg(self._connection.send_and_get_reply(request, timeout=BUS_TIMEOUT))
        return SECRET_SERVICE_APPLICATIONS.get(Path(f"/proc/{process}/comm").read_text("utf-8").strip(), "")

    def close(self) -> None:
        self._connection.close()

    def get_password(self, service: str, username: str) -> str | None:
        with suppress(ItemNotFoundException):  # deleted by another process since the search
            for item in self._items(service, username):
                secret = item.get_secret().decode("utf-8")
                self._collection.session = item.session  # reuse the negotiated key in later calls
                return secret
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        # Changes an existing item: some versions of KeePassXC ask the user before one is replaced, whatever their
        # settings say, and wait forever where nobody can answer (keepassxreboot/keepassxc#9255).
        secret = password.encode("utf-8")
        with suppress(ItemNotFoundException):
            for item in self._items(service, username):
                item.set_secret(secret)
                self._collection.session = item.session
                return
        attributes = {"application": "Python keyring library", "service": service, "username": username}
        self._collection.create_item(f"Password for '{username}' on '{service}'", attributes, secret)

    def delete_password(self, service: str, username: str) -> None:
        """Delete all items of that name."""
        with suppress(ItemNotFoundException):
            for item in self._items(service, username):
                item.delete()

    def _items(self, service: str, username: str) -> list[Item]:
        return list(self._collection.search_items({"service": service, "username": username}))
