"""The plugin as the host sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from llmlb_dialect_openai import OpenAIPlugin

from llmlb_core import Plugin


def test_it_contributes_inference_routes_the_models_and_pictures(tmp_path: Path):
    """One dialect; the models ask for a key, pictures have signed URLs."""
    plugin = OpenAIPlugin(Plugin("dialect_openai", tmp_path))
    routes = plugin.llmlb_dialects()[0].routes

    texts = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]
    assert [*texts, "/v1/rerank", "/v1/audio/speech", "/v1/images/generations"] == [r.path for r in routes if not r.takes_form]
    uploads = ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations"]
    assert uploads == [route.path for route in routes if route.takes_form]
    pages = [("/v1/models", "api"), ("/v1/images/files", "public")]
    assert pages == [(routes.prefix, routes.scope) for routes in plugin.llmlb_routes()]


def test_importing_it_and_asking_its_hooks_is_cheap(tmp_path: Path):
    """Neither the web framework nor pydantic is imported, and nothing is written."""
    code = (
        "import sys, pathlib, llmlb_core, llmlb_dialect_openai; "
        "p = llmlb_dialect_openai.OpenAIPlugin(llmlb_core.Plugin('dialect_openai', pathlib.Path(sys.argv[1]))); "
        "p.llmlb_dialects(); p.llmlb_routes(); "
        "print([m for m in ('quart', 'pydantic', 'hypercorn', 'tortoise', 'aiohttp') if m in sys.modules])"
    )

    command = [sys.executable, "-c", code, str(tmp_path)]
    assert "[]" == subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    assert not list(tmp_path.iterdir())
