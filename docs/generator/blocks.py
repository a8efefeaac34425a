"""The generated blocks of hand-written pages.

A block begins with ``<!-- generated: KIND ARGUMENT -->`` and ends with ``<!-- end of generated -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from generator import docstrings
from generator.commands_page import commands
from generator.members import members
from generator.misbehaviours import cases

BLOCK = re.compile(r"(<!-- generated: (\w+) ?(\S*) -->\n).*?(<!-- end of generated -->)", re.DOTALL)
KINDS: dict[str, Callable[..., str]] = {
    "commands": commands,
    "fields": docstrings.fields,
    "function": docstrings.function,
    "members": members,
    "misbehaviours": cases,
    "text": docstrings.text,
}


def with_blocks(page: str) -> str:
    """Return a page with its blocks generated anew."""
    return BLOCK.sub(_generate, page)


def _generate(found: re.Match[str]) -> str:
    begin, kind, argument, end = found.groups()
    content = KINDS[kind](*filter(None, [argument]))
    return f"{begin}\n{content}\n\n{end}"
