"""Untrusted strings: printable text for a terminal, arguments for a shell, URLs for a browser."""

from __future__ import annotations

import shlex
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.text import anonymous, safe, safe_lines, shell_argument
from awesome_cli.urls import is_loopback, secure_url

IGNORABLE = [  # DerivedCoreProperties.txt, Default_Ignorable_Code_Point
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)),
    *(*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0),
    *(*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Juan", "Juan"),
        ("  Ana María  ", "Ana María"),
        ("João 🦜 李", "João 🦜 李"),
        ("a\x1b[2Jb\x07\x00", "a[2Jb"),
        ("a\x9b31mb\x85", "a31mb"),
        ("two\nlines\r\u2028and\u2029more\t", "twolinesandmore"),
        ("\u202etxt.exe\u2066\u200f", "txt.exe"),
        ("z\u200be\u200dr\ufeffo\u2060", "zero"),
        ("\ud800\ue000\U000f0000", ""),
        ("\u3164\u115f\u034f\ufe0f\U000e0101", ""),
        ("[link=https://evil.example]name[/link]", "[link=https://evil.example]name[/link]"),
    ],
)
def test_safe_removes_control_and_invisible_characters(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_safe_marks_truncated_text() -> None:
    assert safe("x" * 256) == "x" * 256
    assert safe("x" * 257) == "x" * 255 + "…"
    assert safe("abcdef", 4) == "abc…"


def test_safe_removes_every_default_ignorable_code_point() -> None:
    assert [hex(number) for number in IGNORABLE if safe(chr(number))] == []


def test_safe_removes_every_control_and_format_character() -> None:
    shown = "".join(safe(chr(number)) for number in range(sys.maxunicode + 1))
    categories = {unicodedata.category(character) for character in shown}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(shown) > 100_000


@given(st.text(max_size=20))
def test_a_shell_argument_parses_to_the_same_text_or_is_none(text: str) -> None:
    quoted = shell_argument(text)
    assert quoted is None or (shlex.split(quoted) == [text] and not set(text) & set("$`\\\"'!%^&|;<>()\n"))


def test_a_shell_argument_may_contain_the_characters_of_scopes() -> None:
    assert shell_argument("openid read:x https://a.example/b-c_d+e") == '"openid read:x https://a.example/b-c_d+e"'
    assert [shell_argument(text) for text in ("", "$(id)", "`id`", "a\nb", "ä", '"', "%PATH%")] == [None] * 7


@given(st.text(), st.integers(1, 300))
def test_safe_returns_one_line_within_the_limit_and_is_idempotent(text: str, limit: int) -> None:
    shown = safe(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable() or any(character.isspace() for character in shown)
    assert shown.splitlines() in ([], [shown])
    assert safe(shown, limit) == shown


@given(st.text())
def test_safe_lines_also_keeps_newlines_and_tabs(text: str) -> None:
    assert safe(safe_lines(text), 10**6) == safe(text, 10**6)
    assert safe_lines("a\n\tb\x1b\r") == "a\n\tb"


@pytest.mark.parametrize(
    "url",
    [
        "https://provider.example",
        "https://provider.example/activate?user_code=AB-CD&x=%C3%A9#top",
        "HTTPS://Provider.Example:8443/",
        "https://provider.example:/",
        "https://provider.example./",
        "https://my_tenant.provider.example/",
        "https://203.0.113.7/",
        "https://[2001:db8::1]:8443/device",
        "http://localhost:8765/activate",
        "http://127.0.0.1/",
        "http://127.9.9.9:80/",
        "http://[::1]:8765/",
    ],
)
def test_a_secure_url_is_accepted(url: str) -> None:
    parts = secure_url(url)
    assert parts is not None
    assert parts.geturl().lower() == url.lower()


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        ["https://provider.example/"],
        "",
        "https://",
        "https:///path",
        "https:provider.example",
        "//provider.example/",
        "provider.example",
        "http://provider.example/",
        "http://10.0.0.1/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://[::1]evil.example/",
        "http://[::1]:80.evil.example/",
        "http://localhost@evil.example/",
        "https://user@provider.example/",
        "https://user:secret@provider.example/",
        "https://provider.example:port/",
        "https://provider.example:99999/",
        "https://provider.example:-1/",
        "https://[::1/",
        "https://[provider.example]/",
        "https://[::g]/",
        "https://-x/",
        "https://.example/",
        "https://provider%2eexample/",
        "https://provider$example/",
        "https://müller.example/",
        "https://\uff45xample.com/",
        "https://provider.example/a b",
        "https://provider.example/\n",
        " https://provider.example/",
        "https://provider.example/\x00",
        "https://provider.example/é",
        "https://provider.example/'",
        'https://provider.example/"',
        "https://provider.example/<b>",
        "https://provider.example/`id`",
        "https://provider.example\\@evil.example/",
        "https://provider.example/100%",
        "https://provider.example/%s",
        "https://provider.example/%zz",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,hi",
        "ftp://localhost/",
        "--help",
        "-new-window https://provider.example/",
        "https://provider.example/" + "x" * 2048,
    ],
)
def test_an_insecure_or_malformed_url_is_rejected(url: object) -> None:
    assert secure_url(url) is None


@given(st.text() | st.from_regex(r"https?://[\[\]:@/.%\\a-z0-9-]{0,30}", fullmatch=True))
def test_every_accepted_url_has_a_secure_scheme_and_a_host(url: str) -> None:
    parts = secure_url(url)
    if parts is not None:
        assert parts.hostname
        assert parts.username is None
        assert parts.scheme == "https" or is_loopback(parts.hostname)
        assert url.isascii()
        assert not set(url) & set(" '\"<>`\\\n")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(("localhost", True), ("127.0.0.1", True), ("127.255.0.3", True), ("::1", True), ("::2", False)),
        *(("8.8.8.8", False), ("localhost.example", False), ("", False), ("127.1", False), ("example", False)),
    ],
)
def test_loopback_is_recognized_by_name_or_address(host: str, loopback: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("text", "home", "public"),
    [
        ("/home/juan/.config/x", "/home/juan", "~/.config/x"),
        ("/home/juanita/x", "/home/juan", "/home/juanita/x"),
        ("in /home/juan.", "/home/juan", "in ~."),
        ("in /home/juan.old", "/home/juan", "in /home/juan.old"),
        ("/home/juan/.config/x", "/home/juan/", "~/.config/x"),
        (r"C:\Users\juan\x", r"C:\Users\juan", r"~\x"),
        ("/root/x", "/", "/root/x"),
        ("/root/x", "", "/root/x"),
        ("'juan@example.com' is no domain.", "", "'(address)' is no domain."),
        ("https://juan:geheim@host/", "", "(address)"),
    ],
)
def test_anonymous_text_contains_no_home_folder_and_no_address(text: str, home: str, public: str) -> None:
    assert anonymous(text, [home]) == public


def test_the_longest_of_several_home_folders_is_replaced_first() -> None:
    text = "/home/juan/sandbox/.config and /home/juan/.config"
    assert anonymous(text, ["/home/juan", "/home/juan/sandbox", ""]) == "~/.config and ~/.config"
