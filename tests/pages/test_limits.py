"""Whether the times, sizes and counts that the docs name are the constants of the program."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from awesome_cli import account
from awesome_cli.brand import DEFAULT_PROFILE, DEFAULT_SCOPE, MIN_TTL
from awesome_cli.cli import login_screen
from awesome_cli.oauth import device_grant, id_token, jwks
from awesome_cli.provider import cache, client, observer, sign_in_client, web_flow
from awesome_cli.sessions import manifest, model, shared_state, store
from awesome_cli.settings.profile import KEYRING_TIMEOUT
from awesome_cli.settings.profile_names import LONGEST_NAME
from awesome_cli.system import lock
from support.pages import DOCS, FENCED, README

KIB, MINUTE, WEEK = 1024, 60, 7 * 86_400
WORDS = {
    1: ("a", "one"),
    2.5: ("two and a half",),
    3: ("three",),
    4: ("four",),
    5: ("five",),
    10: ("ten",),
    32: ("thirty-two",),
}


class Limit(NamedTuple):
    """A phrase of a page, in which ``{}`` is the value, as digits or as a word."""

    page: str
    phrase: str
    value: float

    @property
    def spellings(self) -> list[str]:
        return [
            self.phrase.format(number) for number in (f"{self.value:,g}", f"{self.value:g}", *WORDS.get(self.value, ()))
        ]


RELIABILITY = "docs/explanation/reliability.md"
LIMITS = [
    Limit("docs/architecture.md", "Without a network, or after {} seconds", account.USER_TIMEOUT),
    Limit("docs/explanation/reading.md", "takes more than {} seconds", account.USER_TIMEOUT),
    Limit("docs/explanation/reading.md", "at least {} of each slot", store.MIN_SWEEP),
    Limit(RELIABILITY, "the lock is held for {} s", lock.TIMEOUT),
    Limit(RELIABILITY, "`say-hi` and `whoami` answer after {} s", account.USER_TIMEOUT),
    Limit(RELIABILITY, "others answer within {} s", account.USER_TIMEOUT),
    Limit(RELIABILITY, "is being finished ({} s at most)", model.INTERRUPTED_TIMEOUT),
    Limit(RELIABILITY, "a call that never returns | a note after {} s", observer.NOTE_AFTER),
    Limit(RELIABILITY, "| a note after {} s, then the token", observer.NOTE_AFTER),
    Limit(RELIABILITY, "exit 7 after {} s", client.REFRESH_TIMEOUT),
    Limit("docs/explanation/security.md", "at most {} connections", web_flow.MAX_CONNECTIONS),
    Limit("docs/explanation/security.md", "makes room; {} seconds", web_flow.READ_TIMEOUT),
    Limit("docs/explanation/security.md", "and {} KiB a request", web_flow.MAX_REQUEST / KIB),
    Limit("docs/how-to/ci.md", "valid for at least {} seconds", MIN_TTL),
    Limit("docs/how-to/ci.md", "`say-hi` and `whoami` for {} seconds at most", account.USER_TIMEOUT),
    Limit("docs/how-to/ci.md", "`token` and `api` may take {} minutes", lock.TIMEOUT / MINUTE),
    Limit("docs/how-to/ci.md", "from {} days before", manifest.ANNOUNCED_BEFORE / manifest.DAY),
    Limit("docs/how-to/headless.md", "for {} more lines", login_screen.QR_ROWS_BESIDE),
    Limit("docs/how-to/headless.md", "You have {} seconds to type it", KEYRING_TIMEOUT),
    Limit(
        "docs/how-to/providers/oidc-provider.md", "no `interval`; {} seconds are used", device_grant.DEFAULT_INTERVAL
    ),
    Limit("docs/how-to/troubleshooting.md", "{} seconds of difference are accepted", id_token.LEEWAY),
    Limit("docs/how-to/troubleshooting.md", "live for less than {} minute", id_token.LEEWAY / MINUTE),
    Limit("docs/reference/library.md", "is renewed if it has less than {} seconds left", MIN_TTL),
    Limit("docs/reference/misbehaviours.md", "no interval | accepts, {} s", device_grant.DEFAULT_INTERVAL),
    Limit("docs/reference/misbehaviours.md", "a request to slow down | accepts, {} s", 1 + device_grant.SLOW_DOWN),
    Limit("docs/reference/misbehaviours.md", "the client waits {} s", device_grant.DEFAULT_INTERVAL),
    Limit("docs/reference/misbehaviours.md", "`slow_down` adds {} s", device_grant.SLOW_DOWN),
    Limit("docs/reference/settings.md", "default {} |", KEYRING_TIMEOUT),
    Limit("docs/reference/settings.md", "has 1 to {} letters", LONGEST_NAME),
    Limit("docs/reference/storage.md", "at most {} UTF-16 code units", store.ENTRY_UNITS),
    Limit("docs/reference/storage.md", "used for {} week at most", cache.MAX_AGE / WEEK),
    Limit("docs/reference/storage.md", "counts for {} minute", shared_state.FAILURE_TTL / MINUTE),
    Limit("docs/reference/storage.md", "at most {} revoked sessions", shared_state.MAX_REVOKED),
    Limit("docs/reference/storage.md", "`version` | {} |", manifest.VERSION),
    Limit("docs/tutorials/first-sign-in.md", "within {} seconds the terminal notices", device_grant.DEFAULT_INTERVAL),
    Limit("docs/specs.md", "`interval` defaults to {} s", device_grant.DEFAULT_INTERVAL),
    Limit("docs/specs.md", "`slow_down` adds {} s", device_grant.SLOW_DOWN),
    Limit("docs/specs.md", "{} s of leeway", id_token.LEEWAY),
    Limit("docs/specs.md", "an RSA key has {} bits", jwks.MIN_MODULUS),
    Limit("docs/specs.md", "a new verifier of {} characters", sign_in_client.VERIFIER_BYTES * 4 / 3),
    Limit("docs/decisions/0003-cache-checked-by-digest.md", "at most {} week old", cache.MAX_AGE / WEEK),
    Limit("docs/decisions/0009-refresh-timeouts.md", "Connecting has {} seconds", client.CONNECT_TIMEOUT),
    Limit("docs/decisions/0009-refresh-timeouts.md", "to a refresh request has {}.", client.REFRESH_TIMEOUT),
    Limit("docs/decisions/0009-refresh-timeouts.md", "After {} seconds a note", observer.NOTE_AFTER),
    Limit("docs/decisions/0009-refresh-timeouts.md", "verified sign-in after {},", account.USER_TIMEOUT),
    Limit("docs/decisions/0009-refresh-timeouts.md", "leaves the request {} seconds", model.INTERRUPTED_TIMEOUT),
    Limit("docs/decisions/0009-refresh-timeouts.md", "may take {} minutes", lock.TIMEOUT / MINUTE),
    Limit("docs/decisions/0014-browsers-and-agents.md", "{} connections at most", web_flow.MAX_CONNECTIONS),
]

OF_OTHERS = {
    "docs/explanation/reading.md": [r"#+ \w+ minutes: .+", r"the code in an hour"],
    RELIABILITY: [
        r"\b12 s\b",  # of the test
        r"for a renewal, or while|takes 1.5 s",
        r"2,560 bytes per entry",  # of Windows
        r"0 to 24 KiB left",
        r"after 16, 60, 89 s",
        r"3 or 50 min slow, or 12 h fast",
    ],  # what the tests do
    "docs/how-to/test-a-client.md": [
        r"interval is 0.05 s",
        r"pauses of five and six seconds",
        r"take ten seconds and more",
    ],
    "docs/reference/misbehaviours.md": [r"the interval, which is 1 s"],
    "docs/testing.md": [r"`interval` of 0.05 s"],
    "docs/tutorials/first-sign-in.md": [r"paste the five lines"],
    "docs/how-to/providers/auth0.md": [r"to 60 seconds"],
    "docs/how-to/providers/entra-id.md": [r"lives for 90 days"],
    "docs/how-to/providers/keycloak.md": [r"30 days|60 days|30 minutes|10 hours"],
    "docs/how-to/providers/okta.md": [r"valid for 10 minutes|live for 90 days|after seven days|to 60 seconds"],
    "docs/tutorials/your-own-cli.md": [r"[Tt]en lines"],
    "README.md": [r"ten lines"],  # tests/program/test_guides.py counts them
}  # durations and sizes that the program does not decide: those of providers, of tests, of texts
WITHOUT_LIMITS = {
    "docs/explanation/comparison.md",
    "docs/explanation/performance.md",
    "docs/reference/commands.md",  # made from the help texts
    "docs/reference/program.md",  # made from docstrings
}
NUMBER = r"(?:\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve|thirty(?:-two)?)"
UNIT = r"(?:s|min|h|seconds?|minutes?|hours?|days?|weeks?|[kM]B|[KM]iB|bytes|bits|characters|letters|lines|connections)"
QUANTITY = re.compile(rf"\b{NUMBER}(?: more)? {UNIT}\b", re.IGNORECASE)


def flat(text: str) -> str:
    """Return the text without code blocks, on one line."""
    return " ".join(FENCED.sub("", text).split())


PAGES = {
    name: flat(text)
    for name, text in (DOCS | {"README.md": README}).items()
    if name not in WITHOUT_LIMITS and not name.startswith("docs/decisions/")
}


@pytest.mark.parametrize("limit", LIMITS, ids=[f"{page}: {phrase}" for page, phrase, _ in LIMITS])
def test_a_limit_in_the_docs_is_that_of_the_program(limit: Limit) -> None:
    assert any(spelling in flat(DOCS[limit.page]) for spelling in limit.spellings), limit.spellings


@pytest.mark.parametrize("page", PAGES)
def test_every_quantity_in_the_docs_is_a_limit_or_is_listed(page: str) -> None:
    text = PAGES[page]
    for limit in LIMITS:
        for spelling in limit.spellings if limit.page == page else []:
            text = text.replace(spelling, "")
    for pattern in OF_OTHERS.get(page, []):
        text, count = re.subn(pattern, "", text)
        assert count, pattern
    assert QUANTITY.findall(text) == []


def test_the_settings_page_gives_the_default_settings() -> None:
    text = flat(DOCS["docs/reference/settings.md"])
    assert f"`scope`; default `{DEFAULT_SCOPE}`" in text
    assert f"default: what `default_profile` says, else `{DEFAULT_PROFILE}`" in text


def test_the_pages_name_the_algorithms_that_are_accepted() -> None:
    *names, last = jwks.ALGORITHMS
    assert f"signed with {', '.join(names)} or {last}." in flat(DOCS["docs/how-to/providers/index.md"])
