"""A provider's discovery document and keys: fetched, cached, and fetched again when they no longer fit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from awesome_cli.errors import ConnectionFailedError, ProviderError, ProviderUnreachableError
from awesome_cli.oauth.discovery import USED_MEMBERS, Metadata, discovery_url, parse_metadata
from awesome_cli.oauth.jwks import Key, parse_jwks
from awesome_cli.oauth.response import Response
from awesome_cli.oauth.token import is_transient, is_wrong_endpoint
from awesome_cli.provider.cache import MetadataCache
from awesome_cli.provider.config import ClientConfig
from awesome_cli.provider.request import Connection


class ProviderMetadata:
    """What is known of one provider. ``digest`` names the discovery document and keys in use."""

    def __init__(self, connection: Connection, config: ClientConfig, cache: MetadataCache) -> None:
        self._connection = connection
        self._config = config
        self._cache = cache
        self._document: Mapping[str, Any] = {}  # {"discovery": …, "keys": […]}
        self._is_cached = False  # whether an earlier command fetched it
        self.digest = ""

    @property
    def endpoints(self) -> Metadata:
        """The parsed discovery document. Raises ProviderError."""
        return self._parse(self._document)

    @property
    def keys(self) -> list[Key]:
        """The keys that were fetched or cached."""
        return list(self._document["keys"])

    async def load(self, digest: str) -> bool:
        """Load the document with that digest from the cache or else fetch discovery; return whether it was cached."""
        self.digest = digest
        document = self._cache.load(self._config.issuer, expected=digest, now=self._connection.now())
        if document is None:
            await self.fetch_discovery()
            return False
        self._document, self._is_cached = document, True
        return True

    async def fetch_discovery(self) -> None:
        self._document = {"discovery": await self._fetch_discovery()}

    async def fetch_keys(self) -> None:
        """Fetch the keys and save all in the cache."""
        self._save({**self._document, "keys": await self.request_keys(self.endpoints)})

    async def request_keys(self, metadata: Metadata) -> list[Key]:
        return parse_jwks(await self._fetch("set of keys", metadata.need("jwks_uri")))

    async def request_at(self, endpoint: str, send: Callable[[str], Awaitable[Response]]) -> Response:
        """Send a request to the endpoint of that name.

        If a cached document no longer leads to the provider, discovery is fetched again, and the request is sent to
        the endpoint that it names, if that is another one. A request that may have arrived is not repeated.
        """
        try:
            response = await send(self.endpoints.need(endpoint))
        except ConnectionFailedError:
            if not (self._is_cached and await self._has_moved(endpoint)):
                raise
        else:
            if not (self._is_cached and is_wrong_endpoint(response) and await self._has_moved(endpoint)):
                return response
        return await send(self.endpoints.need(endpoint))

    async def _has_moved(self, endpoint: str) -> bool:
        """Fetch discovery again; use and save it, if it names another endpoint."""
        try:
            document = {**self._document, "discovery": await self._fetch_discovery()}
            if self._parse(document).need(endpoint) == self.endpoints.need(endpoint):
                return False
        except ProviderError as error:
            self._connection.log(error.message)
            return False
        self._save(document)
        return True

    def _parse(self, document: Mapping[str, Any]) -> Metadata:
        return parse_metadata(document["discovery"], issuer=self._config.issuer, overrides=self._config.endpoints)

    def _save(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.digest = self._cache.save(self._config.issuer, document, now=self._connection.now())

    async def _fetch_discovery(self) -> Mapping[str, Any] | None:
        self._is_cached = False
        if self._config.discovery is not None:
            return self._config.discovery
        response = await self._fetch("discovery document", discovery_url(self._config.issuer))
        if not response.ok:
            raise ProviderError(
                f"There is no discovery document at {self._config.issuer} (HTTP status {response.status}).",
                hint="Check the issuer (or domain), or try again in a moment.",
            )
        document = response.json()
        return document and {name: document.get(name) for name in USED_MEMBERS}  # the rest may be huge

    async def _fetch(self, what: str, url: str) -> Response:
        """Request a document. Raises ProviderUnreachableError for a transient failure or a captive portal's page."""
        response = await self._connection.request("GET", url)
        if is_transient(response):
            kind = "a JSON object" if response.json() is not None else "not a JSON object"
            raise ProviderUnreachableError(
                f"There is no {what} at {url.partition('?')[0]} (HTTP status {response.status}, {kind}).",
                hint="Check the network and the issuer (or domain), or try again in a moment.",
            )
        return response
