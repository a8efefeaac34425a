"""The provider's metadata: issuer and endpoints (OpenID Connect Discovery 1.0, RFC 8414)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from awesome_cli.errors import IssuerMismatchError, ProviderError
from awesome_cli.text import safe
from awesome_cli.urls import secure_url, secure_url_from


@dataclass(frozen=True, slots=True)
class Metadata:
    """An issuer and its endpoints, each an ``https://`` or loopback URL, or None if it has none.

    ``has_iss``: whether its authorization responses have an ``iss`` (RFC 9207 §3).
    """

    issuer: str
    device_authorization_endpoint: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    userinfo_endpoint: str | None = None
    revocation_endpoint: str | None = None
    has_iss: bool = False

    def need(self, name: str) -> str:
        """Return an endpoint. Raises ProviderError, if there is none."""
        url: str | None = getattr(self, name)
        if url is None:
            raise ProviderError(
                f"The provider {self.issuer} names no {name} in its discovery document.",
                hint=f"If it has one, set {name} in the profile in config.toml.",
            )
        return url


ENDPOINTS = tuple(field.name for field in fields(Metadata) if field.name.endswith(("_endpoint", "_uri")))
_HAS_ISS = "authorization_response_iss_parameter_supported"
USED_MEMBERS = ("issuer", *ENDPOINTS, _HAS_ISS)  # of a discovery document


def discovery_url(issuer: str) -> str:
    """Return the URL of the issuer's discovery document (OIDC Discovery §4)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def parse_metadata(
    document: Mapping[str, Any] | None, *, issuer: str, overrides: Mapping[str, str] | None = None
) -> Metadata:
    """Parse a discovery document, whose issuer must be exactly ``issuer`` (OIDC Discovery §4.3).

    ``overrides`` are the profile's endpoints. Lists of supported grants, methods and algorithms are ignored: those of
    many providers are incomplete. Raises ProviderError.
    """
    if document is None:
        raise ProviderError(
            f"The discovery document of {issuer} is not a JSON object.",
            hint="Check the issuer (or domain): is it an OpenID provider?",
        )
    if document.get("issuer") != issuer:
        theirs = safe(str(document.get("issuer")))
        raise IssuerMismatchError(
            f"The provider calls itself {theirs}, not {issuer}.",
            hint="Set the issuer exactly as the provider spells it; a trailing slash counts.",
            named=theirs,
        )
    overrides = overrides or {}
    named = {name: _endpoint(issuer, name, document.get(name)) for name in ENDPOINTS if name not in overrides}
    return Metadata(issuer, **named, **overrides, has_iss=document.get(_HAS_ISS) is True)


def _endpoint(issuer: str, name: str, url: object) -> str | None:
    if url is None:
        return None
    parts = secure_url(url)
    if parts is not None and secure_url_from(issuer, url) is None:
        raise ProviderError(
            f"The provider's {name} is an address on this machine, but the provider is not: {safe(str(url))}.",
            hint=f"If that is right, set {name} in the profile in config.toml.",
        )
    if parts is None or (parts.scheme != "https" and urlsplit(issuer).scheme == "https"):
        raise ProviderError(
            f"The provider's {name} is not an https:// URL: {safe(str(url))}.",
            hint="Tokens are sent over TLS only; plain http:// works for loopback hosts alone, as for the issuer.",
        )
    return str(url)
