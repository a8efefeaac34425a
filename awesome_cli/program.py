"""``awesome_cli`` for other programs: the kept session, ``httpx.Auth``, and the device flow itself.

The names here are public as ``awesome_cli.auth`` and so on. Whatever goes wrong is an
:class:`awesome_cli.errors.AwesomeError`. ``environment`` is another world, for tests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from io import StringIO
from typing import Any, TypeVar

import httpx

from awesome_cli.api.bearer_auth import BearerAuth
from awesome_cli.brand import AWESOME
from awesome_cli.cli.context import Toolbox
from awesome_cli.oauth.device_grant import DeviceAuthorization
from awesome_cli.provider.client import ClientConfig, oidc_client
from awesome_cli.sessions.model import MIN_TTL, Session
from awesome_cli.settings.profile import DEFAULT_SCOPE, checked_url, with_openid
from awesome_cli.system.environment import Environment, Run, system_environment

T = TypeVar("T")


def session(profile: str | None = None, *, min_ttl: float = MIN_TTL, environment: Environment | None = None) -> Session:
    """Return the kept session of a profile, renewed if its access token ends within ``min_ttl`` seconds.

    It blocks: the keyring may ask the person to unlock it, and a renewal is a request.
    Raises SignInNeeded, KeyringUnusable, ProviderUnusable, TokenInvalid.
    """
    with closing(_toolbox(profile, environment)) as toolbox:
        return toolbox.session(min_ttl=min_ttl)


def auth(
    profile: str | None = None, *, api_url: str | None = None, environment: Environment | None = None
) -> httpx.Auth:
    """Return what signs the requests of an ``httpx.Client`` or ``httpx.AsyncClient`` with the access token.

    The token goes to the origin of ``api_url`` alone (default: the profile's); a request to any other raises
    UsageError. It is renewed before it ends, and once after the API refused it, by one process at a time.
    ``AWESOME_ACCESS_TOKEN`` is used as it is. Raises ConfigError, if there is no ``api_url``.
    """
    toolbox = _toolbox(profile, environment)
    url = toolbox.api_url if api_url is None else checked_url(api_url, "API URL")
    return BearerAuth(url, _Tokens(lambda: _toolbox(profile, environment)))


async def device_flow(  # noqa: PLR0913 - all that can be asked for
    issuer: str,
    client_id: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    scope: str = DEFAULT_SCOPE,
    audience: str | None = None,
    resource: str | None = None,
    pkce: bool = False,
    timeout: float | None = None,
    environment: Environment | None = None,
) -> AsyncGenerator[DeviceAuthorization | Session, None]:
    """Sign in (RFC 8628): first comes what the person must be shown, then, once they approved, the session.

    ``metadata`` is the provider's discovery document, fetched if absent; ``timeout`` is how many seconds to wait at
    most. Nothing is kept anywhere. Close the generator if you leave it early (``contextlib.aclosing``).
    Raises SignInDenied, CodeExpired, ProviderUnusable, TokenInvalid.
    """
    environment = environment or system_environment(AWESOME)
    client = ClientConfig(
        issuer=checked_url(issuer, "issuer"),
        client_id=client_id,
        scope=with_openid(scope),
        audience=audience,
        resource=resource,
        pkce=pkce,
        discovery=metadata,
    )
    async with oidc_client(
        client,
        cache=_NoCache(),
        transport=environment.transport,
        now=environment.now,
        log=lambda _: None,
        environ=environment.environ,
        user_agent=AWESOME.app_dir,
    ) as provider:
        flow = await provider.request_device_code(timeout=timeout)
        yield flow.device
        yield await provider.poll_for_token(flow)


class _Tokens:
    """The profile's access token, read from the keyring again when it ends or is refused.

    A toolbox serves one command; a program may run for days, so each reading takes a new one.
    """

    def __init__(self, open_toolbox: Callable[[], Toolbox]) -> None:
        self._open_toolbox = open_toolbox
        self._session: Session | None = None

    def __call__(self, refused: str) -> str:
        """Return a valid token; told which was refused, another one, or the same if there is none."""
        toolbox, kept = self._open_toolbox(), self._session
        if toolbox.token_from_environment:
            return toolbox.token_from_environment
        if refused or kept is None or not kept.user.lives(toolbox.environment.now(), MIN_TTL):
            with closing(toolbox):
                kept = self._session = toolbox.session(min_ttl=MIN_TTL, refused=refused)
        return kept.access_token


class _NoCache:
    """Forgets discovery documents at once."""

    def load(self, issuer: str, *, expected: str, now: float) -> None:
        """Remember nothing."""

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str:  # noqa: ARG002 - as Memory has it
        """Keep nothing, and return a digest that no document has."""
        return ""


def _toolbox(profile: str | None, environment: Environment | None) -> Toolbox:
    """Return a toolbox that says nothing, and that may be used below a running event loop."""
    environment = environment or system_environment(AWESOME)
    return Toolbox(
        replace(environment, stdout=StringIO(), stderr=StringIO(), run=_in_a_thread(environment.run)),
        AWESOME,
        profile=profile,
    )


def _in_a_thread(run: Run) -> Run:
    """Give each oidc_client a thread: the caller's may have an event loop already, as in a notebook."""

    def run_there(work: Callable[[], Awaitable[T]], /) -> T:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(run, work).result()

    return run_there
