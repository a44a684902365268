"""What a model can do, in the words that servers use for it, and which routes follow from that."""

from __future__ import annotations

from collections.abc import Iterable

from llmlb_core import Capability

_WORDS: dict[str, Capability] = {
    **dict.fromkeys(
        ("chat", "chat_completion", "completion", "completions", "completion_chat", "generate", "language", "llm", "text"),
        Capability.TEXT_GENERATION,
    ),
    **dict.fromkeys(("vlm", "image_understanding", "input_image", "multimodal"), Capability.VISION),
    **dict.fromkeys(("audio_understanding", "audio_input", "input_audio"), Capability.AUDIO),
    **dict.fromkeys(("embed", "embeddings"), Capability.EMBEDDING),
    **dict.fromkeys(("audio_transcription", "transcription", "transcribe", "asr"), Capability.SPEECH_TO_TEXT),
    **dict.fromkeys(("audio_speech", "speech", "tts"), Capability.TEXT_TO_SPEECH),
    **dict.fromkeys(("images", "image"), Capability.IMAGE_GENERATION),
    **dict.fromkeys(("reranker", "reranking", "rank"), Capability.RERANK),
    **{each.value: each for each in Capability},
}
_APIS: dict[Capability, tuple[str, ...]] = {
    Capability.TEXT_GENERATION: ("chat_completions", "completions"),
    Capability.EMBEDDING: ("embeddings",),
    Capability.RERANK: ("rerank",),
    Capability.SPEECH_TO_TEXT: ("audio_transcriptions",),
    Capability.TEXT_TO_SPEECH: ("audio_speech",),
    Capability.IMAGE_GENERATION: ("images_generations",),
}


def capabilities_of(words: Iterable[str]) -> tuple[Capability, ...] | None:
    """Return what *words* mean, without repeats; None where none of them is known. Who sees or hears can also speak of it."""
    found = [_WORDS[word] for word in (word.lower().replace("-", "_") for word in words) if word in _WORDS]
    if Capability.VISION in found or Capability.AUDIO in found:
        found.insert(0, Capability.TEXT_GENERATION)
    return tuple(dict.fromkeys(found)) or None


def apis_of(capabilities: Iterable[Capability], *, responses: bool = False) -> tuple[str, ...]:
    """Return the inference routes that serve models with *capabilities*."""
    apis = [api for capability in capabilities for api in _APIS.get(capability, ())]
    if responses and "chat_completions" in apis:
        apis.append("responses")
    return tuple(apis)
