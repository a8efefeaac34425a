"""Revoke the tokens of a session at the provider (RFC 7009)."""

from __future__ import annotations

from functools import partial

from awesome_cli.errors import ProviderError
from awesome_cli.oauth.revocation import parse_revocation, revocation_form
from awesome_cli.provider.metadata import ProviderMetadata
from awesome_cli.provider.request import Connection


async def revoke_tokens(
    connection: Connection,
    metadata: ProviderMetadata,
    *,
    client_id: str,
    refresh_token: str | None,
    access_token: str,
) -> bool:
    """Revoke both tokens; return whether that is confirmed for the refresh token, or there is none."""
    if metadata.endpoints.revocation_endpoint is None:
        return refresh_token is None

    async def revoke(token: str, token_type_hint: str) -> bool:
        form = revocation_form(client_id, token, token_type_hint=token_type_hint)
        try:
            send = partial(connection.request, "POST", form=form)
            return parse_revocation(await metadata.request_at("revocation_endpoint", send))
        except ProviderError as error:
            connection.log(error.message)
            return False

    confirmed = refresh_token is None or await revoke(refresh_token, "refresh_token")
    await revoke(access_token, "access_token")  # at many providers it stays valid otherwise
    return confirmed
