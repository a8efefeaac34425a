"""The session of a profile for a program's own code: tokens, ``httpx.Auth``, clients; and the device flow alone.

What goes wrong is an :class:`awesome_cli.errors.AwesomeError` with the hint that the command line would print.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awesome_cli.account import Account
from awesome_cli.brand import DEFAULT_SCOPE, MIN_TTL, Brand
from awesome_cli.errors import AwesomeError, UsageError
from awesome_cli.hints import hint_for
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.user import User
from awesome_cli.settings.profile import checked_url, with_openid
from awesome_cli.system.environment import Environment, Messages, run_beside_event_loop, system_environment
from awesome_cli.urls import is_loopback

if TYPE_CHECKING:
    import httpx

    from awesome_cli.oauth.device_grant import DeviceAuthorization


class ProfileAccess:
    """Reads the session of one profile; each call opens an account of its own, because a program may run for days."""

    def __init__(
        self,
        brand: Brand,
        profile: str | None,
        *,
        environment: Environment | None = None,
        messages: Messages | None = None,
    ) -> None:
        self._brand = brand
        self._profile = profile
        self._environment = environment or system_environment(brand)
        self._messages = messages or _NoMessages()

    def user(self) -> User:
        with self._account() as account:
            return account.user()

    def session(self, min_ttl: float = MIN_TTL) -> Session:
        with self._account() as account:
            return account.session(min_ttl=min_ttl)

    def token(self, min_ttl: float = MIN_TTL) -> str:
        with self._account() as account:
            return account.token_from_environment or account.session(min_ttl=min_ttl).access_token

    @property
    def api_url(self) -> str:
        with self._account() as account:
            return account.settings.api_url

    def auth(self, api_url: str | None = None, *, is_direct: bool = False) -> httpx.Auth:
        from awesome_cli.api.bearer_auth import BearerAuth

        with self._completing_hints():
            url = self.api_url if api_url is None else checked_url(api_url, "API URL")
        return BearerAuth(url, _AccessToken(self), completing_errors=self._completing_hints, is_direct=is_direct)

    def client(self, options: Mapping[str, Any]) -> httpx.Client:
        import httpx

        return httpx.Client(**self._client_options(options))

    def async_client(self, options: Mapping[str, Any]) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(**self._client_options(options))

    def _client_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        import httpx

        from awesome_cli.provider.http import tls_context

        url = self.api_url
        is_local = is_loopback(httpx.URL(url).host)
        if is_local and {"proxy", "mounts"} & options.keys():
            raise UsageError("The API is on this machine, where requests do not go through a proxy.")
        defaults: dict[str, Any] = {
            "base_url": url,
            "auth": self.auth(url, is_direct=is_local and not options.get("trust_env")),
        }
        if is_local:
            defaults["trust_env"] = False  # httpx would use the proxy settings for this machine too
        if self._environment.transport is not None:
            defaults["transport"] = self._environment.transport
        elif not {"verify", "transport"} & options.keys():
            with self._completing_hints():
                defaults["verify"] = tls_context(self._environment.environ)
        headers = httpx.Headers({"User-Agent": self._brand.app_dir})
        headers.update(options.get("headers"))
        return {**defaults, **options, "headers": headers}

    @contextmanager
    def _account(self) -> Iterator[Account]:
        environment = replace(self._environment, run=run_beside_event_loop(self._environment.run))
        with (
            self._completing_hints(),
            closing(Account(environment, self._brand, self._messages, named_profile=self._profile)) as account,
        ):
            yield account

    @contextmanager
    def _completing_hints(self) -> Iterator[None]:
        with completing_hints(self._brand, self._profile or ""):
            yield

    def usable_session(self, session: Session | None, refused: str) -> Session | str:
        """Return the token that a variable gives; else ``session``, or its successor if it expires or is refused."""
        with self._account() as account:
            if account.token_from_environment:
                return account.token_from_environment
            if refused or session is None or not session.user.is_valid(account.environment.now(), MIN_TTL):
                session = account.session(refused=refused)
        return session


class _AccessToken:
    """The profile's access token, read from the keyring again when it expires or is refused."""

    def __init__(self, access: ProfileAccess) -> None:
        self._access = access
        self._session: Session | None = None

    def __call__(self, refused: str) -> str:
        """Return a valid token: another one than ``refused``, if there is one."""
        found = self._access.usable_session(self._session, refused)
        if isinstance(found, str):
            return found
        self._session = found
        return found.access_token


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

    It yields a ``DeviceAuthorization``, polls as RFC 8628 §3.5 requires, and yields a validated ``Session``, which it
    does not store. ``audience``, ``resource`` (RFC 8707) and ``scope`` are sent with the request, and a PKCE challenge
    (RFC 7636) with ``pkce``. ``metadata`` is the provider's discovery document, fetched if absent; ``timeout`` is how
    many seconds to wait at most. It runs on asyncio and on trio. Close the generator if you leave it early
    (``contextlib.aclosing``).
    Raises AccessDeniedError, if the sign-in is denied; DeviceCodeExpiredError, if nobody approves it in time;
    ProviderError, if the provider cannot be used; InvalidTokenError, if a token is not valid; ConfigError, if the
    issuer is not an ``https://`` or loopback URL.
    """
    from awesome_cli.provider.client import oidc_client
    from awesome_cli.provider.config import ClientConfig
    from awesome_cli.provider.sign_in_client import SignInClient

    environment = environment or system_environment(_LIBRARY)
    with completing_hints():
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
            SignInClient,
            config,
            cache=_NoCache(),
            transport=environment.transport,
            now=environment.now,
            log=lambda _: None,
            environ=environment.environ,
            user_agent=_LIBRARY.app_dir,
        ) as client:
            flow = await client.request_device_code(timeout=timeout)
            yield flow.device
            yield await client.poll_for_token(flow)


_LIBRARY = Brand(__name__.partition(".")[0].replace("_", "-"))  # the User-Agent of the device flow alone


@contextmanager
def completing_hints(brand: Brand | None = None, profile: str = "") -> Iterator[None]:
    """Give errors the hints that the command line would print; without a brand those that name no program."""
    try:
        yield
    except AwesomeError as error:
        hint = error.hint
        error.hint = hint_for(error, brand, profile=profile)
        if error.hint and error.hint != hint:
            error.add_note(f"Hint: {error.hint}")  # for a traceback, where the error is not handled
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
