"""What a command may pick up. Each tool opens on first touch, so that a command pays for what it uses alone."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property, partial
from io import StringIO
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from awesome_cli.brand import Brand
from awesome_cli.cli.console import Console
from awesome_cli.cli.waiting import Waiting
from awesome_cli.errors import (
    AwesomeError,
    ConfigError,
    LockTimeoutError,
    LoginRequiredError,
    NoLockFolderError,
    OtherSessionError,
    ProviderError,
    ProviderUnreachableError,
    RefreshTokenRejectedError,
)
from awesome_cli.sessions.model import INTERRUPTED_TIMEOUT, MIN_TTL, Session, User, renew_if_needed
from awesome_cli.system.environment import Environment

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from awesome_cli.api.client import ApiRequest, ApiResponse, ResponseHandler
    from awesome_cli.keystore.keyring_store import KeyringStore, PlaintextFileStore
    from awesome_cli.provider.client import ClientConfig, OidcClient
    from awesome_cli.sessions.index import SessionIndex
    from awesome_cli.sessions.shared_state import RenewalFailure
    from awesome_cli.sessions.store import SessionStore
    from awesome_cli.settings.config_file import Config
    from awesome_cli.settings.profile import Profile, Settings
    from awesome_cli.system.environment import Backend

T = TypeVar("T")

GREET_WITHIN = 10.0  # seconds in which whoever is signed in is told, whatever the provider does
MOST_OWNERS = 5  # times that a profile may change hands while its lock is waited for


class Toolbox:
    """The world taken apart, for one command and one profile."""

    def __init__(self, environment: Environment, brand: Brand, *, profile: str | None = None) -> None:
        self.environment = environment
        self.brand = brand
        self._profile_flag = profile
        self.console = Console(environment, brand)
        self._waiting = Waiting(self.console, environment.now)

    def for_profile(self, name: str) -> Toolbox:
        """Return the toolbox of another profile: the same console, and one connection to the keyring for all."""
        other = Toolbox(self.environment, self.brand, profile=name)
        other.console = self.console
        other._keyring_store = self._keyring_store
        return other

    def choose_profile(self, name: str) -> None:
        """Mean the profile of that name from now on. Raises UsageError, if it is spelt like none."""
        from awesome_cli.settings.profile import profile_name

        self._profile_flag = self.console.profile = profile_name(name, self.environment.environ, self.brand)

    @cached_property
    def name(self) -> str:
        """The profile's name. Raises UsageError, if there cannot be such a profile."""
        from awesome_cli.settings.profile import profile_name, require_distinct

        name = profile_name(self._profile_flag, self.environment.environ, self.brand)
        existing = [*self.session_index.stores()]
        if name not in existing:  # the config file is slow to open
            with suppress(ConfigError):  # whoever needs it will meet that again
                existing += self.config.names
            require_distinct(name, existing)
        return name

    @cached_property
    def config(self) -> Config:
        """The config file."""
        from awesome_cli.settings.config_file import Config

        return Config.read(
            self.environment.config_dir / "config.toml", lambda: self._locked(f"{self.brand.app_dir}-config")
        )

    @property
    def profile_names(self) -> list[str]:
        """The profiles that have settings or a session."""
        return sorted({*self.config.names, *self.session_index.stores()})

    def profile(self, flags: Settings) -> Profile:
        """Return the settings as ``login`` weighs them."""
        from awesome_cli.settings.profile import resolve

        return resolve(self.name, flags=flags, environ=self.environment.environ, config=self.config, brand=self.brand)

    @property
    def api_url(self) -> str:
        """Where the profile's API is. Raises ConfigError, if nothing says so."""
        from awesome_cli.settings.profile import resolve

        said = {"api_url": self.environment.environ.get(self.brand.variable("api_url"))}
        url = resolve(self.name, flags=said, environ={}, config=self.config, brand=self.brand).api_url
        if url is None:
            raise ConfigError(
                "The URL of the API is not set.",
                hint="Set {prefix}API_URL, or api_url in the profile in config.toml.",
            )
        return url

    @cached_property
    def plaintext_file(self) -> PlaintextFileStore:
        """The plain file that stands in for the keyring once somebody asked for it."""
        from awesome_cli.keystore.keyring_store import PlaintextFileStore

        return PlaintextFileStore(self._insecure_file, warn=self.console.warning)

    @property
    def _insecure_file(self) -> Path:
        return self.environment.state_dir / f"insecure-session-{self.name}.json"

    @cached_property
    def plaintext_session_store(self) -> SessionStore:
        """The profile's session in that file."""
        from awesome_cli.sessions.store import SessionStore

        trial = None if self.plaintext_file.exists() else self.plaintext_trial  # while that file exists it is the store
        return SessionStore(self.plaintext_file, self._entry, trial=trial, is_revoked=self._is_revoked)

    @property
    def plaintext_trial(self) -> PlaintextFileStore:
        """The file beside it where a first save is rehearsed; there is no token in it."""
        from awesome_cli.keystore.keyring_store import PlaintextFileStore

        return PlaintextFileStore(self._insecure_file.with_suffix(".proof"), warn=self.console.warning)

    @cached_property
    def keyring_session_store(self) -> SessionStore:
        """The profile's session in the keyring."""
        from awesome_cli.sessions.store import SessionStore

        return SessionStore(self._keyring_store, self._entry, is_revoked=self._is_revoked)

    @property
    def _entry(self) -> str:
        from awesome_cli.sessions.record import manifest_name

        return manifest_name(self.brand.keyring_service, self.name)

    def _is_revoked(self, digest: str) -> bool:
        from awesome_cli.system.account_folders import is_revoked

        return is_revoked(digest, self.brand.app_dir, self.environment.account_dirs)

    @property
    def session_store(self) -> SessionStore:
        """The profile's session where it lies now: while the insecure file exists it is the store."""
        return self.plaintext_session_store if self.plaintext_file.exists() else self.keyring_session_store

    @cached_property
    def _keyring_store(self) -> KeyringStore:
        from awesome_cli.keystore.keyring_store import KeyringStore
        from awesome_cli.settings.profile import keyring_timeout

        return KeyringStore(
            self._keyring,
            username=self.brand.name,
            timeout=keyring_timeout(self.environment.environ, self.brand),
            note=self.console.note,
        )

    def close(self) -> None:
        """Put away what was opened and stays so otherwise."""
        if "_keyring_entries" in self.__dict__:
            self._keyring_store.close()

    def _keyring(self) -> Backend:
        if self.environment.keyring is not None:
            return self.environment.keyring
        from awesome_cli.keystore.detection import secret_service_is_certain

        if secret_service_is_certain(self.environment.environ):
            service = None
            with suppress(Exception):  # the long way will tell what is wrong
                from awesome_cli.keystore.secret_service import SecretService

                service = SecretService()
            if service is not None:
                service.unlock()
                return service
        from awesome_cli.keystore.backend import system_keyring

        return system_keyring()

    @cached_property
    def session_index(self) -> SessionIndex:
        """Which profiles have a session."""
        from awesome_cli.sessions.index import SessionIndex

        path = self.environment.state_dir / "sessions.json"
        return SessionIndex(path, lambda: self._locked(f"{self.brand.app_dir}-sessions"), warn=self.console.warning)

    @contextmanager
    def lock(self, what: str, *newcomers: ClientConfig) -> Iterator[None]:
        """Be the only process that changes the profile's session, and finish what was begun: signals wait.

        The lock is that of the session that is kept, or of none, and those of the clients that a session shall be
        kept for. ``what`` is being done, for whoever asks the program to end meanwhile.
        """
        owners = self._owners()
        for _ in range(MOST_OWNERS):
            taken = owners | {(client.issuer, client.client_id) for client in newcomers}
            with self._locked_for(taken) as folder:
                owners = self._owners()
                if owners <= taken:
                    with self.deferred(what):
                        yield
                    for owner in taken:
                        self._failure(folder, owner).clear()  # it was of a session that is gone
                    return
        raise ProviderError(
            f"The profile {self.name} is signed in and out by other processes all the time.", hint="Try again."
        )

    @contextmanager
    def _renewing(self, user: User, timeout: float | None) -> Iterator[None]:
        """Be the only process that renews a session. The failure of one that was waited for counts as our own."""
        from awesome_cli.sessions.shared_state import SHARED_FAILURES
        from awesome_cli.system.lock import TIMEOUT

        began, now = self.environment.now(), self.environment.now
        owner = (user.issuer, user.client_id)
        with self._locked_for({owner}, TIMEOUT if timeout is None else timeout) as folder:
            failure = self._failure(folder, owner)
            if (of_another := failure.since(began, now=now())) is not None:
                raise of_another
            try:
                with self.deferred(f"the renewal ({INTERRUPTED_TIMEOUT:g} s at most), or the session could be lost"):
                    yield
            except SHARED_FAILURES as error:
                failure.record(error, now=now())
                raise
            except RefreshTokenRejectedError as error:
                if failure.answer_was_lost:
                    error.hint = f"{_ANSWER_WAS_LOST} {error.hint or 'Sign in with: {login}'}"
                failure.clear()
                raise
            failure.clear()

    @contextmanager
    def deferred(self, what: str) -> Iterator[None]:
        """Let signals wait until the block is done; whoever sends one is told what is being finished."""
        with self.environment.defer_signals() as deferred:
            deferred.on_first = lambda: self.console.say_once(f"Finishing {what} ...")
            before, self._waiting.deferred = self._waiting.deferred, deferred
            try:
                yield
            finally:
                self._waiting.deferred = before

    def _owners(self) -> set[tuple[str, str]]:
        """Return issuer and client id of what is kept for the profile, in the file and in the keyring."""
        owners = set()
        for session_store in self.session_stores:
            with suppress(AwesomeError):
                user = session_store.user()
                if user is not None:
                    owners.add((user.issuer, user.client_id))
        return owners or {("", "")}

    @property
    def session_stores(self) -> list[SessionStore]:
        """Where a session may lie: beside a plain file the keyring may still hold what was there before."""
        return [self.keyring_session_store, *([self.plaintext_session_store] if self.plaintext_file.exists() else [])]

    def check_writable(self, session_store: SessionStore, *newcomers: ClientConfig) -> None:
        """Prove that a store keeps what is written to it. Raises KeyringUnusable, if it does not."""
        with suppress(LoginRequiredError):
            session_store.user()  # a keyring that asks to be unlocked does so before others wait for our lock
        with self.lock("a test of the keyring", *newcomers):
            try:
                session_store.check_writable()
            finally:
                session_store.remove_check()

    def mark_revoked(self, session_store: SessionStore) -> None:
        """Note that no session that this command met in the store may be used any more, whatever the store says."""
        from awesome_cli.sessions.shared_state import add_revoked
        from awesome_cli.system.lock import usable_folder

        with suppress(NoLockFolderError):
            add_revoked(usable_folder(self.environment.account_dirs), self.brand.app_dir, session_store.digests)

    def _lock_name(self, owner: tuple[str, str]) -> str:
        from awesome_cli.system.lock import session_lock_name

        return session_lock_name(self.brand.app_dir, self.name, *owner)

    def _failure(self, folder: Path, owner: tuple[str, str]) -> RenewalFailure:
        from awesome_cli.sessions.shared_state import RenewalFailure

        return RenewalFailure(folder / f"{self._lock_name(owner)}.failed")

    def _locked_for(self, owners: set[tuple[str, str]], timeout: float | None = None) -> AbstractContextManager[Path]:
        return self._locked(*map(self._lock_name, owners), timeout=timeout)

    @contextmanager
    def _locked(self, *names: str, timeout: float | None = None) -> Iterator[Path]:
        from awesome_cli.system.lock import TIMEOUT, acquire_locks

        folders = self.environment.account_dirs
        with acquire_locks(folders, names, timeout=TIMEOUT if timeout is None else timeout) as folder:
            if folder != folders[0]:
                self.console.detail(f"{folders[0]} cannot be used for locks; {folder} serves instead.")
            yield folder

    def qr_code(self, text: str) -> str:
        """Draw ``text`` as a QR code in block characters."""
        import segno

        drawing = StringIO()
        segno.make_qr(text, error="l").terminal(out=drawing, border=2, compact=True)
        return drawing.getvalue()

    def converse(self, client: ClientConfig, work: Callable[[OidcClient], Awaitable[T]]) -> T:
        """Have a conversation with the client's issuer."""
        from awesome_cli.provider.cache import FileMetadataCache
        from awesome_cli.provider.client import oidc_client

        async def talk() -> T:
            async with oidc_client(
                client,
                cache=FileMetadataCache(self.environment.cache_dir, warn=self.console.warning),
                transport=self.environment.transport,
                now=self.environment.now,
                log=self.console.detail,
                environ=self.environment.environ,
                user_agent=self.brand.app_dir,
                observer=self._waiting,
            ) as provider:
                return await work(provider)

        return self.environment.run(talk)

    def call(self, request: ApiRequest, token: str, handler: ResponseHandler) -> ApiResponse:
        """Call the API."""
        from awesome_cli.api.client import call

        return self.environment.run(
            partial(
                call,
                request,
                token,
                handler,
                transport=self.environment.transport,
                environ=self.environment.environ,
                user_agent=self.brand.app_dir,
            )
        )

    def client_for(self, profile: Profile, kept: User | None) -> ClientConfig:
        """Return the client that a profile describes; what it leaves open is as in the kept session."""
        from awesome_cli.provider.client import ClientConfig

        issuer = profile.issuer or (kept and kept.issuer)
        client_id = profile.client_id or (kept and kept.client_id)
        if not issuer or not client_id:
            missing = "issuer" if not issuer else "client id"
            raise ConfigError(
                f"The {missing} is not set.",
                hint="Give --domain (Auth0) or --issuer, and --client-id; README tells where to find them.",
            )
        return ClientConfig(
            issuer=issuer,
            client_id=client_id,
            scope=profile.scope,
            audience=profile.audience,
            resource=profile.resource_indicator,
            pkce=profile.pkce,
            endpoints=profile.endpoints,
        )

    def client_of(self, user: User) -> ClientConfig:
        """Return the client that opened a session, with what the profile knows of its provider."""
        from awesome_cli.settings.profile import resolve

        remembered = {"issuer": user.issuer, "client_id": user.client_id, "scope": user.scope}
        profile = resolve(self.name, flags=remembered, environ={}, config=self.config, brand=self.brand)
        return self.client_for(replace(profile, audience=user.audience), user)

    def user(self, show: Callable[[User], None] = lambda _: None) -> User:
        """Return who is signed in, renewed if the access token has ended, or as last verified where that fails.

        ``show`` is called once: with what is returned, or, if the provider takes long, with what was last verified.
        """
        user = self._stored_user()
        if not user.lives(self.environment.now()):
            user = self._renewed_user(user, show)
        if not self._waiting.is_over:
            show(user)
        return user

    def _renewed_user(self, user: User, show: Callable[[User], None]) -> User:
        def show_early() -> None:
            self.console.warning(f"The provider has not answered yet. {_LAST_VERIFIED}")
            show(user)

        with self._waiting.at_most(GREET_WITHIN, show_early):
            try:
                return self.renew_if_needed(self.load(), 0.0, timeout=GREET_WITHIN).user
            except ProviderUnreachableError as error:
                words = f"Offline: {error.message} {_LAST_VERIFIED}"
            except (LockTimeoutError, NoLockFolderError) as error:
                words = f"{error.message} {_LAST_VERIFIED}"
            except AwesomeError as error:
                if not self._waiting.is_over:
                    raise
                words = error.message  # the question is answered; the next command tells the rest
        self.console.warning(words)
        return user

    def session(self, *, min_ttl: float, refused: str = "") -> Session:
        """Return the session, renewed if its access token lives less than ``min_ttl`` seconds more, or was refused.

        ``refused`` is an access token that an API no longer takes; no session will do that still has it.
        """
        session = self.load()
        self.check_demands(session.user)
        return self.renew_if_needed(session, math.inf if session.access_token == refused else min_ttl)

    def claims(self, session: Session) -> Mapping[str, Any]:
        """Return what the session's ID token says."""
        from awesome_cli.oauth.id_token import parse_stored_id_token

        return parse_stored_id_token(session.id_token).claims

    def access_token(self, refused: str = "") -> str:
        """Return a valid access token; told which was refused, another one, or the same if there is none."""
        return self.token_from_environment or self.session(min_ttl=MIN_TTL, refused=refused).access_token

    @property
    def token_from_environment(self) -> str | None:
        """The access token that ``AWESOME_ACCESS_TOKEN`` gives: used as it is, in the place of any session's.

        Raises ConfigError, if it cannot be a token.
        """
        token = self.environment.environ.get(self.brand.variable("access_token"))
        if not token:
            return None
        from awesome_cli.oauth.token import is_token

        if not is_token(token):
            raise ConfigError(
                f"{self.brand.variable('access_token')} is no access token: it has characters that no token has.",
                hint="Set it to the token alone, or unset it.",
            )
        return token

    def load(self) -> Session:
        """Return the kept session as it is. Raises SignInNeeded, if there is none."""
        return self.session_store.load() or self._nobody()

    def renew(self, session: Session) -> Session:
        """Ask the provider for the session's successor."""
        return self.converse(self.client_of(session.user), lambda provider: provider.refresh(session))

    def revoke(self, session: Session, *, refresh_token: bool = True) -> bool:
        """Revoke the session's tokens at the provider; say whether the refresh token is surely dead."""
        try:
            return self.converse(
                self.client_of(session.user), lambda provider: provider.revoke(session, refresh_token=refresh_token)
            )
        except (ProviderError, ConfigError) as error:
            self.console.detail(error.message)
            return False

    def add_to_session_index(self, session_store: SessionStore) -> None:
        """Note that the profile has a session in that store, for ``profiles`` and ``logout --all``."""
        with self._session_index_errors():
            self.session_index.record(self.name, session_store.kind)

    def forget(self) -> None:
        """Note that it has none."""
        with self._session_index_errors():
            self.session_index.forget(self.name)

    @contextmanager
    def _session_index_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ProviderError):
            self.console.warning(
                f"{self.environment.state_dir} cannot be written; logout --all will not know of this profile's session."
            )

    def _stored_user(self) -> User:
        user = self.session_store.user() or self._nobody()
        self.check_demands(user)
        return user

    def _nobody(self) -> NoReturn:
        where = f" (profile {self.name})" if self._profile_flag else ""
        raise LoginRequiredError(f"You are not signed in{where}.")

    def renew_if_needed(self, session: Session, min_ttl: float, *, timeout: float | None = None) -> Session:
        """Return the session or its successor, as :func:`awesome_cli.sessions.model.renew_if_needed` rules.

        ``timeout``: seconds that another process's renewal is waited for, if not as long as it can take.
        """
        return renew_if_needed(
            session,
            store=lambda: self.session_store,
            lock=lambda: self._renewing(session.user, timeout),
            renew=self.renew,
            discard=self.revoke,
            now=self.environment.now,
            min_ttl=min_ttl,
        )

    def check_demands(self, user: User) -> None:
        """Raise OtherSession, if the settings insist on another issuer or client than the session has."""
        from awesome_cli.settings.profile import demands

        for name, wanted, variable in demands(self.environment.environ, self.brand):
            if wanted != getattr(user, name):
                raise OtherSessionError(
                    f"You are signed in at {user.issuer} as client {user.client_id}, but the settings ask for the"
                    f" {name.replace('_', ' ')} {wanted}.",
                    hint=f"Unset {variable}. Sign in with: {{login}}",
                )


_LAST_VERIFIED = "This is from your last verified sign-in."
_ANSWER_WAS_LOST = "The provider did not answer the last renewal in time, which may have used the refresh token up."
