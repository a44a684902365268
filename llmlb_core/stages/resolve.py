"""Stage 3: model name → ordered targets."""

from __future__ import annotations

from typing import Protocol

from llmlb_core.domain.calls import Call
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability
from llmlb_core.errors import CapabilityMismatch

_PHRASES = {
    Capability.TEXT_GENERATION: "text generation",
    Capability.TEXT_TO_SPEECH: "text-to-speech",
    Capability.SPEECH_TO_TEXT: "speech-to-text",
    Capability.IMAGE_GENERATION: "image generation",
    Capability.VISION: "image understanding",
    Capability.EMBEDDING: "embeddings",
}


class Directory(Protocol):
    """What knows which endpoints have which model."""

    def lookup(self, name: str) -> tuple[Target, tuple[Capability, ...]]:
        """Return the target of *name* and what the model can do.

        Raises:
            ModelNotFound: Nothing here has it; the message says how to add one.
            NoEndpoint: It is known, but no installed engine runs it.
        """
        ...


class Resolve:
    """Looks the model up and checks that it can do what the route asks for, before anything waits."""

    def __init__(self, directory: Directory) -> None:
        """Look names up in *directory*."""
        self._directory = directory

    def __call__(self, call: Call) -> tuple[Target, ...]:
        """Return the targets, first choice first.

        Raises:
            ModelNotFound: 404.
            CapabilityMismatch: 400 (32637000-F2).
        """
        target, capabilities = self._directory.lookup(call.model)
        needed = call.route.needs
        if needed not in capabilities:
            able = ", ".join(_PHRASES[each] for each in capabilities) or "nothing"
            raise CapabilityMismatch(
                f"Model '{call.model}' does not support {_PHRASES[needed]}; it supports {able}. "
                "GET /v1/models lists what each model can do.",
                param="model",
            )
        return (target,)
