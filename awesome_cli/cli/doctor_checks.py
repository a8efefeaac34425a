"""The checks of ``doctor``, for one profile. No finding contains personal data."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from awesome_cli.account import Account
from awesome_cli.cli.format import kept_in, token_notice, token_status
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    InvalidTokenError,
    LoginRequiredError,
    SessionEndedError,
    UnsupportedAlgorithmError,
)
from awesome_cli.hints import fill_placeholders, hint_for
from awesome_cli.keystore.names import store_name
from awesome_cli.oauth.discovery import Metadata
from awesome_cli.oauth.jwks import usable_keys
from awesome_cli.oauth.response import Response, http_date
from awesome_cli.provider.request import describe_clock_error
from awesome_cli.provider.sign_in_client import SignInClient
from awesome_cli.sessions.user import User
from awesome_cli.settings.profile import SESSION, SETTINGS, Profile
from awesome_cli.system.lock import acquire_locks
from awesome_cli.text import safe

NOT_CHECKED = "not checked:"
REQUIRED = {"issuer": "--issuer URL, or at Auth0 --domain DOMAIN", "client_id": "--client-id ID"}  # and their options
PROVIDER_CHECKS = ("provider", "clock", "discovery", "keys")  # and the one of the flow
PACKAGES = (
    *("anyio", "cryptography", "filelock", "h11", "httpx", "keyring"),
    *("platformdirs", "python-jose", "rich", "segno", "typer"),
)
PROXIES = {"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"}
ONLINE_ADVICE = "Whether it is switched on for this client, --online finds out: it asks for a code and lets it lapse."
LOCK_TIMEOUT = 5.0  # seconds for a lock that no other process should hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``ok`` is None for a note, which is neither good nor bad, and for what was not checked.

    ``exit_code`` is that of a command that meets the same error.
    """

    check: str
    ok: bool | None
    what: str
    advice: str = ""
    exit_code: int = 0


def passed(check: str, what: str) -> Finding:
    return Finding(check=check, ok=True, what=what)


def neutral(check: str, what: str, advice: str = "") -> Finding:
    return Finding(check=check, ok=None, what=what, advice=advice)


