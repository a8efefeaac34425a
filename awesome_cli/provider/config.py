"""Which client of which issuer sends the requests, and what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from awesome_cli.errors import MissingSettingError
from awesome_cli.hints import is_auth0
from awesome_cli.sessions.user import User
from awesome_cli.settings.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """A public client (RFC 8252 §8.4) of one issuer, and what it requests.

    ``endpoints`` override those of the discovery document; ``discovery`` replaces the whole document. ``is_domain``:
    whether the issuer is given as a domain. ``redirect_uri`` is where a browser on this machine returns to; None is a
    free port. ``parameters`` are further ones of the authorization request.
    """

    issuer: str
    client_id: str
    scope: str
    audience: str | None = None
    resource: str | None = None
    pkce: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    discovery: Mapping[str, Any] | None = None
    is_domain: bool = False
    redirect_uri: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def max_age(self) -> float | None:
        """How many seconds ago the person may have authenticated, if that is asked for (OIDC Core §3.1.2.1)."""
        text = self.parameters.get("max_age")
        return None if text is None else float(text)

    @property
    def is_auth0(self) -> bool:
        """Whether the issuer is a tenant of Auth0: it is given as a domain, or its host is one of Auth0's own."""
        return self.is_domain or is_auth0(self.issuer)

    @classmethod
    def from_settings(cls, settings: Profile, stored: User | None) -> ClientConfig:
        """Return the client that the settings describe; what they leave to defaults is as in the stored session.

        Raises MissingSettingError, if issuer or client id is missing.
        """
        if stored is not None:
            settings = settings.with_session(stored.settings)
        if not settings.issuer or not settings.client_id:
            if not settings.issuer:
                raise MissingSettingError("The issuer is not set.")
            hint = "Give --client-id: the provider shows it on the page of the application."
            raise MissingSettingError("The client id is not set.", hint=hint)
        return cls(
            issuer=settings.issuer,
            client_id=settings.client_id,
            scope=settings.scope,
            audience=settings.audience,
            resource=settings.audience if settings.resource else None,
            pkce=settings.pkce,
            endpoints=settings.endpoints,
            is_domain=settings.is_domain,
            redirect_uri=settings.redirect_uri,
        )
