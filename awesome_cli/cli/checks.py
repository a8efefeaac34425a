"""Checks as small functions: what is wrong, and what to do about it. No finding tells who somebody is."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from awesome_cli import __version__
from awesome_cli.brand import AWESOME
from awesome_cli.cli.format import life
from awesome_cli.errors import AwesomeError, ConfigError, LoginRequiredError
from awesome_cli.hints import hint_for
from awesome_cli.oauth.discovery import Metadata
from awesome_cli.oauth.jwks import ALGORITHMS, Key
from awesome_cli.oauth.response import Response, http_date
from awesome_cli.provider.client import OidcClient, describe_clock_error
from awesome_cli.sessions.model import Session, User
from awesome_cli.sessions.store import SessionStore
from awesome_cli.settings.config_file import Config
from awesome_cli.settings.profile import SETTINGS, Profile
from awesome_cli.system.lock import acquire_locks
from awesome_cli.text import safe

PROVIDER_CHECKS = ("provider", "clock", "discovery", "keys", "device grant")
PACKAGES = ("anyio", "cryptography", "filelock", "httpx", "keyring", "platformdirs", "python-jose", "typer")
PROXIES = {"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"}
NETWORK_SETTINGS = PROXIES | {"NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"}
LOCK_TIMEOUT = 5.0  # seconds for a lock that nobody else should hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. ``ok`` is None for what is neither right nor wrong, or was not looked at.

    ``exit_code`` is what a command that meets the same trouble would end with.
    """

    check: str
    ok: bool | None
    what: str
    advice: str = ""
    exit_code: int = 0

    def public(self, homes: Sequence[str]) -> Finding:
        """Return the finding for everybody's eyes: without the home folders' names and anything like an address."""
        return replace(self, what=_public(self.what, homes), advice=_public(self.advice, homes))


def right(check: str, what: str) -> Finding:
    """Find nothing to mend."""
    return Finding(check=check, ok=True, what=what)


def open_question(check: str, what: str, advice: str = "") -> Finding:
    """Find nothing that stops anybody."""
    return Finding(check=check, ok=None, what=what, advice=advice)


def wrong(check: str, error: AwesomeError) -> Finding:
    """Find what a command would fail for."""
    return Finding(
        check=check, ok=False, what=error.message, advice=hint_for(error, AWESOME), exit_code=error.exit_code
    )


def not_checked(checks: Iterable[str], why: str) -> list[Finding]:
    """Leave out what makes no sense before something else is mended."""
    return [open_question(check, f"not checked: {why}") for check in checks]


def check_config(read: Callable[[], Config]) -> Finding:
    """Look at the config file."""
    try:
        config = read()
        misspelt = sorted(safe(key, 40) for key in config.unknown)
    except ConfigError as error:
        return wrong("config file", error)
    if not config.text:
        return open_question("config file", f"there is nothing in {config.path}")
    if misspelt:
        return open_question(
            "config file",
            f"{config.path} sets what awesome does not know: {', '.join(misspelt)}",
            "Correct the spelling, or remove it.",
        )
    return right("config file", f"{config.path}, profiles: {len(config.names)}")


def check_settings(profile: Profile, kept: User | None) -> list[Finding]:
    """Tell each setting and where it comes from; issuer and client id may be the kept session's."""
    return [
        _check_setting(key, profile.settings[key], profile.sources.get(key), getattr(kept, key, None))
        for key in SETTINGS
    ]


def _check_setting(key: str, value: object, source: str | None, kept: str | None) -> Finding:
    check = key.replace("_", " ")
    if value:
        return right(check, f"{safe(str(value))} ({source})")
    if key not in ("issuer", "client_id"):
        return open_question(check, "not set")
    if kept:
        return right(check, f"{kept} (the session's)")
    return wrong(
        check,
        ConfigError(
            f"The {check} is not set.",
            hint="Give it to {login}, as --domain (Auth0), --issuer or --client-id, or set its variable.",
        ),
    )


def check_network_settings(environ: Mapping[str, str]) -> Finding:
    """Name the variables that lead requests elsewhere, or change whom TLS trusts; their values may be secret."""
    names = [name for name in environ if name.upper() in NETWORK_SETTINGS and environ[name]]
    if names:
        return right("network settings", f"set are {', '.join(sorted(names))}")
    return open_question("network settings", "no proxy and no certificates are set")


async def check_provider(
    provider: OidcClient, *, environ: Mapping[str, str], now: Callable[[], float], online: bool
) -> list[Finding]:
    """Knock, and look at what the provider says of itself; ask for a device code only if ``online``."""
    began = now()
    try:
        response = await provider.request_discovery()
    except AwesomeError as error:
        return [_unreached(error, environ), *not_checked(PROVIDER_CHECKS[1:], "the provider cannot be reached")]
    findings = [right("provider", f"it answered after {_milliseconds(now() - began)}"), check_clock(response, now())]
    try:
        metadata = await provider.fetch_metadata()
        metadata.need("token_endpoint")
    except AwesomeError as error:
        return [*findings, wrong("discovery", error), *not_checked(PROVIDER_CHECKS[3:], "there is no discovery")]
    findings.append(right("discovery", "the provider names its endpoints, and itself as the settings do"))
    findings.append(await _check_keys(provider, metadata))
    findings.append(await _check_device_grant(provider, metadata, online=online))
    return findings


