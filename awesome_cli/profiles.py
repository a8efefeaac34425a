"""Profiles: which issuer, client, scope and audience, and which source says so.

Precedence: flag > ``AWESOME_*`` variable > ``AUTH0_*`` variable > profile in ``config.toml`` > default.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from awesome_cli.errors import ConfigError, UsageError
from awesome_cli.files import read_private, write_private
from awesome_cli.oauth.metadata import ENDPOINTS
from awesome_cli.text import safe, secure_url

DEFAULT_SCOPE = "openid profile email offline_access"
DEFAULT_PROFILE = "default"
KEYRING_TIMEOUT = 30.0  # seconds; a person may have to find a password first
TEXTS = ("issuer", "domain", "client_id", "audience", "scope", "api_url")
SWITCHES = ("resource", "pkce")

Settings = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the settings of one profile come to.

    ``sources`` tells for each setting that is set who decided it: ``flag``, a variable's name, ``config.toml`` or
    ``default``.
    """

    name: str
    issuer: str | None
    client_id: str | None
    audience: str | None
    scope: str
    api_url: str | None
    resource: bool = False
    pkce: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str | bool | None]:
        """All settings as ``config.toml`` names them; None for what is not set, and no endpoint that is not."""
        texts = {name: getattr(self, name) for name in ("issuer", "client_id", "audience", "scope", "api_url")}
        return {**texts, **{name: getattr(self, name) for name in SWITCHES}, **self.endpoints}

    @property
    def resource_indicator(self) -> str | None:
        """The audience as RFC 8707's ``resource``, where the profile wants it so."""
        return self.audience if self.resource else None


@dataclass(frozen=True, slots=True)
class _Layer:
    """Settings that rank alike; ``{}`` in ``source`` stands for the setting's name in capitals."""

    source: str
    values: Settings


def profile_name(flag: str | None, environ: Mapping[str, str]) -> str:
    """Return the name of the profile that is meant. Raises UsageError, if it is spelt like none."""
    name = flag if flag is not None else environ.get("AWESOME_PROFILE") or DEFAULT_PROFILE
    if not is_profile_name(name):
        raise UsageError(
            f"{safe(name, 80)!r} is no name for a profile.",
            hint="Use 1 to 64 letters, digits, dots, hyphens and underscores.",
        )
    return name


def is_profile_name(name: str) -> bool:
    """Whether a profile can be called that."""
    return re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) is not None


def resolve(name: str, *, flags: Settings, environ: Mapping[str, str], config: Config) -> Profile:
    """Weigh all sources of settings, as ``login`` does. Raises ConfigError for one that is invalid."""
    table = config.profile(name)
    layers = [
        _Layer("flag", flags),
        *environment_layers(environ),
        _Layer("config.toml", {key: table[key] for key in TEXTS if key in table}),
        _Layer("default", {"scope": DEFAULT_SCOPE}),
    ]
    values, sources = _weigh(layers)
    sources |= dict.fromkeys(SWITCHES, "default") | {key: "config.toml" for key in table if key not in TEXTS}
    return Profile(
        name=name,
        issuer=values.get("issuer"),
        client_id=values.get("client_id"),
        audience=values.get("audience"),
        scope=with_openid(values["scope"]),
        api_url=values.get("api_url"),
        resource=bool(table.get("resource", False)),
        pkce=bool(table.get("pkce", False)),
        endpoints={endpoint: table[endpoint] for endpoint in ENDPOINTS if endpoint in table},
        sources=sources,
    )


