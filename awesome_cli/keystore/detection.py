"""Whether keyring would choose the Secret Service, decided without importing keyring.

keyring imports all backends, runs gcc and ld and asks each backend whether it works, which takes as long as the rest
of the program.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"  # noqa: S105 - a class's name


def secret_service_is_certain(environ: Mapping[str, str]) -> bool:
    """Whether keyring, if it can reach a Secret Service at all, chooses that and nothing else.

    It does on Linux, unless ``PYTHON_KEYRING_BACKEND`` or ``keyringrc.cfg`` name another backend, its properties are
    set in the environment, or the desktop is KDE, where KWallet has the higher priority.
    """
    return (
        sys.platform == "linux"
        and environ.get("PYTHON_KEYRING_BACKEND", SECRET_SERVICE) == SECRET_SERVICE
        and "KDE" not in environ.get("XDG_CURRENT_DESKTOP", "").split(":")
        and not any(name.startswith("KEYRING_PROPERTY_") for name in environ)
        and not any(map(os.path.lexists, keyringrc_files(environ)))
    )


def keyringrc_files(environ: Mapping[str, str]) -> list[str]:
    """Return where keyring looks for its config file on Linux."""
    home = os.path.expanduser("~")
    config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"  # of old versions of keyring
    return [f"{folder}/python_keyring/keyringrc.cfg" for folder in (config, data)]
