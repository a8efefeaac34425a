"""The catalogue of misbehaviours against this program: it keeps every rule, at every level."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from awesome_cli.testing import misbehaviours
from awesome_cli.testing.hostile import HostileProvider, serve_hostile
from awesome_cli.testing.misbehaviours import Misbehaviour
from awesome_cli.testing.visitor import visit
from support.terminal import InProcess, Terminal

SIGN_IN = misbehaviours.METADATA + misbehaviours.DEVICE_GRANT + misbehaviours.TOKEN_RESPONSE + misbehaviours.JWKS


@pytest.mark.parametrize("case", [case for case in SIGN_IN if not case.rule.pause], ids=str)
def test_sign_in(case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider) -> None:
    case.set_up(hostile_provider)
    end = in_process_program.at(hostile_provider.url).execute("login")
    case.check(hostile_provider, accepted=end.code == 0)
    assert bool(in_process_program.keyring.entries()) == (end.code == 0)


@pytest.mark.parametrize("case", [case for case in SIGN_IN if case.rule.pause], ids=str)
def test_pauses_between_polls_in_virtual_time(case: Misbehaviour, terminal: Terminal) -> None:
    terminal.provider.elsewhere = HostileProvider(terminal.issuer)
    terminal.issuer.interval = 1
    terminal.issuer.auto_approve = True
    case.set_up(terminal.provider)
    case.check(terminal.provider, accepted=terminal.run("login") == 0)


@pytest.mark.parametrize("case", [case for case in misbehaviours.ID_TOKEN if case.rule.accepted is False], ids=str)
def test_an_id_token_that_breaks_a_rule_ends_the_login(
    case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    case.set_up(hostile_provider)
    end = in_process_program.at(hostile_provider.url).execute("login")
    case.check(hostile_provider, accepted=end.code == 0)
    assert end.code == 8, end.err
    assert in_process_program.keyring.entries() == {}
    assert hostile_provider.paths.count("/revoke") == 2


@pytest.mark.parametrize("case", [case for case in misbehaviours.ID_TOKEN if case.rule.accepted], ids=str)
def test_an_unusual_but_valid_id_token_is_accepted(
    case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    case.set_up(hostile_provider)
    end = in_process_program.at(hostile_provider.url).execute("login")
    case.check(hostile_provider, accepted=end.code == 0)
    assert in_process_program.execute("say-hi").out == "Welcome Juan!\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def provider_with_tls(authority: trustme.CA) -> Iterator[HostileProvider]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serve_hostile(tls=context, interval=0.05, auto_approve=True) as provider:
        yield provider


@pytest.mark.parametrize("case", misbehaviours.WITHOUT_TLS, ids=str)
def test_endpoints_without_tls(
    case: Misbehaviour,
    in_process_program: InProcess,
    provider_with_tls: HostileProvider,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    case.set_up(provider_with_tls)
    end = in_process_program.at(provider_with_tls.url, SSL_CERT_FILE=str(path)).execute("login")
    case.check(provider_with_tls, accepted=end.code == 0)
    assert "not an https://" in end.err


@pytest.mark.parametrize("case", misbehaviours.AUTHORIZATION_CODE, ids=str)
def test_sign_in_with_a_browser(
    case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider
) -> None:
    case.set_up(hostile_provider)
    in_process_program.set(visit=visit)
    end = in_process_program.at(hostile_provider.url).execute("login", "--web", "--timeout", "1")
    case.check(hostile_provider, accepted=end.code == 0)
    assert in_process_program.keyring.entries() == {}


@pytest.mark.parametrize("case", misbehaviours.REFRESH, ids=str)
def test_refresh(case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider) -> None:
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0
    case.set_up(hostile_provider)
    end = in_process_program.execute("token", "--min-ttl", "99999")
    case.check(hostile_provider, accepted=end.code == 0)


@pytest.mark.parametrize("case", misbehaviours.USERINFO, ids=str)
def test_userinfo(case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider) -> None:
    hostile_provider.issuer.slim_id_token = True
    case.set_up(hostile_provider)
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0
    case.check(hostile_provider, accepted=in_process_program.execute("say-hi").out == "Welcome Juan!\n")


@pytest.mark.parametrize("case", misbehaviours.REVOCATION, ids=str)
def test_revocation(case: Misbehaviour, in_process_program: InProcess, hostile_provider: HostileProvider) -> None:
    assert in_process_program.at(hostile_provider.url).execute("login").code == 0
    case.set_up(hostile_provider)
    case.check(hostile_provider, accepted=in_process_program.execute("logout").code == 0)
    assert in_process_program.keyring.entries() == {}
