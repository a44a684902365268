"""API keys keep the contracts, with the database and the lifespan of a server."""

from __future__ import annotations

from typing import Any

import pytest
from llmlb_auth_apikey.authenticator import ApiKeyAuthenticator
from llmlb_auth_apikey.authorizer import ModelAllowList
from llmlb_testing.contracts import AuthenticatorContract, AuthorizerContract, PluginContract


class TestApiKeys(AuthenticatorContract):
    """Keys as bearers."""

    @pytest.fixture
    def authenticator(self, served: Any) -> ApiKeyAuthenticator:
        """Of a running plugin."""
        authenticator: ApiKeyAuthenticator = served.authenticator
        return authenticator

    @pytest.fixture
    async def good_headers(self, served: Any) -> dict[str, str]:
        """With a key that was just made."""
        _, key = await served.add()
        return {"authorization": f"Bearer {key}"}


class TestApiKeysInTheirOwnHeader(TestApiKeys):
    """Keys as ``X-API-Key``."""

    @pytest.fixture
    async def good_headers(self, served: Any) -> dict[str, str]:
        """With a key that was just made."""
        _, key = await served.add()
        return {"x-api-key": key}


class TestModelAllowList(AuthorizerContract):
    """Keys that are limited to some models."""

    @pytest.fixture
    def authorizer(self) -> ModelAllowList:
        """The only one there is."""
        return ModelAllowList()


class TestApiKeyPlugin(PluginContract):
    """The package."""

    @pytest.fixture
    def plugin_name(self) -> str:
        """Its entry point."""
        return "auth_apikey"