def _unreached(error: AwesomeError, environ: Mapping[str, str]) -> Finding:
    """Say why nothing answers; whether it is the provider or a proxy on the way, no client can tell for sure."""
    found = wrong("provider", error)
    proxies = sorted(name for name in environ if name.upper() in PROXIES and environ[name])
    if not proxies:
        return found
    doubt = f"{', '.join(proxies)} sends requests through a proxy: it may be the proxy that fails."
    return replace(found, advice=f"{found.advice} {doubt}")


def check_clock(response: Response, now: float) -> Finding:
    """Compare this machine's clock with the provider's."""
    theirs = http_date(response.headers.get("date", ""))
    if theirs is None:
        return open_question("clock", "the provider does not tell the time")
    error = describe_clock_error(now - theirs)
    if not error:
        return right("clock", "it agrees with the provider's")
    return Finding(
        check="clock",
        ok=False,
        what=error,
        advice="Set it right: tokens are checked against it.",
        exit_code=8,  # what a login would end with
    )


async def _check_keys(provider: OidcClient, metadata: Metadata) -> Finding:
    try:
        keys = await provider.fetch_keys(metadata)
    except AwesomeError as error:
        return wrong("keys", error)
    return check_keys(keys)


def check_keys(keys: Sequence[Key]) -> Finding:
    """See whether any of the provider's keys is of a kind that we take."""
    fitting = [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("alg", "RS256") in ALGORITHMS]
    if fitting:
        return right("keys", f"{len(fitting)} of {len(keys)} can sign what awesome accepts")
    return Finding(
        check="keys",
        ok=False,
        what=f"None of the provider's {len(keys)} keys can sign what awesome accepts.",
        advice="In the Auth0 dashboard set the application's JSON Web Token Signature Algorithm to RS256.",
        exit_code=8,
    )


async def _check_device_grant(provider: OidcClient, metadata: Metadata, *, online: bool) -> Finding:
    try:
        metadata.need("device_authorization_endpoint")
        if not online:
            return open_question(
                "device grant",
                "the provider has an endpoint for it",
                "Whether it is switched on for this client, --online finds out: it asks for a code and lets it lapse.",
            )
        await provider.request_device_code()
    except AwesomeError as error:
        return wrong("device grant", error)
    return right("device grant", "the provider gives codes to this client; one was asked for, and lapses")


def check_keyring(check_writable: Callable[[], SessionStore], *, replaced: bool, now: Callable[[], float]) -> Finding:
    """Write, read and delete an entry. ``replaced``: a plain file is the store, whatever the keyring does."""
    began = now()
    try:
        kind = check_writable().kind
    except AwesomeError as error:
        if replaced:
            return open_question("keyring", f"{error.message} The plain file serves instead.")
        return wrong("keyring", error)
    took = _milliseconds(now() - began)
    return right("keyring", f"{kind}: unlocked, keeps what is written to it ({took} to write, read and delete)")


def check_plain_file(kind: str, *, exists: bool) -> Finding:
    """Say it loudly where tokens lie as plain text."""
    if not exists:
        return right("plain file", "none; no token of this profile lies on disk as plain text")
    return open_question(
        "plain file", f"tokens lie as plain text: {kind}", "To move them to the keyring: awesome login"
    )


def check_session(load: Callable[[], Session], *, replaced: bool, now: float) -> Finding:
    """Read the whole session. ``replaced``: ``AWESOME_ACCESS_TOKEN`` serves where nobody is signed in."""
    try:
        user = load().user
        if not user.lives(now) and not user.refreshable:
            raise LoginRequiredError("The session has ended, and carries no refresh token.", hint="{login}")  # noqa: TRY301 - one way out
    except LoginRequiredError as error:
        return open_question("session", error.message) if replaced else wrong("session", error)
    except AwesomeError as error:
        return wrong("session", error)
    return right("session", f"whole; its access token: {life(user, now)}")


def check_given_token(read: Callable[[], str | None]) -> Finding:
    """Say whether ``AWESOME_ACCESS_TOKEN`` is in force."""
    try:
        given = read()
    except ConfigError as error:
        return wrong("given token", error)
    if given is None:
        return open_question("given token", "AWESOME_ACCESS_TOKEN is not set")
    return right("given token", "AWESOME_ACCESS_TOKEN is set: token and api use it in place of the session")


def check_locks(folders: Sequence[Path]) -> Finding:
    """Take a lock, as a renewal does."""
    try:
        with acquire_locks(folders, [f"{AWESOME.app_dir}-doctor"], timeout=LOCK_TIMEOUT) as folder:
            pass
    except AwesomeError as error:
        return wrong("lock folder", error)
    if folder == folders[0]:
        return right("lock folder", str(folder))
    return open_question("lock folder", f"{folders[0]} cannot be used; {folder} serves instead", "Make it writable.")


def check_folder(check: str, path: Path, without_it: str) -> Finding:
    """See whether files can be written to the folder, or it can be made."""
    there = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return right(check, str(path))
    return open_question(check, f"{path} cannot be written: {without_it}", "Make it writable.")


def tell_versions(packages: Sequence[str] = PACKAGES) -> Finding:
    """Tell what is at work here."""
    python = f"Python {platform.python_version()} ({platform.python_implementation()})"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return right("versions", ", ".join([f"awesome {__version__}", python, system, *map(_version, packages)]))


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (unknown)"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _public(text: str, homes: Sequence[str]) -> str:
    for home in sorted((home.rstrip("/\\") for home in homes), key=len, reverse=True):
        if home:
            text = re.sub(rf"{re.escape(home)}(?![\w-]|\.\w)", "~", text)
    return re.sub(r"[^\s@'\"<>()]+@[^\s@'\"<>()]+", "(address)", text)
