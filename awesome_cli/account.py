"""The application core: load the session, renew it and sign out, for one profile of one program.

The commands and the library both stand on :class:`Account`; it neither parses nor prints.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from awesome_cli.brand import DEFAULT_PROFILE, MIN_TTL, Brand
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    LockTimeoutError,
    LoginRequiredError,
    NoLockFolderError,
    OtherSessionError,
    ProviderError,
    ProviderUnreachableError,
)
from awesome_cli.keystore.backend import open_keyring
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.provider.observer import RequestObserver
from awesome_cli.sessions.index import SessionIndex
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.renewal import renew_if_needed
from awesome_cli.sessions.replace_and_remove import SessionChanges
from awesome_cli.sessions.session_locks import SessionLocks
from awesome_cli.sessions.store_choice import StoreChoice
from awesome_cli.sessions.user import User
from awesome_cli.settings.profile import Profile, access_token, keyring_timeout, session_requirements
from awesome_cli.settings.profile_settings import ProfileSettings
from awesome_cli.system.environment import Environment, Messages

if TYPE_CHECKING:
    from awesome_cli.provider.client import OidcClient
    from awesome_cli.provider.config import ClientConfig
    from awesome_cli.sessions.pending import PendingSignIn
    from awesome_cli.settings.config_file import ConfigFile

T = TypeVar("T")
C = TypeVar("C", bound="OidcClient")

USER_TIMEOUT = 10.0  # seconds after which `user` answers from the last verified sign-in
_LAST_VERIFIED = "This is from your last verified sign-in."


class Account:
    """One profile of one program. Raises UsageError if its name is not valid, or exists in another case."""

    def __init__(
        self,
        environment: Environment,
        brand: Brand,
        messages: Messages,
        *,
        named_profile: str | None = None,
        open_secrets: Callable[[], KeyringStore] | None = None,
        read_config: Callable[[], ConfigFile] | None = None,
    ) -> None:
        self.environment = environment
        self.brand = brand
        self.messages = messages
        self._named_profile = named_profile
        self._open_secrets = open_secrets or cache(self._new_secrets)
        self._read_config = read_config or cache(self._load_config)
        self.observer = RequestObserver(messages, environment)
        state = environment.state_dir / "sessions.json"
        self.index = SessionIndex(state, partial(self.acquire, f"{brand.app_dir}-sessions"), warn=messages.warning)
        self.settings = ProfileSettings(
            named_profile,
            environment.environ,
            brand,
            read_config=self._read_config,
            config_text=self._config_text,
            with_session=self.index.stores,
        )
        self.profile = self.settings.name
        self.stores = StoreChoice(self.profile, self._open_secrets, environment, brand, messages.warning)
        self.locks = SessionLocks(f"{brand.app_dir}-{self.profile}", self.acquire, self.stores, self.observer)
        self.changes = SessionChanges(
            self.profile,
            stores=self.stores,
            locks=self.locks,
            index=self.index,
            messages=messages,
            defer_signals=environment.defer_signals,
            revoke=self.revoke,
        )

    def for_profile(self, name: str) -> Account:
        """Return the account of another profile, with the same connection to the keyring."""
        return Account(
            self.environment,
            self.brand,
            self.messages,
            named_profile=name,
            open_secrets=self._open_secrets,
            read_config=self._read_config,
        )

    def close(self) -> None:
        self.stores.close()

    def _new_secrets(self) -> KeyringStore:
        timeout = keyring_timeout(self.environment.environ, self.brand)
        choose = partial(open_keyring, self.environment)
        return KeyringStore(choose, username=self.brand.name, timeout=timeout, note=self.messages.note)

    @property
    def _config_path(self) -> Path:
        return self.environment.config_dir / "config.toml"

    def _config_text(self) -> str:
        try:
            return self._config_path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""  # the config file's own reader reports it, where settings are needed

    def _load_config(self) -> ConfigFile:
        from awesome_cli.settings.config_file import ConfigFile

        return ConfigFile.read(self._config_path, partial(self.acquire, f"{self.brand.app_dir}-config"))

    @contextmanager
    def acquire(self, *names: str, timeout: float | None = None) -> Iterator[Path]:
        """Hold the locks of these names in the block, and yield the folder that they are in."""
        from awesome_cli.system.lock import TIMEOUT, acquire_locks

        folders = self.environment.account_dirs
        with acquire_locks(folders, names, timeout=TIMEOUT if timeout is None else timeout) as folder:
            if folder != folders[0]:
                self.messages.detail(f"{folders[0]} cannot be used for locks; {folder} serves instead.")
            yield folder

    def run_with_client(self, kind: type[C], config: ClientConfig, work: Callable[[C], Awaitable[T]]) -> T:
        """Run requests to the provider of a client, in an event loop of their own."""
        from awesome_cli.provider.cache import FileMetadataCache
        from awesome_cli.provider.client import oidc_client

        environment = self.environment

        async def run() -> T:
            async with oidc_client(
                kind,
                config,
                cache=FileMetadataCache(environment.cache_dir, warn=self.messages.warning),
                transport=environment.transport,
                now=environment.now,
                log=self.messages.detail,
                environ=environment.environ,
                user_agent=self.brand.app_dir,
                observer=self.observer,
            ) as client:
                return await work(client)

        return environment.run(run)

    def _ask_provider(self, config: ClientConfig, work: Callable[[OidcClient], Awaitable[T]]) -> T:
        from awesome_cli.provider.client import OidcClient

        return self.run_with_client(OidcClient, config, work)

    def client_config(self, settings: Profile, stored: User | None = None) -> ClientConfig:
        from awesome_cli.provider.config import ClientConfig

        return ClientConfig.from_settings(settings, stored)

    def client_of(self, owner: User | PendingSignIn) -> ClientConfig:
        """Return the client that signed in, with what the config file says of its provider."""
        stored = {"issuer": owner.issuer, "client_id": owner.client_id, "scope": owner.scope}
        return self.client_config(replace(self.settings.stored(stored), audience=owner.audience))

    def sign_out(self, report: Callable[[User | None, bool], None]) -> None:
        """Revoke the session's tokens and remove it. See :meth:`SessionChanges.remove`."""
        try:
            if user := self.stores.current.load_user():
                self.check_session_requirements(user)
        except OtherSessionError as error:
            self.messages.warning(f"{error.message} It is signed out all the same.")
        except AwesomeError:
            pass  # a store that fails does so again below, and no setting must prevent signing out
        self.changes.remove(report)

    def user(self, show: Callable[[User], None] = lambda _: None) -> User:
        """Return who is signed in, renewed if the access token has expired, or as last verified where that fails.

        ``show`` is called once: with what is returned, or, if the provider takes long, with what was last verified.
        """
        user = self.stores.current.load_user() or self._not_signed_in()
        self.check_session_requirements(user)
        if not user.is_valid(self.environment.now()):
            user = self._renewed_user(user, show)
        if not self.observer.deadline_passed:
            show(user)
        return user

    def _renewed_user(self, user: User, show: Callable[[User], None]) -> User:
        def show_early() -> None:
            self.messages.warning(f"The provider has not responded yet. {_LAST_VERIFIED}")
            show(user)

        with self.observer.call_after(USER_TIMEOUT, show_early):
            try:
                return self.renew_if_needed(self.load(), timeout=USER_TIMEOUT).user
            except ProviderUnreachableError as error:
                warning = f"Offline: {error.message} {_LAST_VERIFIED}"
            except (LockTimeoutError, NoLockFolderError) as error:
                warning = f"{error.message} {_LAST_VERIFIED}"
            except AwesomeError as error:
                if not self.observer.deadline_passed:
                    raise
                warning = error.message  # the user has been shown; the next command reports the rest
        self.messages.warning(warning)
        return user

    def load(self) -> Session:
        """Return the stored session as it is. Raises LoginRequiredError, if there is none."""
        return self.stores.current.load() or self._not_signed_in()

    def session(self, *, min_ttl: float = MIN_TTL, refused: str = "") -> Session:
        """Return the session, renewed if its access token expires within ``min_ttl`` seconds.

        ``refused`` is an access token that an API does not accept: a session that still has it is renewed too.
        """
        session = self.load()
        self.check_session_requirements(session.user)
        return self.renew_if_needed(session, math.inf if session.access_token == refused else min_ttl)

    def access_token(self, refused: str = "") -> str:
        """Return a valid access token: another one than ``refused``, if there is one."""
        return self.token_from_environment or self.session(refused=refused).access_token

    @property
    def token_from_environment(self) -> str | None:
        """The access token that a variable gives: used as it is, instead of a session's. Raises ConfigError."""
        return access_token(self.environment.environ, self.brand)

    def renew_if_needed(self, session: Session, min_ttl: float = 0.0, *, timeout: float | None = None) -> Session:
        """Return the session or its successor. ``timeout``: seconds to wait for another process's renewal."""
        return renew_if_needed(
            session,
            store=lambda: self.stores.current,
            lock=lambda: self.locks.renewal(session.user, timeout=timeout),
            refresh=lambda current: self._ask_provider(
                self.client_of(current.user), lambda client: client.refresh(current)
            ),
            discard=self.revoke,
            now=self.environment.now,
            min_ttl=min_ttl,
        )

    def is_token_accepted(self, session: Session) -> bool:
        """Ask the provider whether it still accepts the access token."""
        return self._ask_provider(self.client_of(session.user), lambda client: client.is_token_accepted(session))

    def revoke(self, session: Session, *, refresh_token: bool = True) -> bool:
        """Revoke the session's tokens at the provider; return whether that is confirmed for the refresh token."""
        try:
            return self._ask_provider(
                self.client_of(session.user), lambda client: client.revoke(session, refresh_token=refresh_token)
            )
        except (ProviderError, ConfigError) as error:
            self.messages.detail(error.message)
            return False

    def check_session_requirements(self, user: User) -> None:
        """Raise OtherSessionError, if the settings require another issuer or client than the session has."""
        if (unmet := self.unmet_requirement(user)) is not None:
            what, variable = unmet
            raise OtherSessionError(
                f"You are signed in at {user.issuer} as client {user.client_id}, but the settings ask for the {what}.",
                hint=f"Unset {variable}. Sign in with: {self.brand.name} login",
            )

    def unmet_requirement(self, owner: User | PendingSignIn) -> tuple[str, str] | None:
        """Return the setting that requires another issuer or client than ``owner`` has, and its variable, if any."""
        for name, wanted, variable in session_requirements(self.environment.environ, self.brand):
            if wanted != getattr(owner, name):
                return f"{name.replace('_', ' ')} {wanted}", variable
        return None

    def _not_signed_in(self) -> NoReturn:
        where = f" (profile {self.profile})" if self._named_profile or self.profile != DEFAULT_PROFILE else ""
        raise LoginRequiredError(f"You are not signed in{where}.")
