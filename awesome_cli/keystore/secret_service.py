"""Secret Service backend (GNOME Keyring, KeePassXC) that uses one connection, and the same items as keyring's own.

keyring's backend connects, looks the collection up and negotiates a key in every call, and secretstorage asks for
properties of each item before it reads or writes it, which is slow for a session of several entries.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from jeepney import DBusErrorResponse, message_bus
from jeepney.wrappers import unwrap_msg
from secretstorage import (
    ItemNotFoundException,
    LockedException,
    PromptDismissedException,
    get_default_collection,
)
from secretstorage.dhcrypto import Session
from secretstorage.util import DBusAddressWrapper, add_match_rules, exec_prompt, format_secret, open_session

from awesome_cli.keystore.detection import SECRET_SERVICE
from awesome_cli.keystore.names import SECRET_SERVICE_APPLICATIONS
from awesome_cli.keystore.secret_service_reader import COLLECTION, NAME, Secret, SecretServiceReader

BUS_TIMEOUT = 5.0  # seconds to connect; secretstorage waits for one, which is too short on a busy machine
ITEM = "org.freedesktop.Secret.Item"
IS_LOCKED = "org.freedesktop.Secret.Error.IsLocked"
NO_PROMPT = "/"


_left_open: list[SecretService] = []  # at most one


class SecretService(SecretServiceReader):
    """Secrets are sent over the bus encrypted. It may raise whatever secretstorage and jeepney do."""

    backend_name = SECRET_SERVICE
    can_overwrite = True
    locked_error = LockedException

    def __init__(self, connect_timeout: float = BUS_TIMEOUT, timeout: float | None = None) -> None:
        super().__init__(connect_timeout, timeout)

    @classmethod
    def connect(cls) -> SecretService:
        """Return the connection that was left open, or a new one."""
        try:
            return _left_open.pop()
        except IndexError:
            return cls()

    def leave_open(self) -> None:
        """Leave the connection to the next who connects, without its time limit: to agree on a key takes a while."""
        self._connection.ends = None
        _left_open[:] = [self]

    def find_collection(self) -> None:
        """Find the default collection; create it, if there is none."""
        add_match_rules(self._connection)  # for prompts
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
        request = message_bus.GetConnectionUnixProcessID(NAME)
        (process,) = unwrap_msg(self._connection.send_and_get_reply(request, timeout=BUS_TIMEOUT))
        with open(f"/proc/{process}/comm", encoding="utf-8") as name:
            return SECRET_SERVICE_APPLICATIONS.get(name.read().strip(), "")

    def get_password(self, service: str, username: str) -> str | None:
        with suppress(ItemNotFoundException):  # deleted by another process since the search
            return super().get_password(service, username)
        return None

    def has_password(self, service: str, username: str) -> bool:
        return bool(self._find(service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        # Changes an existing item: some versions of KeePassXC ask the user before one is replaced, whatever their
        # settings say, and wait forever where nobody can answer (keepassxreboot/keepassxc#9255).
        secret = format_secret(self._session, password.encode("utf-8"), "text/plain")
        with suppress(ItemNotFoundException):
            for path in self._find(service, username):
                self._call((path, ITEM), "SetSecret", "(oayays)", secret)
                return
        attributes = {"application": "Python keyring library", "service": service, "username": username}
        properties = {
            f"{ITEM}.Label": ("s", f"Password for '{username}' on '{service}'"),
            f"{ITEM}.Attributes": ("a{ss}", attributes),
        }
        _, prompt = self._call(COLLECTION, "CreateItem", "a{sv}(oayays)b", properties, secret, False)  # noqa: FBT003 - D-Bus has no names
        self._answer(prompt)

    def delete_password(self, service: str, username: str) -> None:
        """Delete all items of that name."""
        for path in self._find(service, username):
            with suppress(ItemNotFoundException):
                (prompt,) = self._call((path, ITEM), "Delete", "")
                self._answer(prompt)

    @cached_property
    def _session(self) -> Session:
        """A session with a key that was agreed on (Diffie-Hellman)."""
        return open_session(self._connection)

    def _session_path(self) -> str:
        return str(self._session.object_path)

    def _decrypt(self, secret: Secret) -> bytes:
        """Decrypt a secret: AES-128 in CBC mode with PKCS #7 padding."""
        _, initialization_vector, value, _ = secret
        if not self._session.encrypted:
            return bytes(value)
        cipher = Cipher(algorithms.AES(self._session.aes_key or b""), modes.CBC(bytes(initialization_vector)))
        decryptor = cipher.decryptor()
        padded = decryptor.update(bytes(value)) + decryptor.finalize()
        return padded[: -padded[-1]]

    def _call(self, target: tuple[str, str], method: str, signature: str, *body: object) -> Any:  # noqa: ANN401 - as D-Bus has it
        try:
            return DBusAddressWrapper(*target, self._connection).call(method, signature, *body)
        except DBusErrorResponse as error:
            if error.name == IS_LOCKED:
                raise LockedException from error
            raise

    def _answer(self, prompt: str) -> None:
        """Let the user answer what the service asks before it writes or deletes."""
        if prompt != NO_PROMPT:
            dismissed, _ = exec_prompt(self._connection, prompt)
            if dismissed:
                raise PromptDismissedException
