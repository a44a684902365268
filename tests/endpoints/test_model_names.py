"""What names of models may be, and what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.domain.remote import RemoteModel
from llmlb_core.endpoints.model_names import MAX_MODELS, capabilities_by_name, clean, name_problem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("embed-small", ["embedding"]),
        ("org/embed-reranker-v2", ["rerank"]),
        ("org/nomic-EMBED-text", ["embedding"]),
        ("text_embedding_3", ["embedding"]),
        ("remembered-7b", ["text_generation"]),
        ("whisper-large-v3", ["speech_to_text"]),
        ("tts-1-hd", ["text_to_speech"]),
        ("Systran/faster-distil-whisper-small.en", ["speech_to_text"]),
        ("gpt-4o-mini-transcribe", ["speech_to_text"]),
        ("gpt-4o-mini-tts", ["text_to_speech"]),
        ("coqui/XTTS-v2", ["text_to_speech"]),
        ("speaches-ai/Kokoro-82M-v1.0-ONNX", ["text_to_speech"]),
        ("stable-diffusion-3", ["image_generation"]),
        ("dall-e-3", ["image_generation"]),
        ("gpt-image-1", ["image_generation"]),
        ("flux.1-dev", ["image_generation"]),
        ("sd-1.5-ggml", ["image_generation"]),
        ("stabilityai/sdxl-turbo", ["image_generation"]),
        ("bge-reranker-v2-m3", ["rerank"]),
        ("Qwen3-Reranker-4B", ["rerank"]),
        ("bge-m3", ["embedding"]),
        ("multilingual-e5-large", ["embedding"]),
        ("influx-7b", ["text_generation"]),
        ("e5", ["text_generation"]),
        ("qwen2-vl-7b", ["text_generation", "vision"]),
        ("llama-3.2-vision:11b", ["text_generation", "vision"]),
        ("gpt-4o-audio-preview", ["text_generation", "audio"]),
        ("Qwen2-Audio-7B-Instruct", ["text_generation", "audio"]),
        ("audiocraft", ["text_generation"]),
        ("something-new", ["text_generation"]),
    ],
)
def test_names_say_what_models_can_do(name, expected):
    """32637000-E2, F7, 66555000-F18, 32637000-F4: a few words that many makers use; unknown is text only."""
    assert expected == list(capabilities_by_name(name))


@given(st.text())
def test_every_name_has_a_verdict(name):
    """Never an exception, never nothing: a name that is taken can be printed in one line."""
    assert capabilities_by_name(name)
    if name_problem(name) is None:
        assert name.isprintable()
        assert name == name.strip()
        assert ".." not in name.split("/")


def test_a_list_that_is_too_long_is_cut_and_said_to_be():
    """Each name once; the others are counted, and some of them told."""
    models = [RemoteModel(f"m{number}") for number in range(MAX_MODELS + 50)]

    found = clean([*models, *models[:10]])

    assert (MAX_MODELS, 50, 20) == (len(found.models), found.refused_count, len(found.refused))
    assert "one too many" in found.refused[0].reason
