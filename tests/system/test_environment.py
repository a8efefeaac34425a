"""The system's environment: folders, the access token in a variable, and the browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from awesome_cli.errors import ConfigError
from awesome_cli.system.environment import open_browser, system_environment
from awesome_cli.system.hidden_variables import hide_token_from_children
from support.brand import AWESOME


def test_the_environment_is_that_of_the_process() -> None:
    found = system_environment(AWESOME)
    assert found.stdout is sys.stdout
    assert found.config_dir.name == "awesome-cli"
    assert found.account_dirs[0].name == "awesome-cli"
    assert found.keyring is None
    assert found.transport is None


def test_a_hidden_token_is_not_inherited_and_still_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awesome_cli.system.hidden_variables._hidden", {})
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    hide_token_from_children(AWESOME)
    hide_token_from_children(AWESOME)
    assert "AWESOME_ACCESS_TOKEN" not in os.environ
    assert system_environment(AWESOME).environ["AWESOME_ACCESS_TOKEN"] == "s3cret"
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "another")
    assert system_environment(AWESOME).environ["AWESOME_ACCESS_TOKEN"] == "another"


def test_without_hiding_the_token_stays_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    assert system_environment(AWESOME).environ["AWESOME_ACCESS_TOKEN"] == os.environ["AWESOME_ACCESS_TOKEN"] == "s3cret"


def test_the_repr_of_an_environment_has_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    assert "s3cret" not in repr(system_environment(AWESOME))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """The commands that were started instead of a browser."""
    started: list[tuple[list[str], dict[str, Any]]] = []

    class Process:
        def __init__(self, argv: list[str], **named: Any) -> None:  # noqa: ANN401 - as subprocess has it
            started.append((argv, named))

        def wait(self, _: float) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    return started


def test_the_browser_has_no_output_and_does_not_inherit_the_token(
    started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("AWESOME_ACCESS_TOKEN", "s3cret")
    assert open_browser("https://provider.example/activate", hidden="AWESOME_ACCESS_TOKEN")
    ((argv, named),) = started
    assert argv[-1] == "https://provider.example/activate"
    assert named["stdout"] == named["stderr"] == subprocess.DEVNULL
    assert "s3cret" not in named["env"].values()


def test_no_text_browser_is_started_on_linux(
    started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not open_browser("https://provider.example/activate", hidden="AWESOME_ACCESS_TOKEN")
    assert started == []


@pytest.mark.parametrize(
    ("installed", "named", "used"), [(True, "", "wslview"), (True, "own", "own"), (False, "", None)]
)
def test_in_wsl_the_browser_of_windows_is_opened(  # noqa: PLR0917 - columns of the table, and fixtures
    installed: bool,  # noqa: FBT001 - a column of the table
    named: str,
    used: str | None,
    started: list[tuple[list[str], dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    monkeypatch.setenv("BROWSER", named)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", *([] if named else ["BROWSER"])):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if installed:
        (tmp_path / "wslview").write_text("#!/bin/sh\n", "utf-8")
        (tmp_path / "wslview").chmod(0o700)
    assert open_browser("https://provider.example/activate") == (used is not None)
    assert [arguments["env"]["BROWSER"] for _, arguments in started] == ([used] if used else [])


@pytest.mark.parametrize(
    ("environ", "is_remote"),
    [
        ({}, False),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, True),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "BROWSER": "helper"}, False),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "BROWSER": ""}, True),
    ],
)
def test_an_explicit_browser_counts_also_over_ssh(
    environ: dict[str, str],
    is_remote: bool,  # noqa: FBT001 - a column of the table
) -> None:
    environment = replace(system_environment(AWESOME), environ=environ)
    assert environment.is_remote == is_remote
    assert environment.has_ssh == ("SSH_CONNECTION" in environ)


def test_a_browser_that_cannot_be_started_is_reported_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "executable", str(Path("/nonexistent/python")))
    assert not open_browser("https://provider.example/activate", hidden="AWESOME_ACCESS_TOKEN")


@pytest.mark.skipif(sys.platform != "linux", reason="how a browser is named differs elsewhere")
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # that is the point
@pytest.mark.parametrize(
    ("script", "is_opened"),
    [("exit 0", True), ("exit 3", False), ("exec /bin/sleep 30", True), (None, False)],
    ids=["succeeds", "fails", "goes on", "does not exist"],
)
def test_a_browser_that_fails_at_once_counts_as_none(
    script: str | None,
    is_opened: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser, is_running = tmp_path / "browser", script == "exec /bin/sleep 30"
    if script is not None:
        browser.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\n{script}\n", "utf-8")
        browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("PATH", str(tmp_path))  # no other browser is found
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("awesome_cli.system.environment.BROWSER_TIMEOUT", 2.0 if is_running else 30.0)
    assert open_browser("https://provider.example/activate") == is_opened
    if is_running:
        os.kill(int((tmp_path / "pid").read_text("utf-8")), signal.SIGKILL)


def test_without_a_home_folder_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_config_path", fail)
    with pytest.raises(ConfigError, match="There is no home folder") as caught:
        system_environment(AWESOME)
    assert caught.value.hint == "Set HOME."
