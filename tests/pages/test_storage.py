"""Whether the page about storage names what is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.pages import DOCS, code, tables

if TYPE_CHECKING:
    from support.terminal import Terminal


def test_the_storage_page_lists_the_members_of_a_manifest(terminal: Terminal) -> None:
    _, members, *_ = tables(DOCS["docs/reference/storage.md"])
    terminal.issuer.session_lifetime = 86_400
    terminal.login()
    manifest = json.loads(terminal.keyring.get_password("awesome-cli:default", "awesome") or "")
    assert {name for member, _ in members for name in code(member)} == set(manifest)
    (user,) = [meaning for member, meaning in members if member == "`card`"]
    assert set(code(user)) == set(manifest["card"])
