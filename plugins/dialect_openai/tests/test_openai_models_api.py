"""``GET /v1/models``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from llmlb_dialect_openai.models_api import blueprint
from openai.types import Model
from quart import Quart

from llmlb_core import Capability, ModelInfo, ModelListing, Plugin

READY = ModelInfo(
    "org/a", 5, "llmlb", (Capability.TEXT_GENERATION,), True, "ready", None, 2048, ("chat_completions",), ("a",), 7, "echo"
)
LOADING = ModelInfo("b", 6, "llmlb", (Capability.EMBEDDING,), False, "failed", "the file is damaged", apis=("embeddings",))


class Models:
    """Two models."""

    def list(self) -> Sequence[ModelInfo]:
        return [READY, LOADING]

    def find(self, name: str) -> ModelInfo | None:
        return next((model for model in (READY, LOADING) if name in (model.id, *model.aliases)), None)

    async def list_all(self) -> ModelListing:
        return ModelListing(self.list())


@pytest.fixture
def client(tmp_path: Path):
    """A client of an app with nothing but these routes."""
    app = Quart(__name__)
    app.register_blueprint(blueprint(Plugin("dialect_openai", tmp_path, models=Models())), url_prefix="/v1/models")
    return app.test_client()


async def test_list_has_every_model_with_its_facts(client):
    """OpenAI's members, and what this server knows beyond them (24157000-F18, 32637000-F5, 93536000-F26)."""
    answer = await (await client.get("/v1/models")).get_json()

    assert "list" == answer["object"]
    assert {
        "id": "org/a",
        "object": "model",
        "created": 5,
        "owned_by": "llmlb",
        "ready": True,
        "state": "ready",
        "reason": None,
        "capabilities": ["text_generation"],
        "supported_apis": ["chat_completions"],
        "context_tokens": 2048,
        "aliases": ["a"],
        "size_bytes": 7,
        "engine": "echo",
    } == answer["data"][0]
    assert ("b", "the file is damaged") == (answer["data"][1]["id"], answer["data"][1]["reason"])
    assert all(Model.model_validate(model, strict=True) for model in answer["data"])


@pytest.mark.parametrize(("wanted", "ids"), [("true", ["org/a"]), ("false", ["b"])])
async def test_list_can_be_filtered_by_readiness(client, wanted, ids):
    """Only what can be served now, or only what cannot."""
    answer = await (await client.get(f"/v1/models?ready={wanted}")).get_json()

    assert ids == [model["id"] for model in answer["data"]]


async def test_another_filter_value_is_refused(client):
    """400 with ``param``."""
    answer = await client.get("/v1/models?ready=maybe")

    assert (400, "ready") == (answer.status_code, (await answer.get_json())["error"]["param"])


@pytest.mark.parametrize("name", ["org/a", "a"])
async def test_one_model_is_found_by_id_or_alias(client, name):
    """Ids contain slashes."""
    assert "org/a" == (await (await client.get(f"/v1/models/{name}")).get_json())["id"]


async def test_an_unknown_model_is_404_and_says_what_to_do(client):
    """``model_not_found`` with ``param``."""
    answer = await client.get("/v1/models/no/such")

    error = (await answer.get_json())["error"]

    assert (404, "model_not_found", "model", True) == (
        answer.status_code,
        error["code"],
        error["param"],
        "no/such" in error["message"],
    )


async def test_without_models_the_list_is_empty(tmp_path):
    """In commands there is no view (93536000-F10)."""
    app = Quart(__name__)
    app.register_blueprint(blueprint(Plugin("dialect_openai", tmp_path)), url_prefix="/v1/models")

    assert [] == (await (await app.test_client().get("/v1/models")).get_json())["data"]
