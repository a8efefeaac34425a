"""The Secret Service (GNOME Keyring, KeePassXC) over one connection, with the very items that keyring makes.

keyring's own backend connects, looks for the collection and agrees on a key anew in every call, which makes a
session of a few parts slow to read and slower to replace. What is kept by one is found by the other.
"""

from __future__ import annotations

from contextlib import suppress

from secretstorage import (
    Item,
    ItemNotFoundException,
    LockedException,
    dbus_init,
    get_default_collection,
)

from awesome_cli.keystore.detection import SECRET_SERVICE


class SecretService:
    """A keyring backend. Secrets cross the bus encrypted. It may raise whatever secretstorage and jeepney do."""

    kind = SECRET_SERVICE

    def __init__(self) -> None:
        self._connection = dbus_init()
        self._collection = get_default_collection(self._connection)

    def unlock(self) -> None:
        """Let the person unlock it, where that is needed. Raises LockedException, if they do not."""
        if self._collection.is_locked():
            self._collection.unlock()
        if self._collection.is_locked():
            raise LockedException

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def get_password(self, service: str, username: str) -> str | None:
        """Return the secret, or None if there is none."""
        with suppress(ItemNotFoundException):  # somebody else has just removed it
            for item in self._items(service, username):
                secret = item.get_secret().decode("utf-8")
                self._collection.session = item.session  # one key for all that follows
                return secret
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep the secret in the place of the one before.

        In its very place: some versions of KeePassXC ask the person before they replace an entry, whatever their
        settings say (keepassxreboot/keepassxc#9255), and without one wait for ever.
        """
        secret = password.encode("utf-8")
        with suppress(ItemNotFoundException):  # the same
            for item in self._items(service, username):
                item.set_secret(secret)
                self._collection.session = item.session
                return
        attributes = {"application": "Python keyring library", **_attributes(service, username)}
        self._collection.create_item(f"Password for '{username}' on '{service}'", attributes, secret)

    def delete_password(self, service: str, username: str) -> None:
        """Forget the secret, and every other one of that name."""
        with suppress(ItemNotFoundException):  # the same
            for item in self._items(service, username):
                item.delete()

    def _items(self, service: str, username: str) -> list[Item]:
        return list(self._collection.search_items(_attributes(service, username)))


def _attributes(service: str, username: str) -> dict[str, str]:
    return {"service": service, "username": username}
