"""Session: validated tokens, and the rules for making one of what a provider sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from awesome_cli.sessions.user import User
from awesome_cli.text import safe

if TYPE_CHECKING:  # a session is read without loading the modules that validate tokens
    from collections.abc import Mapping

    from awesome_cli.oauth.id_token import IdToken
    from awesome_cli.oauth.token import TokenResponse

INTERRUPTED_TIMEOUT = 30.0  # seconds that a renewal may still take after a signal asked the program to end
LONGEST_SCOPE = 2048  # characters; an API may define many scopes
NAME_CLAIMS = ("name", "nickname", "preferred_username", "email", "sub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Validated tokens. Only a Session can be stored, and only validation creates one.

    ``refresh_token`` is None if the provider gave none. ``id_token`` is the JWT as it was received, which has been
    validated (OpenID Connect Core §3.1.3.7). ``repr()`` shows no token.
    ``provider_digest`` is the digest of the discovery document and keys that it was validated with: a cached copy of
    them is used only if it has the same digest.
    """

    user: User
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    id_token: str = field(repr=False)
    provider_digest: str


class RenewalUnverifiedError(Exception):
    """The provider sent new tokens, but ``reason`` prevented their validation.

    ``session`` is the old one with the new refresh token, which can be trusted: it came over TLS, in response to a
    secret that only we have. Its access token counts as expired, so that the next renewal validates again.
    """

    def __init__(self, session: Session, reason: Exception) -> None:
        super().__init__()
        self.session = session
        self.reason = reason


def new_session(
    tokens: TokenResponse,
    id_token: IdToken,
    userinfo: Mapping[str, Any],
    *,
    client_id: str,
    scope: str,
    audience: str | None,
    provider_digest: str,
    now: float,
) -> Session:
    """Return the session that begins with a sign-in. ``userinfo`` adds claims that the ID token lacks."""
    names = _names(userinfo) | _names(id_token.claims)
    user = User(
        issuer=str(id_token.claims["iss"]),
        client_id=client_id,
        sub=id_token.sub,
        name=_display_name(names, id_token),
        email=names.get("email"),
        scope=safe(tokens.scope or scope, LONGEST_SCOPE),
        audience=audience,
        signed_in_at=now,
        expires_at=now + tokens.expires_in,
        refreshable=tokens.refresh_token is not None,
        requested_scope=scope,
        session_expires_at=_session_end(tokens, now),
    )
    return Session(
        user=user,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        id_token=id_token.encoded,
        provider_digest=provider_digest,
    )


def renewed_session(
    old: Session,
    tokens: TokenResponse,
    *,
    old_id_token: IdToken,
    new_id_token: IdToken | None,
    provider_digest: str,
    now: float,
) -> Session:
    """Return the session that replaces ``old``; what the provider did not send again is unchanged."""
    refresh_token = tokens.refresh_token or old.refresh_token  # RFC 6749 §6: absent means unchanged
    id_token = new_id_token or old_id_token
    old_names, names = _names(old_id_token.claims), _names(id_token.claims)
    is_from_userinfo = old.user.name != _display_name(old_names, old_id_token)
    keeps_name = is_from_userinfo and "name" not in names
    user = old.user._replace(
        sub=id_token.sub,
        name=old.user.name if keeps_name else _display_name(old_names | names, id_token),
        email=names.get("email", old.user.email),
        scope=safe(tokens.scope or old.user.scope, LONGEST_SCOPE),
        expires_at=now + tokens.expires_in,
        refreshable=refresh_token is not None,
        session_expires_at=_session_end(tokens, now) or old.user.session_expires_at,
    )
    return Session(
        user=user,
        access_token=tokens.access_token,
        refresh_token=refresh_token,
        id_token=id_token.encoded,
        provider_digest=provider_digest,
    )


def unverified_session(old: Session, refresh_token: str | None) -> Session:
    """Return ``old`` with the refresh token of an unverified renewal, and an access token that counts as expired."""
    expired = old.user._replace(expires_at=min(old.user.expires_at, old.user.signed_in_at))
    return replace(old, user=expired, refresh_token=refresh_token or old.refresh_token)


def lacks_names(claims: Mapping[str, Any]) -> bool:
    """Whether the userinfo endpoint must be asked for a name, because the ID token has neither name nor email."""
    return not {"name", "email"} & _names(claims).keys()


def _session_end(tokens: TokenResponse, now: float) -> float | None:
    return None if tokens.session_expires_in is None else now + tokens.session_expires_in


def _names(claims: Mapping[str, Any]) -> dict[str, str]:
    texts = {claim: safe(claims[claim]) for claim in NAME_CLAIMS if isinstance(claims.get(claim), str)}
    return {claim: text for claim, text in texts.items() if text}


def _display_name(names: Mapping[str, str], id_token: IdToken) -> str:
    return next((names[claim] for claim in NAME_CLAIMS if claim in names), safe(ascii(id_token.sub)))
