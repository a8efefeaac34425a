"""The conversation with one OpenID provider: sign in, renew, sign out. Network and waiting, and nothing else."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import anyio
import httpx

from awesome_cli.errors import AwesomeError, CodeExpired, ProviderUnreachable, ProviderUnusable, TokenInvalid
from awesome_cli.oauth.device_authorization import (
    DeviceAuthorization,
    Pace,
    device_authorization_form,
    parse_device_authorization,
    parse_poll,
    poll_form,
)
from awesome_cli.oauth.id_token import (
    IdToken,
    NoKeyFits,
    WrongTime,
    kept_id_token,
    parse_jwks,
    verify_id_token,
    verify_same_person,
)
from awesome_cli.oauth.metadata import Metadata, discovery_url, parse_metadata
from awesome_cli.oauth.reply import Reply
from awesome_cli.oauth.revocation import parse_revocation, revocation_form
from awesome_cli.oauth.token import TokenResponse, is_passing, parse_refresh, refresh_form
from awesome_cli.oauth.userinfo import parse_userinfo
from awesome_cli.session import Session, lacks_names, open_session, renewed_session
from awesome_cli.text import safe

REQUEST_DEADLINE = 15.0  # seconds for one whole request; httpx limits each phase, and a dripping server none
LONGEST_BODY = 1024 * 1024  # bytes
CLOCK_TOLERANCE = 60.0  # seconds


class Memory(Protocol):
    """Where a discovery document and the keys wait for the next renewal."""

    def load(self, issuer: str, *, expected: str, now: float) -> dict[str, Any] | None:
        """Return the document of that digest, or None."""

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str:
        """Keep the document and return its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks which issuer for what: a public client (RFC 8252 §8.4), known by its id alone."""

    issuer: str
    client_id: str
    scope: str
    audience: str | None = None
    resource: str | None = None
    pkce: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """One issuer as one client sees it, while a conversation lasts; :func:`conversation` begins one."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        client: Client,
        *,
        memory: Memory,
        now: Callable[[], float],
        detail: Callable[[str], None],
    ) -> None:
        self._http = http
        self._client = client
        self._memory = memory
        self._now = now
        self._detail = detail
        self._provider_digest = ""
        self._clock_error: float | None = None

    async def sign_in(self, show: Callable[[DeviceAuthorization], None], *, patience: float | None = None) -> Session:
        """Get a code, ``show`` it, wait for the person, and believe what comes (RFC 8628).

        ``patience``: seconds to wait at most, if less than the code lives.
        Raises SignInDenied, CodeExpired, ProviderUnusable, TokenInvalid.
        """
        client = self._client
        verifier = secrets.token_urlsafe(48) if client.pkce else None  # RFC 7636 §4.1: 43 to 128 characters
        document = await self._fetch_document()
        metadata = self._metadata(document)
        form = device_authorization_form(
            client.client_id,
            scope=client.scope,
            audience=client.audience,
            resource=client.resource,
            code_verifier=verifier,
        )
        device_endpoint = metadata.need("device_authorization_endpoint")
        token_endpoint = metadata.need("token_endpoint")
        device = parse_device_authorization(await self._ask("POST", device_endpoint, form=form))
        waiting = _Waiting(device.expires_in, patience, self._now)
        show(device)
        tokens = await self._poll(
            token_endpoint,
            poll_form(client.client_id, device.device_code, code_verifier=verifier, resource=client.resource),
            Pace.start(device.interval),
            waiting,
        )
        try:
            id_token = await self._believe(tokens, document)
            claims = await self._userinfo(metadata, tokens, id_token) if lacks_names(id_token.claims) else {}
        except AwesomeError:
            await self._revoke_both(metadata, tokens.refresh_token, tokens.access_token)
            raise
        return open_session(
            tokens,
            id_token,
            claims,
            client_id=client.client_id,
            scope=client.scope,
            audience=client.audience,
            provider_digest=self._provider_digest,
            now=self._now(),
        )

    async def renew(self, session: Session) -> Session:
        """Trade the refresh token for new tokens (RFC 6749 §6): one request, while the memory is good.

        Raises GrantEnded, if the refresh token is dead; ProviderUnusable or TokenInvalid otherwise.
        """
        document = self._remembered(session) or await self._fetch_document()
        form = refresh_form(self._client.client_id, session.refresh_token or "", resource=self._client.resource)
        tokens = parse_refresh(await self._ask("POST", self._metadata(document).need("token_endpoint"), form=form))
        old = kept_id_token(session.id_token)
        new = None
        if tokens.id_token is not None:
            new = await self._believe(tokens, document)
            verify_same_person(new, old)
        return renewed_session(
            session,
            tokens,
            old_id_token=old,
            new_id_token=new,
            provider_digest=self._provider_digest,
            now=self._now(),
        )

    async def sign_out(self, session: Session) -> bool:
        """Revoke the refresh token, then the access token (RFC 7009 §2.1); say whether the first is surely dead.

        Raises ProviderUnusable, if the provider cannot be asked.
        """
        document = self._remembered(session) or {"discovery": await self._fetch_discovery()}
        return await self._revoke_both(self._metadata(document), session.refresh_token, session.access_token)

    def _metadata(self, document: Mapping[str, Any]) -> Metadata:
        return parse_metadata(document["discovery"], issuer=self._client.issuer, overrides=self._client.endpoints)

    def _remembered(self, session: Session) -> dict[str, Any] | None:
        self._provider_digest = session.provider_digest
        return self._memory.load(self._client.issuer, expected=session.provider_digest, now=self._now())

    async def _fetch_document(self) -> dict[str, Any]:
        """Fetch discovery and keys, and remember them."""
        discovery = await self._fetch_discovery()
        jwks_uri = self._metadata({"discovery": discovery}).need("jwks_uri")
        document = {"discovery": discovery, "keys": parse_jwks(await self._ask("GET", jwks_uri))}
        self._provider_digest = self._memory.save(self._client.issuer, document, now=self._now())
        return document

    async def _fetch_discovery(self) -> dict[str, Any] | None:
        reply = await self._ask("GET", discovery_url(self._client.issuer))
        if not reply.ok:
            kind = ProviderUnreachable if is_passing(reply) else ProviderUnusable
            raise kind(
                f"There is no discovery document at {self._client.issuer} (HTTP status {reply.status}).",
                hint="Check the issuer (or domain), or try again in a moment.",
            )
        return reply.json()

    async def _poll(self, token_endpoint: str, form: Mapping[str, str], pace: Pace, waiting: _Waiting) -> TokenResponse:
        """Ask at the given pace until there is an answer or the time is over (RFC 8628 §3.5)."""
        with anyio.move_on_after(waiting.seconds):
            while True:
                await anyio.sleep(min(pace.wait, waiting.remaining))
                if waiting.over:
                    break
                try:
                    reply = await self._ask("POST", token_endpoint, form=form)
                except ProviderUnreachable as error:
                    self._detail(f"{error.sentence} Polling goes on.")
                    pace = pace.after_silence()
                    continue
                answer = parse_poll(reply, now=self._now())
                if isinstance(answer, TokenResponse):
                    return answer
                pace = pace.after(answer)
        raise waiting.end(answered=pace.answered is not False)

    async def _believe(self, tokens: TokenResponse, document: dict[str, Any]) -> IdToken:
        """Verify the ID token; an unknown key means that the provider has newer ones, once."""
        if tokens.id_token is None:
            raise TokenInvalid(
                "The provider sent no ID token.",
                hint="Is it an OpenID provider, and openid among the scopes?",
            )
        try:
            return self._verify(tokens.id_token, tokens, document)
        except NoKeyFits:
            return self._verify(tokens.id_token, tokens, await self._fetch_keys_again(document))

    async def _fetch_keys_again(self, document: dict[str, Any]) -> dict[str, Any]:
        reply = await self._ask("GET", self._metadata(document).need("jwks_uri"))
        document = {**document, "keys": parse_jwks(reply)}
        self._provider_digest = self._memory.save(self._client.issuer, document, now=self._now())
        return document

    def _verify(self, encoded: str, tokens: TokenResponse, document: Mapping[str, Any]) -> IdToken:
        try:
            return verify_id_token(
                encoded,
                document["keys"],
                issuer=self._client.issuer,
                client_id=self._client.client_id,
                access_token=tokens.access_token,
                now=self._now(),
            )
        except WrongTime as error:
            raise TokenInvalid(error.sentence, hint=self._about_the_clock() or error.hint) from error

    def _about_the_clock(self) -> str:
        if self._clock_error is None or abs(self._clock_error) <= CLOCK_TOLERANCE:
            return ""
        minutes, way = round(abs(self._clock_error) / 60), "ahead" if self._clock_error > 0 else "behind"
        return f"Your clock is {max(minutes, 1)} min {way} of the provider's. Set it right and sign in again."

    async def _userinfo(self, metadata: Metadata, tokens: TokenResponse, id_token: IdToken) -> dict[str, Any]:
        """Ask once who signed in; failing to learn it never fails a login."""
        if metadata.userinfo_endpoint is None:
            return {}
        try:
            reply = await self._ask("GET", metadata.userinfo_endpoint, token=tokens.access_token)
        except ProviderUnusable as error:
            self._detail(error.sentence)
            return {}
        return parse_userinfo(reply, sub=id_token.sub)

    async def _revoke_both(self, metadata: Metadata, refresh_token: str | None, access_token: str) -> bool:
        endpoint = metadata.revocation_endpoint
        if endpoint is None:
            return refresh_token is None
        confirmed = True
        if refresh_token is not None:
            confirmed = await self._revoke(endpoint, refresh_token, "refresh_token")
        await self._revoke(endpoint, access_token, "access_token")  # many providers let it live on otherwise
        return confirmed

    async def _revoke(self, endpoint: str, token: str, hint: str) -> bool:
        form = revocation_form(self._client.client_id, token, token_type_hint=hint)
        try:
            return parse_revocation(await self._ask("POST", endpoint, form=form))
        except ProviderUnusable as error:
            self._detail(error.sentence)
            return False

    async def _ask(
        self, method: str, url: str, *, form: Mapping[str, str] | None = None, token: str | None = None
    ) -> Reply:
        """Send one request and read its reply, bounded in size and time. Raises ProviderUnreachable."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}  # RFC 6750 §2.1
        sent_at = self._now()
        try:
            with anyio.fail_after(REQUEST_DEADLINE):
                async with self._http.stream(method, url, data=form, headers=headers) as response:
                    reply = Reply(response.status_code, await _body(response), _headers(response))
        except TimeoutError as error:
            raise _unreachable(url, f"no complete answer within {REQUEST_DEADLINE:.0f} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _unreachable(url, _reason(error)) from error
        self._detail(f"{method} {url.partition('?')[0]}: HTTP status {reply.status}")
        with suppress(KeyError, ValueError, OverflowError):
            self._clock_error = sent_at - parsedate_to_datetime(reply.headers["date"]).timestamp()
        return reply


@asynccontextmanager
async def conversation(
    client: Client,
    *,
    memory: Memory,
    transport: httpx.AsyncBaseTransport | None,
    now: Callable[[], float],
    detail: Callable[[str], None],
) -> AsyncIterator[Provider]:
    """Begin a conversation with the client's issuer; ``transport`` replaces the network in tests."""
    async with httpx.AsyncClient(
        transport=transport,
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "awesome-cli"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,  # a redirect would carry secrets to where nobody agreed to send them
        timeout=REQUEST_DEADLINE,
    ) as http:
        yield Provider(http, client, memory=memory, now=now, detail=detail)


