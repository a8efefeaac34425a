"""Sign in at one provider, with a device code or a browser on this machine."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel

from awesome_cli.errors import DeviceFlowUnavailableError, ProviderError
from awesome_cli.oauth.authorization_code import AuthorizationRequest, parse_code_exchange
from awesome_cli.oauth.device_grant import device_authorization_form, parse_device_authorization, poll_form
from awesome_cli.oauth.discovery import Metadata
from awesome_cli.oauth.id_token import IdToken
from awesome_cli.oauth.token import TokenResponse
from awesome_cli.oauth.userinfo import parse_userinfo
from awesome_cli.provider.approval import NO_OBSERVER, Deadline, PollObserver, SignInObserver
from awesome_cli.provider.client import OidcClient
from awesome_cli.provider.device_flow import DeviceFlow, poll
from awesome_cli.sessions.model import Session, lacks_names, new_session

VERIFIER_BYTES = 48  # random ones: 64 characters (RFC 7636 §4.1: 43 to 128)
REVOKE_TIMEOUT = 0.5  # seconds for revoking tokens that arrived just before a cancellation


class SignInClient(OidcClient):
    """A client that can also sign in. It has a module of its own, because a renewal needs nothing that this imports."""

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
        from awesome_cli.provider.web_flow import TIMEOUT, redirect_listener  # the device flow needs neither

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
