"""Choice of a keyring backend: the Secret Service where that is certain, else the one that keyring recommends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from awesome_cli.errors import KeyringError, NoKeyringError
from awesome_cli.keystore.detection import secret_service_is_certain
from awesome_cli.system.environment import Backend, Environment
from awesome_cli.system.hidden_variables import token_hidden_from_children

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


def open_keyring(environment: Environment) -> Backend:
    """Return the backend to use, opened: the environment's own, or the system's. It may raise whatever backends do."""
    if environment.keyring is not None:
        return environment.keyring
    service = None
    if secret_service_is_certain(environment.environ):  # then importing keyring, which is slow, can be avoided
        with suppress(Exception):  # system_keyring() finds out what is wrong
            from awesome_cli.keystore.secret_service import SecretService

            found = SecretService.connect()
            found.find_collection()
            service = found
    if service is None:
        with token_hidden_from_children():
            return system_keyring()
    service.unlock()
    return service


def system_keyring() -> KeyringBackend:
    """Return the backend that the user configured for keyring, or else the one with the highest priority.

    keyring itself falls back to a plaintext backend where ``keyrings.alt`` is installed and nothing better works;
    such a backend is not used here. Raises KeyringError, if there is none, or the configured one cannot be loaded.
    """
    import keyring.core
    from keyring.backend import by_priority, get_all_keyring
    from keyring.backends.chainer import ChainerBackend

    try:
        configured = keyring.core.load_env() or keyring.core.load_config()
    except Exception as error:  # noqa: BLE001 - loading a backend runs third-party code
        raise KeyringError(
            f"The keyring backend that is configured cannot be loaded ({type(error).__name__}).",
            hint="Check PYTHON_KEYRING_BACKEND and keyringrc.cfg (its place: keyring diagnose).",
            hidden_cause=error,
        ) from None
    backend = configured or max(get_all_keyring(), key=by_priority, default=None)
    if isinstance(backend, ChainerBackend):
        # It writes to its first backend, reads from all and deletes from the first alone, so that an old token
        # reappears after a logout. Use one of its backends instead: preferably keyring's own, since those of
        # extensions often serve passwords of package indexes and store nothing.
        backend, configured = max(backend.backends, key=_own_first, default=None), None
    if backend is None or (configured is None and not keyring.core.recommended(backend)):
        raise NoKeyringError("No keyring is available on this system.")
    return backend


def _own_first(backend: KeyringBackend) -> tuple[bool, float]:
    return type(backend).__module__.startswith("keyring.backends."), backend.priority
