"""What is said of a name that nothing answers to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.models.resolution import not_found, not_served, suggestions


def test_a_near_name_is_suggested():
    """Case and small slips do not hide what was meant."""
    assert ("smollm2",) == suggestions("SmolLM-2", ["smollm2", "qwen3-8b"])
    assert ("org/qwen3-8b",) == suggestions("qwen3", ["smollm2", "org/qwen3-8b"])


def test_the_text_counts_models_and_names_the_next_step():
    """It says what was seen, what there is, and the command."""
    text = not_served("llama3", ["smollm2", "smollm2-135m-instruct"], 1)

    assert text.startswith("model 'llama3' is not served here; 1 model is (llmlb models list; add one with llmlb models add ")


def test_without_models_it_says_none():
    """A fresh server."""
    assert "no model is (llmlb models list" in not_served("x", [])


def test_the_error_is_what_openai_clients_expect():
    """404 ``model_not_found`` with the parameter."""
    error = not_found("x", ["y"])

    assert (404, "model_not_found", "model") == (error.status, error.code, error.param)


@given(st.text(max_size=5000), st.lists(st.text(max_size=30), max_size=20))
def test_any_name_gives_a_short_answer(name, known):
    """A client's name, however long, does not make the answer long."""
    assert len(not_served(name, known)) < 2500
