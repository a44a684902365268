"""Stage 3: model name → ordered targets."""

from __future__ import annotations

from typing import Protocol

from llmlb_core.domain.calls import Call, Operation
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

    def lookup(self, name: str, need: Capability, operation: Operation) -> tuple[Target, tuple[Capability, ...]]:
        """Return the target of *name*, those that can do *need* by the route of *operation*, and what the model can do.

        Raises:
            ModelNotFound: Nothing here has it; the message says how to add one.
            NoEndpoint: It is known, but no installed engine runs it.
            RouteNotSupported: It can do *need*, and no server that has it serves the route.
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
            RouteNotSupported: 501 (24157000-F16).
        """
        route = call.route
        needed = route.needs
        target, capabilities = self._directory.lookup(call.model, needed, route.operation)
        if needed not in capabilities:
            raise _mismatch(call.model, needed, capabilities)
        body, mark = call.body, route.image_mark
        # Images stand in a list within the list of messages: to find a second bracket takes a tenth of finding a word.
        if mark and body.find(b"[", body.find(b"[") + 1) >= 0 and mark in body:
            if Capability.VISION in capabilities:
                target, _ = self._directory.lookup(call.model, Capability.VISION, route.operation)
            elif call.dialect.has_images(route, body):
                raise _mismatch(call.model, Capability.VISION, capabilities)
        return (target,)


def _mismatch(model: str, needed: Capability, capabilities: tuple[Capability, ...]) -> CapabilityMismatch:
    able = ", ".join(_PHRASES[each] for each in capabilities) or "nothing"
    return CapabilityMismatch(
        f"Model '{model}' does not support {_PHRASES[needed]}; it supports {able}. GET /v1/models lists what each model can do.",
        param="model",
    )
