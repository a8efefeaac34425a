"""One call to a protected API (RFC 6750): where the token may go, how the answer comes, and ``httpx.Auth``."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol
from urllib.parse import unquote

import anyio
import anyio.to_thread
import httpx

from awesome_cli.errors import ProviderError, UsageError
from awesome_cli.provider.http import TROUBLE, UnacceptableResponseError, open_client, require_no_proxy, unreachable
from awesome_cli.text import safe

CONNECT_WITHIN = 15.0  # seconds
STALL = 60.0  # seconds without progress; gateways in front of APIs rarely wait longer themselves
PROGRESS = 1024  # bytes of an answer that count as progress: a server that drips a byte now and then holds nobody
CHUNK = 64 * 1024  # bytes of an upload in memory at a time
LONGEST_REFUSAL = 64 * 1024  # bytes of a 401's body that are held back until it is known whether they matter
MOST_PAGES = 1000  # a "next" that leads round in a circle ends here


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked of the API. ``body`` can be rewound, because a call may have to be made twice."""

    method: str
    url: httpx.URL
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: BinaryIO | None = field(default=None, repr=False)
    pages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API said. ``held_back`` is the body where the access token was refused, else None."""

    url: httpx.URL
    version: str
    status: int
    headers: httpx.Headers = field(repr=False)
    held_back: bytes | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def length(self) -> int | None:
        """How many bytes the body has, if the API says so."""
        text = self.headers.get("content-length", "")
        return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


class Receiver(Protocol):
    """Who an answer is for: first its head, then its body piece by piece, then its end."""

    def sent(self, done: int, total: int) -> None:
        """Learn how many bytes of the upload are on their way."""

    def begin(self, answer: Answer) -> None:
        """Take the head."""

    def write(self, chunk: bytes) -> None:
        """Take a piece of the body."""

    def end(self) -> None:
        """Learn that the body is complete."""


def locate(api_url: str, path: str) -> httpx.URL:
    """Return where ``path`` lies: below ``api_url``, or, if it is a whole URL, at the same origin.

    Raises UsageError, if it leads anywhere else.
    """
    if safe(path, len(path)) != path or "\\" in path or "#" in path:
        raise UsageError(
            f"{safe(path, 80)!r} is no path: it has characters that no URL has.",
            hint="Percent-encode them; # is written %23.",
        )
    if {".", ".."} & set(re.split(r"[/\\]", unquote(path.partition("?")[0]))):
        raise UsageError(f"{safe(path, 80)!r} is no path: it has . or .. in it.", hint="Write it out.")
    whole = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path)
    try:
        url = httpx.URL(path if whole else f"{api_url.rstrip('/')}/{path.lstrip('/')}")
    except httpx.InvalidURL as error:
        raise UsageError(f"{safe(path, 80)!r} is no path.", hint="Give a path below the URL of the API.") from error
    require_origin(url, api_url)
    return url


def origin_of(url: httpx.URL | str) -> str:
    """Return scheme, host and port, spelt in the one way that allows comparison (RFC 6454 §4)."""
    url = httpx.URL(url)
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def require_origin(url: httpx.URL, api_url: str) -> None:
    """Raise UsageError, unless ``url`` is at the API's origin: the token is for nobody else (RFC 6750 §5.3)."""
    if url.userinfo or origin_of(url) != origin_of(api_url):
        raise UsageError(
            f"The access token is for {origin_of(api_url)}; it is not sent to {safe(origin_of(url), 80)}.",
            hint="Give a path, or set the URL of the API to that one.",
        )


