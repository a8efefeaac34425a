"""Ways in which others broke it once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from awesome_cli.cli.console import Console
from awesome_cli.cli.toolbox import Toolbox
from awesome_cli.demo.keyring import MemoryKeyring
from awesome_cli.entry import CARD, card_name, dump, parse, seal
from awesome_cli.errors import OutputLost
from awesome_cli.sessions import Card

if TYPE_CHECKING:
    from rigs.terminal import Terminal


def test_the_fast_lane_knows_all_members_of_a_card() -> None:
    assert set(Card.__dataclass_fields__) == CARD


def test_two_logins_at_once_do_not_spoil_each_others_proof(terminal: Terminal) -> None:
    class Shared(MemoryKeyring):
        """Another process writes, and then removes, its own proof between our writing and reading."""

        rivals = 2

        def get_password(self, service: str, username: str) -> str | None:
            if service.endswith(":proof") and self.rivals:
                self.rivals -= 1
                self.set_password(service, username, "somebody else's")
                if self.rivals:
                    self.delete_password(service, username)
            return super().get_password(service, username)

    keyring = Shared()
    terminal.set(keyring=keyring)
    terminal.login()
    assert keyring.rivals == 0
    assert terminal.run("say-hi") == 0


class Odd(MemoryKeyring):
    """Answers with something that is no text, until it is deleted."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer
        self.odd = True

    def get_password(self, service: str, username: str) -> str | None:
        if self.odd and service == card_name("default"):
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer  # type: ignore[return-value]  # as odd backends do
        return super().get_password(service, username)

    def delete_password(self, service: str, username: str) -> None:
        self.odd = self.odd and service != card_name("default")
        with suppress(Exception):
            super().delete_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.odd = self.odd and service != card_name("default")
        super().set_password(service, username, password)


NO_TEXT = [5, True, [1], {}, b"bytes", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]


@pytest.mark.parametrize("answer", NO_TEXT, ids=repr)
def test_an_entry_that_is_no_text_is_not_signed_in_and_can_be_repaired(terminal: Terminal, answer: object) -> None:
    for repair in ("login", "logout"):
        terminal.set(keyring=Odd(answer))
        terminal.issuer.auto_approve = True
        assert terminal.run("say-hi") == 4
        assert "cannot be read" in terminal.err
        assert terminal.run(repair) == 0
        assert terminal.run("say-hi") == (0 if repair == "login" else 4)


@pytest.mark.parametrize("missing", sorted(CARD))
def test_a_card_of_other_members_is_not_signed_in(terminal: Terminal, missing: str) -> None:
    terminal.login()
    name = (card_name("default"), "awesome")
    head = parse(terminal.keyring.entries()[name])
    del head["checksum"]
    members = dict(head["card"])
    members["surprise"] = members.pop(missing)
    terminal.keyring.set_password(*name, seal({**head, "card": members}))
    assert terminal.run("whoami") == 4


def test_braces_in_texts_are_escaped_and_come_back() -> None:
    text = dump({"name": 'A "{USERNAME}" \\{x', "card": {"a": "}"}})
    assert json.loads(text) == {"name": 'A "{USERNAME}" \\{x', "card": {"a": "}"}}
    assert text.count("{") == text.count("}") == 2


def test_a_session_that_moves_while_the_lock_is_waited_for_is_found(terminal: Terminal) -> None:
    terminal.issuer.token_lifetime = 10
    terminal.login("--insecure-storage")
    terminal.time.pass_by(60)
    terminal.issuer.token_lifetime = 3600
    mover = Toolbox(terminal.world)

    @contextmanager
    def hold_signals() -> Iterator[None]:  # entered with the lock, when another process has just let go of it
        if mover.file_entries.exists():
            mover.keyring_vault.save(mover.load())
            mover.file_entries.destroy()
        yield

    terminal.set(hold_signals=hold_signals)
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"
    assert not mover.file_entries.exists()


def test_a_renewal_for_somebody_else_is_refused_even_without_keys(terminal: Terminal) -> None:
    terminal.issuer.token_lifetime = 10
    terminal.login()
    before = terminal.keyring.entries()
    terminal.time.pass_by(60)
    terminal.issuer.person = {**terminal.issuer.person, "sub": "demo|eve"}
    terminal.issuer.alg = "ES256"  # another key, which cannot be fetched

    async def answer(request: httpx.Request) -> httpx.Response:
        if "jwks" in request.url.path:
            return httpx.Response(500)
        return terminal._ask_issuer(request)  # noqa: SLF001 - the usual answer

    terminal.answer = answer
    assert terminal.run("say-hi") == 8
    assert "sub changed" in terminal.err
    assert terminal.keyring.entries() == before


@pytest.mark.parametrize("option", ["--client-id", "--scope", "--audience"])
def test_a_setting_typed_in_no_known_encoding_is_refused(terminal: Terminal, option: str) -> None:
    assert terminal.run("login", option, "\udcff") == 3
    assert terminal.paths == []


def test_a_config_file_of_a_windows_editor_is_read(terminal: Terminal) -> None:
    terminal.world.config_dir.mkdir()
    (terminal.world.config_dir / "config.toml").write_text("\ufeff[profiles.default]\nscope = 'openid'\n", "utf-8")
    terminal.login()
    assert terminal.run("whoami", "--json") == 0
    assert terminal.json["scope"] == "openid"


def test_a_folder_in_the_place_of_the_plain_file_is_no_reason_to_revoke(terminal: Terminal) -> None:
    (terminal.world.state_dir / "insecure-session-default.json").mkdir(parents=True)
    terminal.login()
    assert terminal.run("whoami", "--check") == 0


def test_logout_empties_the_keyring_without_any_folder_for_locks(terminal: Terminal, tmp_path: Path) -> None:
    terminal.login()
    (tmp_path / "in the way").touch()
    terminal.set(state_dir=tmp_path / "in the way" / "state", temp_dir=tmp_path / "in the way" / "temp")
    assert terminal.run("logout") == 0
    assert "No folder for the lock" in terminal.err
    assert terminal.keyring.entries() == {}


def test_an_event_that_nobody_reads_is_no_success() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    console = Console(Gone(), io.StringIO(), io.StringIO(), {})
    with pytest.raises(OutputLost, match="has ended"):
        console.event({"event": "device_code"})
    with pytest.raises(SystemExit):
        console.result("a result that has been read as far as anybody wanted")
