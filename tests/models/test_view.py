"""The catalogue as plugins see it."""

from __future__ import annotations

from types import SimpleNamespace

from llmlb_core import Capability, Fit, Operation, Route
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.models.choice import EngineChoice, NoEngine
from llmlb_core.models.view import CatalogueView, chat_apis_of, with_chat_apis
from llmlb_core.settings.sections import ModelSettings, Settings


def test_the_view_joins_models_instances_and_problems(tmp_path):
    """Each model with its state; those that cannot be run are listed and not ready."""
    tables = {
        "good": ModelSettings(engine="echo", serves=("g",), context_tokens=64),
        "bad": ModelSettings(engine="gone"),
        "absent": ModelSettings(source="toys:absent"),
    }
    catalogue = Catalogue(Settings(data_dir=tmp_path, models=tables), {}, {})
    view = CatalogueView(
        catalogue,
        lambda model_id: ("loading", f"{model_id} is being read"),
        lambda model: EngineChoice("echo", Fit(1, 1, ""), ()) if model.id == "good" else NoEngine("no such engine"),
    )

    absent, bad, good = view.list()

    assert ("absent", False, "missing") == (absent.id, absent.is_ready, absent.state)
    assert ("bad", False, "failed", "no such engine") == (bad.id, bad.is_ready, bad.state, bad.reason)
    assert ("good", False, "loading", "good is being read", "echo", 64) == (
        good.id, good.is_ready, good.state, good.reason, good.engine, good.context_tokens
    )  # fmt: skip
    assert ((Capability.TEXT_GENERATION,), ("chat_completions", "completions", "responses")) == (good.capabilities, good.apis)
    assert (good, absent, None) == (view.find("G"), view.find("absent"), view.find("nothing"))


def test_routes_of_conversations_are_those_of_the_dialects():
    """Named by their paths; models of other kinds have none of them."""
    dialect = SimpleNamespace(
        routes=(
            Route("/v1/talk/now", Operation.CHAT, Capability.TEXT_GENERATION),
            Route("/v1/talk/count", Operation.COUNT_TOKENS, Capability.TEXT_GENERATION),
        )
    )

    names = chat_apis_of([dialect])

    assert ("talk_now",) == names
    assert ["chat_completions", "talk_now"] == list(with_chat_apis({"chat_completions": None}, names))
    assert ["embeddings"] == list(with_chat_apis({"embeddings": None}, names))