async def call(
    call: Call,
    token: str,
    receiver: Receiver,
    *,
    transport: httpx.AsyncBaseTransport | None,
    environ: Mapping[str, str],
    user_agent: str = "",
) -> Answer:
    """Make the call, and with ``pages`` those for the pages that follow; return the last answer.

    Where the token is refused, the receiver has seen nothing of that answer, and its ``url`` is where to go on.
    Raises ProviderUnreachable for trouble on the way, ProviderUnusable for a next page that is not followed.
    """
    async with open_client(transport, httpx.Timeout(STALL, connect=CONNECT_WITHIN), environ, user_agent) as http:
        http.headers["accept"] = "*/*"
        for _ in range(MOST_PAGES):
            answer = await _call_once(http, call, token, receiver)
            following = _next_page(answer) if call.pages and answer.ok else None
            if following is None:
                return answer
            call = replace(call, url=following)
    raise ProviderError(
        f"The API has more than {MOST_PAGES} pages; the rest was not fetched.",
        hint="Ask for larger pages, or go on from there without --paginate.",
    )


def refuses_token(answer: Answer) -> bool:
    """Whether another token may do where this one did not (RFC 6750 §3.1).

    Many APIs answer 401 and no error code, or one of their own; two codes say that it is not the token's fault.
    """
    error = challenge(answer).get("error")
    return answer.status == 401 and error not in ("insufficient_scope", "invalid_request")


def challenge(answer: Answer) -> dict[str, str]:
    """Return the parameters of the Bearer challenge (RFC 6750 §3), made safe to show."""
    found = _BEARER.search(answer.headers.get("www-authenticate", ""))
    pairs = _PARAMETER.findall(found[1]) if found else []
    return {name.lower(): safe(quoted or plain) for name, quoted, plain in pairs}


class BearerAuth(httpx.Auth):
    """Puts the access token on requests to the API's origin, and after a refusal, once, another one.

    ``token`` returns a valid one; told which was refused, it returns another, or the same if there is none.
    It may block, so that an async client waits for it in a worker thread. A request to another origin raises
    UsageError; one over plain HTTP that the proxy settings may send to a proxy raises ConfigError, for the client
    that sends it is the caller's. Where the body is a stream that cannot be sent twice, the refusal stands.
    """

    def __init__(self, api_url: str, token: Callable[[str], str]) -> None:
        self._api_url = api_url
        self._token = token

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask, and ask again if the token was refused."""
        self._require_destination(request.url)
        token = self._token("")
        response = yield _bearing(request, token)
        if self._is_refusal(response):
            another = self._token(token)
            if another != token and _can_be_sent_again(request):
                yield _bearing(request, another)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Do the same without holding up the event loop."""
        self._require_destination(request.url)
        token = await anyio.to_thread.run_sync(self._token, "")
        response = yield _bearing(request, token)
        if self._is_refusal(response):
            another = await anyio.to_thread.run_sync(self._token, token)
            if another != token and _can_be_sent_again(request):
                yield _bearing(request, another)

    def _require_destination(self, url: httpx.URL) -> None:
        require_origin(url, self._api_url)
        require_no_proxy(url)

    def _is_refusal(self, response: httpx.Response) -> bool:
        # After a redirect somebody else may have answered: their opinion of a token that they did not get is nothing.
        return origin_of(response.url) == origin_of(self._api_url) and refuses_token(_answer(response))


async def _call_once(http: httpx.AsyncClient, call: Call, token: str, receiver: Receiver) -> Answer:
    try:
        with anyio.fail_after(STALL) as scope:
            size, content = _upload(call.body, receiver, scope) if call.body else (None, None)
            headers = [*call.headers, *([] if size is None else [("content-length", str(size))])]
            request = http.build_request(call.method, call.url, headers=headers, content=content)
            response = await http.send(_bearing(request, token), stream=True)
            try:
                return await _receive(response, receiver, scope)
            finally:
                await response.aclose()
    except TimeoutError:
        late = UnacceptableResponseError(f"no progress for {STALL:.0f} seconds")
        raise unreachable(call.url.netloc.decode("ascii"), late, check="API URL") from None
    except TROUBLE as error:
        raise unreachable(call.url.netloc.decode("ascii"), error, check="API URL") from None


