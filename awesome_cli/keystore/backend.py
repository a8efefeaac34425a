"""Which keyring backend serves on this system."""

from __future__ import annotations

import keyring.core
from keyring.backend import KeyringBackend, by_priority, get_all_keyring
from keyring.backends import fail
from keyring.backends.chainer import ChainerBackend

from awesome_cli.errors import KeyringError, NoKeyringError


def system_keyring() -> KeyringBackend:
    """Return the backend that the user names by keyring's own means, as it is, or the recommended one.

    keyring's own choice takes a plaintext backend where ``keyrings.alt`` is installed and nothing better runs;
    ours does not. Raises KeyringUnusable, if there is none, or the named one cannot be loaded.
    """
    try:
        named = keyring.core.load_env() or keyring.core.load_config()
    except Exception as error:  # noqa: BLE001 - loading a backend runs other people's code
        raise KeyringError(
            f"The keyring backend that is configured cannot be loaded ({type(error).__name__}).",
            hint="Check PYTHON_KEYRING_BACKEND and keyringrc.cfg (its place: keyring diagnose).",
            hidden_cause=error,
        ) from None
    backend = named or max(get_all_keyring(), key=by_priority, default=_no_keyring())
    if isinstance(backend, ChainerBackend):
        # It writes to its first backend, reads from all and deletes from the first alone, so that an old token
        # comes back after a logout. One of its backends, on its own, does what is said: the system's own rather
        # than one that an extension brought, which often serves passwords of package indexes and keeps none.
        backend, named = max(backend.backends, key=_own_first, default=_no_keyring()), None
    if named is None and not keyring.core.recommended(backend):
        raise NoKeyringError("No keyring is available on this system.")
    return backend


def _no_keyring() -> KeyringBackend:
    return fail.Keyring()  # type: ignore[no-untyped-call]  # keyring leaves this one untyped


def _own_first(backend: KeyringBackend) -> tuple[bool, float]:
    return type(backend).__module__.startswith("keyring.backends."), backend.priority
