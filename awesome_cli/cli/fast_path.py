"""Answer a plain ``say-hi`` or ``whoami`` from the manifest, without a parser, an HTTP client or a keyring search.

It answers for an ordinary Linux Secret Service and a valid session that agrees with the settings, in the words of the
full program. In every other case it returns None, and the full program runs. Only the manifest, which contains no
token, crosses the bus here, and therefore unencrypted: docs/decisions/0004-manifest-over-an-unencrypted-bus.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any, TextIO

from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

from awesome_cli.brand import Brand
from awesome_cli.cli.format import greeting, json_document, user_fields, user_lines
from awesome_cli.keystore.detection import SECRET_SERVICE, secret_service_is_certain
from awesome_cli.sessions.manifest import (
    applications_in_index,
    are_user_fields,
    decode_manifest,
    is_end_to_be_announced,
    manifest_name,
    parse_json_object,
    warnings_in_index,
)
from awesome_cli.settings.default_profile import default_profile
from awesome_cli.system.account_folders import account_folders, is_revoked
from awesome_cli.system.replacement import system_replacement

if TYPE_CHECKING:
    from awesome_cli.cli.context import CommandContext
    from awesome_cli.sessions.model import User

TIMEOUT = 1.0  # seconds; then the full program waits, and says for what
IGNORED = {"API_URL", "PLAIN"}  # they do not concern a stored session
SETTINGS_OF_LOGIN = {"AUDIENCE", "SCOPE"}  # whoami says where a session was not made with them
CONFIG, STATE = ("XDG_CONFIG_HOME", "/.config"), ("XDG_STATE_HOME", "/.local/state")
PROFILE_CHARACTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")

SERVICE = DBusAddress("/org/freedesktop/secrets", "org.freedesktop.secrets", "org.freedesktop.Secret.Service")
COLLECTION = DBusAddress(
    "/org/freedesktop/secrets/aliases/default", "org.freedesktop.secrets", "org.freedesktop.Secret.Collection"
)


def answer(argv: Sequence[str], environ: Mapping[str, str], brand: Brand, *, now: float, stdout: TextIO) -> str | None:
    """Return what ``say-hi``, ``whoami`` or ``whoami --json`` prints, or None, if that takes more than the manifest."""
    config = _config_text(environ, brand)
    profile = _profile(environ, brand, config)
    fields = valid_user(environ, brand, profile, now=now) if profile else None
    index = parse_json_object(_text(f"{_folder(environ, *STATE, brand)}/sessions.json") or '{"profiles": {}}')
    if profile is None or fields is None or not isinstance(index.get("profiles"), dict):
        return None
    if argv == ["say-hi"]:
        text, warned_at = greeting(fields["name"]), warnings_in_index(index).get(profile)
        is_silent = not is_end_to_be_announced(fields.get("session_expires_at"), warned_at, now)
        return text if is_silent and text.isprintable() else None
    if _may_differ(environ, brand, config, fields):
        return None
    from awesome_cli.cli.layout import cells, text_of
    from awesome_cli.cli.style import StreamStyle
    from awesome_cli.keystore.names import store_name
    from awesome_cli.sessions.model import User

    user = User(**fields)
    if len(argv) > 1:
        return json_document(user_fields(user, profile=profile, store=SECRET_SERVICE))
    style = StreamStyle(stdout, environ, plain=environ.get(brand.variable("plain"), ""))
    store = store_name(SECRET_SERVICE, applications_in_index(index))
    lines = user_lines(user, style, profile=profile, store=store, now=now)
    texts = ["".join(map(text_of, line)) for line in lines]
    is_shown_unchanged = all(
        text.isprintable() and (style.columns is None or cells(text) <= style.columns) for text in texts
    )
    return "\n".join(map(style.line, lines)) if is_shown_unchanged else None  # the full program sanitizes and wraps


def _may_differ(environ: Mapping[str, str], brand: Brand, config: str | None, user: Mapping[str, Any]) -> bool:
    """Whether settings may ask for another scope or audience than the session has; only the full program knows."""
    if any(environ.get(brand.env_prefix + name) for name in SETTINGS_OF_LOGIN) or any(
        environ.get(f"{prefix}AUDIENCE") for prefix in brand.extra_env_prefixes
    ):
        return True
    if config is None:
        return True
    expected = {f'audience = "{user["audience"]}"', f'scope = "{user.get("requested_scope")}"'}
    return any(
        line not in expected for line in config.splitlines() if "audience" in line or "scope" in line or "\\" in line
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def stored_user(brand: Brand, profile: str | None, context: CommandContext | None) -> User | None:
    """Return who is signed in, or None, if that takes more than the manifest."""
    is_system = system_replacement() is None if context is None else context.is_system
    if not is_system:
        return None
    environ = os.environ  # noqa: TID251 - that of this process is meant
    name = profile or (context and context.named_profile) or _profile(environ, brand, _config_text(environ, brand))
    fields = valid_user(environ, brand, name, now=time.time()) if name else None  # noqa: TID251 - its clock, too
    if fields is None:
        return None
    from awesome_cli.sessions.model import User

    return User(**fields)


def valid_user(environ: Mapping[str, str], brand: Brand, profile: str, *, now: float) -> dict[str, Any] | None:
    """Return the user's fields, if it is certain that the full program would use exactly these."""
    prefix = brand.env_prefix
    file = insecure_file(environ, brand, profile)
    variables = {name.removeprefix(prefix) for name in environ if name.startswith(prefix)} - IGNORED
    if (
        not variables <= {"PROFILE", "ISSUER", "CLIENT_ID", *SETTINGS_OF_LOGIN}
        or not set(profile) <= PROFILE_CHARACTERS
        or not secret_service_is_certain(environ)
        or file is None
        or os.path.lexists(file)
    ):
        return None
    manifest = decode_manifest(_read(manifest_name(brand.keyring_service, profile), brand.name) or "")
    if (
        manifest is None
        or manifest["overflow"]
        or is_revoked(manifest["digest"], brand.app_dir, account_folders(brand.app_dir))
    ):
        return None
    user: dict[str, Any] = manifest["card"]
    required = {name: environ.get(brand.variable(name)) for name in ("issuer", "client_id")}
    agrees = all(not value or user.get(name) == value for name, value in required.items())
    return user if agrees and are_user_fields(user) and user["name"] and user["expires_at"] > now else None


