"""The fast path: it answers only if the keyring backend is certain, and then as the full program does."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest
from keyring.util import platform_

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from awesome_cli import session_reader
from awesome_cli.cli import fast_path
from awesome_cli.cli.command_line import parse_command_line
from awesome_cli.keystore import secret_service
from awesome_cli.keystore.detection import SECRET_SERVICE, keyringrc_files, secret_service_is_certain
from awesome_cli.session_reader import SessionReader
from awesome_cli.sessions.entries import SessionEntries
from awesome_cli.sessions.shared_state import add_revoked
from awesome_cli.testing.terminal import Stream
from support.brand import AWESOME
from support.terminal import account_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awesome_cli.sessions.user import User
    from support.terminal import Terminal


def answer(argv: list[str], environ: Mapping[str, str], terminal: Terminal, stdout: Stream | None = None) -> str | None:
    """Return what the fast path prints, or None, if it leaves the command to the full program."""
    line = parse_command_line(argv, AWESOME.commands)
    if line is None:
        return None
    return fast_path.answer(line, environ, AWESOME, now=terminal.time.now, stdout=stdout or Stream())


def use_keyring(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the keyring of the terminal take the place of the Secret Service."""

    class Reader:
        def __init__(self, connect_timeout: float, timeout: float) -> None:
            assert connect_timeout == timeout == session_reader.TIMEOUT

        def get_password(self, service: str, username: str) -> str | None:
            return terminal.keyring.get_password(service, username)

        def close(self) -> None: ...

        def leave_open(self) -> None: ...

    monkeypatch.setattr(session_reader, "SecretServiceReader", Reader)
    monkeypatch.setattr(secret_service, "SecretService", Reader)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data")}


def test_the_secret_service_is_certain_on_gnome_or_if_it_is_configured(home: dict[str, str]) -> None:
    assert secret_service_is_certain({**home, "XDG_CURRENT_DESKTOP": "GNOME"})
    assert secret_service_is_certain({**home, "PYTHON_KEYRING_BACKEND": SECRET_SERVICE})


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        {"KEYRING_PROPERTY_SCHEME": "KeePassXC"},
        {"XDG_CURRENT_DESKTOP": "KDE"},
        {"XDG_CURRENT_DESKTOP": "Budgie:KDE"},
    ],
)
def test_variables_that_may_select_another_backend_make_it_uncertain(
    home: dict[str, str], variables: dict[str, str]
) -> None:
    assert not secret_service_is_certain({**home, **variables})


@pytest.mark.parametrize("folder", ["config", "data"])
def test_a_keyringrc_file_makes_the_backend_uncertain(home: dict[str, str], tmp_path: Path, folder: str) -> None:
    (tmp_path / folder / "python_keyring").mkdir(parents=True)
    (tmp_path / folder / "python_keyring" / "keyringrc.cfg").touch()
    assert not secret_service_is_certain(home)


def test_keyringrc_is_looked_for_in_the_folders_that_keyring_uses() -> None:
    config, data = keyringrc_files(os.environ)
    assert config == str(platform_.config_root() / "keyringrc.cfg")
    assert data == str(platform_.data_root() / "keyringrc.cfg")


def test_the_plaintext_file_is_looked_for_in_the_state_folder(tmp_path: Path) -> None:
    state = platformdirs.user_state_path("awesome-cli", appauthor=False)
    environ = {"HOME": os.environ["HOME"], **{k: v for k, v in os.environ.items() if k == "XDG_STATE_HOME"}}
    assert SessionReader(environ, AWESOME).plaintext_file == str(state / "insecure-session-default.json")
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    assert (
        SessionReader(environ, AWESOME, "work").plaintext_file
        == f"{tmp_path}/state/awesome-cli/insecure-session-work.json"
    )


