"""The signal handler: what it raises, and that it exits instead during an import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

import awesome_cli
from awesome_cli import awesome
from awesome_cli.cli import main
from awesome_cli.system.signals import (
    EXIT_CODES,
    MESSAGES,
    SIGNALS,
    TerminatedError,
    end,
    end_on_signals,
    leave_signals_to_the_system,
)

INTERRUPTING = "import signal\nsignal.raise_signal(signal.SIGINT)\n"


pytestmark = pytest.mark.usefixtures("handlers")


class Exited(BaseException):
    """Raised instead of ending the process."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes that the process was ended with."""
    codes: list[int] = []

    def exit_at_once(code: int) -> NoReturn:
        codes.append(code)
        raise Exited

    monkeypatch.setattr(os, "_exit", exit_at_once)
    return codes


def interrupt_an_import(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import a module that raises SIGINT."""
    (folder / "interrupting_module.py").write_text(INTERRUPTING)
    monkeypatch.syspath_prepend(folder)
    try:
        __import__("interrupting_module")
    finally:
        sys.modules.pop("interrupting_module", None)


def test_exit_codes_are_128_plus_the_signal() -> None:
    numbers = {name: getattr(signal, name) for name in SIGNALS if hasattr(signal, name) and name != "SIGBREAK"}
    assert {name: 128 + number for name, number in numbers.items()} == {name: SIGNALS[name][0] for name in numbers}
    assert {*EXIT_CODES.values()} <= {*MESSAGES}


@pytest.mark.parametrize("number", EXIT_CODES)
def test_each_signal_raises(number: int) -> None:
    end_on_signals()
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else TerminatedError) as raised:
        signal.raise_signal(number)
    assert number == signal.SIGINT or raised.value.args == (EXIT_CODES[number],)


@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    end_on_signals()
    signal.raise_signal(number)
    leave_signals_to_the_system()
    assert signal.getsignal(number) == signal.SIG_IGN


def test_the_default_handlers_are_restored_at_the_end() -> None:
    end_on_signals()
    leave_signals_to_the_system()
    assert {signal.getsignal(number) for number in EXIT_CODES} == {signal.SIG_DFL}


def test_a_signal_during_an_import_exits_immediately(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exits: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    end_on_signals()
    with pytest.raises(Exited):
        interrupt_an_import(tmp_path, monkeypatch)
    assert exits == [130]
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_signal_during_an_import_exits_after_the_terminal_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exits: list[int]
) -> None:
    class Gone:
        def write(self, _: str) -> NoReturn:
            raise OSError(5, "Input/output error")

    end_on_signals()
    monkeypatch.setattr(sys, "stderr", Gone())
    with pytest.raises(Exited):
        interrupt_an_import(tmp_path, monkeypatch)
    assert exits == [130]


def test_the_handler_raises_when_called_without_a_frame() -> None:
    frame: FrameType | None = None
    with pytest.raises(KeyboardInterrupt):
        end(signal.SIGINT, frame)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(
    "body", ["", "class Name:\n    def __set_name__(self, *_):\n        {}\nclass Owner: name = Name()"]
)
def test_a_signal_during_an_import_in_a_process_prints_no_traceback(tmp_path: Path, body: str) -> None:
    """Raised in ``__set_name__`` an interrupt would be a RuntimeError in Python 3.11."""
    interrupting = body.format("import signal; signal.raise_signal(signal.SIGINT)") or INTERRUPTING
    (tmp_path / "tempfile.py").write_text(f"{interrupting}\ndef gettempdir(): return '/tmp'\n")
    program = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})  # in the place of the standard library's module, which is imported late
        sys.argv = ["awesome", "profiles"]
        from awesome_cli import awesome
        awesome()
    """)
    environ = {"HOME": str(tmp_path), "PYTHONPATH": str(Path(awesome_cli.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


class Interrupted:
    """An import system in which importing the handler's own module raises something."""

    def __init__(self, error: BaseException, cause: BaseException | None) -> None:
        self.error = error
        self.cause = cause

    def find_spec(self, name: str, *_: object) -> None:
        if name == "awesome_cli.system.signals":
            raise self.error from self.cause


@pytest.fixture
def unimported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``run`` import the handler's module anew."""
    monkeypatch.delitem(sys.modules, "awesome_cli.system.signals")
    monkeypatch.setattr(sys, "argv", ["awesome", "--version"])


@pytest.mark.usefixtures("unimported")
@pytest.mark.parametrize(
    ("error", "cause"), [(KeyboardInterrupt(), None), (RuntimeError("Error calling __set_name__"), KeyboardInterrupt())]
)
def test_ctrl_c_before_the_handler_is_installed_is_an_interruption(
    error: BaseException,
    cause: BaseException | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "meta_path", [Interrupted(error, cause), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        awesome()
    assert (ended.value.code, capsys.readouterr().err) == (130, "Interrupted.\n")


@pytest.mark.usefixtures("unimported")
def test_another_error_before_the_handler_is_installed_is_raised_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Interrupted(RuntimeError("another"), None), *sys.meta_path])
    with pytest.raises(RuntimeError, match="another"):
        awesome()


@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_signal_outside_of_a_command_exits_with_its_code_and_message(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "_run_fast_path", lambda *_: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ended:
        awesome()
    assert (ended.value.code, capsys.readouterr().err) == (EXIT_CODES[number], f"{MESSAGES[EXIT_CODES[number]]}\n")
