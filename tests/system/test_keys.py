"""Single keys: real programs in real terminals, stopped and continued by real shells; then each case by itself."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from awesome_cli.system.keys import pressed_keys
from awesome_cli.system.signals import EXIT_CODES
from support.process import PYTHON_PATH
from support.processes import START_WITHIN
from support.requirements import require

if sys.platform != "win32":
    import fcntl
    import termios
    import tty

    from support.screen import Screen, screen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

PROGRAM = '''
"""Print each key; end at e, raise an error at x. At SIGUSR1, print a line after keys were read once more."""

import os
import signal
import sys
import time

import anyio

from awesome_cli.system.environment import run_on_asyncio
from awesome_cli.system.keys import pressed_keys
from awesome_cli.system.signals import end_on_signals

asked = []


def say(text):
    print(text, flush=True)


def read(read_key):
    is_asked = bool(asked)
    key = read_key()
    if is_asked:
        asked.clear()
        say("is running")
    if key == "x":
        raise LookupError
    if key:
        say(f"key {key!r}")
    return key != "e"


async def read_on_asyncio():
    with pressed_keys(sys.stdin) as read_key:
        say(f"process {os.getpid()} reads" if read_key else "no keys")
        while read_key and read(read_key):
            await anyio.sleep(0.01)


def read_in_a_loop():
    with pressed_keys(sys.stdin) as read_key:
        say(f"process {os.getpid()} reads" if read_key else "no keys")
        while read_key and read(read_key):
            time.sleep(0.01)


signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
end_on_signals()
try:
    read_in_a_loop() if "loop" in sys.argv else run_on_asyncio(read_on_asyncio)
except (KeyboardInterrupt, LookupError) as error:
    say(f"ended with {type(error).__name__}")
    sys.exit(1)
except SystemExit as error:
    say(f"ended with {error.code}")
    raise
'''
SHELLS = ("sh", "bash")  # bash sends no SIGCONT to a process that already runs in the background


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, "utf-8")
    return path


def variables(program: Path) -> dict[str, str]:
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    command = f"'{sys.executable}' '{program}'"
    return {**measured, "PATH": os.environ["PATH"], "PYTHONPATH": PYTHON_PATH, "KEYS": command}


def in_shell(program: Path, script: str, *, shell: str = "sh") -> AbstractContextManager[Screen]:
    """Run a script with job control, in which ``eval "$KEYS"`` starts the program."""
    require(shell)
    return screen([shell, "-c", f"set -m\n{script}\necho the script is done\nread -r end"], variables(program))


def process_of(terminal: Screen) -> int:
    """Wait until the program reads keys, and return its process id."""
    return int(terminal.wait_for(" reads").partition("process ")[2].split()[0])


def read_a_key_and_end(terminal: Screen) -> None:
    """Check that a program that continues in the foreground reads keys again, and restores the terminal at its end."""
    terminal.wait_until(lambda: not terminal.shows_keys)
    press_and_wait(terminal, "c")
    terminal.press("e")
    terminal.wait_for("code 0")
    assert terminal.settings == terminal.settings_before


def press_and_wait(terminal: Screen, key: str) -> None:
    terminal.press(key)
    terminal.wait_for(f"key {key!r}")


@pytest.mark.parametrize("loop", ["asyncio", "loop"])
def test_keys_are_read_without_being_shown_and_the_terminal_is_restored_at_the_end(program: Path, loop: str) -> None:
    with in_shell(program, f'eval "$KEYS {loop}"') as terminal:
        process_of(terminal)
        for key in "cq\x04e":
            press_and_wait(terminal, key)
        text = terminal.wait_for("the script is done")
        assert terminal.settings == terminal.settings_before
    assert text.splitlines()[1:] == ["key 'c'", "key 'q'", r"key '\x04'", "key 'e'", "the script is done"]


def test_the_terminal_is_restored_when_an_error_is_raised(program: Path) -> None:
    with in_shell(program, 'eval "$KEYS"') as terminal:
        process_of(terminal)
        terminal.press("x")
        terminal.wait_for("ended with LookupError")
        assert terminal.settings == terminal.settings_before


@pytest.mark.parametrize("loop", ["asyncio", "loop"])
@pytest.mark.parametrize("number", EXIT_CODES)
def test_the_terminal_is_restored_when_a_signal_ends_the_program(program: Path, number: int, loop: str) -> None:
    with in_shell(program, f'eval "$KEYS {loop}"') as terminal:
        os.kill(process_of(terminal), number)
        end = "KeyboardInterrupt" if number == signal.SIGINT else EXIT_CODES[number]
        terminal.wait_for(f"ended with {end}")
        assert terminal.settings == terminal.settings_before


@pytest.mark.parametrize(("key", "end"), [("\x03", "KeyboardInterrupt"), ("\x1c", "131")], ids=["Ctrl-C", "Ctrl-\\"])
def test_the_keys_of_signals_remain_signals(program: Path, key: str, end: str) -> None:
    with in_shell(program, 'eval "$KEYS"') as terminal:
        process_of(terminal)
        terminal.press(key)
        terminal.wait_for(f"ended with {end}")


@pytest.mark.parametrize("loop", ["asyncio", "loop"])
@pytest.mark.parametrize("shell", SHELLS)
def test_ctrl_z_stops_the_program_with_the_terminal_restored_and_after_fg_it_reads_keys_again(
    program: Path, shell: str, loop: str
) -> None:
    script = f'eval "$KEYS {loop}"; echo stopped; read -r line; echo "line <$line>"; fg; echo "code $?"'
    with in_shell(program, script, shell=shell) as terminal:
        process_of(terminal)
        terminal.press("\x1a")
        terminal.wait_for("stopped")
        assert terminal.settings == terminal.settings_before
        terminal.press("for the shell\n")
        terminal.wait_for("line <for the shell>")
        read_a_key_and_end(terminal)


def test_it_can_be_stopped_repeatedly(program: Path) -> None:
    with in_shell(program, 'eval "$KEYS"; echo stop 1; read -r line; fg; echo stop 2; read -r line; fg') as terminal:
        process_of(terminal)
        for number in (1, 2):
            terminal.press("\x1a")
            terminal.wait_for(f"stop {number}")
            assert terminal.settings == terminal.settings_before
            terminal.press("\n")
            terminal.wait_until(lambda: not terminal.shows_keys)
        press_and_wait(terminal, "e")
        terminal.wait_for("the script is done")
        assert terminal.settings == terminal.settings_before


@pytest.mark.parametrize("shell", SHELLS)
def test_after_bg_it_leaves_the_terminal_alone_and_after_fg_it_reads_keys_again(program: Path, shell: str) -> None:
    script = 'eval "$KEYS"; bg; kill -USR1 %1; read -r line; echo "line <$line>"; read -r line; fg; echo "code $?"'
    with in_shell(program, script, shell=shell) as terminal:
        process = process_of(terminal)
        terminal.press("\x1a")
        terminal.wait_for("is running")
        terminal.press("cq for the shell\n")
        terminal.wait_for("line <cq for the shell>")
        terminal.press("c")
        os.kill(process, signal.SIGUSR1)
        terminal.wait_until(lambda: terminal.text.count("is running") == 2)
        assert terminal.settings == terminal.settings_before
        assert "key" not in terminal.text
        terminal.press("\n")
        read_a_key_and_end(terminal)


@pytest.mark.parametrize("shell", SHELLS)
def test_after_a_stop_that_no_program_can_handle_it_sets_the_terminal_again(program: Path, shell: str) -> None:
    reset = 'stty "$settings"'  # as an interactive shell does it
    script = f'settings=$(stty -g); eval "$KEYS"; {reset}; echo stopped; read -r line; fg; echo "code $?"'
    with in_shell(program, script, shell=shell) as terminal:
        os.kill(process_of(terminal), signal.SIGSTOP)
        terminal.wait_for("stopped")
        assert terminal.settings == terminal.settings_before
        terminal.press("\n")
        read_a_key_and_end(terminal)


def test_a_signal_that_comes_while_the_program_is_stopped_ends_it_with_the_terminal_restored(program: Path) -> None:
    with in_shell(program, 'eval "$KEYS loop"; kill -TERM %1; fg; echo "code $?"') as terminal:
        process_of(terminal)
        terminal.press("\x1a")
        terminal.wait_for("code 143")
        assert terminal.settings == terminal.settings_before


def test_a_program_that_starts_in_the_background_reads_no_keys(program: Path) -> None:
    with in_shell(program, 'eval "$KEYS" & wait') as terminal:
        terminal.wait_for("no keys")
        terminal.wait_for("the script is done")
        assert terminal.settings == terminal.settings_before


@pytest.mark.parametrize(
    ("pasted", "script", "seen"),
    [
        ("first line\nsecond\n", 'read -r one; read -r two; echo "<$one> <$two>"', "<first line> <second>"),
        ("echo a word", 'read -r line; echo "<$line>"', "<echo a word more>"),
        ("\x1b[A\x1b[A\x1b[A", 'read -r line; echo "<$(printf %s "$line" | tr "\\033" E)>"', "<E[AE[AE[A more>"),
    ],
    ids=["lines", "a part of a line", "arrows"],
)
def test_text_that_is_pasted_is_left_whole_for_the_next_program(
    program: Path, pasted: str, script: str, seen: str
) -> None:
    with in_shell(program, f'eval "$KEYS"; {script}') as terminal:
        process = process_of(terminal)
        press_and_wait(terminal, "c")
        terminal.press(pasted)
        terminal.wait_until(lambda: terminal.settings == terminal.settings_before)
        os.kill(process, signal.SIGTERM)
        terminal.wait_for("ended with 143")
        if not pasted.endswith("\n"):
            terminal.press(" more\n")
        terminal.wait_for(seen)


def test_what_was_typed_before_is_left_for_the_next_program(program: Path) -> None:
    script = 'echo go; read -r line; eval "$KEYS"; read -r line; echo "<$line>"'
    with in_shell(program, script) as terminal:
        terminal.wait_for("go")
        terminal.press("\nfor the shell\n")
        process = process_of(terminal)
        terminal.wait_until(lambda: terminal.shows_keys)
        os.kill(process, signal.SIGTERM)
        terminal.wait_for("<for the shell>")


def test_where_no_shell_could_continue_it_ctrl_z_does_nothing(program: Path) -> None:
    with screen([sys.executable, str(program)], variables(program)) as terminal:
        process_of(terminal)
        terminal.press("\x1a")
        press_and_wait(terminal, "c")
        press_and_wait(terminal, "e")
        assert terminal.wait() == 0
        assert terminal.settings == terminal.settings_before


def test_a_stopped_program_whose_shell_is_killed_ends_without_a_traceback(program: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with in_shell(program, f'eval "$KEYS" >"{output}" 2>&1; kill -KILL $$') as terminal:
        terminal.wait_until(lambda: output.exists() and " reads" in output.read_text())
        terminal.press("\x1a")
        terminal.wait_until(lambda: "ended with 129" in output.read_text())
        assert "Traceback" not in output.read_text()


def test_a_closed_terminal_has_no_more_keys_and_causes_no_traceback(program: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    script = f"trap '' HUP; eval \"$KEYS\" >'{output}' 2>&1; echo \"code $?\" >>'{output}'"
    with screen(["sh", "-c", script], variables(program)) as terminal:
        terminal.wait_until(lambda: output.exists() and " reads" in output.read_text())
        process = int(output.read_text().split()[1])
        terminal.hang_up()
        os.kill(process, signal.SIGUSR1)
        terminal.wait_until(lambda: "is running" in output.read_text())
        os.kill(process, signal.SIGTERM)
        terminal.wait_until(lambda: "code" in output.read_text())
    assert output.read_text().splitlines()[1:] == ["is running", "ended with 143", "code 143"]


@pytest.mark.parametrize("stdin", ["</dev/null", "<&-"])
def test_a_program_without_a_terminal_as_its_input_reads_no_keys(program: Path, stdin: str) -> None:
    code = "import io, sys\nfrom awesome_cli.system.keys import pressed_keys\n"
    code += "with pressed_keys(sys.stdin or io.StringIO()) as read_key: print(read_key)"
    script = f'"$1" -c "$2" {stdin}'
    process = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, code],
        env=variables(program),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.stdout, process.stderr) == ("None\n", "")


# In this process: a terminal that is taken for the one of its session, so that what cannot happen reliably does.


class Terminal:
    """A pseudo-terminal without a program; ``stdin`` is the program's end of it."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        self.stdin = open(self._theirs, encoding="utf-8", closefd=False)  # noqa: SIM115 - closed by close
        self._is_open = True

    @property
    def settings(self) -> list[object]:
        return termios.tcgetattr(self._theirs)

    def set(self, flags: int) -> None:
        """Set the local flags."""
        settings = termios.tcgetattr(self._theirs)
        settings[3] = flags
        termios.tcsetattr(self._theirs, termios.TCSANOW, settings)

    @property
    def passes_on_keys(self) -> bool:
        return not termios.tcgetattr(self._theirs)[3] & (termios.ICANON | termios.ECHO)

    def press(self, keys: str) -> None:
        """Press keys, and wait until the terminal has received them."""
        expected, deadline = self._count_waiting() + len(keys), time.monotonic() + START_WITHIN
        os.write(self._ours, keys.encode())
        while self._count_waiting() < expected:
            assert time.monotonic() < deadline

    def _count_waiting(self) -> int:
        return int.from_bytes(fcntl.ioctl(self._theirs, termios.FIONREAD, bytes(4)), sys.byteorder)

    def hang_up(self) -> None:
        if self._is_open:
            os.close(self._ours)
            self._is_open = False

    def close(self) -> None:
        self.hang_up()
        self.stdin.close()
        os.close(self._theirs)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal in whose foreground this process is."""
    before = signal.getsignal(signal.SIGTSTP)
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    opened = Terminal()
    yield opened
    opened.close()
    signal.signal(signal.SIGTSTP, before)


@pytest.fixture
def stops(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """The settings of the terminal at each stop; this process itself is not stopped."""
    settings: list[list[object]] = []

    def stop(number: int) -> None:
        assert (number, signal.getsignal(number)) == (signal.SIGTSTP, signal.SIG_DFL)
        settings.append(terminal.settings)

    monkeypatch.setattr(signal, "raise_signal", stop)
    return settings


def send(number: int) -> None:
    """Send a signal to this process. Its handler has run when this returns."""
    signal.pthread_kill(threading.get_ident(), number)


@contextmanager
def reading(terminal: Terminal) -> Iterator[Callable[[], str | None]]:
    """Read keys during the block, and check that the terminal and the handler are afterwards what they were before."""
    before = terminal.settings, signal.getsignal(signal.SIGTSTP)
    with pressed_keys(terminal.stdin) as read_key:
        assert read_key
        yield read_key
    assert (terminal.settings, signal.getsignal(signal.SIGTSTP)) == before


def test_a_key_is_returned_once(terminal: Terminal) -> None:
    with reading(terminal) as read_key:
        assert terminal.passes_on_keys
        assert read_key() == ""
        terminal.press("c")
        assert [read_key(), read_key()] == ["c", ""]


def test_a_single_byte_that_is_no_character_is_a_key_all_the_same(terminal: Terminal) -> None:
    with reading(terminal) as read_key:
        terminal.press("\x00")
        assert read_key() == "\x00"


def test_after_a_paste_no_keys_are_read_and_the_terminal_stays_as_it_was(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = terminal.settings
    with reading(terminal) as read_key:
        terminal.press("ls --long\n")
        assert read_key() is None
        assert terminal.settings == before
        monkeypatch.setattr(tty, "setcbreak", pytest.fail)
        assert read_key() is None
    assert terminal.stdin.readline() == "ls --long\n"


@pytest.mark.parametrize(("typed", "key"), [("cq", "c"), ("\033[A", ""), ("é", "\ufffd")], ids=["two", "arrow", "é"])
def test_what_is_typed_within_one_look_is_one_key(terminal: Terminal, typed: str, key: str) -> None:
    with reading(terminal) as read_key:
        terminal.press(typed)
        assert read_key() == key
        terminal.press("c")
        assert read_key() == "c"


def test_a_terminal_that_passes_on_keys_already_is_left_as_it_is(terminal: Terminal) -> None:
    terminal.set(0)
    with reading(terminal) as read_key:
        terminal.press("c")
        assert read_key() == "c"


@pytest.mark.parametrize("flag", ["ICANON", "ECHO"])
def test_lines_and_echo_are_switched_off_each(terminal: Terminal, flag: str) -> None:
    terminal.set(getattr(termios, flag))
    with reading(terminal):
        assert terminal.passes_on_keys


def test_settings_that_a_shell_has_reset_are_set_again(terminal: Terminal) -> None:
    flags = termios.ICANON | termios.ECHO | termios.ISIG
    terminal.set(flags)
    with reading(terminal) as read_key:
        terminal.set(termios.ICANON)
        read_key()
        assert terminal.passes_on_keys


def test_during_a_stop_the_terminal_is_restored(terminal: Terminal, stops: list[list[object]]) -> None:
    before = terminal.settings
    with reading(terminal) as read_key:
        for _ in range(2):
            send(signal.SIGTSTP)
            assert read_key() == ""
            assert terminal.passes_on_keys
    assert stops == [before, before]


def test_a_stop_while_a_key_is_being_read_waits_until_it_has_been_read(
    terminal: Terminal, stops: list[list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = terminal.settings, os.read

    def stopped(file: int, length: int) -> bytes:
        send(signal.SIGTSTP)
        assert stops == []
        return read(file, length)

    monkeypatch.setattr(os, "read", stopped)
    with reading(terminal) as read_key:
        terminal.press("c")
        assert read_key() == "c"
        assert stops == [before]
        assert read_key() == ""
    assert stops == [before]


def test_a_stop_while_the_terminal_is_being_restored_waits_until_it_is(
    terminal: Terminal, stops: list[list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = terminal.settings
    set_to = termios.tcsetattr
    with reading(terminal):

        def stopped(file: int, when: int, settings: list[object]) -> None:
            send(signal.SIGTSTP)
            set_to(file, when, settings)  # type: ignore[arg-type]

        monkeypatch.setattr(termios, "tcsetattr", stopped)
    assert stops == [before]


def test_a_signal_while_it_is_stopped_leaves_the_next_stop_handled(
    terminal: Terminal, stops: list[list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stop = terminal.settings, signal.raise_signal

    def interrupted(number: int) -> None:
        stop(number)
        raise KeyboardInterrupt

    with reading(terminal) as read_key:
        with monkeypatch.context() as context:
            context.setattr(signal, "raise_signal", interrupted)
            with pytest.raises(KeyboardInterrupt):
                send(signal.SIGTSTP)
        read_key()
        send(signal.SIGTSTP)
    assert stops == [before, before]


def test_a_signal_while_the_terminal_is_being_restored_takes_effect_afterwards(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to = termios.tcsetattr

    def interrupted(file: int, when: int, settings: list[object]) -> None:
        send(signal.SIGINT)
        set_to(file, when, settings)  # type: ignore[arg-type]

    before = terminal.settings
    with pytest.raises(KeyboardInterrupt), pressed_keys(terminal.stdin):
        monkeypatch.setattr(termios, "tcsetattr", interrupted)
    assert terminal.settings == before
    assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL


def test_a_signal_while_the_terminal_is_being_set_restores_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, set_to = terminal.settings, tty.setcbreak

    def interrupted(file: int, when: int) -> None:
        set_to(file, when)
        assert terminal.passes_on_keys
        send(signal.SIGINT)

    monkeypatch.setattr(tty, "setcbreak", interrupted)
    with pytest.raises(KeyboardInterrupt), pressed_keys(terminal.stdin):
        pass
    assert terminal.settings == before
    assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "handled"])
def test_a_stop_signal_that_is_ignored_or_handled_already_is_left_so(
    terminal: Terminal, handler: signal.Handlers | Callable[..., None]
) -> None:
    signal.signal(signal.SIGTSTP, handler)
    with reading(terminal) as read_key:
        assert signal.getsignal(signal.SIGTSTP) == handler
        send(signal.SIGTSTP)
        terminal.press("c")
        assert read_key() == "c"


def test_in_the_background_the_terminal_is_left_alone(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with reading(terminal) as read_key:
        terminal.press("c")
        with monkeypatch.context() as context:
            context.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
            assert read_key() is None
        assert read_key() == "c"


def test_a_block_that_ends_in_the_background_leaves_the_terminal_alone(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pressed_keys(terminal.stdin):
        set_by_the_shell = terminal.settings
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    assert terminal.settings == set_by_the_shell
    assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL


def test_a_terminal_that_is_closed_during_the_block_has_no_keys(terminal: Terminal) -> None:
    with pressed_keys(terminal.stdin) as read_key:
        assert read_key
        terminal.hang_up()
        assert read_key() is None


def test_a_terminal_that_is_closed_while_a_key_is_being_read_has_no_keys(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> bytes:
        raise OSError(5, os.strerror(5))

    with pressed_keys(terminal.stdin) as read_key:
        assert read_key
        terminal.press("c")
        monkeypatch.setattr(os, "read", closed)
        assert read_key() is None


def test_a_terminal_of_another_session_has_no_keys(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before = terminal.settings
    with pressed_keys(terminal.stdin) as read_key:
        assert (read_key, terminal.settings) == (None, before)


def test_in_another_thread_there_are_no_keys(terminal: Terminal) -> None:
    before, yielded = terminal.settings, []

    def work() -> None:
        with pressed_keys(terminal.stdin) as read_key:
            yielded.append((read_key, terminal.settings))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert yielded == [(None, before)]


class WithoutFile(io.StringIO):
    """A terminal that Python code imitates."""

    def isatty(self) -> bool:
        return True


def closed_stream() -> TextIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stdin", [io.StringIO(), WithoutFile(), closed_stream()], ids=["text", "no file", "closed"])
def test_a_stream_that_is_no_terminal_has_no_keys(stdin: TextIO) -> None:
    with pressed_keys(stdin) as read_key:
        assert read_key is None
