"""Profiles: issuer, client, scope and audience, and which source of settings has precedence.

Flag > variable > variable with another prefix > profile in ``config.toml`` > stored session > the program's default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from awesome_cli.brand import DEFAULT_PROFILE, DEFAULT_SCOPE, FLOWS, Brand
from awesome_cli.errors import ConfigError, UsageError
from awesome_cli.oauth.discovery import ENDPOINTS
from awesome_cli.settings.profile_names import is_profile_name
from awesome_cli.text import has_surrogates, safe
from awesome_cli.urls import secure_url

DEFAULT = "default"  # the source of a setting that the program itself has
SESSION = "session"
KEYRING_TIMEOUT = 30.0  # seconds; the user may have to look up a password first
SETTINGS = ("issuer", "client_id", "audience", "scope", "api_url")
TEXT_SETTINGS = (*SETTINGS, "domain")  # Auth0's short form of an issuer
EXTRA_PREFIX_SETTINGS = ("domain", "client_id", "audience")  # read from variables with another prefix as well
SWITCH_SETTINGS = ("resource", "pkce")
REDIRECT_URI_RULE = "must be a URL on this machine with a port, such as http://localhost:8484/callback"
FILE_SETTINGS = ("flow", "redirect_uri")  # texts that neither a flag nor a variable gives

Settings = Mapping[str, str | None]
Layer = Mapping[str, tuple[str, str]]  # value and source by setting; the settings of one layer have equal precedence


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The settings of one profile.

    ``sources`` is where each comes from: ``flag``, a variable's name, ``config.toml``, ``session`` or ``default``.
    ``is_domain``: whether the issuer is given as a domain.
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
    is_domain: bool = False
    flow: str = FLOWS[0]
    redirect_uri: str | None = None

    @property
    def settings(self) -> dict[str, str | bool | None]:
        """All settings as ``config.toml`` names them; None for one that is not set, endpoints only if they are."""
        names = (*SETTINGS, *SWITCH_SETTINGS, *FILE_SETTINGS)
        return {**{name: getattr(self, name) for name in names}, **self.endpoints}

    def with_session(self, session: Settings) -> Profile:
        """Return the settings in which those of a stored session replace what is not set, or the program's default.

        The audience does so only if issuer and client id are those of the session.
        """
        values: dict[str, Any] = {
            name: session[name]
            for name in ("issuer", "client_id", "audience")
            if self.sources.get(name) in (None, DEFAULT) and session[name] != getattr(self, name)
        }
        effective = {name: values.get(name, getattr(self, name)) for name in ("issuer", "client_id")}
        if any(session[name] != value for name, value in effective.items()):
            values.pop("audience", None)
        return replace(self, **values, sources={**self.sources, **dict.fromkeys(values, SESSION)})

    def differences(self, audience: str | None, requested_scope: str | None) -> dict[str, str]:
        """Return the settings that a session was not made with, as texts by name. Defaults do not count."""
        made_with = {"audience": audience, "scope": requested_scope}
        return {
            name: f"{value} ({self.sources[name]})"
            for name, value in (("audience", self.audience), ("scope", self.scope))
            if value is not None
            and self.sources.get(name) not in (None, DEFAULT, SESSION)
            and not is_same_setting(name, value, made_with[name])
        }


def is_same_setting(name: str, value: str, session_value: str | None) -> bool:
    """Whether a session was made with this scope or audience; one that does not know its scope counts as equal."""
    if name != "scope":
        return value == session_value
    return session_value is None or {*with_openid(value).split()} == {*with_openid(session_value).split()}


def profile_name(
    flag: str | None,
    environ: Mapping[str, str],
    brand: Brand,
    *,
    default: Callable[[], str] = lambda: DEFAULT_PROFILE,
) -> str:
    """Return the name of the selected profile, or ``default()``. Raises UsageError, if it is not valid."""
    name = flag if flag is not None else environ.get(brand.variable("profile")) or default()
    if not is_profile_name(name):
        raise UsageError(
            f"{safe(name, 80)!r} is not a valid profile name.",
            hint="Use 1 to 64 letters, digits, dots, hyphens and underscores.",
        )
    return name


def require_distinct(name: str, existing: Iterable[str]) -> None:
    """Raise UsageError, if the name differs from that of an existing profile only in case.

    Some keyrings and file systems ignore case, and would mix up the sessions of the two.
    """
    names = set(existing)
    similar = next((other for other in sorted(names) if other.lower() == name.lower()), name)
    if name not in names and similar != name:
        raise UsageError(
            f"There is a profile {similar}, whose name differs from {name} only in case.",
            hint=f"Use --profile {similar}, or another name.",
        )


def resolve(
    name: str, *, flags: Settings, environ: Mapping[str, str], table: Mapping[str, Any], brand: Brand
) -> Profile:
    """Return the settings with the highest precedence; ``table`` is the profile's in the config file.

    Raises ConfigError for a setting that is not valid.
    """
    from_file: Layer = {key: (table[key], "config.toml") for key in TEXT_SETTINGS if key in table}
    layers = [
        {key: (value, "flag") for key, value in flags.items() if value},
        _read_variables(environ, brand.env_prefix, TEXT_SETTINGS),
        *(_read_variables(environ, prefix, EXTRA_PREFIX_SETTINGS) for prefix in brand.extra_env_prefixes),
        from_file,
        {key: (str(value), DEFAULT) for key, value in brand.defaults.items()},
        {"scope": (DEFAULT_SCOPE, DEFAULT)},
    ]
    values, sources = _merge(layers)
    is_domain = next(("issuer" not in layer for layer in layers if {"issuer", "domain"} & layer.keys()), False)
    # Endpoints belong to the issuer in the same table: tokens of another issuer must not be sent there.
    use_endpoints = _merge([from_file])[0].get("issuer") in (None, values.get("issuer"))
    others = {key: table.get(key, brand.defaults.get(key)) for key in (*SWITCH_SETTINGS, *FILE_SETTINGS)}
    if others["redirect_uri"] is not None and not is_redirect_uri(others["redirect_uri"]):
        raise ConfigError(
            f"redirect_uri {REDIRECT_URI_RULE}, not {safe(others['redirect_uri'], 80)!r}.", hint="Set it so."
        )
    others["flow"] = others["flow"] or FLOWS[0]
    sources |= {key: DEFAULT for key, value in others.items() if value is not None or key in SWITCH_SETTINGS}
    sources |= {key: "config.toml" for key in table if key not in TEXT_SETTINGS}
    return Profile(
        name=name,
        issuer=values.get("issuer"),
        client_id=values.get("client_id"),
        audience=values.get("audience"),
        scope=with_openid(values["scope"]),
        api_url=values.get("api_url"),
        resource=bool(others["resource"]),
        pkce=bool(others["pkce"]),
        flow=others["flow"],
        redirect_uri=others["redirect_uri"],
        endpoints={name: table[name] for name in ENDPOINTS if name in table and use_endpoints},
        sources=sources,
        is_domain=is_domain,
    )


def session_requirements(environ: Mapping[str, str], brand: Brand) -> list[tuple[str, str, str]]:
    """Return the issuer and client id that a stored session must have, because a variable of the program is set.

    Each is the setting's name, its value and the variable. Raises ConfigError for one that is invalid.
    """
    values, sources = _merge([_read_variables(environ, brand.env_prefix, TEXT_SETTINGS)], ("issuer", "client_id"))
    return [(name, values[name], sources[name]) for name in values]


def keyring_timeout(environ: Mapping[str, str], brand: Brand) -> float:
    """Return how many seconds one call to the keyring may take. Raises ConfigError, if that is not a number > 0."""
    variable = brand.variable("keyring_timeout")
    text = environ.get(variable) or str(KEYRING_TIMEOUT)
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text, re.ASCII) or float(text) <= 0:
        raise ConfigError(
            f"{variable} is not a valid number of seconds: {safe(text, 40)!r}.",
            hint="Set it to a number such as 30, or unset it.",
        )
    return float(text)


def access_token(environ: Mapping[str, str], brand: Brand) -> str | None:
    """Return the access token that a variable gives. Raises ConfigError for one that cannot be a token."""
    variable = brand.variable("access_token")
    token = environ.get(variable)
    if not token:
        return None
    from awesome_cli.oauth.token import is_token

    if not is_token(token):
        raise ConfigError(
            f"{variable} is not a valid access token: it contains blanks or other characters that no token has.",
            hint="Set it to the token alone, or unset it.",
        )
    return token


def issuer_of(domain: str) -> str:
    """Return the issuer of an Auth0 domain, which ends with a slash. Raises ConfigError."""
    issuer = f"https://{domain.removeprefix('https://').rstrip('/')}/"
    parts = secure_url(issuer)
    if parts is None or parts.path != "/" or parts.query:
        raise ConfigError(
            f"{safe(domain, 80)!r} is not a valid domain.",
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


def is_redirect_uri(url: str) -> bool:
    """Whether it is a URL on this machine that a program can listen at (RFC 8252 §7.3)."""
    parts = secure_url(url)
    if parts is None or parts.scheme != "http" or not parts.port or parts.query or parts.fragment:
        return False
    return parts.hostname in ("127.0.0.1", "::1", "localhost") and not {".", ".."} & {*parts.path.split("/")}


def with_openid(scope: str) -> str:
    """Add ``openid`` to the scopes: without it there is no ID token (OIDC Core §3.1.2.1)."""
    scopes = scope.split()
    return " ".join(scopes if "openid" in scopes else ["openid", *scopes])


def _read_variables(environ: Mapping[str, str], prefix: str, names: Sequence[str]) -> Layer:
    variables = {name: prefix + name.upper() for name in names}
    return {name: (environ[variable], variable) for name, variable in variables.items() if environ.get(variable)}


def _merge(layers: Iterable[Layer], names: Sequence[str] = SETTINGS) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values, validated, and their sources; earlier layers have precedence."""
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for name in names:
            key = "domain" if name == "issuer" and name not in layer else name
            if name not in values and key in layer:
                value, sources[name] = layer[key]
                values[name] = _validate(key, value)
    return values, sources


def _validate(key: str, value: str) -> str:
    if has_surrogates(value):
        raise ConfigError(f"The {key.replace('_', ' ')} is not valid text.", hint="Enter it again.")
    if key == "domain":
        return issuer_of(value)
    if key in ("issuer", "api_url"):
        return checked_url(value, "issuer" if key == "issuer" else "API URL")
    return value
