"""The package for other Python programs: the stored session, ``httpx.Auth``, and the device flow itself.

Public as ``awesome_cli.session``, ``auth`` and ``device_flow``. What goes wrong is an
:class:`awesome_cli.errors.AwesomeError`. ``environment`` replaces the system's, for tests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from awesome_cli.account import Account
from awesome_cli.api.bearer_auth import BearerAuth
from awesome_cli.brand import AWESOME
from awesome_cli.errors import AwesomeError
from awesome_cli.hints import hint_for
from awesome_cli.oauth.device_grant import DeviceAuthorization
from awesome_cli.provider.client import oidc_client
from awesome_cli.provider.config import ClientConfig
from awesome_cli.sessions.model import MIN_TTL, Session
from awesome_cli.settings.profile import DEFAULT_SCOPE, checked_url, with_openid
from awesome_cli.system.environment import Environment, Run, system_environment

T = TypeVar("T")


def session(profile: str | None = None, *, min_ttl: float = MIN_TTL, environment: Environment | None = None) -> Session:
    """Return the session of a profile, renewed if its access token expires within ``min_ttl`` seconds.

    It blocks: the keyring may ask the user to unlock it, and a renewal is a request.
    Raises LoginRequiredError, KeyringError, ProviderError, InvalidTokenError.
    """
    with _complete_hints(profile), closing(_account(profile, environment)) as account:
        return account.session(min_ttl=min_ttl)


def auth(
    profile: str | None = None, *, api_url: str | None = None, environment: Environment | None = None
) -> httpx.Auth:
    """Return what adds the access token to the requests of an ``httpx.Client`` or ``httpx.AsyncClient``.

    The token goes to the origin of ``api_url`` alone (default: the profile's); a request to any other raises
    UsageError. It is renewed before it expires, and once after the API refused it, by one process at a time.
    ``AWESOME_ACCESS_TOKEN`` is used as it is. Raises ConfigError, if there is no ``api_url``.
    """
    with _complete_hints(profile):
        url = _account(profile, environment).settings.api_url if api_url is None else checked_url(api_url, "API URL")
    return BearerAuth(url, _AccessToken(profile, environment))


async def device_flow(
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
    """Sign in (RFC 8628): first the code to show to the user, then, after the approval, the session.

    ``metadata`` is the provider's discovery document, fetched if absent; ``timeout`` is how many seconds to wait at
    most. Nothing is stored. Close the generator if you leave it early (``contextlib.aclosing``).
    Raises AccessDeniedError, DeviceCodeExpiredError, ProviderError, InvalidTokenError.
    """
    environment = environment or system_environment(AWESOME)
    with _complete_hints():
        config = ClientConfig(
            issuer=checked_url(issuer, "issuer"),
            client_id=client_id,
            scope=with_openid(scope),
            audience=audience,
            resource=resource,
            pkce=pkce,
            discovery=metadata,
        )
        async with oidc_client(
            config,
            cache=_NoCache(),
            transport=environment.transport,
            now=environment.now,
            log=lambda _: None,
            environ=environment.environ,
            user_agent=AWESOME.app_dir,
        ) as client:
            flow = await client.request_device_code(timeout=timeout)
            yield flow.device
            yield await client.poll_for_token(flow)


class _AccessToken:
    """The profile's access token, read from the keyring again when it expires or is refused.

    An account serves one command; a program may run for days, so each reading takes a new one.
    """

    def __init__(self, profile: str | None, environment: Environment | None) -> None:
        self._profile = profile
        self._environment = environment
        self._session: Session | None = None

    def __call__(self, refused: str) -> str:
        """Return a valid token: another one than ``refused``, if there is one."""
        session = self._session
        with _complete_hints(self._profile), closing(_account(self._profile, self._environment)) as account:
            if account.token_from_environment:
                return account.token_from_environment
            if refused or session is None or not session.user.is_valid(account.environment.now(), MIN_TTL):
                session = self._session = account.session(min_ttl=MIN_TTL, refused=refused)
        return session.access_token


@contextmanager
def _complete_hints(profile: str | None = None) -> Iterator[None]:
    """Give errors the hints that the command line would print."""
    try:
        yield
    except AwesomeError as error:
        error.hint = hint_for(error, AWESOME, profile=profile or "")
        raise


class _NoCache:
    def load(self, issuer: str, *, expected: str, now: float) -> None:
        """Return nothing: nothing is stored."""

    def save(self, issuer: str, document: Mapping[str, Any], *, now: float) -> str:  # noqa: ARG002 - as MetadataCache has it
        return ""  # a digest that no document has


class _NoMessages:
    def say(self, text: str) -> None:
        pass

    say_once = note = warning = detail = say


def _account(profile: str | None, environment: Environment | None) -> Account:
    environment = environment or system_environment(AWESOME)
    run = _in_a_thread(environment.run)  # the caller's thread may have an event loop already, as in a notebook
    return Account(replace(environment, run=run), AWESOME, _NoMessages(), named_profile=profile)


def _in_a_thread(run: Run) -> Run:
    def run_there(work: Callable[[], Awaitable[T]], /) -> T:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(run, work).result()

    return run_there
