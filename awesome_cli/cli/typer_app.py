"""The program's own Typer app with the built-in commands in it, or a command group where there is no app."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from awesome_cli.brand import BUILT_IN_COMMANDS
from awesome_cli.cli.built_ins import built_in, invoke
from awesome_cli.cli.completion import completion_options, replace_completion_options
from awesome_cli.cli.context import CommandContext, Definition
from awesome_cli.cli.definition import PLACEHOLDER, checked_invocation, require_other_names
from awesome_cli.cli.entry_point_files import may_be_declared
from awesome_cli.cli.options import add_missing_options, add_options, common_options, examples, options_of


class _LazyCommand(TyperCommand):
    """Loads a command when it is called or completed, and for its help, unless ``sentence`` is that."""

    def __init__(self, name: str, load: Callable[[], Any], context: CommandContext, sentence: str = "") -> None:
        self._load = load
        self._context = context
        self._sentence = sentence
        super().__init__(name, rich_markup_mode=None)

    @cached_property
    def _command(self) -> Any:  # noqa: ANN401 - Click's Command is private to Typer
        return self._load()

    def _load_help(self) -> str:
        return self._sentence or str(self._command.get_short_help_str(200))

    help = property(_load_help, lambda _self, _text: None)  # the constructor sets it

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - Click's signature; the list is wrapped, not cut
        return self._load_help()

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - Click's signature
        return self._command.make_context(info_name, args, parent=parent, **{**extra, "obj": self._context})


class _BuiltIn(TyperCommand):
    """A built-in command in a Typer app, at any depth: it is run by the program, however the app is run."""

    program: ClassVar[Definition]

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - Click's signature
        if extra.get("resilient_parsing"):  # a shell asks for completions
            context = self.program.context or CommandContext(None, self.program.brand)
            command = built_in(str(self.name), context)
            return command.make_context(info_name, args, parent=parent, **{**extra, "obj": context})
        ctx = super().make_context(info_name, [], parent=parent, **extra)
        ctx.args = args
        return ctx

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Click's Context is private to Typer
        raise typer.Exit(self.program.run([str(self.name), *ctx.args]))


def add_built_ins(app: typer.Typer, program: Definition) -> None:
    """Add the built-in commands to ``app``. Raises TypeError for anything but a Typer app."""
    if not isinstance(app, typer.Typer):
        raise TypeError(f"add_to expects a Typer app, not {app!r}")
    kind = type("BuiltIn", (_BuiltIn,), {"program": program})
    for name in program.brand.commands:
        app.command(name, cls=kind, help=BUILT_IN_COMMANDS[name])(PLACEHOLDER)


def run_own_app(app: typer.Typer, argv: Sequence[str], context: CommandContext) -> int:
    """Run the program's own Typer app as Typer does, with its way of reporting usage errors. Raises SystemExit."""
    command, brand = get_command(app), context.brand
    own = getattr(command, "commands", {})
    require_other_names((name for name, child in own.items() if not isinstance(child, _BuiltIn)), brand.commands)
    own |= _plugins(context, {*own, *brand.commands})
    replace_completion_options(command, context)
    add_missing_options(command, common_options(context))
    if own:
        add_options(command, _version_option(context))
    main = partial(command.main, prog_name=brand.name, complete_var=brand.completion_variable)
    with checked_invocation(command):
        return main(list(argv), windows_expand_args=False)  # type: ignore[no-any-return]  # it raises


def run_root(argv: Sequence[str], context: CommandContext) -> int:
    """Run a program that has no app of its own. Raises AwesomeError."""
    return invoke(root_group(context), list(argv) or ["--help"], context.brand.name, context)


def root_group(context: CommandContext) -> TyperGroup:
    """Return the commands of a program that has no app of its own."""
    brand = context.brand
    listed: dict[str, Any] = {
        name: _LazyCommand(name, partial(built_in, name, context), context, BUILT_IN_COMMANDS[name])
        for name in brand.commands
    }
    return TyperGroup(
        name=brand.name,
        commands=listed | _plugins(context, listed),
        params=[*common_options(context), *_version_option(context), *completion_options(context)],
        help="Sign in once with an OpenID provider; the session is kept, and renewed when it is used.",
        epilog=examples(*(f"{brand.name} {name}" for name in ("login", "say-hi") if name in brand.commands)),
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
    )


def _version_option(context: CommandContext) -> list[Any]:
    def show(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer's call
        if wanted and not ctx.resilient_parsing:
            context.console.result(context.brand.version_line)
            raise typer.Exit

    def options(
        *,
        version: bool = typer.Option(
            False, "--version", callback=show, is_eager=True, help="Show the version and exit."
        ),
    ) -> None: ...

    return options_of(options)


def _plugins(context: CommandContext, taken: Container[str]) -> dict[str, Any]:
    """Return the commands of other packages; they do not replace any that the program has."""
    group = context.brand.plugin_group
    if group is None or not may_be_declared(group):
        return {}
    from awesome_cli.cli import plugins

    def load(entry: Any) -> Any:  # noqa: ANN401 - an EntryPoint; its class takes a while to import
        context.is_own_command = True  # what it raises is not our bug
        command = plugins.load(entry)
        add_missing_options(command, common_options(context))
        return command

    found = plugins.plugins(group)
    return {
        name: _LazyCommand(name, partial(load, entry), context) for name, entry in found.items() if name not in taken
    }
