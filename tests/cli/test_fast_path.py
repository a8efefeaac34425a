"""The fast path: it answers only if the keyring backend is certain, and then as the full program does."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import platformdirs
import pytest
from keyring.util import platform_

from awesome_cli.cli import fast_path
from awesome_cli.cli.fast_path import answer, insecure_file
from awesome_cli.keystore.detection import SECRET_SERVICE, keyringrc_files, secret_service_is_certain
from awesome_cli.sessions.shared_state import add_revoked
from awesome_cli.testing.terminal import Stream
from support.brand import AWESOME
from support.terminal import account_of

if TYPE_CHECKING:
    from pathlib import Path

    from support.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")


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
    assert insecure_file(environ, AWESOME, "default") == str(state / "insecure-session-default.json")
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    assert insecure_file(environ, AWESOME, "work") == f"{tmp_path}/state/awesome-cli/insecure-session-work.json"


def test_the_fast_path_does_not_answer_for_a_revoked_session(
    home: dict[str, str], terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.login()
    monkeypatch.setattr(fast_path, "account_folders", lambda _: [str(tmp_path)])
    monkeypatch.setattr(fast_path, "_read", terminal.keyring.get_password)
    now = terminal.time.now()
    assert answer(["say-hi"], home, AWESOME, now=now, stdout=Stream()) == "Welcome Juan!"
    session_store = account_of(terminal).stores.keyring
    session_store.load_user()
    add_revoked(tmp_path, "awesome-cli", session_store.digests)
    assert answer(["say-hi"], home, AWESOME, now=now, stdout=Stream()) is None


def test_the_fast_path_does_not_answer_other_commands(home: dict[str, str]) -> None:
    assert answer(["token"], home, AWESOME, now=0.0, stdout=Stream()) is None