def test_the_fast_path_does_not_answer_for_a_revoked_session(
    home: dict[str, str], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.login()
    monkeypatch.setattr(session_reader, "account_folders", lambda _: [str(tmp_path)])
    use_keyring(terminal, monkeypatch)
    assert answer(["say-hi"], home, terminal) == "Welcome Juan!"
    session_store = account_of(terminal).stores.keyring
    session_store.load_user()
    add_revoked(tmp_path, "awesome-cli", session_store.digests)
    assert answer(["say-hi"], home, terminal) is None


@pytest.fixture
def fast_home(home: dict[str, str], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a session in an ordinary keyring; the state and config folders of the fast path are below it."""
    terminal.login()
    monkeypatch.setattr(session_reader, "account_folders", lambda _: [str(tmp_path)])
    use_keyring(terminal, monkeypatch)
    for folder in ("config/awesome-cli", ".local/state/awesome-cli"):
        Path(home["HOME"], folder).mkdir(parents=True, exist_ok=True)
    return Path(home["HOME"])


@pytest.mark.parametrize(
    ("config", "is_fast"),
    [
        ("", True),
        ('[profiles.default]\nissuer = "https://provider.example/"\n', True),
        ('[profiles.default]\nscope = "openid profile email offline_access"\n', True),
        ('[profiles.default]\nscope="openid"\n', False),
        ('[profiles.default]\naudience = "https://api.example/"\n', False),
        ('[profiles.default]\n"\\u0061udience" = "https://api.example/"\n', False),
    ],
)
def test_whoami_is_fast_where_no_setting_can_differ_from_the_session(
    fast_home: Path,
    home: dict[str, str],
    terminal: Terminal,
    config: str,
    is_fast: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (fast_home / "config/awesome-cli/config.toml").write_text(config, "utf-8")
    for command in (["whoami"], ["whoami", "--json"]):
        assert (answer(command, home, terminal) is not None) == is_fast
    assert answer(["say-hi"], home, terminal) == "Welcome Juan!"


@pytest.mark.parametrize("variable", ["AWESOME_SCOPE", "AWESOME_AUDIENCE", "AUTH0_AUDIENCE"])
def test_whoami_with_a_scope_or_audience_in_a_variable_is_for_the_full_program(
    fast_home: Path, home: dict[str, str], terminal: Terminal, variable: str
) -> None:
    assert fast_home.exists()
    environ = {**home, variable: "openid"}
    assert answer(["whoami"], environ, terminal) is None
    assert answer(["say-hi"], environ, terminal) == "Welcome Juan!"


@pytest.mark.parametrize(
    ("index", "is_fast"),
    [('{"profiles": {}}', True), ("", True), ("{", False), ("[]", False), ('{"profiles": 7}', False)],
)
def test_a_damaged_index_is_for_the_full_program_which_warns(
    fast_home: Path,
    home: dict[str, str],
    terminal: Terminal,
    index: str,
    is_fast: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (fast_home / ".local/state/awesome-cli/sessions.json").write_text(index, "utf-8")
    for command in (["say-hi"], ["whoami"], ["whoami", "--json"]):
        found = answer(command, home, terminal)
        assert (found is not None) == is_fast


def test_the_fast_path_names_the_application_and_uses_colours(
    fast_home: Path, home: dict[str, str], terminal: Terminal
) -> None:
    index = {"profiles": {"default": SECRET_SERVICE}, "applications": {SECRET_SERVICE: "GNOME Keyring", "x": 7}}
    (fast_home / ".local/state/awesome-cli/sessions.json").write_text(json.dumps(index), "utf-8")
    stdout = Stream()
    plain = answer(["whoami"], home, terminal, stdout)
    assert plain is not None
    assert plain.endswith("  Kept in       GNOME Keyring")
    stdout.terminal = True
    coloured = answer(["whoami"], home, terminal, stdout)
    assert coloured is not None
    assert coloured.startswith("\033[32m✓ \033[0m\033[1mJuan <juan@example.com>\033[0m\n")
    assert re.sub(r"\033\[\d*m", "", coloured) == plain
    assert answer(["whoami"], {**home, "AWESOME_PLAIN": "1"}, terminal, stdout) == plain
    assert answer(["whoami"], {**home, "COLUMNS": "40"}, terminal, stdout) is None


def test_a_relative_config_folder_is_for_the_full_program(
    fast_home: Path, home: dict[str, str], terminal: Terminal
) -> None:
    assert fast_home.exists()
    environ = {**home, "XDG_CONFIG_HOME": "config"}
    for command in ("whoami", "say-hi"):  # which profile is the default one, the file in that folder says
        assert answer([command], environ, terminal) is None
    environ["AWESOME_PROFILE"] = "default"
    assert answer(["whoami"], environ, terminal) is None
    assert answer(["say-hi"], environ, terminal) == "Welcome Juan!"


TOKEN = ["token"]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--json",),
        ("--format", "json"),
        ("--format=header",),
        ("--format", "exec-credential"),
        ("--min-ttl", "120"),
        ("--profile", "default"),
        ("--quiet",),
    ],
    ids=" ".join,
)
def test_token_prints_what_the_full_program_prints(
    fast_home: Path, home: dict[str, str], terminal: Terminal, options: tuple[str, ...]
) -> None:
    assert fast_home.exists()
    found = answer([*TOKEN, *options], home, terminal)
    assert found is not None
    assert terminal.run(*TOKEN, *options) == 0
    assert terminal.out == f"{found}\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--id",),
        ("--verbose",),
        ("--min-ttl", "99999"),
        ("--json", "--format", "text"),
        ("--format", "xml"),
        ("--help",),
        ("--profile", "other"),
    ],
    ids=" ".join,
)
def test_token_is_for_the_full_program_where_a_valid_session_is_not_enough(
    fast_home: Path, home: dict[str, str], terminal: Terminal, options: tuple[str, ...]
) -> None:
    assert fast_home.exists()
    assert answer([*TOKEN, *options], home, terminal) is None


def test_token_of_a_variable_is_for_the_full_program(fast_home: Path, home: dict[str, str], terminal: Terminal) -> None:
    assert fast_home.exists()
    assert answer(TOKEN, {**home, "AWESOME_ACCESS_TOKEN": "given"}, terminal) is None


def test_a_warning_that_is_due_is_for_the_full_program(
    fast_home: Path, home: dict[str, str], terminal: Terminal
) -> None:
    assert fast_home.exists()
    store = account_of(terminal).stores.keyring
    session = store.load()
    assert session is not None
    store.save(replace(session, user=session.user._replace(session_expires_at=terminal.time.now() + 7200)))
    for argv in (["say-hi"], TOKEN):
        assert answer(argv, home, terminal) is None
    (fast_home / ".local/state/awesome-cli/sessions.json").write_text(
        json.dumps({"profiles": {"default": SECRET_SERVICE}, "warned_at": {"default": terminal.time.now()}}), "utf-8"
    )
    assert answer(["say-hi"], home, terminal) == "Welcome Juan!"
    assert answer(TOKEN, home, terminal) == session.access_token


@pytest.mark.parametrize(
    "changes", [{"client_id": "another-client"}, {"expires_at": 1.0}], ids=["of another client", "expired"]
)
def test_a_session_that_replaces_another_one_while_it_is_read_is_checked_too(
    fast_home: Path,
    home: dict[str, str],
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    assert fast_home.exists()
    store = account_of(terminal).stores.keyring
    session = store.load()
    assert session is not None
    environ = {**home, "AWESOME_CLIENT_ID": session.user.client_id}
    assert answer(TOKEN, environ, terminal) == session.access_token
    load_user = SessionEntries.load_user

    def load_user_before_another_login(entries: SessionEntries) -> User | None:
        user = load_user(entries)
        store.save(replace(session, user=session.user._replace(**changes), access_token="another"))
        return user

    monkeypatch.setattr(SessionEntries, "load_user", load_user_before_another_login)
    assert answer(TOKEN, environ, terminal) is None


@pytest.mark.parametrize("file", ["config/awesome-cli/config.toml", ".local/state/awesome-cli/sessions.json"])
@pytest.mark.parametrize("content", [None, b"\xff"], ids=["a folder", "not text"])
def test_a_file_that_cannot_be_read_is_for_the_full_program(
    fast_home: Path, home: dict[str, str], file: str, content: bytes | None
) -> None:
    if content is None:
        (fast_home / file).mkdir()
    else:
        (fast_home / file).write_bytes(content)
    reader = SessionReader(home, AWESOME)
    assert reader.user() is None
    assert reader.session(0.0) is None


def test_a_keyring_that_fails_is_for_the_full_program(
    fast_home: Path, home: dict[str, str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: float) -> None:
        raise ConnectionError

    assert fast_home.exists()
    monkeypatch.setattr(secret_service, "SecretService", unreachable)
    monkeypatch.setattr(session_reader, "SecretServiceReader", unreachable)
    for argv in (TOKEN, ["say-hi"], ["whoami"]):
        assert answer(argv, home, terminal) is None
