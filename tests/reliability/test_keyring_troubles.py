"""Keyrings that are missing, locked, slow or lie: exit 9, one sentence, the way out, and no device code asked for."""

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
from support.hurry import within
from support.keyrings.rough import Kept
from support.machine import Ended, Machine, expired_from_the_start, wait
from support.need import need

KEYRING_UNUSABLE = 9
WITHOUT_BUS = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}


@pytest.mark.parametrize(
    ("backend", "message"),
    {
        "Locked": "The keyring is locked.",
        "Dismissed": "Could not read from the keyring (InitError).",
        "Refusing": "Could not write to the keyring (PasswordSetError).",
        "Swallowing": "The keyring (support.keyrings.rough.Swallowing) does not store what is written to it.",
        "Undeletable": "The keyring (support.keyrings.rough.Undeletable) does not delete awesome-cli:default:a:4.",
        "Odd": "Could not read from the keyring (DBusError).",
        "OddOnWrite": "Could not write to the keyring (DBusError).",
        "Broken": "The keyring backend that is configured cannot be loaded (OSError).",
        "NoSuchClass": "The keyring backend that is configured cannot be loaded (AttributeError).",
        "ChainedPlaintext": "No keyring is available on this system.",
    }.items(),
)
def test_a_login_without_a_usable_keyring_asks_for_no_code(
    machine: Machine, issuer: ProviderSimulator, backend: str, message: str
) -> None:
    _check_refusal(machine.run("login", backend=backend), message)
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("named", "message"),
    {
        "keyring.backends.null.Keyring": "does not store what is written to it.",
        "keyring.backends.fail.Keyring": "No keyring is available on this system.",
        "no.such.module": "cannot be loaded (ModuleNotFoundError).",
        "": "cannot be loaded (ValueError).",
        "keyring.backends.chainer.ChainerBackend": "No keyring is available on this system.",
        None: "No keyring is available on this system.",
    }.items(),
)
def test_what_keyring_is_told_by_its_own_means_is_taken_at_its_word(
    machine: Machine, issuer: ProviderSimulator, named: str | None, message: str
) -> None:
    """With ``None`` nothing is named, and keyrings.alt is installed: its plaintext is not chosen."""
    end = machine.run("login", PYTHON_KEYRING_BACKEND=named, **WITHOUT_BUS)
    _check_refusal(end, message)
    assert issuer.requests == []


@pytest.mark.parametrize("argv", [("say-hi",), ("whoami",), ("token",), ("logout",)])
@pytest.mark.parametrize("backend", ["Locked", "Odd", "Broken"])
def test_a_store_that_cannot_be_read_is_no_reason_to_sign_in(
    machine: Machine, backend: str, argv: tuple[str, ...]
) -> None:
    assert machine.do("login").code == 0
    end = machine.run(*argv, backend=backend)
    _check_refusal(end, "")
    assert machine.run("say-hi").out == "Welcome Juan!\n"


