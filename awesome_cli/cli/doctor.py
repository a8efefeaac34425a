"""``doctor``: check everything that a sign-in needs, and say what to do. No finding contains personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from awesome_cli.cli.context import CommandContext
from awesome_cli.cli.doctor_checks import NOT_CHECKED, PROVIDER_CHECKS, Checks, Finding
from awesome_cli.cli.options import examples
from awesome_cli.settings.profile import SETTINGS
from awesome_cli.system.account_folders import account_home
from awesome_cli.text import anonymous

if TYPE_CHECKING:
    from awesome_cli.cli.console import Console

app = typer.Typer(add_completion=False, rich_markup_mode=None)

LOOKS = {True: ("success", "success"), False: ("error", "error"), None: ("neutral", "dim")}  # symbol, role; by ``ok``
GROUPS = {
    "Settings": (
        *("profile", "config file", "network settings", "settings"),
        *(key.replace("_", " ") for key in SETTINGS),
    ),
    "Provider": (*PROVIDER_CHECKS, "device grant", "web flow"),
    "Keyring": ("keyring", "plain file"),
    "Session": ("given token", "session"),
    "This machine": ("lock folder", "config folder", "state folder", "cache folder", "versions"),
}
GROUP_OF = {check: group for group, checks in GROUPS.items() for check in checks}


@app.command(epilog=examples("{program} doctor", "{program} doctor --online", "{program} doctor --json --profile work"))
def doctor(
    ctx: typer.Context,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the provider for a device code, and let it lapse.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check everything that a sign-in needs, and say what to do.

    The exit code is that of the first failing check. The output tells neither who you are nor any secret, and can be
    pasted into a public issue.
    """
    context: CommandContext = ctx.obj
    homes = [account_home(), *(context.environment.environ.get(name, "") for name in ("HOME", "USERPROFILE"))]
    report = _Report(context.console)
    findings = []
    for finding in Checks(context.account, online=online, profile=context.console.profile).findings():
        what, advice = anonymous(finding.what, homes), anonymous(finding.advice, homes)
        findings.append(found := replace(finding, what=what, advice=advice))
        if not json:
            report.add(found)
    exit_code = next((finding.exit_code for finding in findings if finding.ok is False), 0)
    if json:
        context.console.json({"exit_code": exit_code, "findings": [asdict(finding) for finding in findings]})
    else:
        report.conclude(findings)
    raise typer.Exit(exit_code)


class _Report:
    """The findings for people, each as soon as it is known, in groups; then the verdict."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._group = ""
        self._said = {""}
        self._unchecked: list[Finding] = []

    def add(self, finding: Finding) -> None:
        if finding.what.startswith(NOT_CHECKED):
            self._unchecked.append(finding)
            return
        unchecked, self._unchecked = self._unchecked, []
        if unchecked:  # one line for all of them
            self._show(replace(unchecked[0], check=", ".join(each.check for each in unchecked)), unchecked[0].check)
        self._show(finding, finding.check)

    def _show(self, finding: Finding, check: str) -> None:
        group = GROUP_OF[check]
        if group != self._group:
            if self._group:
                self._console.paragraph()
            self._console.paragraph((group, "strong"))
            self._group = group
        symbol, role = LOOKS[finding.ok]
        self._console.paragraph(
            (self._console.out.symbol(symbol), role), f" {finding.check}: {finding.what}", indent="    "
        )
        if finding.advice not in self._said:
            self._said.add(finding.advice)
            self._console.paragraph("    ", (finding.advice, "dim"), indent="    ")

    def conclude(self, findings: Sequence[Finding]) -> None:
        failed = [finding for finding in findings if finding.ok is False]
        self._console.paragraph()
        if not failed:
            count = sum(finding.ok is None for finding in findings)
            notes = f", {count} {'note' if count == 1 else 'notes'}" if count else ""
            self._console.paragraph(("All well: ", "success"), f"{len(findings) - count} checks passed{notes}.")
            return
        count = len(failed)
        first, rest = failed[0], f" (first of {count})" if count > 1 else ""
        self._console.paragraph(
            (f"{count} {'problem' if count == 1 else 'problems'}: ", "error"),
            f"{first.check}{rest}: {first.what} {first.advice}".strip(),
            indent="  ",
        )
