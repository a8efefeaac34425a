"""The commands as Markdown."""

from __future__ import annotations

import re

from generator.commands import OPTION_OR_VARIABLE, Command, Parameter, Reference, reference
from generator.markdown import table


def commands() -> str:
    """Return the options of all commands, and every command with all that its help says."""
    found = reference()
    parts = [*_root(found)]
    for command in found.all_commands:
        parts += _command(command)
    return "\n\n".join(parts)


def _root(found: Reference) -> list[str]:
    root = found.root
    return [
        f"## `{root.name}`",
        _prose(root.sentence),
        _block([f"{root.name} [OPTIONS] COMMAND [ARGUMENTS]"]),
        table(("command", "meaning"), [(_link(command), _prose(command.sentence)) for command in found.commands]),
        "Every command has these options; they work before and after it:",
        _table("option", found.common),
        f"Only `{root.name}` itself has:",
        _table("option", root.options),
        *_examples(root),
    ]


def _command(command: Command) -> list[str]:
    parts = [f"## `{command.name}`", *map(_prose, (command.sentence, *command.paragraphs))]
    parts.append(_block([" ".join([command.name, *command.usage])]))
    if command.subcommands:
        rows = [(_link(subcommand), _prose(subcommand.sentence)) for subcommand in command.subcommands]
        parts.append(table(("command", "meaning"), rows))
    parts += [
        _table(kind, rows) for kind, rows in (("argument", command.arguments), ("option", command.options)) if rows
    ]
    return [*parts, *_examples(command)]


def _examples(command: Command) -> list[str]:
    return ["Example:" if len(command.examples) == 1 else "Examples:", _block(command.examples)]


def _table(kind: str, parameters: tuple[Parameter, ...]) -> str:
    return table((kind, "meaning"), [(f"`{spelling(each)}`", _prose(each.help)) for each in parameters])


def spelling(parameter: Parameter) -> str:
    """Return how the option, or argument, is typed."""
    return f"{', '.join(parameter.spellings)} {parameter.metavar}".strip()


def _link(command: Command) -> str:
    return f"[`{command.name}`](#{command.name.replace(' ', '-')})"


def _prose(text: str) -> str:
    return re.sub(OPTION_OR_VARIABLE, r"`\1`", text)


def _block(lines: tuple[str, ...] | list[str]) -> str:
    return "\n".join(["```text", *lines, "```"])
