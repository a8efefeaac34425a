"""Catalogue of misbehaviours of OpenID providers, for tests of any OAuth client: ``docs/how-to/test-a-client.md``.

Each list is for one step of a client; the provider is the fixture ``hostile_provider``::

    @pytest.mark.parametrize("case", misbehaviours.DEVICE_GRANT + misbehaviours.ID_TOKEN, ids=str)
    def test_sign_in(case, hostile_provider):
        case.set_up(hostile_provider)
        case.check(hostile_provider, accepted=sign_in(hostile_provider.url))

Some cases are unusual but valid: a client accepts them. ``docs/reference/misbehaviours.md`` is made from these lists.
"""

from awesome_cli.testing.misbehaviours.case import Level, Misbehaviour, Rule
from awesome_cli.testing.misbehaviours.flows import (
    AUTHORIZATION_CODE,
    DEVICE_GRANT,
    METADATA,
    REVOCATION,
    WITHOUT_TLS,
)
from awesome_cli.testing.misbehaviours.tokens import ID_TOKEN, JWKS, REFRESH, TOKEN_RESPONSE, USERINFO

__all__ = [
    "AUTHORIZATION_CODE",
    "DEVICE_GRANT",
    "ID_TOKEN",
    "JWKS",
    "METADATA",
    "REFRESH",
    "REVOCATION",
    "TOKEN_RESPONSE",
    "USERINFO",
    "WITHOUT_TLS",
    "Level",
    "Misbehaviour",
    "Rule",
]
