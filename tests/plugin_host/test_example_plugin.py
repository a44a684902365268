"""The example of ``docs/how-to/write-a-plugin.md``, installed as a package and served."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

from llmlb_testing.distributions import install_project
from llmlb_testing.server import LiveServer

from llmlb_core import CompletionRequest, Fit, LocalModel, ModelFacts
from llmlb_core.contracts.engine import Cancel
from llmlb_core.worker.generation import generate

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "engine_shout"


async def test_the_example_engine_generates_through_the_harness(site):
    """Text, finish and usage arrive although the example knows of none but the text."""
    install_project(EXAMPLE, site.folder)
    site.modules.append("llmlb_engine_shout")
    engine = site.load().registry.engines["shout"].engine()
    model = LocalModel(id="loud", facts=ModelFacts(format=""))

    deltas = [each async for each in generate(engine, model, CompletionRequest(prompts=("how are you",)), Cancel())]

    assert isinstance(engine.fit(model.facts, ()), Fit)
    assert "HOW ARE YOU " == "".join(delta.text for delta in deltas)
    assert "stop" in {delta.finish for delta in deltas}
    assert (3, 3) == (deltas[-1].usage.prompt_tokens, deltas[-1].usage.completion_tokens)


def test_the_example_is_served(tmp_path):
    """As the page says: install it, give it a model, call it. The engine runs in a worker process."""
    site = tmp_path / "site"
    install_project(EXAMPLE, site)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = LiveServer.start(tmp_path / "data", '[models."loud"]\nengine = "shout"\n', {"PYTHONPATH": path})
    try:
        request = urllib.request.Request(
            f"{server.url}/v1/completions",
            json.dumps({"model": "loud", "prompt": "how are you"}).encode(),
            {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            document = json.load(answer)
    finally:
        server.stop()

    assert "HOW ARE YOU " == document["choices"][0]["text"]
    assert {"prompt_tokens": 3, "completion_tokens": 3} == {
        name: document["usage"][name] for name in ("prompt_tokens", "completion_tokens")
    }
