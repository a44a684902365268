"""The plugin as the host sees it."""

from __future__ import annotations

import subprocess
import sys

import llmlb_dialect_openai as plugin


def test_it_contributes_inference_routes_and_the_models():
    """One dialect and one set of routes."""
    routes = plugin.llmlb_dialects()[0].routes

    texts = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]
    assert [*texts, "/v1/rerank", "/v1/audio/speech", "/v1/images/generations"] == [r.path for r in routes if not r.takes_form]
    uploads = ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations"]
    assert uploads == [route.path for route in routes if route.takes_form]
    assert [("/v1/models", "api")] == [(routes.prefix, routes.scope) for routes in plugin.llmlb_routes()]


def test_importing_it_and_asking_its_hooks_is_cheap():
    """Neither the web framework nor pydantic is imported."""
    code = (
        "import sys, llmlb_dialect_openai as p; p.llmlb_dialects(); p.llmlb_routes(); "
        "print([m for m in ('quart', 'pydantic', 'hypercorn', 'tortoise', 'aiohttp') if m in sys.modules])"
    )

    assert (
        "[]" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    )
