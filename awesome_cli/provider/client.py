"""The conversation with one OpenID provider: sign in, renew, sign out. Network and waiting, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import anyio
import httpx

from awesome_cli.errors import (
    AwesomeError,
    ConnectionFailedError,
    DeviceCodeExpiredError,
    InvalidTokenError,
    MissingSettingError,
    NoMatchingKeyError,
    ProviderError,
    ProviderUnreachableError,
    TokenNotCurrentError,
)
from awesome_cli.oauth.device_grant import (
    DeviceAuthorization,
    PollingSchedule,
    device_authorization_form,
    device_code_expired,
    parse_device_authorization,
    parse_poll,
    poll_form,
)
from awesome_cli.oauth.discovery import ENDPOINTS, Metadata, discovery_url, parse_metadata
from awesome_cli.oauth.id_token import (
    IdToken,
    Key,
    parse_jwks,
    parse_stored_id_token,
    validate_id_token,
    validate_same_subject,
)
from awesome_cli.oauth.response import Response, http_date
from awesome_cli.oauth.revocation import parse_revocation, revocation_form
from awesome_cli.oauth.token import (
    TokenResponse,
    is_transient,
    is_wrong_endpoint,
    parse_refresh,
    refresh_form,
    refresh_token_of,
)
from awesome_cli.oauth.userinfo import parse_token_check, parse_userinfo
from awesome_cli.provider.http import TROUBLE, UnacceptableResponseError, open_client, unreachable
from awesome_cli.sessions.model import (
    INTERRUPTED_TIMEOUT,
    RenewalUnverifiedError,
    Session,
    User,
    lacks_names,
    open_session,
    renewed_session,
    unverified_session,
)
from awesome_cli.settings.profile import Profile

CONNECT_TIMEOUT = 5.0  # seconds until a connection is there, and again for TLS; until then nothing is sent
REQUEST_TIMEOUT = 15.0  # seconds for one whole request; httpx limits each phase, and a dripping server none
REFRESH_TIMEOUT = 90.0  # seconds for a refresh request: whoever gives it up may have spent the refresh token
LONGEST_BODY = 1024 * 1024  # bytes
LONGEST_NAP = 0.5  # seconds between two looks at the clocks, and at signals that came too late to wake us
LAST_WORDS = 0.5  # seconds for revoking tokens that came just before somebody gave up
CLOCK_TOLERANCE = 60.0  # seconds


class Waiting(Protocol):
    """Whoever waits for the provider's answers, and may want to know, or to hurry."""

    def passed(self, seconds: float) -> None:
        """Learn, twice a second, for how long the present request has been going on."""

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody has asked the program to end."""


class NoWaiting:
    """Somebody who does not mind."""

    is_interrupted = False

    def passed(self, seconds: float) -> None:
        """Do nothing."""


class MetadataCache(Protocol):
    """Where a discovery document and the keys wait for the next renewal."""

    def load(self, issuer: str, *, expected: str, now: float) -> dict[str, Any] | None:
        """Return the document of that digest, or None."""

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str:
        """Keep the document and return its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """Who asks which issuer for what: a public client (RFC 8252 §8.4), known by its id alone."""

    issuer: str
    client_id: str
    scope: str
    audience: str | None = None
    resource: str | None = None
    pkce: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    discovery: Mapping[str, Any] | None = None  # the provider's metadata, where it need not be fetched

    @classmethod
    def from_settings(cls, settings: Profile, stored: User | None) -> ClientConfig:
        """Return the client that the settings describe; what they leave open is as in the stored session.

        Raises MissingSettingError, if issuer or client id is missing.
        """
        issuer = settings.issuer or (stored and stored.issuer)
        client_id = settings.client_id or (stored and stored.client_id)
        if not issuer or not client_id:
            raise MissingSettingError(f"The {'client id' if issuer else 'issuer'} is not set.")
        return cls(
            issuer=issuer,
            client_id=client_id,
            scope=settings.scope,
            audience=settings.audience,
            resource=settings.resource_indicator,
            pkce=settings.pkce,
            endpoints=settings.endpoints,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFlow:
    """A code that was asked for and waits for its person, with all that finishing the sign-in takes."""

    device: DeviceAuthorization
    document: Mapping[str, Any] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    waiting: _Waiting


class OidcClient:
    """One issuer as one client sees it, while a conversation lasts; :func:`conversation` begins one."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        client: ClientConfig,
        *,
        cache: MetadataCache,
        now: Callable[[], float],
        detail: Callable[[str], None],
        waiting: Waiting,
        request_timeout: float,
    ) -> None:
        self._http = http
        self._client = client
        self._cache = cache
        self._now = now
        self._detail = detail
        self._waiting = waiting
        self._request_timeout = request_timeout
        self._provider_digest = ""
        self._is_cached = False  # whether the document at hand was fetched by an earlier command
        self._clock_error = 0.0

    async def sign_in(self, show: Callable[[DeviceAuthorization], None], *, timeout: float | None = None) -> Session:
        """Get a code, ``show`` it, wait for the person, and believe what comes (RFC 8628).

        ``timeout``: seconds to wait at most, if less than the code lives.
        Raises SignInDenied, CodeExpired, ProviderUnusable, TokenInvalid.
        """
        begun = await self.begin(timeout=timeout)
        show(begun.device)
        return await self.finish(begun)

    async def begin(self, *, timeout: float | None = None) -> DeviceFlow:
        """Get a code (RFC 8628 §3.1); the time that it lives starts here. Raises ProviderUnusable."""
        client = self._client
        verifier = secrets.token_urlsafe(48) if client.pkce else None  # RFC 7636 §4.1: 43 to 128 characters
        document = await self._fetch_document()
        metadata = self._metadata(document)
        metadata.need("token_endpoint")
        form = device_authorization_form(
            client.client_id,
            scope=client.scope,
            audience=client.audience,
            resource=client.resource,
            code_verifier=verifier,
        )
        endpoint = metadata.need("device_authorization_endpoint")
        device = parse_device_authorization(await self._ask("POST", endpoint, form=form), endpoint=endpoint)
        return DeviceFlow(
            device=device,
            document=document,
            form=poll_form(client.client_id, device.device_code, code_verifier=verifier, resource=client.resource),
            waiting=_Waiting(device.expires_in, timeout, self._now),
        )

    async def finish(self, begun: DeviceFlow) -> Session:
        """Wait for the person, and believe what comes (RFC 8628 §3.4).

        Raises SignInDenied, CodeExpired, ProviderUnusable, TokenInvalid.
        """
        metadata, client = self._metadata(begun.document), self._client
        schedule = PollingSchedule.start(begun.device.interval)
        tokens = await self._poll(metadata.need("token_endpoint"), begun.form, schedule, begun.waiting)
        try:
            id_token = await self._validate(tokens, begun.document)
            claims = await self._userinfo(metadata, tokens, id_token) if lacks_names(id_token.claims) else {}
        except Exception:
            await self._revoke_both(begun.document, tokens.refresh_token, tokens.access_token)
            raise
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(LAST_WORDS, shield=True):
                await self._revoke_both(begun.document, tokens.refresh_token, tokens.access_token)
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

        Raises GrantEnded, if the refresh token is dead; ProviderUnusable, if no new tokens came;
        RenewalUnverifiedError, if they came with an ID token that cannot be verified, or if of them only the refresh
        token can be used; TokenInvalid, if they are another person's, and were revoked.
        """
        old = parse_stored_id_token(session.id_token)
        form = refresh_form(self._client.client_id, session.refresh_token or "", resource=self._client.resource)
        document, response = await self._ask_at(
            self._cached(session) or await self._fetch_document(),
            "token_endpoint",
            lambda url: self._ask("POST", url, form=form, limit=REFRESH_TIMEOUT),
        )
        try:
            tokens = parse_refresh(response)
        except ProviderError as error:
            if (refresh_token := refresh_token_of(response)) is None:
                raise
            raise RenewalUnverifiedError(unverified_session(session, refresh_token), error) from error
        new = await self._renewed_id_token(session, old, tokens, document)
        return renewed_session(
            session,
            tokens,
            old_id_token=old,
            new_id_token=new,
            provider_digest=self._provider_digest,
            now=self._now(),
        )

    async def _renewed_id_token(
        self, session: Session, old: IdToken, tokens: TokenResponse, document: Mapping[str, Any]
    ) -> IdToken | None:
        if tokens.id_token is None:
            return None
        try:
            try:
                new = await self._validate(tokens, document)
            except ProviderError:
                # Keys that cannot be fetched leave us as if no ID token had come, which OIDC Core §12.2 allows; but
                # for one that claims to be about somebody else.
                validate_same_subject(parse_stored_id_token(tokens.id_token), old)
                return None
        except Exception as error:
            raise RenewalUnverifiedError(unverified_session(session, tokens.refresh_token), error) from error
        try:
            validate_same_subject(new, old)
        except InvalidTokenError:
            await self._revoke_both(document, tokens.refresh_token, tokens.access_token)
            raise
        return new

    async def sign_out(self, session: Session, *, refresh_token: bool = True) -> bool:
        """Revoke the refresh token, then the access token (RFC 7009 §2.1); say whether the first is surely dead.

        Without ``refresh_token`` the access token alone. Raises ProviderUnusable, if the provider cannot be asked.
        """
        document = self._cached(session) or {"discovery": await self._fetch_discovery()}
        return await self._revoke_both(document, session.refresh_token if refresh_token else None, session.access_token)

    async def is_token_accepted(self, session: Session) -> bool:
        """Ask whether the provider still takes the session's access token (OIDC Core §5.3).

        Raises ProviderUnusable, if it says neither yes nor no; TokenInvalid, if it speaks of somebody else.
        """
        _, response = await self._ask_at(
            self._cached(session) or {"discovery": await self._fetch_discovery()},
            "userinfo_endpoint",
            lambda url: self._ask("GET", url, token=session.access_token),
        )
        return parse_token_check(response, sub=parse_stored_id_token(session.id_token).sub)

    async def request_discovery(self) -> Response:
        """Return the issuer's answer to a request for its discovery document, whatever it is.

        Raises ProviderUnreachable, if none comes.
        """
        return await self._ask("GET", discovery_url(self._client.issuer))

    async def metadata(self) -> Metadata:
        """Fetch where the issuer's endpoints are. Raises ProviderUnusable."""
        return self._metadata({"discovery": await self._fetch_discovery()})

    async def keys(self, metadata: Metadata) -> list[Key]:
        """Fetch the issuer's keys. Raises ProviderUnusable."""
        return parse_jwks(await self._fetch("set of keys", metadata.need("jwks_uri")))

    def _metadata(self, document: Mapping[str, Any]) -> Metadata:
        return parse_metadata(document["discovery"], issuer=self._client.issuer, overrides=self._client.endpoints)

    def _cached(self, session: Session) -> dict[str, Any] | None:
        self._provider_digest = session.provider_digest
        document = self._cache.load(self._client.issuer, expected=session.provider_digest, now=self._now())
        self._is_cached = document is not None
        return document

    async def _fetch_document(self) -> dict[str, Any]:
        """Fetch discovery and keys, and remember them."""
        return await self._with_keys({"discovery": await self._fetch_discovery()})

    async def _with_keys(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document with the keys as they are now, and remember it."""
        document = {**document, "keys": await self.keys(self._metadata(document))}
        self._provider_digest = self._cache.save(self._client.issuer, document, now=self._now())
        return document

    async def _moved(self, document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
        """Return the document with discovery as it is now, if that names another endpoint."""
        try:
            moved = {**document, "discovery": await self._fetch_discovery()}
            if self._metadata(moved).need(name) == self._metadata(document).need(name):
                return None
        except ProviderError as error:
            self._detail(error.message)
            return None
        self._provider_digest = self._cache.save(self._client.issuer, moved, now=self._now())
        return moved

    async def _fetch_discovery(self) -> Mapping[str, Any] | None:
        self._is_cached = False
        if self._client.discovery is not None:
            return self._client.discovery
        response = await self._fetch("discovery document", discovery_url(self._client.issuer))
        if not response.ok:
            raise ProviderError(
                f"There is no discovery document at {self._client.issuer} (HTTP status {response.status}).",
                hint="Check the issuer (or domain), or try again in a moment.",
            )
        document = (
            response.json()
        )  # only what we use is looked at and remembered: the rest may be huge, or nested deeply
        return document and {name: document.get(name) for name in ("issuer", *ENDPOINTS)}

    async def _fetch(self, what: str, url: str) -> Response:
        """Fetch a document. A captive portal's page, or an error that may pass, is no opinion of the provider's."""
        response = await self._ask("GET", url)
        if is_transient(response):
            kind = "a JSON object" if response.json() is not None else "not a JSON object"
            raise ProviderUnreachableError(
                f"There is no {what} at {url.partition('?')[0]} (HTTP status {response.status}, {kind}).",
                hint="Check the network and the issuer (or domain), or try again in a moment.",
            )
        return response

    async def _poll(
        self, token_endpoint: str, form: Mapping[str, str], schedule: PollingSchedule, waiting: _Waiting
    ) -> TokenResponse:
        """Ask at the given pace until there is an answer or the time is over (RFC 8628 §3.5)."""
        asked = False
        with anyio.CancelScope(deadline=waiting.ends_on_the_monotonic_clock):  # a poll that hangs is cut there
            while await waiting.lasts(schedule.wait):
                asked = True
                try:
                    response = await self._ask("POST", token_endpoint, form=form)
                except ProviderUnreachableError as error:
                    self._detail(f"{error.message} Polling goes on.")
                    schedule = schedule.after_connection_failure()
                    continue
                answer = parse_poll(response, now=self._now())
                if isinstance(answer, TokenResponse):
                    return answer
                schedule = schedule.after(answer)
        raise waiting.end(answered=schedule.answered or not asked)

    async def _validate(self, tokens: TokenResponse, document: Mapping[str, Any]) -> IdToken:
        """Verify the ID token; an unknown key means that the provider has newer ones, once."""
        if tokens.id_token is None:
            raise InvalidTokenError(
                "The provider sent no ID token.",
                hint="Is it an OpenID provider, and openid among the scopes?",
            )
        try:
            return self._verify(tokens.id_token, tokens, document)
        except NoMatchingKeyError:
            return self._verify(tokens.id_token, tokens, await self._with_keys(document))

    def _verify(self, encoded: str, tokens: TokenResponse, document: Mapping[str, Any]) -> IdToken:
        try:
            return validate_id_token(
                encoded,
                document["keys"],
                issuer=self._client.issuer,
                client_id=self._client.client_id,
                access_token=tokens.access_token,
                now=self._now(),
            )
        except TokenNotCurrentError as error:
            clock = about_the_clock(self._clock_error)
            hint = f"{clock} Set it right and try again." if clock else ""
            raise InvalidTokenError(error.message, hint=hint) from error

    async def _userinfo(self, metadata: Metadata, tokens: TokenResponse, id_token: IdToken) -> dict[str, Any]:
        """Ask once who signed in; failing to learn it never fails a login."""
        if metadata.userinfo_endpoint is None:
            return {}
        try:
            response = await self._ask("GET", metadata.userinfo_endpoint, token=tokens.access_token)
        except ProviderError as error:
            self._detail(error.message)
            return {}
        return parse_userinfo(response, sub=id_token.sub)

    async def _revoke_both(self, document: Mapping[str, Any], refresh_token: str | None, access_token: str) -> bool:
        if self._metadata(document).revocation_endpoint is None:
            return refresh_token is None
        confirmed = True
        if refresh_token is not None:
            document, confirmed = await self._revoke(document, refresh_token, "refresh_token")
        await self._revoke(document, access_token, "access_token")  # many providers let it live on otherwise
        return confirmed

    async def _revoke(self, document: Mapping[str, Any], token: str, hint: str) -> tuple[Mapping[str, Any], bool]:
        form = revocation_form(self._client.client_id, token, token_type_hint=hint)
        try:
            document, response = await self._ask_at(
                document, "revocation_endpoint", lambda url: self._ask("POST", url, form=form)
            )
        except ProviderError as error:
            self._detail(error.message)
            return document, False
        return document, parse_revocation(response)

    async def _ask_at(
        self, document: Mapping[str, Any], name: str, ask: Callable[[str], Awaitable[Response]]
    ) -> tuple[Mapping[str, Any], Response]:
        """Ask at an endpoint of the document, and return the document that the reply came by.

        Where a remembered document no longer leads to the provider, discovery is fetched anew, and its endpoint is
        asked once, if it is another. A request that may have arrived is not made again.
        """
        outcome: Response | ConnectionFailedError
        try:
            outcome = await ask(self._metadata(document).need(name))
        except ConnectionFailedError as error:
            outcome = error
        leads_astray = not isinstance(outcome, Response) or is_wrong_endpoint(outcome)
        moved = await self._moved(document, name) if self._is_cached and leads_astray else None
        if moved is not None:
            return moved, await ask(self._metadata(moved).need(name))
        if not isinstance(outcome, Response):
            raise outcome
        return document, outcome

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        token: str | None = None,
        limit: float | None = None,
    ) -> Response:
        """Send one request and read its reply, bounded in size and time. Raises ProviderUnreachable."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}  # RFC 6750 §2.1

        async def conversation() -> Response:
            async with self._http.stream(method, url, data=form, headers=headers) as response:
                body, secrets = await _body(response), _secrets(form or {}, token)
                return Response(response.status_code, body, _headers(response), secrets)

        sent_at = self._now()
        try:
            response = await self._within(limit or self._request_timeout, conversation)
        except TROUBLE as error:
            raise unreachable(urlsplit(url).netloc, error, check="issuer") from None
        self._detail(f"{method} {url.partition('?')[0]}: HTTP status {response.status}")
        provider_now = http_date(response.headers.get("date", ""))
        if provider_now is not None:
            self._clock_error = sent_at - provider_now
        return response

    async def _within(self, seconds: float, work: Callable[[], Awaitable[Response]]) -> Response:
        """Do ``work``; raise TimeoutError, if it takes longer.

        The time is counted in naps instead of read from a clock: a process that was stopped and goes on takes the
        answer that came meanwhile, in place of finding its time over.
        """
        outcome: Response | Exception = TimeoutError()
        async with anyio.create_task_group() as group:

            async def count() -> None:
                passed, ends, interrupted = 0.0, seconds, False
                while passed < ends:
                    await anyio.sleep(min(LONGEST_NAP, ends - passed))
                    passed += LONGEST_NAP
                    self._waiting.passed(passed)
                    if self._waiting.is_interrupted and not interrupted:
                        interrupted, ends = True, min(ends, passed + INTERRUPTED_TIMEOUT)
                group.cancel_scope.cancel()

            group.start_soon(count)
            try:
                outcome = await work()
            except Exception as error:  # noqa: BLE001 - raised outside of the group, which would wrap it
                outcome = error
            group.cancel_scope.cancel()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@asynccontextmanager
async def conversation(
    client: ClientConfig,
    *,
    cache: MetadataCache,
    transport: httpx.AsyncBaseTransport | None,
    now: Callable[[], float],
    detail: Callable[[str], None],
    environ: Mapping[str, str],
    user_agent: str = "",
    waiting: Waiting | None = None,
    request_timeout: float = REQUEST_TIMEOUT,
) -> AsyncIterator[OidcClient]:
    """Begin a conversation with the client's issuer; ``transport`` replaces the network in tests."""
    async with open_client(transport, httpx.Timeout(None, connect=CONNECT_TIMEOUT), environ, user_agent) as http:
        yield OidcClient(
            http,
            client,
            cache=cache,
            now=now,
            detail=detail,
            waiting=waiting or NoWaiting(),
            request_timeout=request_timeout,
        )


def about_the_clock(error: float) -> str:
    """Say how far this machine's clock is from the provider's, ``error`` seconds ahead; nothing, if it hardly is."""
    if abs(error) <= CLOCK_TOLERANCE:
        return ""
    return f"Your clock is {abs(error) / 60:.0f} min {'ahead of' if error > 0 else 'behind'} the provider's."


class _Waiting:
    """How long a code is waited for, on two clocks: one stops while a laptop sleeps, one may be set."""

    def __init__(self, expires_in: float, timeout: float | None, now: Callable[[], float]) -> None:
        self._cut_short = timeout is not None and timeout < expires_in
        self.seconds = expires_in if timeout is None else min(timeout, expires_in)
        self._now = now
        self._ends_at = now() + self.seconds
        self.ends_on_the_monotonic_clock = anyio.current_time() + self.seconds

    async def lasts(self, pause: float) -> bool:
        """Sleep ``pause`` seconds; False as soon as the wall clock says that it is over.

        It sleeps in naps: nothing else would notice that the wall clock went on while a laptop was asleep.
        """
        wakes_at = anyio.current_time() + pause
        while (remaining := self._ends_at - self._now()) > 0 and (left := wakes_at - anyio.current_time()) > 0:  # noqa: ASYNC110 - clocks send no event
            await anyio.sleep(min(left, remaining, LONGEST_NAP))
        return remaining > 0

    def end(self, *, answered: bool) -> AwesomeError:
        """Say why the waiting ended without an approval."""
        if not answered:
            return ProviderUnreachableError(
                "The provider never gave a proper answer while your approval was waited for.",
                hint="Check the network and the provider, and sign in again.",
            )
        if self._cut_short:
            return DeviceCodeExpiredError(
                f"Nobody approved the code within {self.seconds:g} s.",
                code="timeout",
            )
        return device_code_expired()


async def _body(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "").lower() not in ("", "identity"):
        raise UnacceptableResponseError(
            "its answer is compressed although it was asked not to be"
        )  # a small bomb grows large
    body = bytearray()
    async for chunk in response.aiter_raw():  # iter_bytes(n) would wait for n bytes of a dripping server
        body += chunk
        if len(body) > LONGEST_BODY:
            raise UnacceptableResponseError(f"its answer is longer than {LONGEST_BODY // 1024} KiB")
    return bytes(body)


def _secrets(form: Mapping[str, str], token: str | None) -> list[str]:
    return [value for name, value in [*form.items(), ("token", token)] if value and name in _SECRET]


_SECRET = {"code_verifier", "device_code", "refresh_token", "token"}  # members of our requests


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _HEADERS if name in response.headers}


_HEADERS = ("date", "retry-after", "x-ratelimit-reset")  # what the rules look at
