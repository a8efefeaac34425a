"""The commands as data, from the objects that the program itself parses its command line with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from awesome_cli import awesome
from awesome_cli.cli.built_ins import built_in
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import common_options
from awesome_cli.cli.typer_app import root_group

OPTION_OR_VARIABLE = r"(?<![\w-])(--?[a-zA-Z][a-z-]*|[A-Z]+_[A-Z_]+)(?![\w-])"  # in a help text


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An option with its ``spellings``, or an argument with none."""

    spellings: tuple[str, ...] = ()
    metavar: str = ""
    help: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command; ``options`` are those that not every command has."""

    name: str
    sentence: str
    paragraphs: tuple[str, ...]
    usage: tuple[str, ...]
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    examples: tuple[str, ...]
    subcommands: tuple[Command, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The program without a command, the options of all commands, and the commands."""

    root: Command
    common: tuple[Parameter, ...]
    commands: tuple[Command, ...] = field(repr=False)

    @property
    def all_commands(self) -> list[Command]:
        """The commands, each followed by its subcommands."""
        return [each for command in self.commands for each in (command, *command.subcommands)]


def reference() -> Reference:
    """Return what ``awesome`` has, without the commands that other packages add to it."""
    context = CommandContext(None, awesome.brand)
    root, common = root_group(context), common_options(context)
    help_option = root.get_help_option(root.make_context(awesome.brand.name, [], resilient_parsing=True))
    shared = {spelling for option in common for spelling in option.opts}
    return Reference(
        root=_command(root, awesome.brand.name, shared),
        common=tuple(_parameter(option) for option in (*common, help_option)),
        commands=tuple(
            _with_subcommands(built_in(name, context), f"{awesome.brand.name} {name}", shared)
            for name in awesome.brand.commands
        ),
    )


def _with_subcommands(command: Any, name: str, shared: set[str]) -> Command:  # noqa: ANN401 - Click is private to Typer
    children = getattr(command, "commands", {})
    subcommands = tuple(_with_subcommands(child, f"{name} {word}", shared) for word, child in children.items())
    return _command(command, name, shared, subcommands)


def _command(command: Any, name: str, shared: set[str], subcommands: tuple[Command, ...] = ()) -> Command:  # noqa: ANN401 - as above
    sentence, *paragraphs = (" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
    own = [parameter for parameter in command.params if not shared & {*parameter.opts}]
    arguments = [parameter for parameter in own if parameter.param_type_name == "argument"]
    options = [parameter for parameter in own if parameter.param_type_name == "option"]
    metavars = ("[COMMAND]",) if subcommands else tuple(argument.metavar for argument in arguments)
    return Command(
        name=name,
        sentence=sentence,
        paragraphs=tuple(paragraphs),
        usage=("[OPTIONS]", *metavars),
        arguments=tuple(map(_parameter, arguments)),
        options=tuple(map(_parameter, options)),
        examples=tuple(line.strip() for line in command.epilog.splitlines()[2:]),  # below \b and "Examples:"
        subcommands=subcommands,
    )


def _parameter(parameter: Any) -> Parameter:  # noqa: ANN401 - as above
    is_option = parameter.param_type_name == "option"
    spellings = (*sorted(parameter.opts, key=len), *parameter.secondary_opts) if is_option else ()
    help_text = " ".join([parameter.help, *_remarks(parameter)])
    return Parameter(spellings=spellings, metavar=parameter.metavar or "", help=help_text)


def _remarks(parameter: Any) -> list[str]:  # noqa: ANN401 - as above
    """Return what the help says in brackets, or not at all, as sentences."""
    limited = getattr(parameter, "type", parameter)  # Typer before 0.29 has the limits there
    lowest, highest = getattr(limited, "min", None), getattr(limited, "max", None)
    return [
        *([f"From {lowest} to {highest}."] if highest is not None else []),
        *([f"Default: {parameter.show_default}."] if isinstance(parameter.show_default, str) else []),
        *(["Can be repeated."] if parameter.multiple else []),
    ]
