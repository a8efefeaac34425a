"""The test kit's catalogue of misbehaviours as Markdown."""

from __future__ import annotations

from awesome_cli.testing import misbehaviours
from awesome_cli.testing.misbehaviours import Misbehaviour
from generator.markdown import table


def cases(name: str) -> str:
    """Return the cases of a list as a table."""
    return table(("misbehaviour", "the client", "rule", "source", "level"), map(_row, getattr(misbehaviours, name)))


def _row(case: Misbehaviour) -> tuple[str, ...]:
    rule = case.rule
    reaction = {True: "accepts", False: "refuses", None: "either"}[rule.accepted]
    if rule.pause:
        reaction += f", {rule.pause:g} s between polls"
    elif rule.only_secrets:
        reaction += ", sends no secret elsewhere"
    elif rule.accepted is None:
        reaction += ", sends nothing elsewhere"
    return case.name, reaction, rule.text, rule.source, rule.level
