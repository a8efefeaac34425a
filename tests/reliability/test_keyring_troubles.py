"""Keyrings that are missing, locked, slow or unreliable: exit code 9, an error with a hint, and no device code."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from awesome_cli.testing.issuer import ProviderSimulator
from awesome_cli.testing.terminal import Result
from support.keyrings.file import FileKeyring
from support.process import Program, wait
from support.provider import issuing_expired_tokens
from support.requirements import require
from support.time_limits import within

KEYRING_UNUSABLE = 9
WITHOUT_BUS = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}


@pytest.mark.parametrize(
    ("backend", "message"),
    {
        "Locked": "The keyring is locked.",
        "Dismissed": "Could not read from the keyring (InitError).",
        "Refusing": "Could not write to the keyring (PasswordSetError).",
        "Forgetting": "The keyring (support.keyrings.unreliable.Forgetting) does not store what is written to it.",
        "Undeletable": "The keyring (support.keyrings.unreliable.Undeletable) does not delete awesome-cli:default:a:4.",
        "RaisingOtherErrors": "Could not read from the keyring (DBusError).",
        "RaisingOtherErrorsOnWrite": "Could not write to the keyring (DBusError).",
        "FailingToLoad": "The keyring backend that is configured cannot be loaded (OSError).",
        "NoSuchClass": "The keyring backend that is configured cannot be loaded (AttributeError).",
        "ChainedPlaintext": "No keyring is available on this system.",
    }.items(),
)
def test_a_login_without_a_usable_keyring_requests_no_device_code(
    program: Program, issuer: ProviderSimulator, backend: str, message: str
) -> None:
    _check_refusal(program.run("login", backend=backend), message)
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("backend", "message"),
    {
        "keyring.backends.null.Keyring": "does not store what is written to it.",
        "keyring.backends.fail.Keyring": "No keyring is available on this system.",
        "no.such.module": "cannot be loaded (ModuleNotFoundError).",
        "": "cannot be loaded (ValueError).",
        "keyring.backends.chainer.ChainerBackend": "No keyring is available on this system.",
        None: "No keyring is available on this system.",
    }.items(),
)
def test_the_backend_that_is_configured_for_keyring_is_used_or_reported(
    program: Program, issuer: ProviderSimulator, backend: str | None, message: str
) -> None:
    """With None no backend is configured; keyrings.alt is installed, but its plaintext backend is not used."""
    end = program.run("login", PYTHON_KEYRING_BACKEND=backend, **WITHOUT_BUS)
    _check_refusal(end, message)
    assert issuer.requests == []


@pytest.mark.parametrize("argv", [("say-hi",), ("whoami",), ("token",), ("logout",)])
@pytest.mark.parametrize("backend", ["Locked", "RaisingOtherErrors", "FailingToLoad"])
def test_an_unreadable_keyring_is_not_reported_as_signed_out(
    program: Program, backend: str, argv: tuple[str, ...]
) -> None:
    assert program.run_in_process("login").code == 0
    end = program.run(*argv, backend=backend)
    _check_refusal(end, "")
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"


@pytest.mark.parametrize("argv", [("login",), ("say-hi",), ("logout",)])
def test_a_keyring_call_that_never_returns_times_out(
    program: Program, issuer: ProviderSimulator, argv: tuple[str, ...]
) -> None:
    with within(2):
        end = program.run(*argv, backend="Hanging", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer within 0.5 seconds (trying to read from it).")
    assert "AWESOME_KEYRING_TIMEOUT" in end.err
    assert issuer.requests == []


def test_a_keyring_write_that_never_returns_times_out(program: Program, issuer: ProviderSimulator) -> None:
    end = program.run("login", backend="HangingOnWrite", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer within 0.5 seconds (trying to write to it).")
    assert issuer.requests == []


def test_after_two_seconds_a_note_says_that_the_keyring_is_waited_for(program: Program) -> None:
    started = time.monotonic()
    with within(4):
        process = program.start("say-hi", backend="Hanging", AWESOME_KEYRING_TIMEOUT="3")
        assert process.stderr
        assert process.stderr.readline() == "Waiting for the keyring; it may be asking you to unlock it.\n"
        assert time.monotonic() - started > 2
        assert wait(process).code == KEYRING_UNUSABLE
    assert time.monotonic() - started > 3


def test_a_slow_keyring_is_waited_for(program: Program) -> None:
    assert program.run_in_process("login").code == 0
    end = program.run("say-hi", TEST_KEYRING_DELAY="0.5")
    assert (end.code, end.out, end.err) == (0, "Welcome Juan!\n", "")


@pytest.mark.parametrize("backend", ["Refusing", "RaisingOtherErrorsOnWrite"])
def test_no_refresh_is_requested_if_its_tokens_could_not_be_stored(
    program: Program, issuer: ProviderSimulator, backend: str
) -> None:
    assert program.run_in_process("login").code == 0
    program.expire_access_token()
    before = program.entries
    end = program.run("token", backend=backend)
    _check_refusal(end, "Could not write to the keyring")
    assert program.entries == before
    assert issuer.refreshes == 0  # it is detected before the refresh token is used
    assert program.run_in_process("say-hi").code == 0


def test_a_keyring_failure_after_a_refresh_leaves_the_session_unchanged(
    program: Program, issuer: ProviderSimulator
) -> None:
    assert program.run_in_process("login").code == 0
    program.expire_access_token()
    before = program.entries
    end = program.run("token", backend="RefusingAfterTheTrial")
    _check_refusal(end, "Could not write to the keyring (PasswordSetError).")
    assert program.entries == before
    assert program.run_in_process("say-hi").code == 4
    assert program.entries == {}
    assert issuer.refreshes == 1


def test_a_keyring_failure_after_the_approval_revokes_the_tokens(program: Program, issuer: ProviderSimulator) -> None:
    """The trial before the device code succeeds, and the first write afterwards fails."""
    end = program.run("login", backend="RefusingAfterTheTrial")
    _check_refusal(end, "Could not write to the keyring (PasswordSetError).")
    assert "its tokens are revoked" in end.err
    assert program.entries == {}
    revoked = [request.form["token_type_hint"] for request in issuer.requests if request.path == "/revoke"]
    assert revoked == ["refresh_token", "access_token"]


@pytest.mark.parametrize("backend", ["HangingAfterTheManifest", "HangingBeforeTheManifest"])
@pytest.mark.parametrize("argv", [("login",), ("login", "--force")])
def test_a_write_of_unknown_outcome_leaves_no_session_with_revoked_tokens(
    program: Program, issuer: ProviderSimulator, backend: str, argv: tuple[str, ...]
) -> None:
    if "--force" in argv:
        assert program.run_in_process("login").code == 0
    end = program.run(*argv, backend=backend, AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer within 0.5 seconds (trying to write to it).")
    assert issuer.active_grants == 0
    for command in ("say-hi", "whoami", "token"):
        assert program.run_in_process(command).code == 4
    assert program.run_in_process("login").code == 0
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"
    assert program.run_in_process("logout").code == 0
    assert program.entries == {}


def test_a_renewal_whose_write_has_an_unknown_outcome_revokes_nothing(
    program: Program, issuer: ProviderSimulator
) -> None:
    assert program.run_in_process("login").code == 0
    program.expire_access_token()
    end = program.run("token", backend="HangingAfterTheManifest", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer")
    assert program.run_in_process("say-hi").out == "Welcome Juan!\n"
    assert (issuer.refreshes, issuer.reuses, issuer.active_grants) == (1, 0, 1)


def test_a_logout_whose_outcome_is_unknown_leaves_no_session_with_revoked_tokens(
    program: Program, issuer: ProviderSimulator
) -> None:
    assert program.run_in_process("login").code == 0
    end = program.run("logout", backend="HangingOnDelete", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer")
    assert issuer.active_grants == 0
    assert program.run_in_process("token").code == 4
    assert program.run_in_process("logout").code == 0
    assert program.entries == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")
@pytest.mark.parametrize("left", [0, 4, 8, 12, 16, 20, 24])  # KiB
def test_a_nearly_full_disk_is_detected_before_the_refresh_token_is_used(
    program: Program, issuer: ProviderSimulator, tmp_path: Path, left: int
) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        program.environ["XDG_STATE_HOME"] = str(disk)
        with issuing_expired_tokens(issuer):
            assert program.run("login", "--insecure-storage").code == 0
        filler = _fill(disk, left * 1024)
        end = program.run("token")
        assert end.code in (0, KEYRING_UNUSABLE)
        assert issuer.refreshes == (1 if end.code == 0 else 0), end.err
        filler.unlink()
        assert program.run_in_process("say-hi").out == "Welcome Juan!\n"
        assert issuer.reuses == 0


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    require("mount", "umount")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        require("the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(disk: Path, left: int) -> Path:
    """Fill the disk, and leave this many bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - left))
    return filler


