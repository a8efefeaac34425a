"""Where a provider's endpoints are (OpenID Connect Discovery 1.0, RFC 8414)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from awesome_cli.errors import ProviderError
from awesome_cli.text import safe, secure_url, secure_url_from


@dataclass(frozen=True, slots=True)
class Metadata:
    """The endpoints of one issuer, each an ``https://`` or loopback URL, or None where it has none."""

    issuer: str
    device_authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    userinfo_endpoint: str | None = None
    revocation_endpoint: str | None = None

    def need(self, name: str) -> str:
        """Return the endpoint of that name. Raises ProviderUnusable, if the provider names none."""
        url: str | None = getattr(self, name)
        if url is None:
            raise ProviderError(
                f"The provider {self.issuer} names no {name} in its discovery document.",
                hint=f"If it has one, set {name} in the profile in config.toml.",
            )
        return url


ENDPOINTS = tuple(field.name for field in fields(Metadata) if field.name != "issuer")


def discovery_url(issuer: str) -> str:
    """Return where the issuer's discovery document lies (OIDC Discovery §4)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def parse_metadata(
    document: Mapping[str, Any] | None, *, issuer: str, overrides: Mapping[str, str] | None = None
) -> Metadata:
    """Accept a discovery document that speaks for exactly ``issuer`` (OIDC Discovery §4.3).

    ``overrides`` are endpoints that the profile sets for providers whose document lacks them. Lists of
    supported grants, methods and algorithms are not looked at: many providers' lists are incomplete.
    Raises ProviderUnusable, if the issuer is another, or an endpoint that we use is no secure URL, or lies on this
    machine although the issuer does not, and the profile does not set it.
    """
    if document is None:
        raise ProviderError(
            f"The discovery document of {issuer} is not a JSON object.",
            hint="Check the issuer (or domain): is it an OpenID provider?",
        )
    if document.get("issuer") != issuer:
        raise ProviderError(
            f"The provider calls itself {safe(str(document.get('issuer')))}, not {issuer}.",
            hint="Set the issuer exactly as the provider spells it; a trailing slash counts.",
        )
    overrides = overrides or {}
    named = {name: _endpoint(issuer, name, document.get(name)) for name in ENDPOINTS if name not in overrides}
    return Metadata(issuer, **named, **overrides)


def _endpoint(issuer: str, name: str, url: object) -> str | None:
    if url is None:
        return None
    if secure_url(url) is None:
        raise ProviderError(
            f"The provider's {name} is no https:// URL: {safe(str(url))}.",
            hint="Tokens are sent over TLS only; plain http:// works for loopback hosts alone.",
        )
    if secure_url_from(issuer, url) is None:
        raise ProviderError(
            f"The provider's {name} is an address on this machine, and the provider is not: {safe(str(url))}.",
            hint=f"If that is right, set {name} in the profile in config.toml.",
        )
    return str(url)
