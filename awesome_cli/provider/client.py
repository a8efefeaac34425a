"""OpenID Connect client of one provider: refresh and revoke sessions; ``sign_in_client.py`` signs in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import httpx

from awesome_cli.errors import AwesomeError, InvalidTokenError, NoMatchingKeyError, ProviderError, TokenNotCurrentError
from awesome_cli.oauth.discovery import Metadata, discovery_url
from awesome_cli.oauth.id_token import IdToken, parse_stored_id_token, validate_id_token, validate_same_subject
from awesome_cli.oauth.jwks import Key
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse, parse_refresh, refresh_form, refresh_token_of
from awesome_cli.oauth.userinfo import parse_token_check
from awesome_cli.provider.cache import MetadataCache
from awesome_cli.provider.config import ClientConfig
from awesome_cli.provider.http import open_client
from awesome_cli.provider.metadata import ProviderMetadata
from awesome_cli.provider.request import Connection, WaitObserver, describe_clock_error
from awesome_cli.provider.revocation import revoke_tokens
from awesome_cli.sessions.model import RenewalUnverifiedError, Session, renewed_session, unverified_session

CONNECT_TIMEOUT = 5.0  # seconds for TCP, and again for TLS; until then nothing is sent
REQUEST_TIMEOUT = 15.0  # seconds for a whole request: httpx limits each read, so a slow server could take any time
REFRESH_TIMEOUT = 90.0  # seconds; a refresh request that is given up may have used the refresh token up


class OidcClient:
    """A client of one issuer; :func:`oidc_client` opens one."""

    def __init__(self, connection: Connection, config: ClientConfig, cache: MetadataCache) -> None:
        self._config, self._connection = config, connection
        self._now, self._log = connection.now, connection.log
        self._metadata = ProviderMetadata(connection, config, cache)

    async def refresh(self, session: Session) -> Session:
        """Request new tokens (RFC 6749 §6): one request, unless the cache is empty or outdated.

        Raises RefreshTokenRejectedError; ProviderError, if no new tokens came; RenewalUnverifiedError, if their ID
        token cannot be verified, or only the refresh token can be used; InvalidTokenError, if they belong to another
        user, and were revoked.
        """
        old = parse_stored_id_token(session.id_token)
        form = refresh_form(self._config.client_id, session.refresh_token or "", resource=self._config.resource)
        await self._load(session.provider_digest)
        send = partial(self._connection.request, "POST", form=form, timeout=REFRESH_TIMEOUT)
        response = await self._metadata.request_at("token_endpoint", send)
        try:
            tokens = parse_refresh(response)
        except ProviderError as error:
            if (refresh_token := refresh_token_of(response)) is None:
                raise
            raise RenewalUnverifiedError(unverified_session(session, refresh_token), error) from error
        return renewed_session(
            session,
            tokens,
            old_id_token=old,
            new_id_token=await self._validate_refreshed(session, old, tokens),
            provider_digest=self._metadata.digest,
            now=self._now(),
        )

    async def _load(self, provider_digest: str) -> None:
        """Load endpoints and keys from the cache, or fetch them."""
        if not await self._metadata.load(provider_digest):
            await self._metadata.fetch_keys()

    async def _validate_refreshed(self, session: Session, old: IdToken, tokens: TokenResponse) -> IdToken | None:
        if tokens.id_token is None:
            return None
        try:
            try:
                new = await self._validate(tokens)
            except ProviderError:
                # Without keys the response counts as one without an ID token, which OIDC Core §12.2 allows, unless
                # the ID token names another user.
                validate_same_subject(parse_stored_id_token(tokens.id_token), old)
                return None
        except Exception as error:
            raise RenewalUnverifiedError(unverified_session(session, tokens.refresh_token), error) from error
        try:
            validate_same_subject(new, old)
        except InvalidTokenError:
            await self._revoke_both(tokens.refresh_token, tokens.access_token)
            raise
        return new

    async def revoke(self, session: Session, *, refresh_token: bool = True) -> bool:
        """Revoke the refresh token, unless told otherwise, then the access token (RFC 7009 §2.1). Raises ProviderError.

        Return False if the revocation of the refresh token was not confirmed.
        """
        await self._metadata.load(session.provider_digest)
        return await self._revoke_both(session.refresh_token if refresh_token else None, session.access_token)

    async def is_token_accepted(self, session: Session) -> bool:
        """Ask the userinfo endpoint whether it accepts the access token (OIDC Core §5.3).

        Raises ProviderError, if the response is inconclusive; SubjectMismatchError, if it is about another user.
        """
        await self._metadata.load(session.provider_digest)
        send = partial(self._connection.request, "GET", token=session.access_token)
        response = await self._metadata.request_at("userinfo_endpoint", send)
        return parse_token_check(response, sub=parse_stored_id_token(session.id_token).sub)

    async def request_discovery(self) -> Response:
        """Return the response to a request for the discovery document. Raises ProviderUnreachableError."""
        return await self._connection.request("GET", discovery_url(self._config.issuer))

    async def fetch_metadata(self) -> Metadata:
        """Fetch the discovery document. Raises ProviderError."""
        await self._metadata.fetch_discovery()
        return self._metadata.endpoints

    async def fetch_keys(self, metadata: Metadata) -> list[Key]:
        """Fetch the issuer's keys. Raises ProviderError."""
        return await self._metadata.request_keys(metadata)

    async def _validate(self, tokens: TokenResponse, **expected: Any) -> IdToken:  # noqa: ANN401 - nonce and max_age
        """Validate the ID token. If no key matches, the provider may have newer ones: they are fetched once."""
        try:
            return self._validate_with_keys(tokens, expected)
        except NoMatchingKeyError:
            await self._metadata.fetch_keys()
            return self._validate_with_keys(tokens, expected)

    def _validate_with_keys(self, tokens: TokenResponse, expected: Mapping[str, Any]) -> IdToken:
        issuer, client_id, keys = self._config.issuer, self._config.client_id, self._metadata.keys
        try:
            return validate_id_token(tokens, keys, issuer=issuer, client_id=client_id, now=self._now(), **expected)
        except TokenNotCurrentError as error:
            clock = describe_clock_error(self._connection.clock_error)
            hint = f"{clock} Correct it and try again." if clock else ""
            raise InvalidTokenError(error.message, hint=hint) from error

    async def _revoke_both(self, refresh_token: str | None, access_token: str) -> bool:
        return await revoke_tokens(
            self._connection,
            self._metadata,
            client_id=self._config.client_id,
            refresh_token=refresh_token,
            access_token=access_token,
        )


C = TypeVar("C", bound=OidcClient)


@asynccontextmanager
async def oidc_client(
    kind: type[C],
    config: ClientConfig,
    *,
    cache: MetadataCache,
    transport: httpx.AsyncBaseTransport | None,
    now: Callable[[], float],
    log: Callable[[str], None],
    environ: Mapping[str, str],
    user_agent: str = "",
    observer: WaitObserver | None = None,
    request_timeout: float = REQUEST_TIMEOUT,
) -> AsyncIterator[C]:
    """Open a client of this class; ``transport`` replaces the network in tests."""
    async with open_client(transport, httpx.Timeout(None, connect=CONNECT_TIMEOUT), environ, user_agent) as http:
        connection = Connection(http=http, now=now, log=log, observer=observer, request_timeout=request_timeout)
        try:
            yield kind(connection, config, cache)
        except AwesomeError as error:
            error.is_auth0 = config.is_auth0
            raise
