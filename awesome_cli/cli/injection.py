"""What ``Program.signed_in`` makes of a function: it requires a session, and gives parameters by their annotation."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import wraps
from types import FunctionType, SimpleNamespace
from typing import Any, get_args, get_type_hints

from awesome_cli.cli.context import CommandContext, Definition
from awesome_cli.errors import AwesomeError
from awesome_cli.system.environment import run_beside_event_loop, system_environment

USER, SESSION = "awesome_cli.sessions.model.User", "awesome_cli.sessions.model.Session"
CLIENT, ASYNC_CLIENT = "httpx.Client", "httpx.AsyncClient"
INJECTED = {USER, SESSION, CLIENT, ASYNC_CLIENT}  # recognized by name, so that nothing has to be imported for that
_LOOKS_INJECTED = re.compile(r"\b(User|Session|httpx\.(Async)?Client|(Async)?Client)\b")


def protect(program: Definition, function: Any) -> Any:  # noqa: ANN401 - a function, and one with other parameters
    """Return the function that checks the session, injects, and calls ``function``; an async one is run.

    Raises TypeError, naming the function and the parameter.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"signed_in expects a function, not {function!r}: place it directly above the function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"signed_in expects a function that returns, and {function.__qualname__} is a generator")
    signature = _signature(function)
    annotations = _resolved(function, signature)
    kinds = {name: kind for name in annotations if (kind := _injected_kind(function, signature, annotations, name))}
    is_async = inspect.iscoroutinefunction(function)

    @wraps(function)
    def protected(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the function has it
        with _running(program) as context, ExitStack() as stack:
            injected = _injected_values(program, context, kinds, stack)
            if not is_async:
                return function(*args, **kwargs, **injected)

            async def call() -> Any:  # noqa: ANN401 - as the function has it
                async with AsyncExitStack() as clients:
                    for name, kind in kinds.items():
                        if kind == ASYNC_CLIENT:
                            await clients.enter_async_context(injected[name])
                    return await function(*args, **kwargs, **injected)

            return run_beside_event_loop(context.environment.run)(call)

    own = [parameter for parameter in signature.parameters.values() if parameter.name not in kinds]
    protected.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect and the frameworks read it
        parameters=[parameter.replace(annotation=annotations[parameter.name]) for parameter in own]
    )
    protected.__annotations__ = {
        parameter.name: annotations[parameter.name] for parameter in own if parameter.annotation != parameter.empty
    }
    return protected


@contextmanager
def _running(program: Definition) -> Iterator[CommandContext]:
    """Yield the context of the command that is running, or one of this process, whose errors end it."""
    if program.context is not None:
        with _unwrapping_groups():
            yield program.context
        return
    context = CommandContext(system_environment(program.brand), program.brand, is_system=True)
    try:
        with program.running(context), _unwrapping_groups():
            yield context
    except AwesomeError as error:
        context.console.error(error)
        raise SystemExit(error.exit_code) from error


@contextmanager
def _unwrapping_groups() -> Iterator[None]:
    """Raise the first of our errors in place of a group that consists of them alone, as a task group raises it."""
    try:
        yield
    except ExceptionGroup as group:
        ours, others = group.split(AwesomeError)
        error: BaseException | None = ours
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if error is None or others is not None:
            raise
        raise error from group


def _injected_values(
    program: Definition, context: CommandContext, kinds: Mapping[str, str], stack: ExitStack
) -> dict[str, Any]:
    """Return the injected arguments by name. Raises LoginRequiredError, unless somebody is signed in."""
    values: dict[str, Any] = {}
    needed = {*kinds.values()}
    if SESSION in needed:
        values[SESSION] = program.session()
        values[USER] = values[SESSION].user
    elif USER in needed or not context.account.token_from_environment:
        values[USER] = program.user()
    if CLIENT in needed:
        values[CLIENT] = stack.enter_context(program.client())
    if ASYNC_CLIENT in needed:
        values[ASYNC_CLIENT] = program.async_client()
    return {name: values[kind] for name, kind in kinds.items()}


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # it evaluates annotations, and some names may be imported for type checkers alone
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def _resolved(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Return the annotation of each parameter; text, as of ``from __future__ import annotations``, is evaluated."""
    found: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        annotation = getattr(parameter.annotation, "__forward_arg__", parameter.annotation)
        found[name] = annotation
        if isinstance(annotation, str):
            try:
                found |= get_type_hints(
                    SimpleNamespace(__annotations__={name: annotation}),
                    globalns=function.__globals__,
                    include_extras=True,
                )
            except Exception as error:
                if _LOOKS_INJECTED.search(annotation):
                    raise _invalid(
                        function, name, f"its annotation {annotation} cannot be evaluated: {error}"
                    ) from error
    return found


def _injected_kind(
    function: Callable[..., Any], signature: inspect.Signature, annotations: Mapping[str, Any], name: str
) -> str | None:
    """Return what a parameter is given, None for one of the command. Raises TypeError, if that is not possible."""
    annotation, parameter = annotations[name], signature.parameters[name]
    kind = _full_name(annotation)
    if kind not in INJECTED:
        if any(_full_name(part) in INJECTED for part in _parts(annotation)):
            raise _invalid(function, name, f"{annotation} cannot be injected: annotate it with the class alone")
        return None
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise _invalid(function, name, "it can only be injected if it can be passed by name")
    if kind == ASYNC_CLIENT and not inspect.iscoroutinefunction(function):
        raise _invalid(function, name, "httpx.AsyncClient is for async functions: annotate it with httpx.Client")
    return kind


def _full_name(annotation: object) -> str:
    return f"{getattr(annotation, '__module__', '')}.{getattr(annotation, '__qualname__', '')}"


def _parts(annotation: object) -> Iterator[object]:
    """Yield what an annotation is made of: ``User`` of ``User | None`` and ``Annotated[User, ...]``."""
    for part in get_args(annotation):
        yield part
        yield from _parts(part)


def _invalid(function: Callable[..., Any], name: str, why: str) -> TypeError:
    return TypeError(f"{function.__qualname__}: the parameter {name} is not valid: {why}")
