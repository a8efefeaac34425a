"""The page that a browser shows after a sign-in: what it says, and that it loads and runs nothing."""

from __future__ import annotations

import anyio
from hypothesis import given
from hypothesis import strategies as st

from awesome_cli.errors import ProviderError
from awesome_cli.provider.result_page import failure_page
from support.redirect import Client, Observer, body_of, deadline, headers_of, listening, run, status_of

HOSTILE = "<script>alert(1)</script> <img src=x onerror=a> \" ' & </main> &lt;b&gt; {{7*7}}"


def test_the_page_says_that_it_worked_and_where_to_go_on() -> None:
    query, page = run(lambda client: client.answer())
    assert "<h1>You are signed in</h1>" in body_of(page)
    assert "Go back to your terminal. You can close this page." in body_of(page)
    for secret in ("the-code", "the-state", query):
        assert secret not in page.decode()


def test_the_page_says_that_it_failed_and_why_with_everything_escaped() -> None:
    _, page = run(lambda client: client.answer(error=ProviderError(f"The sign-in failed: {HOSTILE}")))
    text = body_of(page)
    assert "<h1>The sign-in failed</h1>" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=a&gt; &quot; &#x27; &amp; &lt;/main&gt;" in text
    assert "&amp;lt;b&amp;gt;" in text
    assert (text.count("</main>"), text.count("<img"), text.count("<script")) == (1, 0, 0)


def test_a_sign_in_that_ends_without_an_answer_shows_no_page() -> None:
    received: list[bytes] = []

    async def visit(client: Client) -> None:
        received.append(await client.send(client.request()))

    async def main() -> None:
        async with anyio.create_task_group() as group, listening() as client:
            group.start_soon(visit, client)
            await client.listener.wait_for_response(deadline(), Observer())

    anyio.run(main)
    assert received == [b""]


@given(st.text())
def test_no_message_adds_an_element_to_the_page(message: str) -> None:
    plain = failure_page("").count(b"<")
    assert failure_page(message.encode("utf-8", "replace").decode()).count(b"<") == plain


def test_every_page_loads_nothing_runs_nothing_and_is_not_kept() -> None:
    async def work(client: Client) -> list[bytes]:
        refused = [client.request("/other"), client.request(Host="other"), b"hello\r\n\r\n"]
        pages = [await client.send(data) for data in refused]
        return [*pages, (await client.answer(error=ProviderError("failed")))[1]]

    pages = run(work)
    assert [status_of(page) for page in pages] == [404, 421, 400, 200]
    for page in pages:
        headers, text = headers_of(page), body_of(page)
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert {"frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert (headers["content-type"], headers["x-content-type-options"]) == ("text/html; charset=utf-8", "nosniff")
        assert "server" not in headers
        for word in ("http:", "https:", "//", "src=", "@import", "url(", "<script", "<form", "<a ", "onload"):
            assert word not in text
        assert text.count("href=") == text.count('href="data:,"')
