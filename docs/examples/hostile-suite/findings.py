"""What the catalogue of misbehaviours finds in requests-oauth2client: ``python findings.py`` writes RESULTS.md."""

from importlib.metadata import version
from pathlib import Path

from awesome_cli.testing import misbehaviours

PAGE = Path(__file__).with_name("RESULTS.md")

LIBRARY = {  # a specification says so, and the library does not do it
    "`validate_callback()` does not pass the issuer on, so that `validate_id_token()` does not compare `iss`": [
        "another iss",
        "no iss",
    ],
    "`validate_id_token()` requires no `aud`, and accepts other audiences beside the client": [
        "no aud",
        "an aud with another client too",
    ],
    "`validate_id_token()` requires no `exp`": ["no exp"],
    "`validate_id_token()` ignores `nbf`": ["an nbf in the future"],
    "jwskate, which parses the token, ignores `crit`": ["an unknown critical extension"],
    "`validate_id_token()` requires a key id, even if there is a single key": ["no key id, and a single key"],
    "jwskate raises an error for the whole key set": ["a key of an unknown type", "a key that lacks a member"],
    "`BearerToken` takes `Bearer` for a type that is missing": ["no token type"],
    "`authorization_request()` does not pass on that the metadata promises `iss`; its caller can": [
        "a response without the promised iss",
    ],
    "`from_discovery_endpoint()` gets the keys before it checks their URL; then it refuses the URL": [
        "a jwks_uri without TLS",
    ],
    "requests follows redirects, with the form; `requests_kwargs={'allow_redirects': False}` prevents it": [
        "a refresh that is redirected to another origin",
        "a revocation that is redirected to another origin",
    ],
}

CALLER = {  # the library has steps of the protocol, and its caller puts them together
    "`authorization_code()` serves OAuth 2.0 without OpenID too; `validate_id_token()` requires an ID token": [
        "no ID token",
    ],
    "`refresh_token()` returns the response; it has no ID token to compare with, and validates none": [
        "a refresh with another sub",
        "a refresh with another iss",
        "a refresh with another aud",
    ],
    "`userinfo()` returns the response; it has no ID token to compare with": [
        "userinfo of somebody else",
        "userinfo without a sub",
    ],
}

ADVICE = {  # no specification requires it
    "the keys are read once; `update_authorization_server_public_keys()` reads them again": [
        "a key that is newer than the keys",
    ],
    "each call of a polling job is one poll; an error is raised, and its caller may call the job again": [
        "a closed connection",
        "an incomplete response",
        "status 500",
        "status 502 in HTML",
        "status 429 without an error code",
        "a captive portal",
    ],
    "a polling job does not look at the lifetime of the code; its caller can, by `is_expired()`": [
        "a device code that expires during a poll",
    ],
    "requests follows redirects, with the form": ["a poll that is redirected to another origin"],
    "the address is returned as it is": [
        "a verification URI without TLS",
        "a verification URI that is a script",
    ],
    "the token is returned as it is": ["an access token with a space", "an access token with a line break"],
    "`validate_id_token()` does not check it": [
        "a token of the type at+jwt",
        "no iat",
        "an iat in the future",
        "no sub",
        "an empty sub",
        "a sub that is a number",
    ],
}

SECTIONS = {
    "The library does not do what a specification says": LIBRARY,
    "The library leaves it to its caller": CALLER,
    "The kit advises what no specification requires": ADVICE,
}
CASES = {
    case.name: case
    for name, listed in vars(misbehaviours).items()
    if name.isupper() and isinstance(listed, list)
    for case in listed
}
REASONS = {name: reason for section in SECTIONS.values() for reason, names in section.items() for name in names}


INTRODUCTION = """\
# Results

What `test_requests_oauth2client.py` finds in requests-oauth2client {library} with jwskate {jwskate}: {passed} of
{total} cases pass; the others are below. `python findings.py` writes this page. In the tests each finding is an
expected failure (`xfail`, strict): where a version of the library behaves in another way, the test fails.
"""


def page():
    """Return the findings as a page."""
    versions = {"library": version("requests-oauth2client"), "jwskate": version("jwskate")}
    lines = [INTRODUCTION.format(**versions, passed=len(CASES) - len(REASONS), total=len(CASES))]
    for title, section in SECTIONS.items():
        lines += [f"## {title}", "", "| misbehaviour | rule | source | level | what the library does |"]
        lines += ["|---|---|---|---|---|"]
        for reason, names in section.items():
            for name in names:
                rule = CASES[name].rule
                lines.append(f"| {name} | {rule.text} | {rule.source} | {rule.level} | {reason} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_bytes(page().encode())
