"""HTTP client: TLS trust, no redirects or cookies, no proxy for loopback hosts, messages for connection failures."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import getproxies

import httpx

from awesome_cli.errors import ConfigError, ConnectionFailedError, ProviderUnreachableError, ResponseLostError
from awesome_cli.text import safe
from awesome_cli.urls import is_loopback

REQUEST_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, OverflowError, ExceptionGroup)
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.InvalidURL, httpx.UnsupportedProtocol)


class UnacceptableResponseError(ValueError):
    """A response that exceeds our limits. Its text is ours and can be shown."""


def open_client(
    transport: httpx.AsyncBaseTransport | None,
    timeout: httpx.Timeout | float,
    environ: Mapping[str, str],
    user_agent: str = "",
) -> httpx.AsyncClient:
    """Return a client without redirects, which could send secrets to another origin, and without cookies.

    It asks for uncompressed responses, because a small compressed body can expand to any size. ``transport`` replaces
    the network in tests. Requests raise ConfigError for unusable TLS or proxy settings.
    """
    return httpx.AsyncClient(
        transport=transport or _NetworkTransport(environ),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": user_agent},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        timeout=timeout,
    )


class _NetworkTransport(httpx.AsyncBaseTransport):
    """Sends requests to loopback hosts directly, and all others as the proxy settings say.

    httpx itself exempts no loopback host, and a proxy could read what is sent to ``http://127.0.0.1``.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._clients: dict[tuple[bool, bool], httpx.AsyncClient] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._client(request.url).send(request, stream=True)

    def _client(self, url: httpx.URL) -> httpx.AsyncClient:
        """Return the client for a URL; there is one for each combination of proxies and TLS."""
        kind = use_proxies, use_tls = not is_loopback(url.host), url.scheme == "https"
        if kind not in self._clients:
            # Loading the authorities takes a while. Without TLS a context that trusts none takes their place.
            verify = tls_context(self._environ) if use_proxies or use_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                self._clients[kind] = httpx.AsyncClient(verify=verify, trust_env=use_proxies)
            except (ImportError, ValueError, httpx.InvalidURL) as error:  # may quote a proxy's password
                raise ConfigError(
                    "The proxy settings cannot be used.",
                    hint="HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://HOST:PORT or https://HOST:PORT.",
                    hidden_cause=error,
                ) from None
        return self._clients[kind]

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()


def require_no_proxy(url: httpx.URL) -> None:
    """Raise ConfigError, if a client that uses the proxy settings may send a loopback ``http://`` URL to a proxy.

    httpx takes the settings from urllib as well. Of its NO_PROXY rules only exact host names and ``*`` count here.
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


def tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return the TLS settings; certificates are always verified.

    As in httpx, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace all trusted authorities. Without them these are the
    system's, where companies install their own, and certifi's, for containers that have none. Raises ConfigError.
    """
    file, folder = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    if not (file or folder):
        import certifi
        import truststore

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=certifi.where())
        return context
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except OSError as error:  # includes ssl.SSLError
        raise ConfigError(
            f"SSL_CERT_FILE cannot be used: {safe(str(file))} ({error.strerror or 'no certificates'}).",
            hint="Name a file of certificates in PEM format, or unset it.",
        ) from error


def connection_error(host: str, error: Exception, *, check: str) -> ProviderUnreachableError:
    """Return the error for a failed request; ``check`` names the setting that may be wrong.

    ``error`` may quote a header, and so a token: raise the result ``from None``.
    """
    is_unsent = any(isinstance(cause, NOTHING_SENT) for cause in _causes(error))
    kind = ConnectionFailedError if is_unsent else ResponseLostError
    reason = next(filter(None, map(_reason, _causes(error))), f"the connection failed ({type(error).__name__})")
    return kind(
        f"{host} cannot be used: {reason}.",
        hint=f"Check the network, the proxy settings and the {check}. For a private certificate authority set"
        " SSL_CERT_FILE.",
        hidden_cause=error,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, through the group that several connection attempts raise."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__


def _reason(cause: BaseException) -> str:
    return next((text(cause) for kind, text in _REASONS if isinstance(cause, kind)), "")


def _openssl(error: ssl.SSLError, attribute: str) -> str:
    return safe(getattr(error, attribute, None) or type(error).__name__)


_REASONS: tuple[tuple[type[BaseException], Callable[[Any], str]], ...] = (  # subclasses of OSError before OSError
    (UnacceptableResponseError, str),
    (ssl.SSLCertVerificationError, lambda e: f"its TLS certificate is not trusted ({_openssl(e, 'verify_message')})"),
    (ssl.SSLError, lambda e: f"TLS handshake failed ({_openssl(e, 'reason')})"),
    (socket.gaierror, lambda _: "its name cannot be resolved (DNS)"),
    (httpx.ProxyError, lambda e: f"the proxy refuses (HTTP status {str(e)[:3]})"),
    (httpx.TimeoutException, lambda _: "no response in time"),
    (httpx.RemoteProtocolError, lambda _: "the response is not complete HTTP"),
    (TimeoutError, lambda _: "no complete response in time"),
    (ConnectionRefusedError, lambda _: "the connection was refused"),
    (OSError, lambda e: f"the connection failed ({os.strerror(e.errno)})" if e.errno else ""),
)
