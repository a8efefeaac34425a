"""What the command line of ``login`` asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from awesome_cli.errors import UsageError
from awesome_cli.oauth.authorization_code import OWN_PARAMETERS
from awesome_cli.text import has_surrogates, safe

if TYPE_CHECKING:
    from awesome_cli.settings.profile import Settings


@dataclass(frozen=True, kw_only=True)
class LoginOptions:
    """``flow`` is None where the profile decides, ``qr`` where the terminal does; ``timeout`` is in seconds.

    ``wait``: whether the command waits for the approval; ``resume``: whether it goes on with a code that waits.
    ``parameters`` are sent with the authorization request.
    """

    flags: Settings = field(default_factory=dict)
    flow: str | None = None
    browser: bool = True
    qr: bool | None = None
    timeout: float | None = None
    json: bool = False
    force: bool = False
    insecure_storage: bool = False
    wait: bool = True
    resume: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise UsageError for options that exclude each other."""
        if self.flags.get("domain") and self.flags.get("issuer"):
            raise UsageError("--domain and --issuer are two spellings of one setting.", hint="Give one of them.")
        if not self.wait and self.flow == "web":
            raise UsageError("--no-wait is for device codes.", hint="Leave out --web, or --no-wait.")
        if self.resume and replace(self, timeout=None, json=False, resume=False) != LoginOptions(
            flags=dict.fromkeys(self.flags)
        ):
            raise UsageError(
                "--resume takes only --timeout and --json: all else is as it was when the code was requested.",
                hint="Leave out the other options, or start anew without --resume.",
            )

    @property
    def may_open_browser(self) -> bool:
        return self.browser and self.wait and not self.resume

    def with_issuer(self, issuer: str) -> LoginOptions:
        return replace(self, flags={**self.flags, "domain": None, "issuer": issuer})


def parse_parameters(words: Sequence[str]) -> dict[str, str]:
    """Return the parameters of ``NAME=VALUE`` words. Raises UsageError."""
    parameters: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        shown = repr(safe(name, 40))
        if name in OWN_PARAMETERS:
            raise UsageError(f"The parameter {shown} is set by this command itself.", hint="Leave it out.")
        if not re.fullmatch(r"[\w.~-]{1,64}", name, re.ASCII) or not value or name in parameters:
            raise UsageError(
                f"The parameter {shown} has no value, or more than one, or is not a name.",
                hint="Write --param NAME=VALUE, each name once.",
            )
        if name == "max_age" and not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise UsageError("max_age is a number of seconds.", hint="Write, for example, --param max_age=300.")
        if has_surrogates(value):
            raise UsageError(f"The value of the parameter {shown} is not valid text.", hint="Enter it again.")
        parameters[name] = value
    return parameters
