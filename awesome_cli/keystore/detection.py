"""Whether keyring would recommend the Secret Service, told in a millisecond and only where that is certain.

keyring finds a backend by importing all of them, running the linker's tools and asking each whether it works,
which takes as long as the rest of the program. On an ordinary Linux desktop the answer is known beforehand.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from awesome_cli.system.environment import Backend, Environment

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"  # noqa: S105 - a class's name


def secret_service_is_certain(environ: Mapping[str, str]) -> bool:
    """Whether keyring, if it can reach a Secret Service at all, takes that and nothing else.

    It does on Linux, unless another backend is named by ``PYTHON_KEYRING_BACKEND`` or ``keyringrc.cfg``, its
    properties are set from the environment, or the desktop is KDE's, where KWallet comes first.
    """
    return (
        sys.platform == "linux"
        and environ.get("PYTHON_KEYRING_BACKEND", SECRET_SERVICE) == SECRET_SERVICE
        and "KDE" not in environ.get("XDG_CURRENT_DESKTOP", "").split(":")
        and not any(name.startswith("KEYRING_PROPERTY_") for name in environ)
        and not any(map(os.path.lexists, keyringrc_files(environ)))
    )


def keyringrc_files(environ: Mapping[str, str]) -> list[str]:
    """Return where keyring looks for its config file on Linux, the present place first."""
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib costs more than all the rest
    config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"  # where old versions of keyring had it
    return [f"{folder}/python_keyring/keyringrc.cfg" for folder in (config, data)]


def open_keyring(environment: Environment) -> Backend:
    """Return the keyring backend to use, opened: the environment's own, or the system's. Raises KeyringError."""
    if environment.keyring is not None:
        return environment.keyring
    if secret_service_is_certain(environment.environ):
        service = None
        with suppress(Exception):  # keyring's own search finds out what is wrong
            from awesome_cli.keystore.secret_service import SecretService

            service = SecretService()
        if service is not None:
            service.unlock()
            return service
    from awesome_cli.keystore.backend import system_keyring

    return system_keyring()
