"""Conversations with providers from code that is not async: one event loop for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from awesome_cli.errors import MissingSettingError
from awesome_cli.oauth.device_grant import DeviceAuthorization
from awesome_cli.provider.cache import FileMetadataCache
from awesome_cli.provider.client import ClientConfig, OidcClient, conversation
from awesome_cli.provider.observer import RequestObserver
from awesome_cli.sessions.model import Session, User
from awesome_cli.settings.profile import Profile
from awesome_cli.system.environment import Environment

T = TypeVar("T")


class ProviderConnection:
    """Runs requests to the provider of a client. ``warn`` and ``log`` are told what goes wrong, and what is sent."""

    def __init__(
        self,
        environment: Environment,
        *,
        user_agent: str,
        observer: RequestObserver,
        warn: Callable[[str], None],
        log: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self._user_agent = user_agent
        self._observer = observer
        self._warn = warn
        self._log = log

    def run(self, config: ClientConfig, work: Callable[[OidcClient], Awaitable[T]]) -> T:
        async def converse() -> T:
            async with conversation(
                config,
                cache=FileMetadataCache(self._environment.cache_dir, warn=self._warn),
                transport=self._environment.transport,
                now=self._environment.now,
                detail=self._log,
                environ=self._environment.environ,
                user_agent=self._user_agent,
                waiting=self._observer,
            ) as client:
                return await work(client)

        return self._environment.run(converse)

    def sign_in(
        self, config: ClientConfig, show: Callable[[DeviceAuthorization], None], timeout: float | None
    ) -> Session:
        """Request a device code, ``show`` it, and wait for the approval (RFC 8628)."""
        return self.run(config, lambda client: client.sign_in(show, timeout=timeout))

    def refresh(self, config: ClientConfig, session: Session) -> Session:
        return self.run(config, lambda client: client.renew(session))

    def revoke(self, config: ClientConfig, session: Session, *, refresh_token: bool = True) -> bool:
        return self.run(config, lambda client: client.sign_out(session, refresh_token=refresh_token))

    def is_token_accepted(self, config: ClientConfig, session: Session) -> bool:
        return self.run(config, lambda client: client.is_token_accepted(session))


def client_config(settings: Profile, stored: User | None) -> ClientConfig:
    """Return the client that the settings describe; what they leave open is as in the stored session.

    Raises MissingSettingError, if issuer or client id is missing.
    """
    issuer = settings.issuer or (stored and stored.issuer)
    client_id = settings.client_id or (stored and stored.client_id)
    if not issuer or not client_id:
        raise MissingSettingError(f"The {'client id' if issuer else 'issuer'} is not set.")
    return ClientConfig(
        issuer=issuer,
        client_id=client_id,
        scope=settings.scope,
        audience=settings.audience,
        resource=settings.resource_indicator,
        pkce=settings.pkce,
        endpoints=settings.endpoints,
    )
