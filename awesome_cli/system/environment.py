"""Everything outside the program, as one argument. Tests pass another one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from awesome_cli.brand import Brand
from awesome_cli.errors import ConfigError
from awesome_cli.system.account_folders import account_folders
from awesome_cli.system.signals import CODES

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_kept_back: dict[str, str] = {}  # variables of ours that children do not inherit


class Backend(Protocol):
    """What a keyring backend can do; its errors may be of any kind."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return the secret, or None if there is none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep the secret."""

    def delete_password(self, service: str, username: str) -> None:
        """Forget the secret."""


class Messages(Protocol):
    """Who is told what happens meanwhile: the console, or nobody where a library is used."""

    def say(self, text: str) -> None: ...
    def say_once(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def detail(self, text: str) -> None: ...


class Run(Protocol):
    """Runs an async function to its end: the one door between plain code and the event loop."""

    def __call__(self, work: Callable[[], Awaitable[T]], /) -> T:
        """Return what ``work`` returns."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is outside. ``keyring`` and ``transport`` are None where the system's own are meant.

    ``account_dirs`` are where locks may lie, and what else all processes of the account share: the same whatever the
    environment says, the first usable one serves.
    ``defer_signals`` keeps the signals that end the program waiting until its block is done.
    """

    environ: Mapping[str, str] = field(repr=False)  # it may hold an access token
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    config_dir: Path
    state_dir: Path
    cache_dir: Path
    account_dirs: tuple[Path, ...]
    now: Callable[[], float]
    run: Run
    open_browser: Callable[[str], bool]
    defer_signals: Callable[[], AbstractContextManager[DeferredSignals]]
    keyring: Backend | None = None
    transport: httpx.AsyncBaseTransport | None = None


def hide_token_from_children(brand: Brand) -> None:
    """Take the access token out of the process's environment; :func:`system_environment` still has it.

    Children inherit that environment, also those that libraries start: keyring's search for a backend runs gcc and ld.
    Only a program that owns its process may do so; a library leaves its caller's environment as it is.
    """
    variable = brand.variable("access_token")
    token = os.environ.pop(variable, None)  # noqa: TID251 - what children inherit
    if token is not None:
        _kept_back[variable] = token


def system_environment(brand: Brand) -> Environment:
    """Return the world that the program finds itself in. Raises ConfigError, if there is no home folder."""
    import platformdirs

    name = brand.app_dir
    try:
        config_dir = platformdirs.user_config_path(name, appauthor=False)
        state_dir = platformdirs.user_state_path(name, appauthor=False)
        cache_dir = platformdirs.user_cache_path(name, appauthor=False)
    except RuntimeError as error:
        raise ConfigError(f"There is no home folder ({error}).", hint="Set HOME.") from error
    return Environment(
        environ={**_kept_back, **os.environ},  # noqa: TID251 - here it becomes an argument
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        config_dir=config_dir,
        state_dir=state_dir,
        cache_dir=cache_dir,
        account_dirs=tuple(map(Path, account_folders(brand.app_dir))),
        now=time.time,  # noqa: TID251 - the same
        run=run_on_asyncio,
        open_browser=partial(open_browser, hidden=brand.variable("access_token")),
        defer_signals=defer_signals,
    )


def run_on_asyncio(work: Callable[[], Awaitable[T]], /) -> T:
    """Run ``work`` on asyncio; a signal cancels it, unless it is held, and has its way once the loop is wound up."""
    from awesome_cli.system.event_loop import run

    with defer_signals(cancelling=True) as deferred:
        return run(work, deferred)


def open_browser(url: str, *, hidden: str = "") -> bool:
    """Open ``url``, which has passed ``secure_url``: without waiting, without a word on our streams.

    False if there is no browser to be opened; the URL is on the screen all the same.
    """
    environ = dict(os.environ)  # noqa: TID251 - a child's environment
    environ.pop(hidden, None)  # which a caller of the library may have left there
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & environ.keys():
        return False  # Python would start a text browser on the terminal that shows the code
    try:
        subprocess.Popen(  # noqa: S603 - our own interpreter, and a URL that is no option
            [sys.executable, "-I", "-m", "webbrowser", "-t", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,  # Ctrl-C is for us
        )
    except OSError:
        return False
    return True


class DeferredSignals:
    """The signal handler while signals wait, and what the holder may ask and set.

    ``first`` is the number of the first signal that came, or 0. ``cancelling``: whether it cancels what the event loop
    runs. ``skippable``: whether Ctrl-C does, pressed once more; ``skipped`` tells that it was.
    """

    def __init__(self, *, cancelling: bool = False) -> None:
        self.first = 0
        self.cancelling = cancelling
        self.skippable = self.skipped = False
        self.on_cancel: Callable[[], None] = _nothing
        self._on_first: Callable[[], None] = _nothing

    def __call__(self, number: int, _frame: object) -> None:
        """Take a signal."""
        if not self.first:
            self.first = number
            self._call_on_first()
        elif self.skippable and number == signal.SIGINT:
            self.skipped = True
        if self.cancelled:
            self.on_cancel()

    @property
    def cancelled(self) -> bool:
        """Whether the signals that came cancel what the event loop runs."""
        return self.skipped or (self.cancelling and self.first != 0)

    @property
    def pending(self) -> bool:
        """Whether a signal has its way once the block is done. After a skip none has: the person had an answer."""
        return self.first != 0 and not self.skipped

    @property
    def on_first(self) -> Callable[[], None]:
        """Called once, from the handler, when the first signal comes; at once, if it came before this was set."""
        return self._on_first

    @on_first.setter
    def on_first(self, call: Callable[[], None]) -> None:
        self._on_first = call
        if self.pending:
            self._call_on_first()

    def _call_on_first(self) -> None:
        with suppress(RuntimeError):  # a stream that is being written to this very moment takes no other words
            self._on_first()

    @contextmanager
    def lent(self) -> Iterator[DeferredSignals]:
        """Serve an inner block, whose wishes end with it."""
        skippable, on_first = self.skippable, self.on_first
        try:
            yield self
        finally:
            self.skippable, self._on_first = skippable, on_first


def _nothing() -> None:
    """Do nothing."""


@contextmanager
def defer_signals(*, cancelling: bool = False) -> Iterator[DeferredSignals]:
    """Keep the signals that end the program waiting until the block is done, then let the first have its way.

    Those that are ignored stay ignored. Within another such block it is that one that keeps them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield DeferredSignals()  # signals are the main thread's business
        return
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in CODES}
    for handler in handlers.values():
        if isinstance(handler, DeferredSignals):
            with handler.lent() as deferred:
                yield deferred
            return
    deferred = DeferredSignals(cancelling=cancelling)
    kept = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in kept:
        signal.signal(number, deferred)
    try:
        yield deferred
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        if deferred.pending:  # also in the place of an error: whoever pressed Ctrl-C knows why it ends
            signal.raise_signal(deferred.first)
