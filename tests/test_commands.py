"""Every command through ``main(argv, world)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Terminal


def test_login_then_say_hi(terminal: Terminal) -> None:
    terminal.login()
    assert terminal.run("say-hi") == 0
    assert terminal.out == "Welcome Juan!\n"
    assert terminal.paths == []