class _Waiting:
    """How long a code is waited for, on two clocks: one stops while a laptop sleeps, one may be set."""

    def __init__(self, expires_in: float, patience: float | None, now: Callable[[], float]) -> None:
        self._cut_short = patience is not None and patience < expires_in
        self.seconds = expires_in if patience is None else min(patience, expires_in)
        self._now = now
        self._ends_at = now() + self.seconds
        self._ends_on_the_monotonic_clock = anyio.current_time() + self.seconds

    @property
    def remaining(self) -> float:
        """Seconds until either clock says that it is over."""
        monotonic = self._ends_on_the_monotonic_clock - anyio.current_time()
        return max(0.0, min(self._ends_at - self._now(), monotonic))

    @property
    def over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.remaining <= 0

    def end(self, *, answered: bool) -> AwesomeError:
        """Say why the waiting ended without an approval."""
        if not answered:
            return ProviderUnreachable(
                "The provider never gave a proper answer while awesome waited for your approval.",
                hint="Check the network and the provider, and start again with: awesome login",
            )
        if self._cut_short:
            return CodeExpired(
                f"Nobody approved the code within {self.seconds:g} seconds.",
                hint="Get a new one with: awesome login (--timeout sets how long it waits)",
                code="timeout",
            )
        return CodeExpired("The code expired before anyone approved it.", hint="Get a new one with: awesome login")


async def _body(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ValueError("compressed although it was asked not to be")  # a small bomb grows large
    body = bytearray()
    async for chunk in response.aiter_raw():  # iter_bytes(n) would wait for n bytes of a dripping server
        body += chunk
        if len(body) > LONGEST_BODY:
            raise ValueError(f"longer than {LONGEST_BODY // 1024} KiB")
    return bytes(body)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _HEADERS if name in response.headers}


_HEADERS = ("date", "retry-after", "x-ratelimit-reset")  # what the rules look at


def _reason(error: Exception) -> str:
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not trusted ({safe(cause.verify_message)})"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return safe(str(error)) or type(error).__name__


def _unreachable(url: str, reason: str) -> ProviderUnreachable:
    return ProviderUnreachable(
        f"{urlsplit(url).netloc} cannot be used: {reason}.",
        hint="Check the network, the proxy settings and the issuer. SSL_CERT_FILE adds a private authority.",
    )
