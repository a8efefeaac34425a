"""``awesome token``: an access token that is valid long enough, and nothing else on stdout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from awesome_cli import awesome
from awesome_cli.system import lock

if TYPE_CHECKING:
    from awesome_cli.testing.issuer import ProviderSimulator
    from awesome_cli.testing.time import VirtualTime
    from support.terminal import Terminal


@pytest.fixture
def signed_in(terminal: Terminal) -> Terminal:
    terminal.login()
    return terminal


def test_a_valid_token_is_printed_without_a_request(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    assert signed_in.out.count(".") == 2
    assert (signed_in.err, signed_in.requests) == ("", [])


@pytest.mark.parametrize(("left", "renewals"), [(61, 0), (60, 1), (1, 1), (0, 1), (-5_000, 1)])
def test_a_token_with_less_than_a_minute_left_is_renewed(
    signed_in: Terminal, issuer: ProviderSimulator, time: VirtualTime, left: int, renewals: int
) -> None:
    time.pass_by(3_600 - left - (time.now() - issuer.requests[-1].at))
    assert signed_in.run("token") == 0
    assert issuer.refreshes == renewals


@pytest.mark.parametrize(("min_ttl", "renewals"), [("0", 0), ("29", 0), ("31", 1)])
def test_min_ttl_decides_whether_a_token_is_renewed(
    signed_in: Terminal, issuer: ProviderSimulator, time: VirtualTime, min_ttl: str, renewals: int
) -> None:
    time.pass_by(3_600 - 30 - (time.now() - issuer.requests[-1].at))
    assert signed_in.run("token", "--min-ttl", min_ttl) == 0
    assert issuer.refreshes == renewals


def test_a_new_token_is_printed_even_if_it_expires_before_min_ttl(
    signed_in: Terminal, issuer: ProviderSimulator
) -> None:
    assert signed_in.run("token", "--min-ttl", "99999") == 0
    assert issuer.refreshes == 1
    assert signed_in.out.count(".") == 2


def test_a_session_without_a_refresh_token_is_used_until_it_expires(terminal: Terminal, time: VirtualTime) -> None:
    terminal.login("--scope", "openid")
    assert terminal.run("token", "--min-ttl", "99999") == 0
    time.pass_by(4_000)
    assert terminal.run("token") == 4
    assert "offline_access" in terminal.err


def test_a_renewal_sends_one_request(signed_in: Terminal, time: VirtualTime) -> None:
    time.pass_by(4_000)
    assert signed_in.run("token") == 0
    assert signed_in.paths == ["/token"]


def test_token_id_prints_the_id_token(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    access_token = signed_in.out
    assert signed_in.run("token", "--id") == 0
    assert signed_in.out != access_token


def test_a_header_is_printed_for_curl(signed_in: Terminal) -> None:
    assert signed_in.run("token") == 0
    token = signed_in.out
    assert signed_in.run("token", "--format", "header") == 0
    assert signed_in.out == f"Authorization: Bearer {token}"
    assert signed_in.run("token", "--format", "text") == 0
    assert signed_in.out == token
    assert signed_in.run("token", "--id", "--format", "header") == 0
    assert signed_in.out.startswith("Authorization: Bearer ey")
    assert signed_in.out != f"Authorization: Bearer {token}"


def test_the_format_json_is_that_of_the_option(signed_in: Terminal) -> None:
    assert signed_in.run("token", "--json") == 0
    document = signed_in.out
    assert signed_in.run("token", "--format", "json") == 0
    assert signed_in.out == document


def check_exec_credential(document: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Check the fields of Kubernetes' ExecCredential (client.authentication.k8s.io/v1); return its status."""
    assert set(document) == {"apiVersion", "kind", "status"}  # ``spec`` is what kubectl passes on
    assert (document["apiVersion"], document["kind"]) == ("client.authentication.k8s.io/v1", "ExecCredential")
    status: dict[str, str] = document["status"]
    assert set(status) <= {"token", "expirationTimestamp"}  # and client certificates, which are none of ours
    assert all(map(re.compile(r"\S+").fullmatch, status.values()))
    if "expirationTimestamp" in status:  # metav1.Time is RFC 3339, and is written in UTC
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status["expirationTimestamp"])
    return status


def test_kubectl_gets_a_credential_with_its_expiry(signed_in: Terminal) -> None:
    assert signed_in.run("token", "--json") == 0
    token = signed_in.json
    assert signed_in.run("token", "--format", "exec-credential") == 0
    status = check_exec_credential(signed_in.json)
    assert status == {"token": token["access_token"], "expirationTimestamp": token["expires_at"]}
    assert signed_in.run("token", "--id", "--json") == 0
    token = signed_in.json
    assert signed_in.run("token", "--id", "--format", "exec-credential") == 0
    status = check_exec_credential(signed_in.json)
    assert status == {"token": token["id_token"], "expirationTimestamp": token["expires_at"]}


def test_the_expiry_of_a_given_token_is_left_out(terminal: Terminal) -> None:
    assert terminal.run("token", "--format", "exec-credential", AWESOME_ACCESS_TOKEN="given") == 0
    assert check_exec_credential(terminal.json) == {"token": "given"}
    assert terminal.run("token", "--format", "header", "--verbose", AWESOME_ACCESS_TOKEN="given") == 0
    assert terminal.out == "Authorization: Bearer given\n"
    assert "AWESOME_ACCESS_TOKEN is set" in terminal.err


@pytest.mark.parametrize(
    "options", [("--format", "xml"), ("--format", ""), ("--json", "--format", "json"), ("--json", "--format", "text")]
)
def test_another_format_is_a_usage_error(signed_in: Terminal, options: tuple[str, ...]) -> None:
    assert signed_in.run("token", *options) == 2
    assert (signed_in.out, "Formats: text, json, header, exec-credential." in signed_in.err) == ("", True)


def test_token_without_a_session_is_an_error(terminal: Terminal) -> None:
    assert terminal.run("token") == 4
    assert terminal.out == ""


def test_a_renewal_that_waited_for_a_logout_does_not_restore_the_session(
    signed_in: Terminal, time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.pass_by(4_000)
    acquire = lock.acquire_locks

    def after_a_logout(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - passed on
        monkeypatch.setattr(lock, "acquire_locks", acquire)
        assert _log_out(signed_in) == 0
        return acquire(*arguments, **named)

    monkeypatch.setattr(lock, "acquire_locks", after_a_logout)
    assert signed_in.run("token") == 4
    assert "removed by another process" in signed_in.err
    assert signed_in.keyring.entries() == {}


def _log_out(terminal: Terminal) -> int:
    return awesome.run(["logout"], environment=terminal.environment)
