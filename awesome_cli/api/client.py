"""Calls to a protected API with the access token (RFC 6750): streamed, paginated, to the API's origin only."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import BinaryIO, Protocol
from urllib.parse import unquote

import anyio
import httpx

from awesome_cli.errors import OtherOriginError, ProviderError, UsageError
from awesome_cli.provider.http import REQUEST_ERRORS, UnacceptableResponseError, connection_error, open_client
from awesome_cli.text import safe

CONNECT_TIMEOUT = 15.0  # seconds
STALL_TIMEOUT = 60.0  # seconds without progress; gateways in front of APIs rarely wait longer themselves
PROGRESS = 1024  # bytes of a response that count as progress, so that a server cannot stall with a byte now and then
CHUNK = 64 * 1024  # bytes of an upload in memory at a time
MAX_REFUSAL = 64 * 1024  # bytes of the body that are stored when the token is refused
STEP_UP = "insufficient_user_authentication"  # RFC 9470 §3
MAX_PAGES = 1000  # in case the links lead round in a circle


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request to the API. ``body`` is seekable, because the request may have to be repeated."""

    method: str
    url: httpx.URL
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: BinaryIO | None = field(default=None, repr=False)
    paginate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """The head of a response. ``refused_body`` is the body, if the API refused the access token, else None."""

    url: httpx.URL
    http_version: str
    status: int
    headers: httpx.Headers = field(repr=False)
    refused_body: bytes | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def length(self) -> int | None:
        text = self.headers.get("content-length", "")
        return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


class ResponseHandler(Protocol):
    """Receives the progress of the upload, then the head, chunks and end of each response."""

    def on_upload(self, sent: int, total: int) -> None: ...

    def start(self, response: ApiResponse) -> None: ...

    def write(self, chunk: bytes) -> None: ...

    def finish(self) -> None: ...


def resolve_url(api_url: str, path: str) -> httpx.URL:
    """Return the URL of a path below ``api_url``, or of a whole URL at the same origin. Raises UsageError."""
    shown = repr(safe(path, 80))
    if safe(path, len(path)) != path or "\\" in path or "#" in path:
        raise UsageError(
            f"The path {shown} contains characters that a URL cannot.", hint="Percent-encode them; # is written %23."
        )
    if {".", ".."} & set(re.split(r"[/\\]", unquote(path.partition("?")[0]))):
        raise UsageError(f"The path {shown} contains '.' or '..' segments.", hint="Use the full path without them.")
    is_url = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path)
    try:
        url = httpx.URL(path if is_url else f"{api_url.rstrip('/')}/{path.lstrip('/')}")
    except httpx.InvalidURL as error:
        raise UsageError(f"{shown} is not a valid path.", hint="Give a path below the URL of the API.") from error
    require_origin(url, api_url)
    return url


def origin_of(url: httpx.URL | str) -> str:
    """Return scheme, host and port in normal form (RFC 6454 §4)."""
    url = httpx.URL(url)
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def require_origin(url: httpx.URL, api_url: str) -> None:
    """Raise UsageError, unless ``url`` is at the API's origin: the token is for that origin only (RFC 6750 §5.3)."""
    if url.userinfo or origin_of(url) != origin_of(api_url):
        raise OtherOriginError(
            f"The access token is for {origin_of(api_url)}; it is not sent to {safe(origin_of(url), 80)}."
        )


async def call_api(
    request: ApiRequest,
    token: str,
    handler: ResponseHandler,
    *,
    transport: httpx.AsyncBaseTransport | None,
    environ: Mapping[str, str],
    user_agent: str = "",
) -> ApiResponse:
    """Send the request and, with ``paginate``, those for the next pages; return the last response.

    If the API refuses the token, the handler does not get that response, and its ``url`` is where to continue.
    Raises ProviderUnreachableError for a connection failure, ProviderError for a next page at another origin.
    """
    timeout = httpx.Timeout(STALL_TIMEOUT, connect=CONNECT_TIMEOUT)
    async with open_client(transport, timeout, environ, user_agent) as http:
        http.headers["accept"] = "*/*"
        for _ in range(MAX_PAGES):
            response = await _send(http, request, token, handler)
            next_url = _next_page(response) if request.paginate and response.ok else None
            if next_url is None:
                return response
            request = replace(request, url=next_url)
    raise ProviderError(
        f"The API has more than {MAX_PAGES} pages; the rest was not fetched.",
        hint="Ask for larger pages, or fetch the rest page by page.",
    )


