"""The keyring in memory, with the contract tests of keyring."""

from __future__ import annotations

import keyring.backend
import keyring.core
import pytest
from keyring.errors import PasswordSetError
from keyring.testing.backend import BackendBasicTests

from awesome_cli.testing.keyring import MemoryKeyring


class TestContract(BackendBasicTests):
    def init_keyring(self) -> MemoryKeyring:
        return MemoryKeyring()

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # keyring warns of an empty name
    def test_empty_username(self) -> None:
        """As the one of keyring, which expects that it fails on Windows."""
        self.check_set_get("service", "", "password")  # type: ignore[no-untyped-call]  # keyring leaves it untyped


def test_keyring_does_not_find_it_by_itself() -> None:
    assert MemoryKeyring not in set(keyring.backend.KeyringBackend.get_viable_backends())
    assert not keyring.core.recommended(MemoryKeyring())


def test_entries_are_a_copy() -> None:
    ring = MemoryKeyring()
    ring.set_password("service", "user", "secret")
    entries = ring.entries()
    assert entries == {("service", "user"): "secret"}
    entries.clear()
    assert ring.get_password("service", "user") == "secret"


def test_no_secret_is_in_the_repr() -> None:
    ring = MemoryKeyring()
    ring.set_password("service", "user", "s3cret")
    assert "s3cret" not in f"{ring!r} {ring}"


@pytest.mark.parametrize(
    ("secret", "fits"), [("abcd", True), ("abcde", False), ("😀😀", True), ("😀😀a", False), ("\ud800", True)]
)
def test_the_limit_counts_bytes_of_utf_16(secret: str, fits: bool) -> None:  # noqa: FBT001 - a parameter of the test
    ring = MemoryKeyring(limit=8)
    if fits:
        ring.set_password("service", "user", secret)
        assert ring.get_password("service", "user") == secret
    else:
        with pytest.raises(PasswordSetError) as refusal:
            ring.set_password("service", "user", secret)
        assert secret not in str(refusal.value)
        assert ring.entries() == {}
