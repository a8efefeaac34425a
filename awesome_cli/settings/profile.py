"""Profiles: which issuer, client, scope and audience, and which source says so.

Precedence: flag > variable > variable with another prefix > profile in ``config.toml`` > default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from awesome_cli.brand import Brand
from awesome_cli.errors import ConfigError, UsageError
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.text import safe, secure_url

DEFAULT_SCOPE = "openid profile email offline_access"
DEFAULT_PROFILE = "default"
KEYRING_TIMEOUT = 30.0  # seconds; a person may have to find a password first
SETTINGS = ("issuer", "client_id", "audience", "scope", "api_url")
TEXTS = (*SETTINGS, "domain")  # Auth0's spelling of an issuer
SWITCHES = ("resource", "pkce")

Settings = Mapping[str, str | None]


class Tables(Protocol):
    """What the config file says, profile by profile."""

    def profile(self, name: str) -> dict[str, Any]:
        """Return the checked settings of one profile."""


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
        return {**{name: getattr(self, name) for name in (*SETTINGS, *SWITCHES)}, **self.endpoints}

    @property
    def resource_indicator(self) -> str | None:
        """The audience as RFC 8707's ``resource``, where the profile wants it so."""
        return self.audience if self.resource else None


@dataclass(frozen=True, slots=True)
class _Layer:
    """Settings that rank alike; ``{}`` in ``source`` stands for the setting's name in capitals."""

    source: str
    values: Settings


def profile_name(flag: str | None, environ: Mapping[str, str], brand: Brand) -> str:
    """Return the name of the profile that is meant. Raises UsageError, if it is spelt like none."""
    name = flag if flag is not None else environ.get(brand.variable("profile")) or DEFAULT_PROFILE
    if not is_profile_name(name):
        raise UsageError(
            f"{safe(name, 80)!r} is no name for a profile.",
            hint="Use 1 to 64 letters, digits, dots, hyphens and underscores.",
        )
    return name


def require_distinct(name: str, existing: Iterable[str]) -> None:
    """Raise UsageError, if the name differs from that of an existing profile only in case.

    Some keyrings and file systems take two such names for one, and so would mix up two people's sessions.
    """
    names = set(existing)
    twin = next((other for other in sorted(names) if other.lower() == name.lower()), name)
    if name not in names and twin != name:
        raise UsageError(
            f"There is a profile {twin}, whose name differs from {name} only in case.",
            hint=f"Use --profile {twin}, or another name.",
        )


def is_profile_name(name: str) -> bool:
    """Whether a profile can be called that."""
    return re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) is not None


def resolve(name: str, *, flags: Settings, environ: Mapping[str, str], config: Tables, brand: Brand) -> Profile:
    """Weigh all sources of settings, as ``login`` does. Raises ConfigError for one that is invalid."""
    table = config.profile(name)
    filed = _Layer("config.toml", {key: table[key] for key in TEXTS if key in table})
    values, sources = _weigh(
        [_Layer("flag", flags), *environment_layers(environ, brand), filed, _Layer("default", {"scope": DEFAULT_SCOPE})]
    )
    # Endpoints are those of the issuer that they stand beside: no other one's tokens go there.
    are_its_own = _weigh([filed])[0].get("issuer") in (None, values.get("issuer"))
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
        endpoints={name: table[name] for name in ENDPOINTS if name in table and are_its_own},
        sources=sources,
    )


def session_requirements(environ: Mapping[str, str], brand: Brand) -> list[tuple[str, str, str]]:
    """Return the issuer and client id that the program's variables insist on, for a kept session to meet.

    Each is the setting's name, its value and the variable. Raises ConfigError for one that is invalid.
    """
    values, sources = _weigh(environment_layers(environ, brand)[:1], ("issuer", "client_id"))
    return [(name, values[name], sources[name]) for name in values]


def environment_layers(environ: Mapping[str, str], brand: Brand) -> list[_Layer]:
    """Read the variables; an empty one counts as absent."""

    def layer(prefix: str, names: tuple[str, ...]) -> _Layer:
        return _Layer(prefix + "{}", {name: environ.get(prefix + name.upper()) or None for name in names})

    extra = [layer(prefix, ("domain", "client_id", "audience")) for prefix in brand.extra_env_prefixes]
    return [layer(brand.env_prefix, TEXTS), *extra]


def keyring_timeout(environ: Mapping[str, str], brand: Brand) -> float:
    """Return how many seconds one keyring call may take. Raises ConfigError, if that is no positive number."""
    variable = brand.variable("keyring_timeout")
    text = environ.get(variable) or str(KEYRING_TIMEOUT)
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text, re.ASCII) or float(text) <= 0:
        raise ConfigError(
            f"{variable} is no number of seconds: {safe(text, 40)!r}.",
            hint="Set it to a number such as 30, or unset it.",
        )
    return float(text)


def issuer_of(domain: str) -> str:
    """Return Auth0's issuer for a domain; its trailing slash counts."""
    host = domain.removeprefix("https://").rstrip("/")
    issuer = f"https://{host}/"
    parts = secure_url(issuer)
    if parts is None or parts.path != "/" or parts.query:
        raise ConfigError(
            f"{safe(domain, 80)!r} is no domain.",
            hint="It looks like tenant.eu.example.com, without https:// and path.",
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


def _weigh(layers: list[_Layer], names: Sequence[str] = SETTINGS) -> tuple[dict[str, str], dict[str, str]]:
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for name in names:
            spelling = "domain" if name == "issuer" and not layer.values.get("issuer") else name
            value = layer.values.get(spelling)
            if value and name not in values:
                values[name] = _CHECKS.get(spelling, str)(_checked_text(value, name))
                sources[name] = layer.source.format(spelling.upper())
    return values, sources


def _checked_text(value: str, name: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):  # what was typed in no known encoding
        raise ConfigError(f"The {name.replace('_', ' ')} is no text.", hint="Type it anew.")
    return value


_CHECKS: dict[str, Callable[[str], str]] = {
    "issuer": lambda url: checked_url(url, "issuer"),
    "domain": issuer_of,
    "api_url": lambda url: checked_url(url, "API URL"),
}


def with_openid(scope: str) -> str:
    """Return the scopes with ``openid`` among them: without it there is no ID token (OIDC Core §3.1.2.1)."""
    scopes = scope.split()
    return " ".join(scopes if "openid" in scopes else ["openid", *scopes])
