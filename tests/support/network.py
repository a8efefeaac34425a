"""Hosts of the internet for programs in real processes: a proxy leads their names to servers with TLS on loopback."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import trustme

from awesome_cli.oauth.response import Response
from awesome_cli.testing.grants import Request
from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.server import LoopbackServer
from support.proxy import proxy

Respond = Callable[[Request], Iterable[Response]]


@contextmanager
def network(hosts: Mapping[str, Respond]) -> Iterator[dict[str, str]]:
    """Let ``hosts`` answer requests to ``https://`` and their names; yield the variables that lead programs there."""
    authority = trustme.CA()
    with ExitStack() as stack:
        certificates = stack.enter_context(authority.cert_pem.tempfile())
        ports = {}
        for host, respond in hosts.items():
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert(host).configure_cert(tls)
            server = stack.enter_context(LoopbackServer(tls=tls))
            named = ProviderSimulator(now=time.time, url=f"https://{host}/")  # by the host that requests must name
            stack.enter_context(server.running(named, respond))
            ports[host] = server.server_address[1]
        front = stack.enter_context(proxy(ports=ports))
        yield {
            "CURL_CA_BUNDLE": certificates,
            "HTTPS_PROXY": f"http://{front.host}",
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": certificates,
        }