class Checks:
    """All checks of one profile. A check returns a finding, or raises the error that a command would."""

    def __init__(self, account: Account, *, online: bool, profile: str) -> None:
        self._account = account
        self._profile = profile  # that advice names, if it was named
        self._is_auth0 = False
        self._flow_check = "device grant"
        self._brand = account.brand
        self._environment = account.environment
        self._online = online
        self._stored: User | None = None
        with suppress(AwesomeError):  # the check of the session says what is wrong
            self._stored = account.stores.current.load_user()

    def findings(self) -> Iterator[Finding]:
        environment = self._environment
        yield passed("profile", self._account.profile)
        yield self._result("config file", self._config_file)
        yield self._network_settings()
        yield from self._settings()
        yield (keyring := self._result("keyring", self._keyring))
        yield self._plaintext_file(has_keyring=bool(keyring.ok))
        token = self._result("given token", self._access_token)
        yield token
        session = self._result("session", self._session)
        is_replaced = token.ok and session.exit_code == LoginRequiredError.exit_code
        yield neutral("session", session.what) if is_replaced else session
        yield self._result("lock folder", self._locks)
        yield check_folder("config folder", environment.config_dir, "login cannot save settings")
        yield check_folder("state folder", environment.state_dir, "logout --all will not know of every session")
        yield check_folder("cache folder", environment.cache_dir, "renewals take more requests")
        yield self._versions()

    def _result(self, check: str, look: Callable[[], Finding]) -> Finding:
        try:
            return look()
        except AwesomeError as error:
            return self._failed(check, error)

    def _failed(self, check: str, error: AwesomeError) -> Finding:
        error.is_auth0 = error.is_auth0 or self._is_auth0
        advice = hint_for(error, self._brand, profile=self._profile)
        return Finding(check=check, ok=False, what=error.message, advice=advice, exit_code=error.exit_code)

    def _config_file(self) -> Finding:
        config = self._account.settings.config
        unknown = sorted(safe(key, 40) for key in config.unknown)
        if not config.text:
            return neutral("config file", f"there is nothing in {config.path}")
        if unknown:
            what = f"{config.path} sets what {self._brand.name} does not know: {', '.join(unknown)}"
            return neutral("config file", what, "Correct the spelling, or remove it.")
        return passed("config file", f"{config.path}, profiles: {len(config.names)}")

    def _settings(self) -> Iterator[Finding]:
        found: list[Finding] = []
        try:
            profile = self._account.settings.resolve()
            if self._stored is not None:
                profile = profile.with_session(self._stored.settings)
        except AwesomeError as error:
            yield self._failed("settings", error)
            why = "the settings cannot be used"
        else:
            self._flow_check = "web flow" if profile.flow == "web" else self._flow_check
            settings = [self._setting(key, profile.settings[key], profile.sources.get(key)) for key in SETTINGS]
            yield from settings
            why = "settings are missing"
            if all(finding.ok is not False for finding in settings):
                found, why = self._provider(profile)
        yield from found
        checks = (*PROVIDER_CHECKS, self._flow_check)
        yield from (neutral(check, f"{NOT_CHECKED} {why}") for check in checks[len(found) :])

    def _setting(self, key: str, value: object, source: str | None) -> Finding:
        check = key.replace("_", " ")
        if value:
            where = "the session's" if source == SESSION else source
            return passed(check, f"{safe(str(value))} ({where})")
        if key not in REQUIRED:
            return neutral(check, "not set")
        hint = f"Sign in with: {{login}} {REQUIRED[key]}"
        return self._failed(check, ConfigError(f"The {check} is not set.", hint=hint))

    def _provider(self, profile: Profile) -> tuple[list[Finding], str]:
        config = self._account.client_config(profile, self._stored)
        self._is_auth0 = config.is_auth0
        try:
            return self._account.run_with_client(SignInClient, config, self._ask_provider)
        except AwesomeError as error:  # proxies and TLS have settings of their own
            return [self._failed("provider", error)], "the provider cannot be reached"

    async def _ask_provider(self, client: SignInClient) -> tuple[list[Finding], str]:
        """Return the findings up to the first check that the others depend on and that failed, and the reason."""
        began = self._environment.now()
        try:
            response = await client.request_discovery()
        except AwesomeError as error:
            finding = self._failed("provider", error)
            if proxies := self._variables(PROXIES):  # whether the provider or a proxy failed, no client can tell
                doubt = f" {proxies} sends requests through a proxy: it may be the proxy that fails."
                finding = replace(finding, advice=finding.advice + doubt)
            return [finding], "the provider cannot be reached"
        now = self._environment.now()
        found = [
            passed("provider", f"it answered after {(now - began) * 1000:.0f} ms"),
            self._result("clock", lambda: check_clock(response, now)),
        ]
        try:
            metadata = await client.fetch_metadata()
            metadata.need("token_endpoint")
        except AwesomeError as error:
            return [*found, self._failed("discovery", error)], "there is no discovery"
        found.append(passed("discovery", "found; its issuer is the one in the settings"))
        looks = {"keys": self._keys, "device grant": self._device_grant, "web flow": self._web_flow}
        for check in ("keys", self._flow_check):
            try:
                found.append(await looks[check](client, metadata))
            except AwesomeError as error:
                found.append(self._failed(check, error))
        return found, ""

    async def _keys(self, client: SignInClient, metadata: Metadata) -> Finding:
        keys = await client.fetch_keys(metadata)
        if usable := usable_keys(keys):
            return passed("keys", f"{len(usable)} of {len(keys)} signing keys can be used")
        raise UnsupportedAlgorithmError(f"None of the provider's {len(keys)} signing keys can be used.")

    async def _device_grant(self, client: SignInClient, metadata: Metadata) -> Finding:
        metadata.need("device_authorization_endpoint")
        if not self._online:
            return neutral("device grant", "the provider has an endpoint for it", ONLINE_ADVICE)
        await client.request_device_code()
        return passed("device grant", "the provider gives codes to this client; one was asked for, and lapses")

    async def _web_flow(self, _: SignInClient, metadata: Metadata) -> Finding:
        metadata.need("authorization_endpoint")
        return passed("web flow", "the provider has an endpoint for it")

    def _keyring(self) -> Finding:
        began, stores = self._environment.now(), self._account.stores
        try:
            self._account.changes.check_writable(stores.keyring)
        except AwesomeError as error:
            if not stores.has_plaintext_file:
                raise
            return neutral("keyring", f"{error.message} The plain file serves instead.")
        took = f"{(self._environment.now() - began) * 1000:.0f} ms to write, read and delete"
        backend = stores.keyring.backend_name
        name = store_name(backend, {backend: stores.keyring.application})
        return passed("keyring", f"{name}: unlocked, keeps what is written to it ({took})")

    def _plaintext_file(self, *, has_keyring: bool) -> Finding:
        if not self._account.stores.has_plaintext_file:
            return passed("plain file", "none; no token of this profile lies on disk as plain text")
        what = f"tokens lie as plain text in {kept_in(self._account)}"
        advice = "To move them to the keyring: {login}"
        if not has_keyring:
            advice = "Once there is a keyring, this moves them to it: {login}"
        return neutral("plain file", what, self._hint(advice))

    def _access_token(self) -> Finding:
        variable = self._brand.variable("access_token")
        if self._account.token_from_environment is None:
            return neutral("given token", f"{variable} is not set")
        return passed("given token", token_notice(self._brand).removesuffix("."))

    def _session(self) -> Finding:
        user, now = self._account.load().user, self._environment.now()
        self._account.check_session_requirements(user)
        if not user.is_valid(now) and not user.refreshable:
            raise SessionEndedError("The session has ended, and carries no refresh token.", hint="{login}")
        if differences := self._account.settings.differences(user.audience, user.requested_scope):
            return neutral("session", " ".join(differences), self._hint("To use the settings: {login} --force"))
        return passed("session", f"complete; access token: {token_status(user, now)}")

    def _network_settings(self) -> Finding:
        if names := self._variables(PROXIES | {"NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"}):
            return passed("network settings", f"set are {names}")
        return neutral("network settings", "no proxy and no certificates are set")

    def _hint(self, text: str) -> str:
        return fill_placeholders(text, self._brand, profile=self._profile)

    def _variables(self, names: set[str]) -> str:
        """Name those that are set; their values may be secret."""
        environ = self._environment.environ
        return ", ".join(sorted(name for name in environ if name.upper() in names and environ[name]))

    def _locks(self) -> Finding:
        folders = self._environment.account_dirs
        with acquire_locks(folders, [f"{self._brand.app_dir}-doctor"], timeout=LOCK_TIMEOUT) as folder:
            pass
        if folder == folders[0]:
            return passed("lock folder", str(folder))
        return neutral("lock folder", f"{folders[0]} cannot be used; {folder} serves instead", "Make it writable.")

    def _versions(self) -> Finding:
        python = f"Python {platform.python_version()} ({platform.python_implementation()})"
        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        packages = [f"{package} {installed_version(package)}" for package in PACKAGES]
        return passed("versions", ", ".join([self._brand.version_line, python, system, *packages]))


def installed_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(unknown)"


def check_clock(response: Response, now: float) -> Finding:
    """Compare this machine's clock with the provider's. Raises InvalidTokenError, as a login would."""
    theirs = http_date(response.headers.get("date", ""))
    if theirs is None:
        return neutral("clock", "the provider does not tell the time")
    if error := describe_clock_error(now - theirs):
        raise InvalidTokenError(error, hint="Correct this machine's clock: tokens are checked against it.")
    return passed("clock", "it agrees with the provider's")


def check_folder(check: str, path: Path, without_it: str) -> Finding:
    """Check that files can be written to the folder, or it can be made."""
    existing = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return passed(check, str(path))
    return neutral(check, f"{path} cannot be written: {without_it}", "Make it writable.")
