"""Whether the file for agents names members and events that the program prints."""

from __future__ import annotations

import re

from support.pages import DOCS, code, section

SKILL = DOCS["docs/agents/SKILL.md"]
OF_LOGIN = section(DOCS["docs/reference/json.md"], "## `awesome login --json`")


def test_the_members_and_events_are_those_of_the_json_output() -> None:
    documented = {*code(OF_LOGIN)}
    members = {words for words in code(SKILL) if re.fullmatch(r"[a-z]+(_[a-z]+)*", words)} - {"awesome"}
    events = {found[1] for words in code(SKILL) if (found := re.fullmatch(r'"event": "(\w+)"', words))}
    assert {"verification_uri", "user_code", "resume"} <= members <= documented
    assert len(events) >= 3
    assert events <= documented
