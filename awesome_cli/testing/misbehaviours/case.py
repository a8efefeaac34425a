"""What a provider does wrong, or in an unusual way, and the rule that a client has to keep then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import pairwise

from awesome_cli.testing.grants import Request
from awesome_cli.testing.hostile import Act, HostileProvider, redirect

TOKEN = "/token"  # noqa: S105 - a path
EVIL = "https://evil.example/"
TOLERANCE = 0.1  # seconds that a poll may be early: clocks are not exact

MakeAct = Callable[[HostileProvider], Act]  # for an act that needs a URL of the provider
Acts = Act | tuple[Act, ...] | MakeAct
Script = Acts | dict[str, Acts]  # at the path of the list, or by path


class Level(StrEnum):
    """How strictly the source of a rule obliges the client. ``ADVICE``: it does not, but the kit recommends it."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    ADVICE = "advice"


MUST, SHOULD, ADVICE = Level


@dataclass(frozen=True)
class Rule:
    """What a client has to do, and where that is written.

    ``accepted``: whether the client ends without an error; None if both are right. ``pause``: the seconds that have to
    pass between two polls, on the clock of the provider. ``forbidden`` finds requests that the client must not send.
    A request to another origin is wrong, or with ``only_secrets`` one that contains a secret.
    """

    accepted: bool | None
    level: Level
    source: str
    text: str
    pause: float = 0
    forbidden: Callable[[Request], bool] | None = None
    only_secrets: bool = False


refuse = partial(Rule, False)  # noqa: FBT003 - the expectation of the rule
accept = partial(Rule, True)  # noqa: FBT003 - the same
either = partial(Rule, None)


@dataclass(frozen=True)
class Misbehaviour:
    """A case of a rule: call ``set_up``, let the client do its work, and call ``check``."""

    name: str
    rule: Rule
    script: Mapping[str, Acts]

    def __str__(self) -> str:
        return self.name

    def set_up(self, provider: HostileProvider) -> None:
        """Add the acts of this case to the scripts of the provider."""
        for path, acts in self.script.items():
            played = acts if isinstance(acts, tuple) else (acts(provider) if callable(acts) else acts,)
            provider.at(path, *played)

    def check(self, provider: HostileProvider, *, accepted: bool) -> None:
        """Raise AssertionError, unless the client kept the rule. ``accepted``: whether it ended without an error."""
        __tracebackhide__ = True  # pytest shows the line of the test
        faults = "; ".join(self._faults(provider, accepted=accepted))
        if faults:
            rule = self.rule
            raise AssertionError(f"{self.name}: {faults}. {rule.source} ({rule.level}): {rule.text}")

    def _faults(self, provider: HostileProvider, *, accepted: bool) -> Iterator[str]:
        rule = self.rule
        for path, acts in self.script.items():
            if provider.remaining(path) == (len(acts) if isinstance(acts, tuple) else 1):
                yield f"the client sent no request to {path}"
        if rule.accepted not in (None, accepted):
            yield f"the client {'accepted' if accepted else 'refused'} it"
        polls = [request.at for request in provider.requests if request.path == TOKEN]
        if rule.pause and any(later - earlier < rule.pause - TOLERANCE for earlier, later in pairwise(polls)):
            yield f"the client polled again before {rule.pause:g} s had passed"
        if rule.forbidden and any(map(rule.forbidden, provider.requests)):
            yield "the client sent a request that it must not send"
        away = provider.elsewhere.requests
        if rule.only_secrets:
            away = [request for request in away if any(map(_text(request).__contains__, provider.secrets))]
        if away:
            yield f"the client sent {'a secret' if rule.only_secrets else 'a request'} to another origin"


def _text(request: Request) -> str:
    return "\n".join([request.target, *request.form.values(), *request.headers.values()])


def cases(path: str, rules: Mapping[Rule, Mapping[str, Script]]) -> list[Misbehaviour]:
    """Return the cases of some rules; their acts are at this path unless they say where."""
    return [
        Misbehaviour(name, rule, script if isinstance(script, dict) else {path: script})
        for rule, scripts in rules.items()
        for name, script in scripts.items()
    ]


def redirect_elsewhere(path: str) -> MakeAct:
    """Return what redirects to another origin, with the body of the request (RFC 9110 §15.4.8)."""
    return lambda provider: redirect(f"{provider.elsewhere.url}{path}", 307)
