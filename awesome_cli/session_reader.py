"""SessionReader: reads a stored session while it is valid, without the modules that renew it or sign in.

It reads where that is certain to be what the full program would read: in an ordinary Linux Secret Service, with
settings that agree with the session. In every other case it returns None, and the full program decides.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from functools import cached_property, partial
from typing import TYPE_CHECKING

from awesome_cli.keystore.detection import secret_service_is_certain
from awesome_cli.keystore.secret_service_reader import SecretServiceReader
from awesome_cli.sessions.manifest import (
    are_user_fields,
    decode_manifest,
    is_end_to_be_announced,
    manifest_name,
    parse_json_object,
    plaintext_file_name,
    warnings_in_index,
)
from awesome_cli.settings.profile_names import default_profile, is_profile_name
from awesome_cli.system.account_folders import account_folders, is_revoked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from awesome_cli.brand import Brand
    from awesome_cli.sessions.model import Session
    from awesome_cli.sessions.user import User

    class Context(Protocol):
        """What the command that is running was given."""

        is_system: bool
        named_profile: str | None


TIMEOUT = 1.0  # seconds; then the full program waits, and says for what
SETTINGS_OF_LOGIN = {"AUDIENCE", "SCOPE"}  # they do not select a session
_SUPPORTED = {"PROFILE", "ISSUER", "CLIENT_ID", "API_URL", "PLAIN", *SETTINGS_OF_LOGIN}
_CONFIG, _STATE = ("XDG_CONFIG_HOME", "/.config"), ("XDG_STATE_HOME", "/.local/state")


def reader_of_process(brand: Brand, profile: str | None, context: Context | None) -> SessionReader | None:
    """Return the reader for a program in this process; None where its environment is not that of the process."""
    from awesome_cli.system.hidden_variables import environ_of_process
    from awesome_cli.system.replacement import system_replacement

    is_system = system_replacement() is None if context is None else context.is_system
    if not is_system:
        return None
    return SessionReader(environ_of_process(), brand, profile or (context.named_profile if context else None))


class SessionReader:
    """Reads the session of a profile: the named one, or the one that the settings select.

    ``config`` is the text of ``config.toml``, empty if there is none. It and ``profile`` are None where only the full
    program can tell.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        brand: Brand,
        profile: str | None = None,
        *,
        now: Callable[[], float] = time.time,  # noqa: TID251 - the clock of the process
    ) -> None:
        self._environ, self._brand, self.now = environ, brand, now
        self.config = self._text(_CONFIG, "config.toml")
        default = None if self.config is None else default_profile(self.config)
        self.profile = profile or environ.get(brand.variable("profile")) or default

    @cached_property
    def index(self) -> dict[str, Any] | None:
        """What ``sessions.json`` contains; None, if it cannot be read."""
        text = self._text(_STATE, "sessions.json")
        index = parse_json_object(text or "") if text != "" else {"profiles": {}}
        return index if isinstance(index.get("profiles"), dict) else None

    def is_silent(self, session_expires_at: float | None) -> bool:
        """Whether the user is not to be warned of the session's end now."""
        warned_at = warnings_in_index(self.index or {}).get(str(self.profile))
        return not is_end_to_be_announced(session_expires_at, warned_at, self.now())

    @property
    def plaintext_file(self) -> str | None:
        """Where a file would replace the keyring."""
        folder = self._folder(*_STATE)
        return folder and f"{folder}/{plaintext_file_name(str(self.profile))}"

    def user(self) -> User | None:
        """Return who is signed in. No token is read."""
        from awesome_cli.sessions.user import User

        fields = self.user_fields()
        return None if fields is None else User(**fields)

    def user_fields(self) -> dict[str, Any] | None:
        """Return the fields of the user, without importing its class. No token is read."""
        if not self._is_certain():
            return None
        try:
            with closing(SecretServiceReader(TIMEOUT, TIMEOUT)) as secrets:
                manifest = decode_manifest(secrets.get_password(self._entry, self._brand.name) or "")
        except Exception:  # noqa: BLE001 - whatever it is, the full program meets it and reports it
            return None
        if manifest is None or manifest["overflow"] or self._is_revoked(manifest["digest"]):
            return None
        fields: dict[str, Any] = manifest["card"]
        return fields if are_user_fields(fields) and self._may_use(fields) else None

    def session(self, min_ttl: float) -> Session | None:
        """Return the session, if its access token is valid for more than ``min_ttl`` seconds."""
        if not self._is_certain():
            return None
        from awesome_cli.keystore.secret_service import SecretService
        from awesome_cli.sessions.entries import SessionEntries

        session = None
        try:
            with ExitStack() as stack:
                secrets = SecretService(TIMEOUT, TIMEOUT)
                stack.callback(secrets.close)
                get = partial(secrets.get_password, username=self._brand.name)
                entries = SessionEntries(get, self._entry, is_revoked=self._is_revoked)
                user = entries.load_user()  # first: the tokens of a session that must be renewed are not read here
                if user is not None and self._may_use(user._asdict(), min_ttl):
                    session = entries.load()
                else:
                    stack.pop_all()
                    secrets.leave_open()  # the full program renews the session
        except Exception:  # noqa: BLE001 - as above
            return None
        # Another process may have replaced the session since its user was read.
        return session if session is not None and self._may_use(session.user._asdict(), min_ttl) else None

    @property
    def _entry(self) -> str:
        return manifest_name(self._brand.keyring_service, str(self.profile))

    def _is_certain(self) -> bool:
        """Whether the full program would read this profile's entries in the Secret Service."""
        prefix, file = self._brand.env_prefix, self.plaintext_file
        variables = {name.removeprefix(prefix) for name in self._environ if name.startswith(prefix)}
        return (
            variables <= _SUPPORTED
            and self.profile is not None
            and is_profile_name(self.profile)
            and secret_service_is_certain(self._environ)
            and file is not None
            and not os.path.lexists(file)
            and self.index is not None  # else the full program warns
        )

    def _may_use(self, user: Mapping[str, Any], min_ttl: float = 0.0) -> bool:
        """Whether the session is valid, and the one that the variables require.

        As ``User.is_valid`` and ``Account.unmet_requirement``, whose modules take longer to import.
        """
        required = {name: self._environ.get(self._brand.variable(name)) for name in ("issuer", "client_id")}
        return (
            user["expires_at"] - self.now() > min_ttl
            and bool(user["name"])
            and all(value in (None, "", user[name]) for name, value in required.items())
        )

    def _is_revoked(self, digest: str) -> bool:
        return is_revoked(digest, self._brand.app_dir, account_folders(self._brand.app_dir))

    def _text(self, location: tuple[str, str], file: str) -> str | None:
        """Return what a file contains; None where it cannot be read, which the full program reports."""
        folder = self._folder(*location)
        if folder is None:
            return None
        try:
            with open(f"{folder}/{file}", encoding="utf-8") as opened:
                return opened.read()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError):
            return None

    def _folder(self, variable: str, default: str) -> str | None:
        """Return a folder of the program; None where only platformdirs can tell."""
        home, named = self._environ.get("HOME", ""), self._environ.get(variable, "")
        if not home.startswith("/") or (named and not named.startswith("/")):
            return None
        return f"{named or home + default}/{self._brand.app_dir}"