def test_only_the_first_keyring_of_a_chain_is_used(program: Program) -> None:
    first, second = FileKeyring(program.home / "keyring/first"), FileKeyring(program.home / "keyring/second")
    for _ in range(2):
        assert program.run("login", "--force", backend="Chained").code == 0
        assert first.entries()
        assert second.entries() == {}
    assert program.run("say-hi", backend="Chained").out == "Welcome Juan!\n"
    assert program.run("logout", backend="Chained").code == 0
    assert (first.entries(), second.entries()) == ({}, {})
    assert program.run("say-hi", backend="Chained").code == 4


def test_a_plaintext_backend_in_a_chain_is_not_used(program: Program, tmp_path: Path) -> None:
    assert program.run("login", backend="ChainedPlaintextAndFileKeyring").code == 0
    assert program.session()
    assert list(tmp_path.rglob("keyring_pass.cfg")) == []  # where keyrings.alt keeps its secrets


def test_the_plain_file_is_used_only_on_request_and_deleted_completely(program: Program, tmp_path: Path) -> None:
    without = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    end = program.run("login", "--insecure-storage", **without)
    assert end.code == 0
    assert "plain text" in end.err
    (file,) = tmp_path.rglob("insecure-session-*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert program.run("say-hi", **without).out == "Welcome Juan!\n"
    assert str(file) in program.run("whoami", **without).out
    end = program.run("logout", **without)
    assert end.code == 0
    assert "No keyring is available" in end.err
    assert list(tmp_path.rglob("*insecure-session*")) == []


def _check_refusal(end: Result, message: str) -> None:
    assert (end.code, end.out) == (KEYRING_UNUSABLE, "")
    *_, error, hint = end.err.splitlines()
    assert re.fullmatch(r"Error: [^.].*\.", error)
    assert message in error
    assert hint.startswith("Hint: ")
