"""Exhausted open files, memory or threads are reported with a hint and exit code 7."""

from __future__ import annotations

import errno
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from awesome_cli import awesome
from awesome_cli.__main__ import main as script
from awesome_cli.brand import Brand
from awesome_cli.cli import main
from awesome_cli.system.environment import run_on_asyncio
from awesome_cli.system.exhaustion import exhausted
from support.brand import AWESOME

if TYPE_CHECKING:
    from support.terminal import Terminal

LINKER = "libssl.so.3: cannot open shared object file: Too many open files"


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (_os_error(errno.EMFILE), "Too many open files"),
        (_os_error(errno.ENFILE), os.strerror(errno.ENFILE)),
        (_os_error(errno.ENOMEM), "Cannot allocate memory"),
        (MemoryError(), "Cannot allocate memory"),
        (ImportError(LINKER), "Too many open files"),
        (ImportError("_ssl.so: failed to map segment from shared object"), "Cannot allocate memory"),
        (RuntimeError("can't start new thread"), "no more threads"),
    ],
)
def test_an_exhausted_resource_is_recognized(error: Exception, reason: str) -> None:
    found = exhausted(error)
    assert found
    assert found.exit_code == 7
    assert f"({reason})" in found.message


@pytest.mark.parametrize(
    "error", [_os_error(errno.ENOENT), OSError(), ImportError("no module"), RuntimeError("another"), ValueError()]
)
def test_another_error_is_not_recognized(error: Exception) -> None:
    assert exhausted(error) is None


def test_a_command_reports_an_exhausted_resource(terminal: Terminal) -> None:
    def broken() -> float:
        raise _os_error(errno.EMFILE)

    terminal.login()
    terminal.set(now=broken)
    assert terminal.run("whoami") == 7
    assert terminal.err.startswith("Error: The system refuses what the program needs to run (Too many open files).\n")
    assert "ulimit -n" in terminal.err


def test_a_logout_deletes_the_session_though_no_connection_can_be_opened(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted_system() -> NoReturn:
        raise _os_error(errno.EMFILE)

    terminal.login()
    terminal.set(run=run_on_asyncio)
    monkeypatch.setattr("socket.socketpair", exhausted_system)
    assert terminal.run("logout") == 10
    assert terminal.keyring.entries() == {}


def test_another_error_in_the_event_loop_is_raised_unchanged() -> None:
    async def work() -> NoReturn:
        raise LookupError

    with pytest.raises(LookupError):
        run_on_asyncio(work)


def _run(monkeypatch: pytest.MonkeyPatch, error: Exception) -> object:
    def fail(_: Brand) -> NoReturn:
        raise error

    monkeypatch.setattr(sys, "argv", ["awesome", "profiles"])
    monkeypatch.setattr("awesome_cli.system.environment.system_environment", fail)
    with Path(os.devnull).open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)  # pytest's own cannot be reconfigured
        with pytest.raises(SystemExit) as ended:
            awesome()
    return ended.value.code


@pytest.mark.usefixtures("handlers")
def test_an_exhausted_resource_at_startup_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, MemoryError()) == 7
    assert capsys.readouterr().err.startswith("Error: The system refuses what the program needs to run (Cannot")


@pytest.mark.usefixtures("handlers")
def test_another_error_at_startup_is_reported_as_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, LookupError()) == 1
    assert "awesome has a bug: LookupError." in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_a_fast_path_without_threads_falls_back_to_the_full_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted_system(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("awesome_cli.cli.fast_path.answer", exhausted_system)
    assert not main._run_fast_path(["say-hi"], AWESOME)  # noqa: SLF001 - it has no public caller


@pytest.mark.usefixtures("handlers")
def test_an_error_before_there_is_a_context_is_raised_unless_a_resource_is_exhausted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(error: Exception) -> None:
        def context(*_: object) -> NoReturn:
            raise error

        monkeypatch.setattr(main, "_context", context)

    fail(MemoryError())
    assert main._run_full_program(awesome, is_last=True) == 7  # noqa: SLF001 - it has no public caller
    assert capsys.readouterr().err.startswith("Error: The system refuses what the program needs to run (Cannot")
    fail(LookupError())
    with pytest.raises(LookupError):
        main._run_full_program(awesome, is_last=True)  # noqa: SLF001 - the same


@pytest.mark.usefixtures("handlers")
def test_the_script_ends_the_process_at_once_where_nothing_is_left_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(sys, "argv", ["awesome", "--version"])
    monkeypatch.setattr(main, "_is_nothing_left", lambda: True)
    monkeypatch.setattr(os, "_exit", ended.append)
    with pytest.raises(SystemExit):
        script()
    assert ended == [0]


@pytest.mark.usefixtures("handlers")
def test_only_the_script_leaves_out_the_search_for_garbage_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(sys, "argv", ["awesome", "--version"])
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    assert main._run_full_program(awesome, is_last=False) == 0  # noqa: SLF001 - it has no public caller
    assert frozen == []
    assert main._run_full_program(awesome, is_last=True) == 0  # noqa: SLF001 - the same
    assert frozen == [True]
    assert not main._is_nothing_left()  # noqa: SLF001 - pytest imports both modules
