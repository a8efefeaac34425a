"""``api``: call a protected API with the access token."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast
from urllib.parse import urlencode

import typer

from awesome_cli.api.client import STEP_UP, ApiRequest, ApiResponse, ResponseHandler, call_api, challenge, resolve_url
from awesome_cli.cli.api_output import PipeOutput, TerminalOutput, status_phrase
from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.options import examples
from awesome_cli.cli.session_end import usable_session
from awesome_cli.errors import ApiError, AwesomeError, LoginRequiredError, UsageError
from awesome_cli.oauth.response import json_value
from awesome_cli.settings.profile import with_openid
from awesome_cli.text import safe, shell_argument

if TYPE_CHECKING:
    from awesome_cli.cli.console import Console

app = typer.Typer(add_completion=False, rich_markup_mode=None)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # TRACE would echo the token
RESERVED_HEADERS = ("authorization", "content-length", "host", "transfer-encoding")
MAX_IN_MEMORY = 1024 * 1024  # bytes of a piped body; more is written to a temporary file


@app.command(
    epilog=examples(
        "{program} api hello",
        "{program} api issues -f title=Bug -F priority=1",
        "{program} api PUT avatar --data @me.png -H 'Content-Type: image/png'",
        "{program} api issues --paginate | jq",
    )
)
def api(
    ctx: typer.Context,
    *,
    words: Annotated[
        list[str],
        typer.Argument(metavar="[METHOD] PATH", help="PATH is below {prefix}API_URL; POST if there is data, else GET."),
    ],
    texts: Annotated[
        list[str] | None, typer.Option("--raw-field", "-f", metavar="KEY=VALUE", help="Add a text to the JSON body.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            "-F",
            metavar="KEY=VALUE",
            help="Add true, false, null, a number or other JSON to the body, or with @FILE a file's text.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="TEXT|@FILE|@-", help="Send this as the body; fields then go into the query.")
    ] = None,
    headers: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="Add a header.")
    ] = None,
    include: Annotated[bool, typer.Option("--include", "-i", help="Print the status line and headers first.")] = False,
    paginate: Annotated[
        bool, typer.Option("--paginate", help="Follow the links to the next page (GET alone).")
    ] = False,
) -> None:
    """Call your protected API with the access token.

    The token goes to the origin of {prefix}API_URL and nowhere else.
    """
    context: CommandContext = ctx.obj
    fields = _fields(texts or (), values or (), context.console)
    method, path = _method_and_path(words, has_data=data is not None or bool(fields))
    if paginate and method != "GET":
        raise UsageError("Only GET can be paginated.", hint="Leave out --paginate, or the method and the data.")
    if fields and (data is not None or method in ("GET", "HEAD")):
        path += ("&" if "?" in path else "?") + _query(fields)
        fields = {}
    given = tuple(map(_header, headers or ()))
    output_class = TerminalOutput if context.console.stdout_is_terminal else PipeOutput
    output = output_class(context.console, context.environment, include=include)
    with _body(data, fields, context.console) as body, closing(output):
        if body is not None and not any(name.lower() == "content-type" for name, _ in given):
            given = (*given, ("Content-Type", "application/json"))
        url = resolve_url(context.account.settings.api_url, path)
        request = ApiRequest(method=method, url=url, headers=given, body=body, paginate=paginate)
        response = _call(context, request, output)
    if not response.ok:
        raise _error(response, context)


def _call(context: CommandContext, request: ApiRequest, output: ResponseHandler) -> ApiResponse:
    """Send the request; if the API refuses the token, renew the session and send it once more (RFC 6750 §3.1)."""
    token = context.account.token_from_environment or usable_session(context).access_token
    response = _send(context, request, token, output)
    if response.refused_body is None:
        return response
    try:
        another = context.account.access_token(refused=token)
    except AwesomeError:
        _print_refusal(response, output)
        raise
    if another != token:
        response = _send(context, replace(request, url=response.url), another, output)
    _print_refusal(response, output)
    return response


def _print_refusal(response: ApiResponse, output: ResponseHandler) -> None:
    if response.refused_body is not None:
        output.start(response)
        output.write(response.refused_body)
        output.finish()


def _send(context: CommandContext, request: ApiRequest, token: str, output: ResponseHandler) -> ApiResponse:
    environment = context.environment
    transport, environ, user_agent = environment.transport, environment.environ, context.brand.app_dir
    response = environment.run(
        lambda: call_api(request, token, output, transport=transport, environ=environ, user_agent=user_agent)
    )
    context.console.detail(f"{request.method} {response.url.copy_with(query=None)}: HTTP status {response.status}")
    return response


def _error(response: ApiResponse, context: CommandContext) -> AwesomeError:
    message = f"The API answered with HTTP status {response.status} ({status_phrase(response.status)})."
    parameters = challenge(response.headers)
    if response.status == HTTPStatus.UNAUTHORIZED:
        reason, hint = "It does not accept the access token.", "Sign in again with: {login} --force"
        if parameters.get("error") == STEP_UP:
            reason = "It asks for a stronger or more recent sign-in."
            hint = f"Sign in for it with: {{login}}{_step_up_options(parameters)}"
        if context.account.token_from_environment:
            hint = "Give another token in {prefix}ACCESS_TOKEN, or unset it and sign in."
        return LoginRequiredError(f"{message} {reason}", hint=hint)
    if parameters.get("error") == "insufficient_scope":  # RFC 6750 §3.1
        hint = "Ask for the scope that the API's documentation names, with: {login} --force --scope"
        if parameters.get("scope") and (scope := shell_argument(with_openid(parameters["scope"]))):
            hint = f"Ask for more with: {{login}} --force --scope {scope}"
        return ApiError(message, hint=hint)
    if location := response.headers.get("location"):
        target = safe(location.partition("?")[0])  # the query may repeat the token
        return ApiError(f"{message} It redirects to {target}.", hint="Redirects are not followed.")
    hint = "" if context.console.stdout_is_terminal else "The API's own message is on stdout."
    return ApiError(message, hint=hint)


def _step_up_options(parameters: Mapping[str, str]) -> str:
    """Return the options of a login that meets the challenge (RFC 9470 §3), or one that it may meet."""
    wanted = {name: shell_argument(parameters.get(name, "")) for name in ("acr_values", "max_age")}
    if not parameters.get("max_age", "").isdecimal():
        wanted.pop("max_age")
    options = "".join(f" --param {name}={value}" for name, value in wanted.items() if value)
    return options or " --force"


def _method_and_path(words: Sequence[str], *, has_data: bool) -> tuple[str, str]:
    match words:
        case [path]:
            return ("POST" if has_data else "GET"), path
        case [method, path] if method.upper() in METHODS:
            return method.upper(), path
    raise UsageError("Give one path, and before it at most a method.", hint=f"Methods: {', '.join(METHODS)}.")


def _fields(texts: Sequence[str], values: Sequence[str], console: Console) -> dict[str, Any]:
    """Return the members of the body: ``-f`` is text, ``-F`` a JSON value, as in ``gh api``."""
    fields: dict[str, Any] = {}
    for word, is_typed in [*((text, False) for text in texts), *((value, True) for value in values)]:
        key, found, value = word.partition("=")
        if not found or not key or key in fields:
            raise UsageError(
                f"The field {safe(key, 40)!r} has no value, or more than one.", hint="Write KEY=VALUE, each key once."
            )
        fields[key] = _value(value, console) if is_typed else value
    return fields


def _value(text: str, console: Console) -> Any:  # noqa: ANN401 - JSON
    if text.startswith("@"):
        with _open(text[1:], console) as file:
            return file.read().decode("utf-8", "replace")
    try:
        value = json_value(text)
        json.dumps(value, allow_nan=False)  # 1e999 can be read, but not written
    except ValueError:
        return text
    return value


def _query(fields: Mapping[str, Any]) -> str:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    return urlencode(texts, errors="surrogateescape")  # arguments that are not valid text are sent as they are


def _header(text: str) -> tuple[str, str]:
    """Parse a header. Its value may be secret, so no message contains it."""
    name, found, value = (part.strip() for part in text.partition(":"))
    if not found or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII):  # RFC 9110 §5.6.2
        raise UsageError("A header is not valid.", hint="Write -H 'Name: value'.")
    if not value.isascii() or not value.isprintable():
        raise UsageError(f"The header {name} contains characters that are not allowed.", hint="Use printable ASCII.")
    if name.lower() in RESERVED_HEADERS:
        raise UsageError(f"The header {name} cannot be set.", hint="{program} sets it by itself.")
    return name, value


@contextmanager
def _body(data: str | None, fields: Mapping[str, Any], console: Console) -> Iterator[BinaryIO | None]:
    """Open the body as a seekable file, so that its length is known and it can be sent twice."""
    if data is None:
        yield BytesIO(json.dumps(fields).encode()) if fields else None
    elif not data.startswith("@"):
        yield BytesIO(data.encode("utf-8", "surrogateescape"))
    else:
        with _open(data[1:], console) as file:
            yield file


@contextmanager
def _open(name: str, console: Console) -> Iterator[BinaryIO]:
    """Open a file, or stdin for ``-``; what is not seekable is copied."""
    with ExitStack() as stack:
        try:
            file = console.input if name == "-" else stack.enter_context(Path(name).open("rb"))
            if name == "-" or not file.seekable():
                spool = stack.enter_context(SpooledTemporaryFile(MAX_IN_MEMORY))
                shutil.copyfileobj(file, spool)
                file = cast("BinaryIO", spool)
            file.seek(0, os.SEEK_END)  # files in /proc claim to be seekable, and fail here
            file.seek(0)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else "not a valid file name"
            raise UsageError(
                f"{safe(name, 80)!r} cannot be read ({reason}).", hint="See: {program} api --help"
            ) from error
        yield file
