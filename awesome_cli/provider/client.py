"""OpenID Connect client of one provider: sign in with a device code or a browser, refresh and revoke sessions."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import httpx

from awesome_cli.errors import (
    AwesomeError,
    DeviceFlowUnavailableError,
    InvalidTokenError,
    NoMatchingKeyError,
    ProviderError,
    TokenNotCurrentError,
)
from awesome_cli.oauth.authorization_code import AuthorizationRequest, parse_code_exchange
from awesome_cli.oauth.device_grant import device_authorization_form, parse_device_authorization, poll_form
from awesome_cli.oauth.discovery import Metadata, discovery_url
from awesome_cli.oauth.id_token import IdToken, parse_stored_id_token, validate_id_token, validate_same_subject
from awesome_cli.oauth.jwks import Key
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import TokenResponse, parse_refresh, refresh_form, refresh_token_of
from awesome_cli.oauth.userinfo import parse_token_check, parse_userinfo
from awesome_cli.provider.approval import NO_OBSERVER, Deadline, PollObserver, SignInObserver
from awesome_cli.provider.cache import MetadataCache
from awesome_cli.provider.config import ClientConfig
from awesome_cli.provider.device_flow import DeviceFlow, poll
from awesome_cli.provider.http import open_client
from awesome_cli.provider.metadata import ProviderMetadata
from awesome_cli.provider.request import Connection, WaitObserver, describe_clock_error
from awesome_cli.provider.revocation import revoke_tokens
from awesome_cli.sessions.model import (
    RenewalUnverifiedError,
    Session,
    lacks_names,
    new_session,
    renewed_session,
    unverified_session,
)

CONNECT_TIMEOUT = 5.0  # seconds for TCP, and again for TLS; until then nothing is sent
REQUEST_TIMEOUT = 15.0  # seconds for a whole request: httpx limits each read, so a slow server could take any time
REFRESH_TIMEOUT = 90.0  # seconds; a refresh request that is given up may have used the refresh token up
VERIFIER_BYTES = 48  # random ones: 64 characters (RFC 7636 §4.1: 43 to 128)
REVOKE_TIMEOUT = 0.5  # seconds for revoking tokens that arrived just before a cancellation


class OidcClient:
    """A client of one issuer; :func:`oidc_client` opens one."""

    def __init__(self, connection: Connection, config: ClientConfig, cache: MetadataCache) -> None:
        self._config, self._connection = config, connection
        self._now, self._log = connection.now, connection.log
        self._metadata = ProviderMetadata(connection, config, cache)

    async def request_device_code(self, *, timeout: float | None = None) -> DeviceFlow:
        """Request a device code (RFC 8628 §3.1), to be approved within ``timeout`` seconds. Raises ProviderError."""
        config, verifier = self._config, secrets.token_urlsafe(VERIFIER_BYTES) if self._config.pkce else None
        endpoints = await self._fetch_endpoints()
        if (endpoint := endpoints.device_authorization_endpoint) is None:
            raise DeviceFlowUnavailableError(
                f"The provider {config.issuer} names no device_authorization_endpoint in its discovery document. If it"
                " has one, set it in the profile in config.toml."
            )
        shared = {"resource": config.resource, "code_verifier": verifier}
        form = device_authorization_form(
            config.client_id, scope=config.scope, audience=config.audience, parameters=config.parameters, **shared
        )
        response = await self._connection.request("POST", endpoint, form=form)
        device = parse_device_authorization(response, endpoint=endpoint)
        token_form = poll_form(config.client_id, device.device_code, **shared)
        deadline = Deadline(device.expires_in, timeout, self._now)
        return DeviceFlow(device, token_form=token_form, deadline=deadline, provider_digest=self._metadata.digest)

    async def poll_for_token(self, flow: DeviceFlow, observer: PollObserver = NO_OBSERVER) -> Session:
        """Wait for the approval and validate the tokens (RFC 8628 §3.4); tokens that are not valid are revoked.

        Raises AccessDeniedError, DeviceCodeExpiredError, ApprovalPendingError, ProviderError, InvalidTokenError.
        """
        endpoint = self._metadata.endpoints.need("token_endpoint")
        send = partial(self._connection.request, "POST", endpoint, form=flow.token_form)
        tokens = await poll(flow, send, now=self._now, log=self._log, observer=observer)
        return await self._new_session(tokens)

    async def resume(self, flow: DeviceFlow, observer: PollObserver) -> Session:
        """Wait for the approval of a code that another process requested. Raises what :meth:`poll_for_token` does."""
        await self._load(flow.provider_digest)
        return await self.poll_for_token(flow, observer)

    async def sign_in_with_browser(self, observer: SignInObserver, *, timeout: float | None) -> Session:
        """Sign in with the authorization code grant and a browser on this machine (RFC 8252).

        Raises AccessDeniedError, DeviceCodeExpiredError, ProviderError, InvalidTokenError.
        """
        from awesome_cli.provider.web_flow import TIMEOUT, redirect_listener  # a renewal needs neither

        config, endpoints = self._config, await self._fetch_endpoints()
        endpoint = endpoints.need("authorization_endpoint")
        async with redirect_listener(config.redirect_uri) as listener:
            request = AuthorizationRequest(
                client_id=config.client_id,
                redirect_uri=listener.redirect_uri,
                state=secrets.token_urlsafe(16),
                nonce=secrets.token_urlsafe(16),
                code_verifier=secrets.token_urlsafe(VERIFIER_BYTES),
                resource=config.resource,
            )
            url = request.url(endpoint, scope=config.scope, audience=config.audience, parameters=config.parameters)
            deadline = Deadline(TIMEOUT if timeout is None else timeout, None, self._now)
            observer.on_authorization(url, deadline)
            query = await listener.wait_for_response(deadline, observer)
            async with listener.answering():
                code = request.code_from(query, issuer=config.issuer, has_iss=endpoints.has_iss)
                endpoint, form = endpoints.need("token_endpoint"), request.token_form(code)
                response = await self._connection.request("POST", endpoint, form=form)
                return await self._new_session(parse_code_exchange(response), nonce=request.nonce)

    async def _fetch_endpoints(self) -> Metadata:
        """Fetch what a sign-in needs, before a person is asked for anything."""
        await self._metadata.fetch_discovery()
        await self._metadata.fetch_keys()
        self._metadata.endpoints.need("token_endpoint")
        return self._metadata.endpoints

    async def _new_session(self, tokens: TokenResponse, *, nonce: str | None = None) -> Session:
        """Validate the tokens of a sign-in; those that are not valid are revoked."""
        try:
            id_token = await self._validate(tokens, nonce=nonce, max_age=self._config.max_age)
            userinfo = await self._fetch_userinfo(tokens, id_token) if lacks_names(id_token.claims) else {}
            if self._connection.observer is not None:
                self._connection.observer.on_tokens()
            await anyio.lowlevel.checkpoint()  # a cancellation from before takes effect here; none comes from now on
        except Exception:
            await self._revoke_both(tokens.refresh_token, tokens.access_token)
            raise
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(REVOKE_TIMEOUT, shield=True):
                await self._revoke_both(tokens.refresh_token, tokens.access_token)
            raise
        return new_session(
            tokens,
            id_token,
            userinfo,
            client_id=self._config.client_id,
            scope=self._config.scope,
            audience=self._config.audience,
            provider_digest=self._metadata.digest,
            now=self._now(),
        )

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

    async def _fetch_userinfo(self, tokens: TokenResponse, id_token: IdToken) -> dict[str, Any]:
        """Return the userinfo claims, or none: a failure does not fail the sign-in."""
        url = self._metadata.endpoints.userinfo_endpoint
        if url is None:
            return {}
        try:
            response = await self._connection.request("GET", url, token=tokens.access_token)
        except ProviderError as error:
            self._log(error.message)
            return {}
        return parse_userinfo(response, sub=id_token.sub)

    async def _revoke_both(self, refresh_token: str | None, access_token: str) -> bool:
        return await revoke_tokens(
            self._connection,
            self._metadata,
            client_id=self._config.client_id,
            refresh_token=refresh_token,
            access_token=access_token,
        )


@asynccontextmanager
async def oidc_client(
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
) -> AsyncIterator[OidcClient]:
    """Open a client; ``transport`` replaces the network in tests."""
    async with open_client(transport, httpx.Timeout(None, connect=CONNECT_TIMEOUT), environ, user_agent) as http:
        connection = Connection(http=http, now=now, log=log, observer=observer, request_timeout=request_timeout)
        try:
            yield OidcClient(connection, config, cache)
        except AwesomeError as error:
            error.is_auth0 = config.is_auth0
            raise