async def _send(http: httpx.AsyncClient, request: ApiRequest, token: str, handler: ResponseHandler) -> ApiResponse:
    error: Exception
    try:
        with anyio.fail_after(STALL_TIMEOUT) as scope:
            headers, content = list(request.headers), None
            if request.body:
                size = request.body.seek(0, os.SEEK_END)
                headers.append(("content-length", str(size)))
                content = _upload(request.body, size, handler, scope)
            message = http.build_request(request.method, request.url, headers=headers, content=content)
            response = await http.send(set_token(message, token), stream=True)
            try:
                return await _receive(response, handler, scope)
            finally:
                await response.aclose()
    except TimeoutError:
        error = UnacceptableResponseError(f"no progress for {STALL_TIMEOUT:.0f} seconds")
    except REQUEST_ERRORS as request_error:
        error = request_error
    raise connection_error(request.url.netloc.decode("ascii"), error, check="API URL")


async def _upload(
    body: BinaryIO, size: int, handler: ResponseHandler, scope: anyio.CancelScope
) -> AsyncIterator[bytes]:
    body.seek(0)
    while (left := size - body.tell()) > 0:
        chunk = body.read(min(CHUNK, left))
        if not chunk:
            raise UsageError("The data became shorter while it was sent.", hint="Send a copy of it.")
        yield chunk
        scope.deadline = anyio.current_time() + STALL_TIMEOUT
        handler.on_upload(body.tell(), size)


async def _receive(response: httpx.Response, handler: ResponseHandler, scope: anyio.CancelScope) -> ApiResponse:
    """Pass the response to the handler, whose own time does not count towards the deadline."""
    status, headers = response.status_code, response.headers
    head = ApiResponse(url=response.url, http_version=response.http_version, status=status, headers=headers)
    if is_token_refused(status, headers):
        return replace(head, refused_body=await _read_start(response))
    handler.start(head)
    received = 0
    async for chunk in response.aiter_raw():  # iter_bytes(n) would wait for n bytes of a slow server
        began = anyio.current_time()
        handler.write(chunk)
        scope.deadline += anyio.current_time() - began
        received += len(chunk)
        if received >= PROGRESS:
            received, scope.deadline = 0, anyio.current_time() + STALL_TIMEOUT
    handler.finish()
    return head


async def _read_start(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= MAX_REFUSAL:
            break
    return bytes(body[:MAX_REFUSAL])


def set_token(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"  # RFC 6750 §2.1
    return request


def is_token_refused(status: int, headers: httpx.Headers) -> bool:
    """Whether the API may accept another token where it refused this one (RFC 6750 §3.1).

    Many APIs send a 401 without an error code, or with one of their own; some codes ask for more than another token.
    """
    error = challenge(headers).get("error")
    return status == HTTPStatus.UNAUTHORIZED and error not in ("insufficient_scope", "invalid_request", STEP_UP)


_PAIR = r'([A-Za-z_]+)\s*=\s*(?:"([^"\\]*)"|([^\s",]+))'
_BEARER = re.compile(rf"(?:^|,)\s*Bearer\s+((?:[\s,]*{_PAIR.replace('(', '(?:', 1)})*)", re.IGNORECASE)


def challenge(headers: httpx.Headers) -> dict[str, str]:
    """Return the parameters of the Bearer challenge (RFC 6750 §3), safe to show."""
    found = _BEARER.search(headers.get("www-authenticate", ""))
    pairs = re.findall(_PAIR, found[1]) if found else []
    return {name.lower(): safe(quoted or plain) for name, quoted, plain in pairs}


_NAME, _QUOTED, _PLAIN = r"[\w!#$&+.^`|~*-]+", r'(?:[^"\\]|\\.)*', r'[^\s;,"]*'  # of a link's parameter
_LINK_PARAMETER = re.compile(rf';\s*({_NAME})\s*(?:=\s*(?:"({_QUOTED})"|({_PLAIN})))?')
_LINK = re.compile(rf'<([^<>]*)>((?:\s*;\s*{_NAME}\s*(?:=\s*(?:"{_QUOTED}"|{_PLAIN}))?)*)')


def _next_page(response: ApiResponse) -> httpx.URL | None:
    """Return the URL of the next page (RFC 8288 §3). Raises ProviderError, if it is not at the API's origin."""
    links = _LINK.findall(response.headers.get("link", ""))
    target = next((target for target, parameters in links if "next" in _relations(parameters)), None)
    if target is None:
        return None
    try:
        url = response.url.join(target)
        require_origin(url, str(response.url))
    except (httpx.InvalidURL, UsageError) as error:
        raise ProviderError(
            f"The next page, {safe(target)!r}, is not at the API's origin; the access token is not sent there.",
            hint="Tell the API's operators.",
        ) from error
    return url


def _relations(parameters: str) -> list[str]:
    """Return a link's relation types: those of the first ``rel``, in lower case (RFC 8288 §3.3)."""
    found = [quoted or plain for name, quoted, plain in _LINK_PARAMETER.findall(parameters) if name.lower() == "rel"]
    return found[0].lower().split() if found else []
