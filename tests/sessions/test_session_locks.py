"""The names of session locks."""

from __future__ import annotations

from awesome_cli.sessions.session_locks import session_lock_name


def test_the_name_of_a_lock_depends_on_program_profile_issuer_and_client() -> None:
    names = {
        session_lock_name("awesome-cli-default", ("https://a.example/", "client")),
        session_lock_name("awesome-cli-work", ("https://a.example/", "client")),
        session_lock_name("awesome-cli-default", ("https://b.example/", "client")),
        session_lock_name("awesome-cli-default", ("https://a.example/", "other")),
        session_lock_name("awesome-cli-default", ("", "")),
    }
    assert len(names) == 5
    assert all(name.startswith("awesome-cli-") and name.isascii() for name in names)
