"""Shell completion: the requests of shells, the installation, and real shells in which Tab is pressed."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import profile_names
from support.brand import AWESOME
from support.requirements import require

if TYPE_CHECKING:
    from support.terminal import Terminal

TIMEOUT = 30.0  # seconds; on a busy machine
SHELLS = ("bash", "zsh", "fish")
AS_CHILD = "awesome {} || exit 3; true"  # a shell would replace itself with a last command


class Home:
    """A home folder with three profiles, and ``awesome`` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = "Library/Application Support" if sys.platform == "darwin" else ".config"
        programs, config = folder / "bin", folder / settings / "awesome-cli"
        programs.mkdir()
        config.mkdir(parents=True)
        (config / "config.toml").write_text("[profiles.work-eu]\n[profiles.work-us]\n[profiles.home]\n", "utf-8")
        program = programs / "awesome"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m awesome_cli "$@"\n', "utf-8")
        program.chmod(0o755)
        self.environ = {
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
            "HOME": str(folder),
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PS1": "$ ",
        }

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def complete(self, shell: str, words: list[str]) -> list[str]:
        """Return the completions of the last word, as the program prints them for a shell."""
        done = self.run(
            "awesome",
            _AWESOME_COMPLETE=f"complete_{shell}",
            _TYPER_COMPLETE_ARGS=" ".join(words),
            _TYPER_COMPLETE_WORD_TO_COMPLETE=words[-1],
            _TYPER_COMPLETE_FISH_ACTION="get-args",
            COMP_WORDS=" ".join(words),
            COMP_CWORD=str(len(words) - 1),
        )
        assert done.stderr == ""
        return done.stdout.splitlines()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    if sys.platform == "win32":
        pytest.skip("shells of POSIX")
    return Home(tmp_path)


def test_profile_names_come_from_the_config_file_and_the_session_index(terminal: Terminal) -> None:
    terminal.login("--profile", "signed-in", "--scope", "openid")
    assert profile_names(CommandContext(terminal.environment, AWESOME)) == ["signed-in"]
    (terminal.environment.config_dir / "config.toml").write_text("[broken", "utf-8")
    assert profile_names(CommandContext(terminal.environment, AWESOME)) == []


@pytest.mark.parametrize("shell", ["bash", "fish", "powershell"])
def test_the_completion_of_an_empty_word_lists_all_commands(home: Home, shell: str) -> None:
    completions = [line.partition(":::")[0].partition("\t")[0] for line in home.complete(shell, ["awesome", ""])]
    assert completions == list(BUILT_IN_COMMANDS)


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["awesome", "who"], ["whoami"]),
        (["awesome", "--pro"], ["--profile"]),
        (["awesome", "--profile", ""], ["home", "work-eu", "work-us"]),
        (["awesome", "--profile", "work-e"], ["work-eu"]),
        (["awesome", "whoami", "--profile", "h"], ["home"]),
        (["awesome", "whoami", "--che"], ["--check"]),
        (["awesome", "profiles", ""], ["show", "use", "remove"]),
        (["awesome", "profiles", "show", "work"], ["work-eu", "work-us"]),
        (["awesome", "profiles", "remove", "--profile", "h"], ["home"]),
        (["awesome", "profiles", "remove", "h"], ["home"]),
        (["awesome", "--version", "who"], ["whoami"]),
        (["awesome", "--install-completion", "who"], ["whoami"]),
        (["awesome", "--show-completion", "who"], ["whoami"]),
    ],
)
def test_completions_depend_on_the_preceding_words(home: Home, words: list[str], completions: list[str]) -> None:
    assert [word for word in home.complete("bash", words) if word] == completions


