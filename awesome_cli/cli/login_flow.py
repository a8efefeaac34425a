"""The flow of one sign-in: with a device code, or with a browser on this machine."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.login_options import LoginOptions
from awesome_cli.cli.login_screen import BrowserNotOpenedError, LoginScreen
from awesome_cli.errors import IssuerMismatchError
from awesome_cli.sessions.model import Session
from awesome_cli.sessions.user import User
from awesome_cli.sign_in import SignIn

if TYPE_CHECKING:
    from awesome_cli.settings.profile import Profile


def run_flow(
    context: CommandContext, options: LoginOptions, stored: User | None, until_reported: ExitStack
) -> tuple[Session | None, LoginOptions]:
    """Sign in; return the session and the options, with the provider's spelling of its issuer if that was adopted.

    The session is None, if the code waits for approval.
    """
    account, is_corrected = context.account, False
    while True:
        settings = account.settings.resolve(options.flags)
        config = replace(account.client_config(settings, stored), parameters=options.parameters)
        flow, plaintext = _flow(context, options, settings), options.insecure_storage
        try:
            with LoginScreen(context, options, config.issuer, requires_browser=flow == "auto") as screen:
                sign_in = SignIn(account, screen, until_reported=until_reported)
                if not options.wait:
                    flags = {name: value for name, value in options.flags.items() if value}
                    sign_in.begin(config, settings=flags, plaintext=plaintext)
                    return None, options
                run = sign_in.with_device_code if flow == "device" else sign_in.with_browser
                return run(config, plaintext=plaintext, timeout=options.timeout), options
        except BrowserNotOpenedError:
            options = replace(options, flow="device")
        except IssuerMismatchError as error:
            if is_corrected or not may_adopt(context, settings, error.named):
                raise
            context.console.show(f"The provider spells its issuer {error.named}; that is used.")
            options, is_corrected = options.with_issuer(error.named), True


def _flow(context: CommandContext, options: LoginOptions, settings: Profile) -> str:
    """Return ``device`` or ``web``, or ``auto`` where that depends on whether a browser can be opened.

    Without a terminal, or with ``--no-browser``, none is opened; over SSH the browser is on another machine.
    """
    flow = options.flow or settings.flow
    may_open = options.may_open_browser and context.console.is_interactive and not context.environment.has_ssh
    if not options.wait or (flow == "auto" and not may_open):
        return "device"
    return flow


def may_adopt(context: CommandContext, settings: Profile, named: str) -> bool:
    """Whether the issuer ``named`` may replace that of the settings: they differ only by a slash at the end.

    Only at a terminal, and only if a flag or config.toml sets the issuer: one from a variable would contradict the
    session in every later command.
    """
    issuer, source = settings.issuer or "", settings.sources.get("issuer")
    differs = f"{issuer}/" == named or issuer == f"{named}/"
    return differs and context.console.is_interactive and source in ("flag", "config.toml")
