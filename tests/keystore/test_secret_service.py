"""What the Secret Service backend does with answers that real services rarely give."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("the Secret Service is Linux's", allow_module_level=True)

from jeepney import DBusErrorResponse
from secretstorage import ItemNotFoundException, LockedException, PromptDismissedException
from secretstorage.util import DBusAddressWrapper

from awesome_cli.keystore import secret_service
from awesome_cli.keystore.secret_service import IS_LOCKED, SecretService
from awesome_cli.keystore.secret_service_reader import SecretServiceReader

ENTRY = "awesome-cli:default", "awesome"


class Reader(SecretServiceReader):
    """A service with these items: searches find one list after the other."""

    def __init__(self, secrets: dict[str, bytes], *searches: list[str]) -> None:
        self.secrets, self.searches = secrets, list(searches)
        self.calls: list[str] = []

    def _call(self, _target: tuple[str, str], method: str, _signature: str, *_body: object) -> Any:  # noqa: ANN401 - as D-Bus has it
        self.calls.append(method)
        if method == "SearchItems":
            return (self.searches.pop(0),)
        if method == "OpenSession":
            return None, "/session"
        return ({path: ("/session", b"", value, "text/plain") for path, value in self.secrets.items()},)


def test_the_first_copy_that_can_be_read_is_read() -> None:
    assert Reader({"/2": b"two"}, ["/1", "/2"]).get_password(*ENTRY) == "two"


def test_a_manifest_is_read_in_three_calls() -> None:
    reader = Reader({"/1": b"manifest"}, ["/1"])
    assert reader.get_password(*ENTRY) == "manifest"
    assert reader.calls == ["SearchItems", "OpenSession", "GetSecrets"]


def test_an_entry_that_is_found_and_not_returned_is_locked_or_was_deleted_meanwhile() -> None:
    with pytest.raises(LookupError):
        Reader({}, ["/1"], ["/1"]).get_password(*ENTRY)
    assert Reader({}, ["/1"], []).get_password(*ENTRY) is None


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> SecretService:
    """A connection to nothing, which has agreed on no key."""
    found: SecretService = SecretService.__new__(SecretService)
    vars(found)["_connection"] = None
    vars(found)["_session"] = SimpleNamespace(encrypted=False, object_path="/session")
    monkeypatch.setattr(secret_service, "format_secret", lambda *_: ("/session", b"", b"", ""))
    return found


def replies(monkeypatch: pytest.MonkeyPatch, **by_method: object) -> None:
    def call(_: DBusAddressWrapper, method: str, *_arguments: object) -> object:
        reply = by_method[method]
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setattr(DBusAddressWrapper, "call", call)


def error(name: str) -> DBusErrorResponse:
    response = DBusErrorResponse.__new__(DBusErrorResponse)
    response.name = name
    return response


def test_without_encryption_the_secret_is_read_as_it_is(
    service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies(monkeypatch, SearchItems=(["/1"],), GetSecrets=({"/1": ("/session", b"", b"secret", "")},))
    assert service.get_password(*ENTRY) == "secret"


def test_an_entry_that_was_deleted_since_the_search_does_not_exist(
    service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = ItemNotFoundException()
    replies(monkeypatch, SearchItems=(["/1"],), GetSecrets=gone, SetSecret=gone, Delete=gone, CreateItem=("/2", "/"))
    assert service.has_password(*ENTRY)
    assert service.get_password(*ENTRY) is None
    service.set_password(*ENTRY, "secret")
    service.delete_password(*ENTRY)


def test_a_lock_is_told_from_other_errors(service: SecretService, monkeypatch: pytest.MonkeyPatch) -> None:
    replies(monkeypatch, SearchItems=error(IS_LOCKED))
    with pytest.raises(LockedException):
        service.get_password(*ENTRY)
    replies(monkeypatch, SearchItems=error("org.example.Other"))
    with pytest.raises(DBusErrorResponse):
        service.get_password(*ENTRY)


def test_a_dismissed_prompt_is_an_error(service: SecretService, monkeypatch: pytest.MonkeyPatch) -> None:
    replies(monkeypatch, SearchItems=([],), CreateItem=("/", "/prompt"))
    monkeypatch.setattr(secret_service, "exec_prompt", lambda *_: (False, None))
    service.set_password(*ENTRY, "secret")
    monkeypatch.setattr(secret_service, "exec_prompt", lambda *_: (True, None))
    with pytest.raises(PromptDismissedException):
        service.set_password(*ENTRY, "secret")


@pytest.mark.parametrize(("states", "is_refused"), [([False], False), ([True, False], False), ([True, True], True)])
def test_a_locked_collection_is_unlocked(service: SecretService, states: list[bool], *, is_refused: bool) -> None:
    asked: list[bool] = []
    vars(service)["_collection"] = SimpleNamespace(is_locked=iter(states).__next__, unlock=lambda: asked.append(True))
    if is_refused:
        with pytest.raises(LockedException):
            service.unlock()
    else:
        service.unlock()
    assert asked == [True] * (len(states) - 1)
