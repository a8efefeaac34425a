"""One request to a provider at a time: limited in size and time, observed while it waits, its errors explained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import anyio
import httpx

from awesome_cli.oauth.response import Response, http_date
from awesome_cli.provider.http import REQUEST_ERRORS, UnacceptableResponseError, connection_error
from awesome_cli.sessions.model import INTERRUPTED_TIMEOUT

MAX_BODY = 1024 * 1024  # bytes
TICK = 0.5  # seconds between two calls of the observer
SECRET_FIELDS = {"code", "code_verifier", "device_code", "refresh_token", "token"}  # of our forms
CLOCK_TOLERANCE = 60.0  # seconds
USED_HEADERS = ("date", "retry-after", "x-ratelimit-reset")


class WaitObserver(Protocol):
    def on_wait(self, seconds: float) -> None:
        """Receive, twice a second, the time that the current request has taken."""

    def on_tokens(self) -> None:
        """Receive that a sign-in has led to tokens: what asks the program to end is to wait until they are stored."""

    @property
    def is_interrupted(self) -> bool:
        """Whether the program was asked to end."""


@dataclass(kw_only=True, eq=False, repr=False)
class Connection:
    """An HTTP client with the rules for requests to a provider. ``clock_error``: seconds ahead of the provider."""

    http: httpx.AsyncClient
    now: Callable[[], float]
    log: Callable[[str], None]
    observer: WaitObserver | None
    request_timeout: float
    clock_error: float = 0.0

    async def request(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        token: str | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Send one request and read its response. Raises ProviderUnreachableError."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}  # RFC 6750 §2.1
        secrets = [value for name, value in (form or {}).items() if name in SECRET_FIELDS] + ([token] if token else [])

        async def send() -> Response:
            async with self.http.stream(method, url, data=form, headers=headers) as response:
                return await _read(response, secrets)

        sent_at = self.now()
        try:
            response = await self._with_deadline(timeout or self.request_timeout, send)
        except REQUEST_ERRORS as error:
            raise connection_error(urlsplit(url).netloc, error, check="issuer") from None
        code = response.error()
        self.log(
            f"{method} {url.partition('?')[0]}: HTTP status {response.status}"
            + (f" ({response.redact(code)})" if code else "")
        )
        provider_now = http_date(response.headers.get("date", ""))
        if provider_now is not None:
            self.clock_error = sent_at - provider_now
        return response

    async def _with_deadline(self, timeout: float, send: Callable[[], Awaitable[Response]]) -> Response:
        """Raise TimeoutError, if ``send`` takes longer.

        The time is counted in ticks, not read from a clock: a process that was stopped and continued shall still take
        the response that arrived meanwhile.
        """
        result: Response | Exception = TimeoutError()
        async with anyio.create_task_group() as group:

            async def count() -> None:
                elapsed, ends = 0.0, timeout
                while elapsed < ends:
                    await anyio.sleep(min(TICK, ends - elapsed))
                    elapsed += TICK
                    if self.observer is not None:
                        self.observer.on_wait(elapsed)
                        if self.observer.is_interrupted:
                            ends = min(ends, elapsed + INTERRUPTED_TIMEOUT)
                group.cancel_scope.cancel()

            group.start_soon(count)
            try:
                result = await send()
            except Exception as error:  # noqa: BLE001 - raised below: the task group would wrap it
                result = error
            group.cancel_scope.cancel()
        if isinstance(result, Exception):
            raise result
        return result


async def _read(response: httpx.Response, secrets: Collection[str]) -> Response:
    if response.headers.get("content-encoding", "").lower() not in ("", "identity"):
        raise UnacceptableResponseError("the response is compressed although that was not requested")
    body = bytearray()
    async for chunk in response.aiter_raw():  # iter_bytes(n) would wait for n bytes of a slow server
        body += chunk
        if len(body) > MAX_BODY:
            raise UnacceptableResponseError(f"the response is longer than {MAX_BODY // 1024} KiB")
    headers = {name: response.headers[name] for name in USED_HEADERS if name in response.headers}
    return Response(response.status_code, bytes(body), headers, secrets)


def describe_clock_error(seconds: float) -> str:
    """Describe how far this machine's clock is ahead of the provider's; empty if within the tolerance."""
    if abs(seconds) <= CLOCK_TOLERANCE:
        return ""
    return f"Your clock is {abs(seconds) / 60:.0f} min {'ahead of' if seconds > 0 else 'behind'} the provider's."
