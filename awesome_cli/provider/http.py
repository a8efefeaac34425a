"""HTTP as every edge speaks it: what a client trusts and refuses, and what trouble on the way is called."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import getproxies

import certifi
import httpx
import truststore

from awesome_cli.errors import ConfigError, ConnectionFailedError, ProviderUnreachableError, ResponseLostError
from awesome_cli.text import is_loopback, safe

TROUBLE = (
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
    ValueError,
    OverflowError,
    ExceptionGroup,
)  # what a request may raise


NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.InvalidURL, httpx.UnsupportedProtocol)


class UnacceptableResponseError(ValueError):
    """A reply that goes beyond what we take; its words are ours and can be shown."""


def open_client(
    transport: httpx.AsyncBaseTransport | None,
    timeout: httpx.Timeout | float,
    environ: Mapping[str, str],
    user_agent: str = "",
) -> httpx.AsyncClient:
    """Return a client that neither follows a redirect nor keeps a cookie; ``transport`` replaces the network in tests.

    A redirect would carry secrets to where nobody agreed to send them; compressed replies are not asked for,
    because a small bomb grows large. Raises ConfigError, if the settings for TLS cannot be used; a request does, if
    those for proxies concern it and cannot.
    """
    return httpx.AsyncClient(
        transport=transport or _Network(trust(environ)),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": user_agent},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        timeout=timeout,
    )


class _Network(httpx.AsyncBaseTransport):
    """Sends what is for this machine straight to it, and everything else as the proxy settings say.

    httpx itself exempts no loopback host, and a proxy would read what goes to ``http://127.0.0.1``.
    """

    def __init__(self, verify: ssl.SSLContext) -> None:
        self._verify = verify
        self._clients: dict[bool, httpx.AsyncClient] = {}  # by whether they heed the proxy settings

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client(heeds_settings=not is_loopback(request.url.host)).send(request, stream=True)

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    def _client(self, *, heeds_settings: bool) -> httpx.AsyncClient:
        """Return the client that serves; settings that cannot be used matter only to what they concern."""
        if heeds_settings not in self._clients:
            try:
                client = httpx.AsyncClient(verify=self._verify, trust_env=heeds_settings)
            except (ImportError, ValueError, httpx.InvalidURL) as error:  # their words may quote a proxy's password
                raise ConfigError(
                    "The proxy settings cannot be used.",
                    hint="HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://HOST:PORT or https://HOST:PORT.",
                    hidden_cause=error,
                ) from None
            self._clients[heeds_settings] = client
        return self._clients[heeds_settings]


def require_no_proxy(url: httpx.URL) -> None:
    """Raise ConfigError, if a client that heeds the proxy settings may send ``url``, plain and loopback, to a proxy.

    httpx asks urllib for the settings as well; of its NO_PROXY rules only the plain ones, which cannot be misread,
    count here.
    """
    if url.scheme != "http" or not is_loopback(url.host):
        return
    settings = getproxies()
    exempt = {host.strip() for host in settings.get("no", "").split(",")}
    if (settings.get("http") or settings.get("all")) and not {"*", url.host} & exempt:
        raise ConfigError(
            f"The access token is not sent to {url.netloc.decode('ascii')}: the proxy settings send it to a proxy.",
            hint=f"Add {url.host} to NO_PROXY.",
        )


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom TLS connections trust; that they verify is no setting.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name all of it, as users of httpx expect. Without them it is what the
    system trusts, where companies put their own authority (macOS and Windows then judge by their own means),
    and certifi's authorities, for a container that has none. Raises ConfigError, if that file or folder cannot be used.
    """
    file, folder = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    if not (file or folder):
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=certifi.where())
        return context
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"SSL_CERT_FILE cannot be used: {safe(str(file))} ({error.strerror or 'no certificates'}).",
            hint="Name a file of certificates in PEM format, or unset it.",
        ) from error


def unreachable(host: str, error: Exception, *, check: str) -> ProviderUnreachableError:
    """Say why ``host`` could not be talked to; ``check`` names the setting that may be wrong.

    What a library says may quote a header, and so a token: raise it ``from None``.
    """
    is_unsent = any(isinstance(cause, NOTHING_SENT) for cause in _causes(error))
    kind = ConnectionFailedError if is_unsent else ResponseLostError
    return kind(
        f"{host} cannot be used: {_reason(error)}.",
        hint=f"Check the network, the proxy settings and the {check}. A private authority goes into SSL_CERT_FILE.",
        hidden_cause=error,
    )


def _reason(error: Exception) -> str:
    """Tell what went wrong by its kind."""
    for cause in _causes(error):
        for kind, words in _REASONS:
            if isinstance(cause, kind) and (reason := words(cause)):
                return reason
    return f"the connection failed ({type(error).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an error to what caused it, through the group that several attempts to connect leave."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__


def _said(error: ssl.SSLError, attribute: str) -> str:
    """Return OpenSSL's own words; an error that was not raised by OpenSSL has none."""
    return safe(getattr(error, attribute, None) or type(error).__name__)


_REASONS: tuple[tuple[type[BaseException], Callable[[Any], str]], ...] = (  # an OSError's kinds before OSError
    (UnacceptableResponseError, str),
    (
        ssl.SSLCertVerificationError,
        lambda cause: f"its TLS certificate is not trusted ({_said(cause, 'verify_message')})",
    ),
    (ssl.SSLError, lambda cause: f"no TLS connection comes about ({_said(cause, 'reason')})"),
    (socket.gaierror, lambda _: "its name cannot be found (DNS)"),
    (httpx.ProxyError, lambda cause: f"the proxy refuses (HTTP status {str(cause)[:3]})"),
    (httpx.TimeoutException, lambda _: "no answer in time"),
    (httpx.RemoteProtocolError, lambda _: "what came is no complete HTTP response"),
    (TimeoutError, lambda _: "no complete answer in time"),
    (ConnectionRefusedError, lambda _: "the connection was refused"),
    (OSError, lambda cause: f"the connection failed ({os.strerror(cause.errno)})" if cause.errno else ""),
)
