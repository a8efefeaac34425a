"""``doctor``: check everything that a sign-in needs, and say what to do. No finding says who somebody is."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from awesome_cli import __version__
from awesome_cli.account import Account
from awesome_cli.cli.console import Console
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.format import token_status
from awesome_cli.cli.options import examples
from awesome_cli.errors import AwesomeError, ConfigError, InvalidTokenError, LoginRequiredError, MissingSettingError
from awesome_cli.hints import hint_for
from awesome_cli.oauth.discovery import Metadata
from awesome_cli.oauth.id_token import ALGORITHMS, Key
from awesome_cli.oauth.response import Response, http_date
from awesome_cli.provider.client import OidcClient, about_the_clock
from awesome_cli.sessions.model import User
from awesome_cli.settings.profile import SETTINGS
from awesome_cli.system.account_folders import account_home
from awesome_cli.system.lock import acquire_locks
from awesome_cli.text import safe

app = typer.Typer(add_completion=False, rich_markup_mode=None)

GLYPHS = {True: "✓", False: "✗", None: "–"}  # noqa: RUF001 - a dash for what is neither
PLAIN_GLYPHS = {True: "ok", False: "!!", None: "--"}
PROVIDER_CHECKS = ("provider", "clock", "discovery", "keys", "device grant")
PACKAGES = ("anyio", "cryptography", "filelock", "httpx", "keyring", "platformdirs", "python-jose", "typer")
PROXIES = {"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"}
NETWORK_SETTINGS = PROXIES | {"NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"}
LOCK_TIMEOUT = 5.0  # seconds for a lock that nobody else should hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. ``ok`` is None where nothing is wrong or right, or nothing was checked.

    ``exit_code`` is what a command that meets the same error would end with.
    """

    check: str
    ok: bool | None
    what: str
    advice: str = ""
    exit_code: int = 0

    def anonymous(self, homes: Sequence[str]) -> Finding:
        """Return the finding without the names of home folders and anything like an e-mail address."""
        return replace(self, what=_anonymous(self.what, homes), advice=_anonymous(self.advice, homes))


def passed(check: str, what: str) -> Finding:
    return Finding(check=check, ok=True, what=what)


def neutral(check: str, what: str, advice: str = "") -> Finding:
    return Finding(check=check, ok=None, what=what, advice=advice)


def failed(check: str, what: str, advice: str, exit_code: int) -> Finding:
    return Finding(check=check, ok=False, what=what, advice=advice, exit_code=exit_code)