@pytest.mark.parametrize("argv", [("login",), ("say-hi",), ("logout",)])
def test_a_call_that_never_returns_ends_on_time(
    machine: Machine, issuer: ProviderSimulator, argv: tuple[str, ...]
) -> None:
    with within(2):
        end = machine.run(*argv, backend="Hanging", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer within 0.5 seconds (trying to read from it).")
    assert "AWESOME_KEYRING_TIMEOUT" in end.err
    assert issuer.requests == []


def test_a_write_that_never_returns_ends_on_time(machine: Machine, issuer: ProviderSimulator) -> None:
    end = machine.run("login", backend="HangingOnWrite", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer within 0.5 seconds (trying to write to it).")
    assert issuer.requests == []


def test_after_two_seconds_a_note_says_what_is_waited_for(machine: Machine) -> None:
    started = time.monotonic()
    with within(4):
        process = machine.start("say-hi", backend="Hanging", AWESOME_KEYRING_TIMEOUT="3")
        assert process.stderr
        assert process.stderr.readline() == "Waiting for the keyring; it may be asking you to unlock it.\n"
        assert time.monotonic() - started > 2
        assert wait(process).code == KEYRING_UNUSABLE
    assert time.monotonic() - started > 3


def test_a_slow_keyring_is_waited_for(machine: Machine) -> None:
    assert machine.do("login").code == 0
    end = machine.run("say-hi", ROUGH_DELAY="0.5")
    assert (end.code, end.out, end.err) == (0, "Welcome Juan!\n", "")


@pytest.mark.parametrize("backend", ["Refusing", "OddOnWrite"])
def test_a_renewal_that_could_not_be_kept_is_not_asked_for(
    machine: Machine, issuer: ProviderSimulator, backend: str
) -> None:
    assert machine.do("login").code == 0
    machine.let_the_access_token_end()
    before = machine.entries
    end = machine.run("token", backend=backend)
    _check_refusal(end, "Could not write to the keyring")
    assert machine.entries == before
    assert issuer.refreshes == 0  # it is found out before the refresh token is spent
    assert machine.run("say-hi").code == 0


def test_a_keyring_that_fails_after_the_renewal_leaves_a_clear_state(
    machine: Machine, issuer: ProviderSimulator
) -> None:
    assert machine.do("login").code == 0
    machine.let_the_access_token_end()
    before = machine.entries
    end = machine.run("token", backend="TiredAfterTheProof")
    _check_refusal(end, "Could not write to the keyring (PasswordSetError).")
    assert machine.entries == before
    assert machine.run("say-hi").code == 4
    assert machine.entries == {}
    assert issuer.refreshes == 1


def test_a_keyring_that_fails_after_the_approval_costs_no_tokens(machine: Machine, issuer: ProviderSimulator) -> None:
    """It is proved before, and refuses later: the second change after the proof is the first part."""
    end = machine.run("login", backend="TiredAfterTheProof")
    _check_refusal(end, "Could not write to the keyring (PasswordSetError).")
    assert "its tokens are revoked" in end.err
    assert machine.entries == {}
    revoked = [request.form["token_type_hint"] for request in issuer.requests if request.path == "/revoke"]
    assert revoked == ["refresh_token", "access_token"]


@pytest.mark.parametrize("backend", ["SilentAfterTheCard", "SilentBeforeTheCard"])
@pytest.mark.parametrize("argv", [("login",), ("login", "--force")])
def test_a_write_of_unknown_outcome_leaves_no_session_with_revoked_tokens(
    machine: Machine, issuer: ProviderSimulator, backend: str, argv: tuple[str, ...]
) -> None:
    if "--force" in argv:
        assert machine.do("login").code == 0
    end = machine.run(*argv, backend=backend, AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer within 0.5 seconds (trying to write to it).")
    assert issuer.living_grants == 0
    for command in ("say-hi", "whoami", "token"):
        assert machine.run(command).code == 4
    assert machine.run("login").code == 0
    assert machine.run("say-hi").out == "Welcome Juan!\n"
    assert machine.run("logout").code == 0
    assert machine.entries == {}


def test_a_renewal_whose_write_has_an_unknown_outcome_revokes_nothing(
    machine: Machine, issuer: ProviderSimulator
) -> None:
    assert machine.do("login").code == 0
    machine.let_the_access_token_end()
    end = machine.run("token", backend="SilentAfterTheCard", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer")
    assert machine.run("say-hi").out == "Welcome Juan!\n"
    assert (issuer.refreshes, issuer.reuses, issuer.living_grants) == (1, 0, 1)


def test_a_logout_whose_outcome_is_unknown_leaves_no_session_with_revoked_tokens(
    machine: Machine, issuer: ProviderSimulator
) -> None:
    assert machine.do("login").code == 0
    end = machine.run("logout", backend="SilentAfterDeleting", AWESOME_KEYRING_TIMEOUT="0.5")
    _check_refusal(end, "The keyring did not answer")
    assert issuer.living_grants == 0
    assert machine.run("token").code == 4
    assert machine.run("logout").code == 0
    assert machine.entries == {}


@pytest.mark.parametrize("left", [0, 4, 8, 12, 16, 20, 24])  # KiB
def test_a_nearly_full_disk_is_found_out_before_the_refresh_token_is_spent(
    machine: Machine, issuer: ProviderSimulator, tmp_path: Path, left: int
) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        machine.environ["XDG_STATE_HOME"] = str(disk)
        with expired_from_the_start(issuer):
            assert machine.run("login", "--insecure-storage").code == 0
        filler = _fill(disk, left * 1024)
        end = machine.run("token")
        assert end.code in (0, KEYRING_UNUSABLE)
        assert issuer.refreshes == (1 if end.code == 0 else 0), end.err
        filler.unlink()
        assert machine.run("say-hi").out == "Welcome Juan!\n"
        assert issuer.reuses == 0


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    need("mount", "umount")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        need("the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(disk: Path, left: int) -> Path:
    """Fill the disk up to so many bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - left))
    return filler


def test_of_two_keyrings_in_a_chain_the_first_serves_and_no_old_token_comes_back(machine: Machine) -> None:
    first, second = Kept(machine.folder / "keyring/first"), Kept(machine.folder / "keyring/second")
    for _ in range(2):
        assert machine.run("login", "--force", backend="Chained").code == 0
        assert first.entries()
        assert second.entries() == {}
    assert machine.run("say-hi", backend="Chained").out == "Welcome Juan!\n"
    assert machine.run("logout", backend="Chained").code == 0
    assert (first.entries(), second.entries()) == ({}, {})
    assert machine.run("say-hi", backend="Chained").code == 4


def test_plaintext_is_not_chosen_out_of_a_chain(machine: Machine, tmp_path: Path) -> None:
    assert machine.run("login", backend="ChainedPlaintextAndKept").code == 0
    assert machine.session()
    assert list(tmp_path.rglob("keyring_pass.cfg")) == []  # where keyrings.alt keeps its secrets


def test_the_plain_file_has_to_be_asked_for_and_goes_without_a_trace(machine: Machine, tmp_path: Path) -> None:
    without = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    end = machine.run("login", "--insecure-storage", **without)
    assert end.code == 0
    assert "plain text" in end.err
    (file,) = tmp_path.rglob("insecure-session-*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert machine.run("say-hi", **without).out == "Welcome Juan!\n"
    assert str(file) in machine.run("whoami", **without).out
    end = machine.run("logout", **without)
    assert end.code == 0
    assert "No keyring is available" in end.err
    assert list(tmp_path.rglob("*insecure-session*")) == []


def _check_refusal(end: Ended, message: str) -> None:
    assert (end.code, end.out) == (KEYRING_UNUSABLE, "")
    *_, error, hint = end.err.splitlines()
    assert re.fullmatch(r"Error: [^.].*\.", error)
    assert message in error
    assert hint.startswith("Hint: ")
