"""Responses: strict JSON, error codes, dates and durations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.errors import RefreshFailedError
from awesome_cli.oauth.response import Response, error_from_response, http_date, json_object, json_value, seconds

DATE = "Fri, 15 Jan 2027 08:00:00 GMT"


def response(document: object, status: int = 400) -> Response:
    return Response(status, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (302, False), (400, False)]
)
def test_success_is_2xx(status: int, ok: bool) -> None:  # noqa: FBT001 - a table's column
    assert Response(status).ok is ok


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        "7",
        '{"a": 1, "a": 2}',
        '{"b": {"a": 1, "a": 1}}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1} x',
        "{'a': 1}",
        '{"a": 1,}',
        '\ufeff{"a": 1}',
        "{" + '"a":{' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
    ids=lambda text: text[:20],
)
def test_anything_but_a_strict_json_object_is_none(text: str) -> None:
    assert json_object(text) is None
    assert Response(200, text.encode()).json() is None


@pytest.mark.parametrize("data", [b'{"a": "\xff"}', '{"a": 1}'.encode("utf-16"), b"\x00", b"\x1f\x8b"])
def test_anything_but_utf_8_is_none(data: bytes) -> None:
    assert json_object(data) is None


def test_a_json_object_is_parsed() -> None:
    assert json_object(b' {"a": [1, {"b": null}], "c": "\xc3\xa9"} ') == {"a": [1, {"b": None}], "c": "é"}
    assert json_value("[1, 2]") == [1, 2]


def test_nesting_that_exhausts_the_parser_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="deep"):
        json_value("[" * 200_000)


@given(st.binary() | st.text())
def test_any_data_is_a_json_object_or_none(data: bytes | str) -> None:
    document = json_object(data)
    assert document is None or document == json.loads(data)


@pytest.mark.parametrize("code", ["slow_down", "invalid_grant", "urn:example:error", "!#$", "x" * 100])
def test_an_error_code_is_returned(code: str) -> None:
    assert response({"error": code}).error() == code


@pytest.mark.parametrize(
    "document",
    [{}, [], None, "slow_down"]
    + [
        {"error": code}
        for code in ("", "Too Many Requests", 'a"b', "a\\b", "é", "a\n", "\x7f", "x" * 101, 7, None, ["slow_down"])
    ],
    ids=str,
)
def test_an_invalid_error_code_is_none(document: object) -> None:
    assert response(document).error() is None


def test_an_error_description_is_safe_to_show() -> None:
    assert response({"error_description": "No.\x1b[2J\n"}).error_description() == "No.[2J"
    assert response({"error_description": ["No."]}).error_description() == ""
    assert Response(500).error_description() == ""


@pytest.mark.parametrize(("value", "number"), [(5, 5.0), (0, 0.0), (-1.5, -1.5), (1e300, 1e300)])
def test_a_finite_number_of_seconds_is_returned(value: object, number: float) -> None:
    assert seconds(value) == number


@pytest.mark.parametrize("value", [None, True, False, "5", [5], {}, float("nan"), float("inf"), 10**400])
def test_anything_but_a_finite_number_of_seconds_is_none(value: Any) -> None:  # noqa: ANN401
    assert seconds(value) is None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (DATE, 1_800_000_000.0),
        (DATE.replace("GMT", "-0000"), 1_800_000_000.0),
        (DATE.replace("08:00:00 GMT", "10:00:00 +0200"), 1_800_000_000.0),
        ("Friday, 15-Jan-27 08:00:00 GMT", 1_800_000_000.0),
        ("Fri Jan 15 08:00:00 2027", 1_800_000_000.0),
        ("", None),
        ("soon", None),
        ("Fri, 15 Jan 2027 99:00:00 GMT", None),
        ("Fri, 15 Foo 2027 08:00:00 GMT", None),
        ("Fri, 15 Jan 99999999999 08:00:00 GMT", None),
    ],
)
def test_an_http_date_is_parsed_in_any_time_zone(text: str, instant: float | None) -> None:
    assert http_date(text) == instant


@given(st.text() | st.from_regex(r"\w{3}, \d{1,5} \w{3} \d{1,12} \d{1,4}:\d\d:\d\d [-+]?\w{1,9}", fullmatch=True))
def test_any_text_is_an_http_date_or_none(text: str) -> None:
    assert isinstance(http_date(text), float | None)


def test_an_error_shows_the_code_and_the_description() -> None:
    error = error_from_response(
        response({"error": "invalid_scope", "error_description": "No such scope."}),
        what="It failed",
        kind=RefreshFailedError,
    )
    assert (error.message, error.code) == ("It failed: invalid_scope (No such scope).", "invalid_scope")
    assert isinstance(error, RefreshFailedError)
    assert (
        error_from_response(response({"error": "invalid_scope"}), what="It failed").message
        == "It failed: invalid_scope."
    )
    error = error_from_response(Response(404), what="It failed")
    assert (error.message, error.code) == ("It failed: the provider answered with HTTP status 404.", "network")


def test_the_repr_of_a_response_shows_no_content() -> None:
    assert "secret" not in repr(Response(200, b"secret", {"x": "secret"}))
