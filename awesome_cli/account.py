"""The application core: sign in, load the session, renew it and sign out, for one profile of one program.

The commands and the library both stand on :class:`Account`; it neither parses nor prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from awesome_cli.brand import Brand
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
from awesome_cli.keystore.keyring_store import KeyringStore
from awesome_cli.provider.observer import RequestObserver
from awesome_cli.sessions.changes import SessionChanges
from awesome_cli.sessions.index import SessionIndex
from awesome_cli.sessions.locks import SessionLocks
from awesome_cli.sessions.model import MIN_TTL, Session, User, renew_if_needed
from awesome_cli.sessions.stores import SessionStores
from awesome_cli.settings.profile import Profile, demands, keyring_timeout
from awesome_cli.settings.profile_settings import ProfileSettings
from awesome_cli.system.environment import Environment, Messages

if TYPE_CHECKING:
    from awesome_cli.oauth.device_grant import DeviceAuthorization
    from awesome_cli.provider.client import ClientConfig
    from awesome_cli.provider.connection import ProviderConnection
    from awesome_cli.settings.config_file import Config

USER_TIMEOUT = 10.0  # seconds after which `user` answers from the last verified sign-in
_LAST_VERIFIED = "This is from your last verified sign-in."


class Account:
    """One profile of one program. Each part is opened at its first use, so that a command pays for what it uses."""

    def __init__(
        self, environment: Environment, brand: Brand, messages: Messages, *, named_profile: str | None = None
    ) -> None:
        self.environment = environment
        self.brand = brand
        self.messages = messages
        self._named_profile = named_profile
        self._read_config = cache(self._open_config)
        self._observer = RequestObserver(
            note=messages.note,
            say_once=messages.say_once,
            defer_signals=environment.defer_signals,
            now=environment.now,
        )

    def for_profile(self, name: str) -> Account:
        """Return the account of another profile, with the same connection to the keyring."""
        other = Account(self.environment, self.brand, self.messages, named_profile=name)
        other._secrets, other._read_config = self._secrets, self._read_config
        return other

    def close(self) -> None:
        """Close the connection to the keyring."""
        if "_secrets" in self.__dict__:
            self._secrets.close()

    @property
    def profile(self) -> str:
        return self.settings.name

    @cached_property
    def settings(self) -> ProfileSettings:
        return ProfileSettings(
            self._named_profile,
            self.environment.environ,
            self.brand,
            read_config=self._read_config,
            with_session=self.index.stores,
        )

    def _open_config(self) -> Config:
        from awesome_cli.settings.config_file import Config

        path = self.environment.config_dir / "config.toml"
        return Config.read(path, lambda: self._acquire(f"{self.brand.app_dir}-config"))

    @cached_property
    def index(self) -> SessionIndex:
        path = self.environment.state_dir / "sessions.json"
        lock = lambda: self._acquire(f"{self.brand.app_dir}-sessions")  # noqa: E731
        return SessionIndex(path, lock, warn=self.messages.warning)

    @cached_property
    def stores(self) -> SessionStores:
        return SessionStores(self.profile, lambda: self._secrets, self.environment, self.brand, self.messages.warning)

    @cached_property
    def _secrets(self) -> KeyringStore:
        from awesome_cli.keystore.detection import open_keyring

        timeout = keyring_timeout(self.environment.environ, self.brand)
        choose = partial(open_keyring, self.environment)
        return KeyringStore(choose, username=self.brand.name, timeout=timeout, note=self.messages.note)

    @cached_property
    def locks(self) -> SessionLocks:
        from awesome_cli.system.lock import session_lock_name

        return SessionLocks(
            lambda owner: session_lock_name(self.brand.app_dir, self.profile, *owner),
            acquire=self._acquire,
            owners=self.stores.owners,
            defer_signals=self._observer.deferred_signals,
            now=self.environment.now,
        )

    @contextmanager
    def _acquire(self, *names: str, timeout: float | None = None) -> Iterator[Path]:
        from awesome_cli.system.lock import TIMEOUT, acquire_locks

        folders = self.environment.account_dirs
        with acquire_locks(folders, names, timeout=TIMEOUT if timeout is None else timeout) as folder:
            if folder != folders[0]:
                self.messages.detail(f"{folders[0]} cannot be used for locks; {folder} serves instead.")
            yield folder

    @cached_property
    def provider(self) -> ProviderConnection:
        from awesome_cli.provider.connection import ProviderConnection

        return ProviderConnection(
            self.environment,
            user_agent=self.brand.app_dir,
            observer=self._observer,
            warn=self.messages.warning,
            log=self.messages.detail,
        )

    def client_config(self, settings: Profile, stored: User | None = None) -> ClientConfig:
        """Return the client that the settings describe; what they leave open is as in the stored session."""
        from awesome_cli.provider.connection import client_config

        return client_config(settings, stored)

    def client_of(self, user: User) -> ClientConfig:
        """Return the client that opened a session, with what the config file says of its provider."""
        stored = {"issuer": user.issuer, "client_id": user.client_id, "scope": user.scope}
        return self.client_config(replace(self.settings.stored(stored), audience=user.audience))

    @cached_property
    def changes(self) -> SessionChanges:
        return SessionChanges(
            self.profile,
            self.stores,
            self.locks,
            self.index,
            environment=self.environment,
            messages=self.messages,
            revoke=self.revoke,
        )

    def sign_in(
        self,
        config: ClientConfig,
        show: Callable[[DeviceAuthorization], None],
        *,
        plaintext: bool = False,
        timeout: float | None = None,
        until_reported: ExitStack,
    ) -> Session:
        """Sign in with a device code, and store the session in the place of the one before.

        ``show`` is given the code. From the approval on signals are deferred until ``until_reported`` is closed.
        """
        store = self.stores.plaintext if plaintext else self.stores.keyring
        self.changes.check_writable(store, (config.issuer, config.client_id))
        session = self.provider.sign_in(config, show, timeout)
        until_reported.enter_context(self._observer.deferred_signals("the sign-in"))
        self.changes.replace(session, store)
        return session

    def sign_out(self, report: Callable[[User | None, bool], None]) -> None:
        """Revoke the session's tokens and remove it. See :meth:`SessionChanges.remove`."""
        try:
            user = self.stores.current.user()
            if user is not None:
                self.check_session_requirements(user)
        except OtherSessionError as error:
            self.messages.warning(f"{error.message} It is signed out all the same.")
        except AwesomeError:
            pass  # whatever it is, emptying the stores will meet it and say so
        self.changes.remove(report)

    def user(self, show: Callable[[User], None] = lambda _: None) -> User:
        """Return who is signed in, renewed if the access token has expired, or as last verified where that fails.

        ``show`` is called once: with what is returned, or, if the provider takes long, with what was last verified.
        """
        user = self.stores.current.user()
        if user is None:
            raise self._not_signed_in()
        self.check_session_requirements(user)
        if not user.lives(self.environment.now()):
            user = self._renewed_user(user, show)
        if not self._observer.deadline_passed:
            show(user)
        return user

    def _renewed_user(self, user: User, show: Callable[[User], None]) -> User:
        def show_early() -> None:
            self.messages.warning(f"The provider has not responded yet. {_LAST_VERIFIED}")
            show(user)

        with self._observer.at_most(USER_TIMEOUT, show_early):
            try:
                return self.renew_if_needed(self.load(), timeout=USER_TIMEOUT).user
            except ProviderUnreachableError as error:
                warning = f"Offline: {error.message} {_LAST_VERIFIED}"
            except (LockTimeoutError, NoLockFolderError) as error:
                warning = f"{error.message} {_LAST_VERIFIED}"
            except AwesomeError as error:
                if not self._observer.deadline_passed:
                    raise
                warning = error.message  # the user has been shown; the next command tells the rest
        self.messages.warning(warning)
        return user

    def load(self) -> Session:
        """Return the stored session as it is. Raises LoginRequiredError, if there is none."""
        session = self.stores.current.load()
        if session is None:
            raise self._not_signed_in()
        return session

    def session(self, *, min_ttl: float = MIN_TTL, refused: str = "") -> Session:
        """Return the session, renewed if its access token expires within ``min_ttl`` seconds.

        ``refused`` is an access token that an API does not accept: a session that still has it is renewed too.
        """
        session = self.load()
        self.check_session_requirements(session.user)
        return self.renew_if_needed(session, math.inf if session.access_token == refused else min_ttl)

    def access_token(self, refused: str = "") -> str:
        """Return a valid access token; told which one was refused, another one, or the same if there is none."""
        return self.token_from_environment or self.session(refused=refused).access_token

    @property
    def token_from_environment(self) -> str | None:
        """The access token that a variable gives: used as it is, instead of a session's. Raises ConfigError."""
        variable = self.brand.variable("access_token")
        token = self.environment.environ.get(variable)
        if not token:
            return None
        from awesome_cli.oauth.token import is_token

        if not is_token(token):
            raise ConfigError(
                f"{variable} is not a valid access token: it contains blanks or other characters that no token has.",
                hint="Set it to the token alone, or unset it.",
            )
        return token

    def renew_if_needed(self, session: Session, min_ttl: float = 0.0, *, timeout: float | None = None) -> Session:
        """Return the session or its successor. ``timeout``: seconds to wait for another process's renewal."""
        return renew_if_needed(
            session,
            store=lambda: self.stores.current,
            lock=lambda: self.locks.renewal(session.user, timeout=timeout),
            renew=lambda current: self.provider.refresh(self.client_of(current.user), current),
            discard=self.revoke,
            now=self.environment.now,
            min_ttl=min_ttl,
        )

    def is_token_accepted(self, session: Session) -> bool:
        """Ask the provider whether it still accepts the access token."""
        return self.provider.is_token_accepted(self.client_of(session.user), session)

    def revoke(self, session: Session, *, refresh_token: bool = True) -> bool:
        """Revoke the session's tokens at the provider; return whether that is confirmed for the refresh token."""
        try:
            return self.provider.revoke(self.client_of(session.user), session, refresh_token=refresh_token)
        except (ProviderError, ConfigError) as error:
            self.messages.detail(error.message)
            return False

    def check_session_requirements(self, user: User) -> None:
        """Raise OtherSessionError, if the settings require another issuer or client than the session has."""
        for name, wanted, variable in demands(self.environment.environ, self.brand):
            if wanted != getattr(user, name):
                raise OtherSessionError(
                    f"You are signed in at {user.issuer} as client {user.client_id}, but the settings ask for the"
                    f" {name.replace('_', ' ')} {wanted}.",
                    hint=f"Unset {variable}. Sign in with: {{login}}",
                )

    def _not_signed_in(self) -> LoginRequiredError:
        where = f" (profile {self.profile})" if self._named_profile else ""
        return LoginRequiredError(f"You are not signed in{where}.")
