"""The plugin as the host sees it."""

from __future__ import annotations

import subprocess
import sys

import llmlb_dialect_openai as plugin


def test_it_contributes_four_inference_routes_and_the_models():
    """One dialect and one set of routes."""
    paths = [route.path for route in plugin.llmlb_dialects()[0].routes]

    assert ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"] == paths
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
