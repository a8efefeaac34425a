"""Where a provider's endpoints are (OpenID Connect Discovery §3, §4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.errors import ProviderError
from awesome_cli.oauth.discovery import ENDPOINTS, discovery_url, parse_metadata

ISSUER = "https://provider.example/"
DOCUMENT = {"issuer": ISSUER, **{name: f"{ISSUER}{name}" for name in ENDPOINTS}}


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://provider.example/", "https://provider.example/.well-known/openid-configuration"),
        ("https://provider.example", "https://provider.example/.well-known/openid-configuration"),
        ("https://provider.example/realms/a", "https://provider.example/realms/a/.well-known/openid-configuration"),
        ("https://provider.example/realms/a/", "https://provider.example/realms/a/.well-known/openid-configuration"),
    ],
)
def test_the_discovery_url_is_below_the_issuer(issuer: str, url: str) -> None:
    assert discovery_url(issuer) == url


def test_the_endpoints_are_taken_from_the_document() -> None:
    metadata = parse_metadata(DOCUMENT, issuer=ISSUER)
    assert metadata.issuer == ISSUER
    assert {name: metadata.need(name) for name in ENDPOINTS} == {name: DOCUMENT[name] for name in ENDPOINTS}


@pytest.mark.parametrize(
    "issuer",
    [
        *("https://provider.example", "https://PROVIDER.example/", "https://provider.example//"),
        *("http://provider.example/", "https://evil.example/", "", None, 7, [ISSUER]),
    ],
)
def test_the_issuer_must_be_spelt_exactly(issuer: object) -> None:
    with pytest.raises(ProviderError, match="calls itself") as refused:
        parse_metadata({**DOCUMENT, "issuer": issuer}, issuer=ISSUER)
    assert "slash" in refused.value.hint


def test_a_wrong_issuer_is_shown_without_control_characters() -> None:
    with pytest.raises(ProviderError) as refused:
        parse_metadata({"issuer": "\x1b[2Jevil\n"}, issuer=ISSUER)
    assert refused.value.message == f"The provider calls itself [2Jevil, not {ISSUER}."


def test_a_missing_issuer_or_document_is_refused() -> None:
    documents: list[dict[str, str] | None] = [{}, None]
    for document in documents:
        with pytest.raises(ProviderError):
            parse_metadata(document, issuer=ISSUER)


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    "url", ["http://provider.example/", "", "/relative", "javascript:alert(1)", 7, ["https://a/"], False]
)
def test_an_endpoint_that_is_not_a_secure_url_is_refused(name: str, url: object) -> None:
    with pytest.raises(ProviderError, match=name):
        parse_metadata({**DOCUMENT, name: url}, issuer=ISSUER)


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("url", ["http://127.0.0.1:9200/", "http://localhost:6379/", "https://[::1]/"])
def test_a_remote_issuer_cannot_name_an_endpoint_on_this_machine(name: str, url: str) -> None:
    with pytest.raises(ProviderError, match=f"{name} is an address on this machine") as refused:
        parse_metadata({**DOCUMENT, name: url}, issuer=ISSUER)
    assert f"set {name} in the profile" in refused.value.hint


def test_an_issuer_on_this_machine_can_name_endpoints_on_it() -> None:
    issuer = "http://localhost:8765/"
    document = {"issuer": issuer, "token_endpoint": "http://127.0.0.1:8765/token"}
    assert parse_metadata(document, issuer=issuer).need("token_endpoint") == "http://127.0.0.1:8765/token"


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_issuer_with_tls_cannot_name_an_endpoint_without_it(name: str) -> None:
    issuer = "https://localhost:8765/"
    with pytest.raises(ProviderError, match=f"{name} is not an https:// URL"):
        parse_metadata({"issuer": issuer, name: "http://localhost:8765/"}, issuer=issuer)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_missing_endpoint_is_an_error_only_if_it_is_needed(name: str) -> None:
    for document in ({**DOCUMENT, name: None}, {key: value for key, value in DOCUMENT.items() if key != name}):
        metadata = parse_metadata(document, issuer=ISSUER)
        assert getattr(metadata, name) is None
        with pytest.raises(ProviderError, match=f"names no {name}") as missed:
            metadata.need(name)
        assert name in missed.value.hint


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_profile_can_set_endpoints(name: str) -> None:
    mine = "http://127.0.0.1:8080/mine"
    for others in ({}, {name: "http://clear.example/"}, {name: mine}):
        document = {"issuer": ISSUER, **others}
        assert parse_metadata(document, issuer=ISSUER, overrides={name: mine}).need(name) == mine


def test_incomplete_lists_in_the_discovery_document_are_ignored() -> None:
    lists: dict[str, Any] = {"grant_types_supported": ["implicit"], "token_endpoint_auth_methods_supported": []}
    assert parse_metadata({**DOCUMENT, **lists}, issuer=ISSUER) == parse_metadata(DOCUMENT, issuer=ISSUER)


@given(
    st.dictionaries(
        st.sampled_from(["issuer", *ENDPOINTS]), st.none() | st.text() | st.integers() | st.lists(st.text())
    )
)
def test_any_document_is_accepted_or_refused(changes: dict[str, Any]) -> None:
    try:
        metadata = parse_metadata({**DOCUMENT, **changes}, issuer=ISSUER)
    except ProviderError:
        assert changes
    else:
        assert metadata.issuer == ISSUER
