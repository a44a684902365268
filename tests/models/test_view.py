"""The catalogue as plugins see it."""

from __future__ import annotations

from llmlb_core import Capability, Fit
from llmlb_core.models.catalogue import Catalogue
from llmlb_core.models.choice import EngineChoice, NoEngine
from llmlb_core.models.view import CatalogueView
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