def _profile(environ: Mapping[str, str], brand: Brand, config: str | None) -> str | None:
    """Return the selected profile; None where only the full program can tell."""
    return environ.get(brand.variable("profile")) or (None if config is None else default_profile(config))


def _config_text(environ: Mapping[str, str], brand: Brand) -> str | None:
    folder = _folder(environ, *CONFIG, brand)
    return folder and _text(f"{folder}/config.toml")


def insecure_file(environ: Mapping[str, str], brand: Brand, profile: str) -> str | None:
    """Return where a plaintext file would replace the keyring; None where only platformdirs can tell."""
    folder = _folder(environ, *STATE, brand)
    return folder and f"{folder}/insecure-session-{profile}.json"


def _folder(environ: Mapping[str, str], variable: str, default: str, brand: Brand) -> str | None:
    """Return a folder of the program; None where only platformdirs can tell."""
    home, named = environ.get("HOME", ""), environ.get(variable, "")
    if not home.startswith("/") or (named and not named.startswith("/")):
        return None
    return f"{named or home + default}/{brand.app_dir}"


def _read(name: str, username: str) -> str | None:
    secrets: list[str] = []
    thread = Thread(target=_request, args=(name, username, secrets), daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return secrets[0] if secrets else None


def _request(name: str, username: str, found: list[str]) -> None:
    try:
        with open_dbus_connection(auth_timeout=TIMEOUT) as connection:
            _, session = _call(connection, SERVICE, "OpenSession", "sv", ("plain", ("s", "")))
            attributes = {"service": name, "username": username}
            (paths,) = _call(connection, COLLECTION, "SearchItems", "a{ss}", (attributes,))
            (secrets,) = _call(connection, SERVICE, "GetSecrets", "aoo", (paths, session))
            if len(secrets) == 1:
                ((_, _, secret, _),) = secrets.values()
                found.append(bytes(secret).decode("utf-8"))
    except Exception:  # noqa: BLE001, S110 - whatever it is, the full program meets it and reports it
        pass


def _call(connection: DBusConnection, address: DBusAddress, method: str, signature: str, body: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as D-Bus has it
    return unwrap_msg(connection.send_and_get_reply(new_method_call(address, method, signature, body)))