@pytest.mark.parametrize(
    "environ",
    [
        {"_AWESOME_COMPLETE": "complete_bash"},
        {"_AWESOME_COMPLETE": "complete_bash", "COMP_WORDS": "awesome w"},
        {"_AWESOME_COMPLETE": "complete_bash", "COMP_CWORD": "1"},
        {"_AWESOME_COMPLETE": "complete_bash", "COMP_WORDS": "awesome w", "COMP_CWORD": "x"},
        {"_AWESOME_COMPLETE": "complete_tcsh"},
        {"_AWESOME_COMPLETE": "complete"},
        {"_AWESOME_COMPLETE": "1"},
        {"_AWESOME_COMPLETE": "complete_\x1b[31m"},
        {"_AWESOME_COMPLETE": "\x1b[31m_zsh"},
    ],
)
def test_a_malformed_completion_request_is_a_usage_error(home: Home, environ: dict[str, str]) -> None:
    refused = home.run("awesome", "whoami", **environ)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "Error: _AWESOME_COMPLETE is set, but not to a completion request of a supported shell.\n"
        "Hint: Unset _AWESOME_COMPLETE.\n"
    )


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell", "pwsh"])
def test_a_completion_request_without_words_succeeds(home: Home, shell: str) -> None:
    done = home.run("awesome", "whoami", _AWESOME_COMPLETE=f"complete_{shell}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_completion_request_is_checked_before_typer_reads_it(terminal: Terminal) -> None:
    assert terminal.run("whoami", _AWESOME_COMPLETE="complete_bash") == 2
    assert "Hint: Unset _AWESOME_COMPLETE." in terminal.err
    words = {"COMP_WORDS": "awesome w", "COMP_CWORD": "1"}
    assert terminal.run("whoami", _AWESOME_COMPLETE="complete_bash", **words) == 4


def install(home: Home, shell: str) -> subprocess.CompletedProcess[str]:
    require(shell)
    return home.run(shell, "-c", AS_CHILD.format("--install-completion"))


@pytest.mark.parametrize("shell", SHELLS)
def test_install_completion_installs_it_for_the_current_shell(home: Home, shell: str) -> None:
    installed = install(home, shell)
    assert (installed.returncode, installed.stdout) == (0, "")
    assert installed.stderr.startswith(f"Completion for {shell} is installed in {home.folder}")
    shown = home.run(shell, "-c", AS_CHILD.format("--show-completion"))
    file = Path(installed.stderr.partition(" is installed in ")[2].partition(". Open")[0])
    assert file.read_text("utf-8").strip() == shown.stdout.strip()


def test_install_completion_in_an_unsupported_shell_is_a_usage_error(home: Home) -> None:
    require("dash")
    refused = home.run("dash", "-c", "awesome --install-completion; exit $?")
    assert refused.returncode == 2
    assert refused.stderr == (
        "Error: Completion is for bash, zsh, fish, powershell, pwsh, and this shell is dash.\n"
        "Hint: Start one of them, and try again in it.\n"
    )


def test_install_completion_names_a_file_that_blocks_its_folder(home: Home) -> None:
    (home.folder / ".bash_completions").touch()
    refused = install(home, "bash")
    assert refused.returncode == 3
    assert ".bash_completions" in refused.stderr
    assert "Hint: See what would be installed with: awesome --show-completion" in refused.stderr


@pytest.fixture
def powershell_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Simulate a PowerShell as the parent process; it prints its profile's path after a byte order mark, as some do."""
    if sys.platform == "win32":
        pytest.skip("a script of POSIX is in the place of PowerShell")
    profile = tmp_path / "Dokumente/PowerShell/profile.ps1"
    shell = tmp_path / "pwsh"
    shell.write_text(f"#!/bin/sh\nprintf '\\357\\273\\277%s\\r\\n' '{profile}'\n", "utf-8")
    shell.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("awesome_cli.cli.completion._get_shell_name", lambda: "pwsh")
    return profile


def test_install_completion_extends_a_powershell_profile_once(terminal: Terminal, powershell_profile: Path) -> None:
    for _ in range(2):
        assert terminal.run("--install-completion") == 0
        assert f"Completion for pwsh is installed in {powershell_profile}." in terminal.err
        assert "If scripts are disabled: Set-ExecutionPolicy RemoteSigned" in terminal.err
        assert powershell_profile.read_text("utf-8").count("Register-ArgumentCompleter") == 1
    assert terminal.run("--show-completion") == 0
    assert terminal.out.strip() in powershell_profile.read_text("utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_install_completion_preserves_content_and_encoding_of_a_powershell_profile(
    terminal: Terminal, powershell_profile: Path, encoding: str
) -> None:
    powershell_profile.parent.mkdir(parents=True)
    powershell_profile.write_bytes('Write-Output "Grüße"\r\n'.encode(encoding))
    assert terminal.run("--install-completion") == 0
    text = powershell_profile.read_bytes().decode(encoding)
    assert text.startswith('Write-Output "Grüße"\r\n')
    assert "Register-ArgumentCompleter" in text


def test_a_powershell_that_does_not_name_its_profile_is_reported(terminal: Terminal, powershell_profile: Path) -> None:
    (powershell_profile.parents[2] / "pwsh").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    assert terminal.run("--install-completion") == 3
    assert "pwsh does not say where its profile is" in terminal.err
    assert "Traceback" not in terminal.err


def test_tab_completes_in_a_real_fish(home: Home) -> None:
    install(home, "fish")
    assert home.run("fish", "-c", "complete -C 'awesome --profile w'").stdout.split() == ["work-eu", "work-us"]
    assert home.run("fish", "-c", "complete -C 'awesome profiles show h'").stdout.split() == ["home"]
    assert "say-hi\tPrint" in home.run("fish", "-c", "complete -C 'awesome s'").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("awesome who", "awesome whoami"),
        ("awesome sa", "awesome say-hi"),
        ("awesome --profile h", "awesome --profile home"),
        ("awesome profiles show work-e", "awesome profiles show work-eu"),
    ],
)
def test_tab_completes_in_a_real_shell(home: Home, shell: str, typed: str, completed: str) -> None:
    install(home, shell)
    with Prompt(home, shell) as prompt:
        prompt.type(f"{typed}\t")
        prompt.expect(completed)


class Prompt:
    """An interactive shell on a pseudo-terminal; it is ready when it has run a first command."""

    def __init__(self, home: Home, shell: str) -> None:
        self._controller, terminal = os.openpty()
        self._process = subprocess.Popen(
            [shell, "-i"],
            cwd=home.environ["HOME"],  # which prompts show in one character
            env=home.environ,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._output = ""

    def __enter__(self) -> Self:
        self.type("echo re''ady\n")
        self.expect("ready\r")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._controller)

    def type(self, text: str) -> None:
        os.write(self._controller, text.encode())

    def expect(self, text: str) -> None:
        """Read until the text appears; a shell may redraw a line, and may write it in pieces."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self._output:
            ready, _, _ = select.select([self._controller], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, self._output
            self._output += os.read(self._controller, 65536).decode("utf-8", "replace").replace("\b", "")
        self._output = ""