def _upload(body: BinaryIO, receiver: Receiver, scope: anyio.CancelScope) -> tuple[int, AsyncIterator[bytes]]:
    """Return how long the body is, and the body: read as it is sent, from the start each time."""
    size = body.seek(0, os.SEEK_END)

    async def chunks() -> AsyncIterator[bytes]:
        body.seek(0)
        while (left := size - body.tell()) > 0:
            chunk = body.read(min(CHUNK, left))
            if not chunk:
                raise UsageError("What is sent became shorter while it was sent.", hint="Send a copy of it.")
            yield chunk
            scope.deadline = anyio.current_time() + STALL
            receiver.sent(body.tell(), size)

    return size, chunks()


async def _receive(response: httpx.Response, receiver: Receiver, scope: anyio.CancelScope) -> Answer:
    """Pass the answer on as it comes; the time that the receiver takes is not held against the API."""
    answer = _answer(response)
    if refuses_token(answer):
        return replace(answer, held_back=await _beginning(response))
    receiver.begin(answer)
    since = 0
    async for chunk in response.aiter_raw():  # iter_bytes(n) would wait for n bytes of a dripping server
        begun = anyio.current_time()
        receiver.write(chunk)
        scope.deadline += anyio.current_time() - begun
        since += len(chunk)
        if since >= PROGRESS:
            since, scope.deadline = 0, anyio.current_time() + STALL
    receiver.end()
    return answer


async def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= LONGEST_REFUSAL:
            break
    return bytes(body[:LONGEST_REFUSAL])


def _answer(response: httpx.Response) -> Answer:
    return Answer(
        url=response.url, version=response.http_version, status=response.status_code, headers=response.headers
    )


def _next_page(answer: Answer) -> httpx.URL | None:
    """Return where the next page lies (RFC 8288 §3). Raises ProviderUnusable, if that is not the API's origin."""
    links = _LINK.findall(answer.headers.get("link", ""))
    target = next((target for target, parameters in links if "next" in _relations(parameters)), None)
    if target is None:
        return None
    try:
        url = answer.url.join(target)
        require_origin(url, str(answer.url))
    except (httpx.InvalidURL, UsageError) as error:
        raise ProviderError(
            f"The next page, {safe(target)!r}, is not at the API's origin; the access token is not sent there.",
            hint="This is for the API's operators to mend.",
        ) from error
    return url


def _relations(parameters: str) -> list[str]:
    """Return a link's relation types: the first ``rel``, a list of words in any case (RFC 8288 §3.3)."""
    found = [quoted or plain for name, quoted, plain in _LINK_PARAMETER.findall(parameters) if name.lower() == "rel"]
    return found[0].lower().split() if found else []


def _bearing(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"  # RFC 6750 §2.1
    return request


def _can_be_sent_again(request: httpx.Request) -> bool:
    try:
        request.content  # noqa: B018 - httpx says by an exception that the body is a stream
    except httpx.RequestNotRead:
        return False
    return True


_NAME, _QUOTED, _PLAIN = r"[\w!#$&+.^`|~*-]+", r'(?:[^"\\]|\\.)*', r'[^\s;,"]*'  # of a link's parameter
_LINK_PARAMETER = re.compile(rf';\s*({_NAME})\s*(?:=\s*(?:"({_QUOTED})"|({_PLAIN})))?')
_LINK = re.compile(rf'<([^<>]*)>((?:\s*;\s*{_NAME}\s*(?:=\s*(?:"{_QUOTED}"|{_PLAIN}))?)*)')
_PAIR = r'([A-Za-z_]+)\s*=\s*(?:"([^"\\]*)"|([^\s",]+))'
_PARAMETER = re.compile(_PAIR)
_BEARER = re.compile(rf"(?:^|,)\s*Bearer\s+((?:[\s,]*{_PAIR.replace('(', '(?:', 1)})*)", re.IGNORECASE)
