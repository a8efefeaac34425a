"""Sign in to one profile: with a device code, with a browser on this machine, or with a code that waits meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from awesome_cli.account import Account
from awesome_cli.errors import (
    ApprovalPendingError,
    AwesomeError,
    LockTimeoutError,
    NoLockFolderError,
    OtherSessionError,
    ProviderError,
)
from awesome_cli.oauth.device_grant import DeviceAuthorization, PollingSchedule, PollState, device_code_expired
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.pending import PendingSignIn
from awesome_cli.sessions.shared_state import PollingRecord
from awesome_cli.sessions.store import SessionStore
from awesome_cli.system.lock import usable_folder

if TYPE_CHECKING:
    from awesome_cli.provider.approval import PollObserver, SignInObserver
    from awesome_cli.provider.config import ClientConfig
    from awesome_cli.provider.sign_in_client import SignInClient

LOCK_SLACK = 30.0  # seconds that a process may need after the code has expired

_NO_LOCK = LockTimeoutError, NoLockFolderError

T = TypeVar("T")


class SignIn:
    """The ways to sign in to the profile of an account; each replaces its session.

    ``observer`` shows the code or URL. From the approval on signals are deferred until ``until_reported`` is closed.
    ``plaintext``: whether the session is to be stored in the plaintext file. ``timeout``: seconds to wait at most.
    """

    def __init__(self, account: Account, observer: SignInObserver, *, until_reported: ExitStack) -> None:
        self._account = account
        self._observer = observer
        self._until_reported = until_reported
        self._lock_name = _lock_name(account)

    def with_device_code(self, config: ClientConfig, *, plaintext: bool, timeout: float | None) -> Session:
        """Sign in with the device authorization grant (RFC 8628)."""

        async def work(client: SignInClient) -> Session:
            flow = await client.request_device_code(timeout=timeout)
            self._observer.on_code(flow.device, flow.deadline)
            return await client.poll_for_token(flow, self._observer)

        store = self._writable_store(config, plaintext=plaintext)
        return self._store(self._run(config, work), store)

    def with_browser(self, config: ClientConfig, *, plaintext: bool, timeout: float | None) -> Session:
        """Sign in with a browser on this machine (RFC 8252)."""

        async def work(client: SignInClient) -> Session:
            return await client.sign_in_with_browser(self._observer, timeout=timeout)

        store = self._writable_store(config, plaintext=plaintext)
        return self._store(self._run(config, work), store)

    def begin(self, config: ClientConfig, *, settings: Mapping[str, str], plaintext: bool) -> None:
        """Request a device code, and store it in the place of an earlier one, for :meth:`resume`.

        ``settings`` are returned by that. The code is stored before the observer gets it.
        """
        account = self._account

        async def work(client: SignInClient) -> None:
            flow = await client.request_device_code()
            device = flow.device
            pending = PendingSignIn(
                issuer=config.issuer,
                client_id=config.client_id,
                scope=config.scope,
                audience=config.audience,
                provider_digest=flow.provider_digest,
                token_form=flow.token_form,
                user_code=device.user_code,
                verification_uri=device.verification_uri,
                verification_uri_complete=device.verification_uri_complete,
                expires_at=account.environment.now() + device.expires_in,
                interval=device.interval,
                parameters=config.parameters,
                settings=settings,
                plaintext=plaintext,
            )
            with _changing(account):
                account.stores.delete_pending()
                self._record_of(pending).save_schedule(
                    interval=device.interval, wait=device.interval, now=account.environment.now(), takes_over=True
                )
                account.stores.pending(plaintext=plaintext).save(pending)
            self._observer.on_code(device, flow.deadline)

        self._writable_store(config, plaintext=plaintext)
        self._run(config, work)

    def resume(self, pending: PendingSignIn, *, timeout: float | None) -> tuple[Session, PendingSignIn] | None:
        """Wait for the approval of the code that :meth:`begin` stored; return the session and the sign-in it is of.

        One process at a time polls for a code. Others wait for that one, and then raise what it did, return None after
        it has signed in, or go on with the code that has replaced theirs. Whatever ends the sign-in removes it;
        ApprovalPendingError and ProviderError do not end it.
        """
        account, began = self._account, self._account.environment.now()
        self._check_requirements(pending)
        with self._polling(pending, timeout):
            current, record = account.stores.pending().load(), self._record_of(pending)
            if (failure := record.failure) is not None:
                self._forget(pending)
                raise failure
            if timeout is not None:
                timeout = max(timeout - (account.environment.now() - began), 0.0)
            if current is not None and current.digest == pending.digest:
                return self._poll(pending, record, timeout), pending
        return None if current is None else self.resume(current, timeout=timeout)

    def _poll(self, pending: PendingSignIn, record: PollingRecord, timeout: float | None) -> Session:
        try:
            return self._poll_for_session(pending, record, timeout)
        except (ApprovalPendingError, ProviderError):
            raise
        except AwesomeError as error:
            record.save_failure(error)
            self._forget(pending)
            raise

    def _poll_for_session(self, pending: PendingSignIn, record: PollingRecord, timeout: float | None) -> Session:
        from awesome_cli.provider.approval import Deadline
        from awesome_cli.provider.device_flow import DeviceFlow

        account, now = self._account, self._account.environment.now
        remaining = pending.expires_at - now()
        if remaining <= 0:
            raise device_code_expired()
        interval, wait = record.schedule(now(), least=pending.interval)
        record.save_schedule(interval=interval, wait=wait, now=now(), takes_over=True)  # a clock may be set back
        device = DeviceAuthorization(
            device_code=pending.token_form["device_code"],
            user_code=pending.user_code,
            verification_uri=pending.verification_uri,
            verification_uri_complete=pending.verification_uri_complete,
            expires_in=remaining,
            interval=interval,
        )
        observer = _RecordingObserver(self._observer, record, now)

        async def work(client: SignInClient) -> Session:
            flow = DeviceFlow(
                device=device,
                token_form=pending.token_form,
                deadline=Deadline(remaining, timeout, now),
                provider_digest=pending.provider_digest,
                first_wait=wait,
                is_resumable=True,
                before_poll=observer.before_poll,
            )
            self._observer.on_code(device, flow.deadline)
            return await client.resume(flow, observer)

        config = replace(account.client_of(pending), parameters=pending.parameters)
        session = self._run(config, work)
        return self._store(session, account.stores.plaintext if pending.plaintext else account.stores.keyring)

    def _writable_store(self, config: ClientConfig, *, plaintext: bool) -> SessionStore:
        """Return the store of the new session, before anything is requested. Raises KeyringError."""
        store = self._account.stores.plaintext if plaintext else self._account.stores.keyring
        self._account.changes.check_writable(store, (config.issuer, config.client_id))
        return store

    def _run(self, config: ClientConfig, work: Callable[[SignInClient], Awaitable[T]]) -> T:
        """Run requests. A signal cancels them; one that comes when there are tokens waits for ``until_reported``."""
        from awesome_cli.provider.sign_in_client import SignInClient

        with ExitStack() as signals, self._account.observer.during_sign_in(self._observer):
            signals.enter_context(self._account.observer.cancelling_signals())
            result = self._account.run_with_client(SignInClient, config, work)
            self._until_reported.push(signals.pop_all())
        return result

    def _store(self, session: Session, store: SessionStore) -> Session:
        """Store the session; a pending sign-in is deleted first, so that it is not resumed after its code was used."""
        account = self._account
        self._until_reported.enter_context(account.observer.deferred_signals("the sign-in"))
        with ExitStack() as lock:
            with suppress(*_NO_LOCK):  # replacing the session requires one too, and revokes what it cannot store
                lock.enter_context(_changing(account))
            account.stores.delete_pending()
            account.changes.replace(session, store)
        return session

    @contextmanager
    def _polling(self, pending: PendingSignIn, timeout: float | None) -> Iterator[None]:
        """Be the only process that polls for the code. Raises ApprovalPendingError, if another one does all the time.

        Whoever still polls for a code that was replaced does not hold up its successor.
        """
        longest = pending.expires_at - self._account.environment.now() + LOCK_SLACK
        name = f"{self._lock_name}-{pending.digest[:8]}"
        with ExitStack() as lock:
            try:
                lock.enter_context(
                    self._account.acquire(name, timeout=max(longest, 0.0) if timeout is None else timeout)
                )
            except LockTimeoutError as error:
                if timeout is None:
                    raise
                raise ApprovalPendingError("Another process still waits for the approval.") from error
            yield

    def _forget(self, pending: PendingSignIn) -> None:
        """Delete the sign-in, unless another one has replaced it. If that fails, the record tells the next process."""
        stores = self._account.stores
        with suppress(AwesomeError), _changing(self._account):
            current = stores.pending().load()
            if current is not None and current.digest == pending.digest:
                stores.delete_pending()

    def _record_of(self, pending: PendingSignIn) -> PollingRecord:
        folder = usable_folder(self._account.environment.account_dirs)
        return PollingRecord(folder / f"{self._lock_name}.json", pending.digest)

    def _check_requirements(self, pending: PendingSignIn) -> None:
        if (unmet := self._account.unmet_requirement(pending)) is not None:
            what, variable = unmet
            raise OtherSessionError(
                f"The sign-in that waits is one at {pending.issuer} as client {pending.client_id}, but the settings ask"
                f" for the {what}.",
                hint=f"Unset {variable}, or start anew with: {{login}}",
            )


def load_pending(account: Account) -> PendingSignIn | None:
    """Return the sign-in that waits. A process that is just replacing it, or storing its session, is waited for."""
    found = account.stores.pending().load()
    if found is None:
        with suppress(*_NO_LOCK), _changing(account):
            found = account.stores.pending().load()
    return found


def _changing(account: Account) -> AbstractContextManager[Path]:
    """Be the only process that changes the sign-in that waits."""
    return account.acquire(f"{_lock_name(account)}-change")


def _lock_name(account: Account) -> str:
    return f"{account.brand.app_dir}-{account.profile}-pending"


class _RecordingObserver:
    """Passes everything on, and stores when the next process may poll, also if this one is killed while it polls."""

    def __init__(self, observer: PollObserver, record: PollingRecord, now: Callable[[], float]) -> None:
        self._observer = observer
        self._record = record
        self._now = now

    def before_poll(self, schedule: PollingSchedule) -> None:
        self._save(schedule, schedule.interval)

    def on_poll(self, state: PollState, schedule: PollingSchedule) -> None:
        self._save(schedule, schedule.wait)
        self._observer.on_poll(state, schedule)

    def on_tick(self, request_seconds: float) -> None:
        self._observer.on_tick(request_seconds)

    def _save(self, schedule: PollingSchedule, wait: float) -> None:
        self._record.save_schedule(interval=schedule.interval, wait=wait, now=self._now())