def demands(*, flags: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the issuer and client id that flags or ``AWESOME_*`` variables insist on, for a kept session to meet."""
    insistent = [_Layer("flag", flags), environment_layers(environ)[0]]
    values, _ = _weigh(insistent)
    return {key: values[key] for key in ("issuer", "client_id") if key in values}


def environment_layers(environ: Mapping[str, str]) -> list[_Layer]:
    """Read the variables; an empty one counts as absent."""

    def layer(prefix: str, names: tuple[str, ...]) -> _Layer:
        return _Layer(prefix + "{}", {name: environ.get(prefix + name.upper()) or None for name in names})

    return [layer("AWESOME_", TEXTS), layer("AUTH0_", ("domain", "client_id", "audience"))]


def keyring_timeout(environ: Mapping[str, str]) -> float:
    """Return how many seconds one keyring call may take. Raises ConfigError, if that is no positive number."""
    text = environ.get("AWESOME_KEYRING_TIMEOUT") or str(KEYRING_TIMEOUT)
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text, re.ASCII) or float(text) <= 0:
        raise ConfigError(
            f"AWESOME_KEYRING_TIMEOUT is no number of seconds: {safe(text, 40)!r}.",
            hint="Set it to a number such as 30, or unset it.",
        )
    return float(text)


class Config:
    """``config.toml``: nothing secret, one table ``[profiles.NAME]`` a profile. Comments and order survive a save."""

    def __init__(self, path: Path, text: str, exclusively: Callable[[], AbstractContextManager[object]]) -> None:
        self.path = path
        self.text = text
        self._exclusively = exclusively
        self._profiles: Mapping[str, dict[str, Any]] = _tables(tomllib.loads(text))

    @classmethod
    def read(cls, path: Path, exclusively: Callable[[], AbstractContextManager[object]] = nullcontext) -> Config:
        """Read the file; one that is absent is empty. Raises ConfigError, naming file and line of what is wrong.

        ``exclusively`` keeps processes from overwriting each other's changes.
        """
        try:
            config = cls(path, read_private(path) or "", exclusively)
        except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError are ValueErrors
            raise ConfigError(f"{path} cannot be used: {safe(str(error))}.", hint="Mend or remove it.") from error
        for name in config.names:
            config._require(is_profile_name(name), name, safe(repr(name), 80), "is no name for a profile")
        return config

    @property
    def names(self) -> list[str]:
        """The profiles that the file has settings for."""
        return list(self._profiles)

    def profile(self, name: str) -> dict[str, Any]:
        """Return the checked settings of one profile. Raises ConfigError, naming the line of one that is unusable."""
        table = {key: value for key, value in self._profiles.get(name, {}).items() if value != ""}
        for key, value in table.items():
            if key in SWITCHES:
                self._require(isinstance(value, bool), name, key, "must be true or false")
            elif key in (*ENDPOINTS, "issuer", "api_url"):
                self._require(secure_url(value) is not None, name, key, "must be an https:// URL")
            elif key in TEXTS:
                self._require(isinstance(value, str), name, key, "must be a text")
        return table

    def unknown(self, name: str) -> list[str]:
        """Return what the profile sets and awesome does not know: misspelt, most likely."""
        return [key for key in self._profiles.get(name, {}) if key not in (*TEXTS, *SWITCHES, *ENDPOINTS)]

    def save(self, name: str, settings: Settings) -> None:
        """Write settings into the profile, where they differ. Raises OSError, if the file cannot be written."""
        changes: Settings = {key: value for key, value in settings.items() if value}
        if "issuer" in changes or "domain" in changes:  # two spellings of one setting: the last one said stays
            changes = {"issuer": None, "domain": None, **changes}
        table = self._profiles.get(name, {})
        if any(table.get(key) != value for key, value in changes.items()):
            self._change(lambda document: _apply(document, name, changes))

    def remove(self, name: str) -> None:
        """Forget the profile's settings. Raises OSError, if the file cannot be written."""
        if name in self._profiles:
            self._change(lambda document: document.get("profiles", {}).pop(name, None))

    def _change(self, change: Callable[[Any], object]) -> None:
        """Change the file as it is now: it may have been written while a person was waited for."""
        with self._exclusively():
            document = tomlkit.parse(Config.read(self.path).text)
            change(document)
            write_private(self.path, tomlkit.dumps(document))

    def _require(self, holds: bool, profile: str, key: str, rule: str) -> None:  # noqa: FBT001 - reads like assert
        if not holds:
            line = _line_of(self.text, profile, key)
            raise ConfigError(f"{self.path}, line {line}: {key} {rule}.", hint="Mend or remove that line.")


def _tables(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise ValueError("profiles must be tables, written as [profiles.NAME]")
    return profiles


def _apply(document: tomlkit.TOMLDocument, name: str, changes: Settings) -> None:
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    if name not in profiles:
        profiles[name] = tomlkit.table()
    table: Table = profiles[name]
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def issuer_of(domain: str) -> str:
    """Return Auth0's issuer for a domain; its trailing slash counts."""
    host = domain.removeprefix("https://").rstrip("/")
    issuer = f"https://{host}/"
    parts = secure_url(issuer)
    if parts is None or parts.path != "/" or parts.query:
        raise ConfigError(
            f"{safe(domain, 80)!r} is no domain.",
            hint="Auth0 shows it as Domain, such as tenant.eu.auth0.com.",
        )
    return issuer


def checked_url(url: str, what: str) -> str:
    """Return the URL. Raises ConfigError, unless it is https or loopback, without query and fragment."""
    parts = secure_url(url)
    if parts is None or parts.query or parts.fragment:
        raise ConfigError(
            f"The {what} must be an https:// URL without query, not {safe(url, 80)!r}.",
            hint="http:// works for loopback hosts only.",
        )
    return url


def _weigh(layers: list[_Layer]) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for name in ("issuer", "client_id", "audience", "scope", "api_url"):
            spelling = "domain" if name == "issuer" and not layer.values.get("issuer") else name
            value = layer.values.get(spelling)
            if value and name not in values:
                values[name] = _CHECKS.get(spelling, str)(value)
                sources[name] = layer.source.format(spelling.upper())
    return values, sources


_CHECKS: dict[str, Callable[[str], str]] = {
    "issuer": lambda url: checked_url(url, "issuer"),
    "domain": issuer_of,
    "api_url": lambda url: checked_url(url, "API URL"),
}


def with_openid(scope: str) -> str:
    """Return the scopes with ``openid`` among them: without it there is no ID token (OIDC Core §3.1.2.1)."""
    scopes = scope.split()
    return " ".join(scopes if "openid" in scopes else ["openid", *scopes])


def _line_of(text: str, profile: str, key: str) -> int:
    """Find the line of a setting, or of its table, for a message: tomllib keeps no positions of values."""
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*profiles\s*\.\s*[\"']?{re.escape(profile)}[\"']?\s*\]")
    start = next((number for number, line in enumerate(lines) if header.match(line)), 0)
    setting = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    return 1 + next((start + offset for offset, line in enumerate(lines[start:]) if setting.match(line)), start)
