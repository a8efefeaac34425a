"""The catalogue of misbehaviours: no case passes by itself, whatever a client does."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from awesome_cli.testing import misbehaviours
from awesome_cli.testing.hostile import HostileProvider
from awesome_cli.testing.misbehaviours import Misbehaviour
from support.trusting_client import TrustingClient

SIGN_IN = (
    misbehaviours.METADATA
    + misbehaviours.WITHOUT_TLS
    + misbehaviours.DEVICE_GRANT
    + misbehaviours.TOKEN_RESPONSE
    + misbehaviours.ID_TOKEN
    + misbehaviours.JWKS
)
LATER: list[tuple[list[Misbehaviour], Callable[[TrustingClient], bool]]] = [
    (misbehaviours.REFRESH, TrustingClient.refresh),
    (misbehaviours.USERINFO, TrustingClient.read_userinfo),
    (misbehaviours.REVOCATION, TrustingClient.revoke),
]
ALL = [*SIGN_IN, *misbehaviours.AUTHORIZATION_CODE, *(case for cases, _ in LATER for case in cases)]
HARMLESS = {"no device code"}  # without which no client can go on


def not_accepted(cases: list[Misbehaviour]) -> list[Misbehaviour]:
    """Return the cases that a client can fail although it goes on."""
    return [case for case in cases if case.rule.accepted is not True or case.rule.pause]


def check_fails(case: Misbehaviour, provider: HostileProvider, *, accepted: bool) -> None:
    with pytest.raises(AssertionError, match=re.escape(f"{case.rule.source} ({case.rule.level}): {case.rule.text}")):
        case.check(provider, accepted=accepted)


@pytest.mark.parametrize("case", [case for case in not_accepted(SIGN_IN) if case.name not in HARMLESS], ids=str)
def test_a_sign_in_without_checks_breaks_the_rule(case: Misbehaviour, hostile_provider: HostileProvider) -> None:
    case.set_up(hostile_provider)
    check_fails(case, hostile_provider, accepted=TrustingClient(hostile_provider).sign_in())


@pytest.mark.parametrize("case", misbehaviours.AUTHORIZATION_CODE, ids=str)
def test_a_sign_in_with_a_browser_without_checks_breaks_the_rule(
    case: Misbehaviour, hostile_provider: HostileProvider
) -> None:
    case.set_up(hostile_provider)
    check_fails(case, hostile_provider, accepted=TrustingClient(hostile_provider).sign_in_with_code())


@pytest.mark.parametrize(
    ("case", "step"), [pytest.param(case, step, id=str(case)) for cases, step in LATER for case in not_accepted(cases)]
)
def test_a_later_step_without_checks_breaks_the_rule(
    case: Misbehaviour, step: Callable[[TrustingClient], bool], hostile_provider: HostileProvider
) -> None:
    hostile_provider.issuer.slim_id_token = True
    client = TrustingClient(hostile_provider)
    assert client.sign_in()
    case.set_up(hostile_provider)
    check_fails(case, hostile_provider, accepted=step(client))


@pytest.mark.parametrize("case", [case for case in ALL if case.rule.accepted], ids=str)
def test_a_client_that_refuses_what_is_valid_breaks_the_rule(
    case: Misbehaviour, hostile_provider: HostileProvider
) -> None:
    check_fails(case, hostile_provider, accepted=False)


@pytest.mark.parametrize("case", not_accepted(ALL), ids=str)
def test_a_client_that_does_nothing_does_not_pass(case: Misbehaviour, hostile_provider: HostileProvider) -> None:
    case.set_up(hostile_provider)
    with pytest.raises(AssertionError, match="the client sent no request to /"):
        case.check(hostile_provider, accepted=False)


def test_without_a_case_a_client_without_checks_ends_signed_in(hostile_provider: HostileProvider) -> None:
    client = TrustingClient(hostile_provider)
    assert client.sign_in_with_code()
    assert client.sign_in()
    assert [client.refresh(), client.read_userinfo(), client.revoke()] == [True, True, True]


def test_every_case_has_a_name_of_its_own_and_a_rule_with_its_source() -> None:
    assert len({case.name for case in ALL}) == len(ALL) > 100
    lists = [value for name, value in vars(misbehaviours).items() if name.isupper() and isinstance(value, list)]
    assert sum(map(len, lists)) == len(ALL)
    section = (
        r"(RFC \d{4}|OpenID Connect (Core|Discovery)) (§[\d.]+|appendix [A-Z.\d]+)( \(\d+\))?(, §[\d.]+( \(\d+\))?)*"
    )
    for rule in {case.rule for case in ALL}:
        assert re.fullmatch(f"{section}(, {section})*", rule.source), rule.source
        assert re.fullmatch(r".+[^ ]\.", rule.text), rule.text
