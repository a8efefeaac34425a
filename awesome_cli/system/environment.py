"""Environment: everything outside the program that it uses, as one argument, so that tests can replace it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO, TypeVar

from awesome_cli.brand import Brand
from awesome_cli.errors import ConfigError
from awesome_cli.system.account_folders import account_folders
from awesome_cli.system.deferred_signals import DeferredSignals, defer_signals
from awesome_cli.system.hidden_variables import environ_of_process
from awesome_cli.system.replacement import system_replacement

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

BROWSER_TIMEOUT = 0.8  # seconds; most that fail do so at once, and nothing is shown until then
_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1], new=2))"


class Backend(Protocol):
    """A keyring backend. Its methods may raise errors of any kind."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


class Messages(Protocol):
    """Receives notes and warnings: the console, or nothing if the package is used as a library."""

    def say(self, text: str) -> None: ...
    def say_once(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def detail(self, text: str) -> None: ...


class Run(Protocol):
    """Runs an async function in an event loop and returns its result."""

    def __call__(self, work: Callable[[], Awaitable[T]], /) -> T: ...


@dataclass(frozen=True, kw_only=True)
class Environment:
    """``keyring`` and ``transport`` are None where the system's own are meant.

    ``visit`` takes the place of a person in tests and in the demo: it is called with the URL that a person is to open.
    ``account_dirs``: candidates for the folder of locks and other files that all processes of the account share. The
    first usable one is used.
    """

    environ: Mapping[str, str] = field(repr=False)  # it may contain an access token
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
    visit: Callable[[str], None] | None = None

    @property
    def has_ssh(self) -> bool:
        """Whether the user sits at another machine, connected by SSH."""
        return bool(self.environ.get("SSH_CONNECTION"))

    @property
    def is_remote(self) -> bool:
        """Whether the user's browser cannot be opened: over SSH, unless BROWSER names one, as VS Code does."""
        return self.has_ssh and not self.environ.get("BROWSER")


def system_environment(brand: Brand) -> Environment:
    """Return the environment of this process. Raises ConfigError, if there is no home folder."""
    if replacement := system_replacement():
        return replacement(brand)
    import platformdirs

    name = brand.app_dir
    try:
        config_dir = platformdirs.user_config_path(name, appauthor=False)
        state_dir = platformdirs.user_state_path(name, appauthor=False)
        cache_dir = platformdirs.user_cache_path(name, appauthor=False)
    except RuntimeError as error:
        raise ConfigError(f"There is no home folder ({error}).", hint="Set HOME.") from error
    return Environment(
        environ=environ_of_process(),
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        config_dir=config_dir,
        state_dir=state_dir,
        cache_dir=cache_dir,
        account_dirs=tuple(map(Path, account_folders(name))),
        now=time.time,  # noqa: TID251 - the clock of the full program
        run=run_on_asyncio,
        open_browser=partial(open_browser, hidden=brand.variable("access_token")),
        defer_signals=defer_signals,
    )


def run_on_asyncio(work: Callable[[], Awaitable[T]], /) -> T:
    """Run ``work`` on asyncio. A signal cancels it, unless signals are deferred, and takes effect after the loop."""
    from awesome_cli.system.event_loop import run

    with defer_signals(cancelling=True) as deferred:
        return run(work, deferred)


def run_beside_event_loop(run: Run) -> Run:
    """Return ``run``, or where this thread has an event loop already, as in a notebook, ``run`` in another thread."""

    def run_there(work: Callable[[], Awaitable[T]], /) -> T:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(run, work).result()

    return run_there if has_event_loop() else run


def has_event_loop() -> bool:
    """Whether asyncio or trio runs in this thread. Neither is imported for that."""
    if (trio := sys.modules.get("trio")) and trio.lowlevel.in_trio_run():
        return True
    try:
        return (asyncio := sys.modules.get("asyncio")) is not None and bool(asyncio.get_running_loop())
    except RuntimeError:
        return False


def open_browser(url: str, *, hidden: str = "") -> bool:
    """Open ``url``, which must have passed ``secure_url``, without output on our streams.

    ``hidden`` is a variable that the browser must not inherit. Returns False if there is no browser, or it fails within
    BROWSER_TIMEOUT; one that still runs then has started.
    """
    environ = {name: value for name, value in os.environ.items() if name != hidden}  # noqa: TID251 - for a child process
    if "WSL_DISTRO_NAME" in environ and not environ.get("BROWSER"):
        from shutil import which

        if which("wslview"):  # it opens the browser of the Windows that this Linux is part of
            environ["BROWSER"] = "wslview"
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & environ.keys():
        return False  # Python would start a text browser on the terminal that shows the code
    import subprocess

    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, and a URL that cannot be taken for an option
            [sys.executable, "-I", "-c", _OPEN, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,  # else Ctrl-C would also end the browser
        )
        return process.wait(BROWSER_TIMEOUT) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
