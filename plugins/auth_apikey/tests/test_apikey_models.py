"""The per-key allow-list of models."""

import pytest
from attrs import frozen
from llmlb_auth_apikey.authorizer import ModelAllowList

from llmlb_core import Principal, Target


@frozen
class Asked:
    """The part of a call that the authorizer reads."""

    model: str


@pytest.mark.parametrize(
    ("models", "asked", "target", "allowed"),
    [
        (None, "qwen", "qwen", True),
        (frozenset({"qwen"}), "qwen", "qwen", True),
        (frozenset({"qwen"}), "fast", "qwen", True),
        (frozenset({"fast"}), "fast", "qwen", True),
        (frozenset({"qwen"}), "llama", "llama", False),
        (frozenset(), "qwen", "qwen", False),
    ],
)
def test_key_is_kept_to_its_models(models, asked, target, allowed):
    """No list = all; otherwise the name written or the name resolved must be on it; an empty list allows none."""
    principal = Principal(id="key:1", models=models)

    veto = ModelAllowList().veto(principal, Asked(asked), Target(target, ()))

    assert allowed == (veto is None)