@app.command(epilog=examples("awesome doctor", "awesome doctor --online", "awesome doctor --json --profile work"))
def doctor(
    ctx: typer.Context,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the provider for a device code, and let it lapse.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Check everything that a sign-in needs, and say what to do.

    The exit code is that of the first failing check. The output tells neither who you are nor any secret, and can be
    pasted into a public issue.
    """
    context: CommandContext = ctx.obj
    environ = context.environment.environ
    homes = [account_home(), *(environ.get(name, "") for name in ("HOME", "USERPROFILE"))]
    findings = []
    for finding in _Examination(context.account, online=online).findings():
        findings.append(finding.anonymous(homes))
        if not json:
            _print(context.console, findings[-1])
    exit_code = next((finding.exit_code for finding in findings if finding.ok is False), 0)
    if json:
        context.console.json({"exit_code": exit_code, "findings": [asdict(finding) for finding in findings]})
    return exit_code


def _print(console: Console, finding: Finding) -> None:
    glyphs = GLYPHS if console.shows("".join(GLYPHS.values())) else PLAIN_GLYPHS
    console.lines(f"{glyphs[finding.ok]} {finding.check}: {finding.what}")
    if finding.advice:
        console.lines(f"    {finding.advice}")


class _Examination:
    """All checks of one profile, in the order in which they are printed."""

    def __init__(self, account: Account, *, online: bool) -> None:
        self._account = account
        self._environment = account.environment
        self._online = online
        self._stored: User | None = None
        with suppress(AwesomeError):  # the check of the session says what is wrong
            self._stored = account.stores.current.user()

    def findings(self) -> Iterator[Finding]:
        environment = self._environment
        yield passed("profile", self._account.profile)
        yield self._config_file()
        yield check_network_settings(environment.environ)
        yield from self._settings_and_provider()
        yield self._keyring()
        yield self._plaintext_file()
        token = self._access_token()
        yield token
        yield self._session(is_replaced=token.ok is True)
        yield check_locks(environment.account_dirs, self._account.brand.app_dir)
        yield check_folder("config folder", environment.config_dir, "login cannot save settings")
        yield check_folder("state folder", environment.state_dir, "logout --all will not know of every session")
        yield check_folder("cache folder", environment.cache_dir, "renewals take more requests")
        yield list_versions(self._account.brand.name)

    def _failed(self, check: str, error: AwesomeError) -> Finding:
        return failed(check, error.message, hint_for(error, self._account.brand), error.exit_code)

    def _config_file(self) -> Finding:
        try:
            config = self._account.settings.config
            unknown = sorted(safe(key, 40) for key in config.unknown)
        except ConfigError as error:
            return self._failed("config file", error)
        if not config.text:
            return neutral("config file", f"there is nothing in {config.path}")
        if unknown:
            name = self._account.brand.name
            what = f"{config.path} sets what {name} does not know: {', '.join(unknown)}"
            return neutral("config file", what, "Correct the spelling, or remove it.")
        return passed("config file", f"{config.path}, profiles: {len(config.names)}")

    def _settings_and_provider(self) -> Iterator[Finding]:
        try:
            profile = self._account.settings.resolve()
        except AwesomeError as error:
            yield self._failed("settings", error)
            yield from _not_checked(PROVIDER_CHECKS, "the settings cannot be used")
            return
        settings = [self._setting(key, profile.settings[key], profile.sources.get(key)) for key in SETTINGS]
        yield from settings
        if any(finding.ok is False for finding in settings):
            yield from _not_checked(PROVIDER_CHECKS, "settings are missing")
            return
        try:
            yield from self._account.provider.run(self._account.client_config(profile, self._stored), self._provider)
        except AwesomeError as error:  # proxies and TLS have settings of their own
            yield self._failed("provider", error)
            yield from _not_checked(PROVIDER_CHECKS[1:], "the provider cannot be reached")

    def _setting(self, key: str, value: object, source: str | None) -> Finding:
        check = key.replace("_", " ")
        stored = getattr(self._stored, key, None)
        if value:
            return passed(check, f"{safe(str(value))} ({source})")
        if key not in ("issuer", "client_id"):
            return neutral(check, "not set")
        if stored:
            return passed(check, f"{stored} (the session's)")
        hint = "Give it to {login}, as --domain (Auth0), --issuer or --client-id, or set its variable."
        return self._failed(check, MissingSettingError(f"The {check} is not set.", hint=hint))

    async def _provider(self, client: OidcClient) -> list[Finding]:
        began = self._environment.now()
        try:
            response = await client.request_discovery()
        except AwesomeError as error:
            return [self._unreachable(error), *_not_checked(PROVIDER_CHECKS[1:], "the provider cannot be reached")]
        now = self._environment.now()
        findings = [
            passed("provider", f"it answered after {_milliseconds(now - began)}"),
            check_clock(response, now),
        ]
        try:
            metadata = await client.metadata()
            metadata.need("token_endpoint")
        except AwesomeError as error:
            missing = _not_checked(PROVIDER_CHECKS[3:], "there is no discovery")
            return [*findings, self._failed("discovery", error), *missing]
        findings.append(passed("discovery", "the provider names its endpoints, and itself as the settings do"))
        return [*findings, await self._keys(client, metadata), await self._device_grant(client, metadata)]

    def _unreachable(self, error: AwesomeError) -> Finding:
        """Name proxies too: whether the provider or a proxy on the way failed, no client can tell for sure."""
        finding = self._failed("provider", error)
        environ = self._environment.environ
        proxies = sorted(name for name in environ if name.upper() in PROXIES and environ[name])
        if not proxies:
            return finding
        doubt = f"{', '.join(proxies)} sends requests through a proxy: it may be the proxy that fails."
        return replace(finding, advice=f"{finding.advice} {doubt}")

    async def _keys(self, client: OidcClient, metadata: Metadata) -> Finding:
        try:
            keys = await client.keys(metadata)
        except AwesomeError as error:
            return self._failed("keys", error)
        return check_keys(keys, self._account.brand.name)

    async def _device_grant(self, client: OidcClient, metadata: Metadata) -> Finding:
        try:
            metadata.need("device_authorization_endpoint")
            if not self._online:
                advice = (
                    "Whether it is switched on for this client, --online finds out: it asks for a code and lets it"
                    " lapse."
                )
                return neutral("device grant", "the provider has an endpoint for it", advice)
            await client.begin()
        except AwesomeError as error:
            return self._failed("device grant", error)
        return passed("device grant", "the provider gives codes to this client; one was asked for, and lapses")

    def _keyring(self) -> Finding:
        began, stores = self._environment.now(), self._account.stores
        try:
            self._account.changes.check_writable(stores.keyring)
            kind = stores.keyring.kind
        except AwesomeError as error:
            if stores.has_plaintext_file:
                return neutral("keyring", f"{error.message} The plain file serves instead.")
            return self._failed("keyring", error)
        took = _milliseconds(self._environment.now() - began)
        what = f"{kind}: unlocked, keeps what is written to it ({took} to write, read and delete)"
        return passed("keyring", what)

    def _plaintext_file(self) -> Finding:
        stores = self._account.stores
        if not stores.has_plaintext_file:
            return passed("plain file", "none; no token of this profile lies on disk as plain text")
        what = f"tokens lie as plain text: {stores.plaintext.kind}"
        return neutral("plain file", what, f"To move them to the keyring: {self._account.brand.name} login")

    def _access_token(self) -> Finding:
        variable = self._account.brand.variable("access_token")
        try:
            is_set = self._account.token_from_environment is not None
        except ConfigError as error:
            return self._failed("given token", error)
        if not is_set:
            return neutral("given token", f"{variable} is not set")
        return passed("given token", f"{variable} is set: token and api use it in place of the session")

    def _session(self, *, is_replaced: bool) -> Finding:
        now = self._environment.now()
        try:
            user = self._account.load().user
            self._account.check_session_requirements(user)
        except LoginRequiredError as error:
            return neutral("session", error.message) if is_replaced else self._failed("session", error)
        except AwesomeError as error:
            return self._failed("session", error)
        if not user.lives(now) and not user.refreshable:
            ended = LoginRequiredError("The session has ended, and carries no refresh token.", hint="{login}")
            return neutral("session", ended.message) if is_replaced else self._failed("session", ended)
        return passed("session", f"whole; its access token: {token_status(user, now)}")


def check_network_settings(environ: Mapping[str, str]) -> Finding:
    """Name the variables that redirect requests, or change whom TLS trusts; their values may be secret."""
    names = [name for name in environ if name.upper() in NETWORK_SETTINGS and environ[name]]
    if names:
        return passed("network settings", f"set are {', '.join(sorted(names))}")
    return neutral("network settings", "no proxy and no certificates are set")


def check_clock(response: Response, now: float) -> Finding:
    """Compare this machine's clock with the provider's."""
    theirs = http_date(response.headers.get("date", ""))
    if theirs is None:
        return neutral("clock", "the provider does not tell the time")
    error = about_the_clock(now - theirs)
    if not error:
        return passed("clock", "it agrees with the provider's")
    advice = "Set it right: tokens are checked against it."
    return failed("clock", error, advice, InvalidTokenError.exit_code)


def check_keys(keys: Sequence[Key], program: str) -> Finding:
    """Check that some key is of a kind that is accepted."""
    usable = [key for key in keys if key.get("kty") in ("RSA", "EC") and key.get("alg", "RS256") in ALGORITHMS]
    if usable:
        return passed("keys", f"{len(usable)} of {len(keys)} can sign what {program} accepts")
    what = f"None of the provider's {len(keys)} keys can sign what {program} accepts."
    advice = "In the Auth0 dashboard set the application's JSON Web Token Signature Algorithm to RS256."
    return failed("keys", what, advice, InvalidTokenError.exit_code)


def check_locks(folders: Sequence[Path], app_dir: str) -> Finding:
    """Take a lock, as a renewal does."""
    try:
        with acquire_locks(folders, [f"{app_dir}-doctor"], timeout=LOCK_TIMEOUT) as folder:
            pass
    except AwesomeError as error:
        return failed("lock folder", error.message, error.hint, error.exit_code)
    if folder == folders[0]:
        return passed("lock folder", str(folder))
    return neutral("lock folder", f"{folders[0]} cannot be used; {folder} serves instead", "Make it writable.")


def check_folder(check: str, path: Path, without_it: str) -> Finding:
    """Check that files can be written to the folder, or it can be made."""
    existing = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return passed(check, str(path))
    return neutral(check, f"{path} cannot be written: {without_it}", "Make it writable.")


def list_versions(program: str, packages: Sequence[str] = PACKAGES) -> Finding:
    python = f"Python {platform.python_version()} ({platform.python_implementation()})"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return passed("versions", ", ".join([f"{program} {__version__}", python, system, *map(_version, packages)]))


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (unknown)"


def _not_checked(checks: Iterable[str], why: str) -> list[Finding]:
    return [neutral(check, f"not checked: {why}") for check in checks]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _anonymous(text: str, homes: Sequence[str]) -> str:
    for home in sorted((home.rstrip("/\\") for home in homes), key=len, reverse=True):
        if home:
            text = re.sub(rf"{re.escape(home)}(?![\w-]|\.\w)", "~", text)
    return re.sub(r"[^\s@'\"<>()]+@[^\s@'\"<>()]+", "(address)", text)
