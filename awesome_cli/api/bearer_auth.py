"""``httpx.Auth`` with the access token of a session (RFC 6750)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, nullcontext

import anyio.to_thread
import httpx

from awesome_cli.api.client import is_token_refused, origin_of, require_origin, set_token
from awesome_cli.provider.http import require_no_proxy


class BearerAuth(httpx.Auth):
    """Sends the access token to the API's origin, and once more another one, if the API refuses it.

    ``token("")`` returns a valid token, ``token(refused)`` another one, or the same if there is none; it may block, so
    an async client calls it in a worker thread. A request to another origin raises UsageError. One over plain HTTP that
    the proxy settings of the client may send to a proxy raises ConfigError. A body that is a stream is not sent again.
    ``completing_errors`` may add to the errors that are raised within its block. ``is_direct``: whether the client is
    known to use no proxy for the API.
    """

    def __init__(
        self,
        api_url: str,
        token: Callable[[str], str],
        *,
        completing_errors: Callable[[], AbstractContextManager[None]] = nullcontext,
        is_direct: bool = False,
    ) -> None:
        self._api_url = api_url
        self._token = token
        self._completing_errors = completing_errors
        self._is_direct = is_direct

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._check_destination(request.url)
        token = self._token("")
        response = yield set_token(request, token)
        if self._is_refused(response):
            another = self._token(token)
            if another != token and _is_repeatable(request):
                yield set_token(request, another)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        self._check_destination(request.url)
        token = await anyio.to_thread.run_sync(self._token, "")
        response = yield set_token(request, token)
        if self._is_refused(response):
            another = await anyio.to_thread.run_sync(self._token, token)
            if another != token and _is_repeatable(request):
                yield set_token(request, another)

    def _check_destination(self, url: httpx.URL) -> None:
        with self._completing_errors():
            require_origin(url, self._api_url)
            if not self._is_direct:
                require_no_proxy(url)

    def _is_refused(self, response: httpx.Response) -> bool:
        # After a redirect another origin may have answered, which got no token.
        is_from_api = origin_of(response.url) == origin_of(self._api_url)
        return is_from_api and is_token_refused(response.status_code, response.headers)


def _is_repeatable(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
