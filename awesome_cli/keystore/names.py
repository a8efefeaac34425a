"""The names by which people know where their session is stored. Programs use the names of classes."""

from __future__ import annotations

from collections.abc import Mapping

from awesome_cli.keystore.detection import SECRET_SERVICE

INSECURE_FILE = "insecure file "  # and its path: the name of a plaintext file for programs
_BACKENDS = {
    SECRET_SERVICE: "Secret Service",
    "keyring.backends.libsecret.Keyring": "Secret Service",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Locker",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet",
}
SECRET_SERVICE_APPLICATIONS = {
    "gnome-keyring-d": "GNOME Keyring",
    "keepassxc": "KeePassXC",
    "ksecretd": "KWallet",
    "kwalletd5": "KWallet",
    "kwalletd6": "KWallet",
    "oo7-daemon": "oo7",
}  # by the name of the process that provides it, which Linux cuts after 15 characters


def store_name(backend: str, applications: Mapping[str, str]) -> str:
    """Return the name of a store; ``applications`` are those that were found behind backends, by backend."""
    if backend.startswith(INSECURE_FILE):
        return backend.replace(INSECURE_FILE, "a plain file: ", 1)
    return applications.get(backend) or _BACKENDS.get(backend, backend)
