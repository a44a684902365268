"""Stage 3: model name → ordered targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from llmlb_core.domain.calls import Call, Operation
from llmlb_core.domain.endpoints import Target
from llmlb_core.domain.models import Capability
from llmlb_core.errors import CallError, CapabilityMismatch, ModelNotFound, NoEndpoint, RouteNotSupported

FALLBACK_HEADER = "x-llmlb-fallback"
"""``off`` = serve this call with the model that it names, or not at all."""
MOST_COPIES = 10_000
LISTED = "GET /v1/models lists what each model can do."
NO_EARS = "Where the operator names a model in [audio] transcribe_with, recordings are written down for it."

_PHRASES = {
    Capability.TEXT_GENERATION: "text generation",
    Capability.TEXT_TO_SPEECH: "text-to-speech",
    Capability.SPEECH_TO_TEXT: "speech-to-text",
    Capability.IMAGE_GENERATION: "image generation",
    Capability.VISION: "image understanding",
    Capability.AUDIO: "audio understanding",
    Capability.EMBEDDING: "embeddings",
    Capability.RERANK: "reranking",
}


class Directory(Protocol):
    """What knows which endpoints have which model.

    Attributes:
        fallbacks: Names of models that may stand in for others, by the others' names in lower case.
    """

    fallbacks: Mapping[str, tuple[str, ...]]

    def has(self, name: str) -> bool:
        """Whether anything here has *name* now; cheap also where nothing has."""
        ...

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

    def __init__(self, directory: Directory, *, transcribes: bool = False) -> None:
        """Look names up in *directory*; *transcribes* = recordings are written down for models that take none."""
        self._directory = directory
        self._transcribes = transcribes
        self._copies: dict[tuple[str, Capability, Operation], Target] = {}

    def __call__(self, call: Call) -> tuple[Target, ...]:
        """Return the targets, first choice first: the model's own, then those of its fallback models.

        Raises:
            ModelNotFound: 404.
            CapabilityMismatch: 400 (32637000-F2).
            RouteNotSupported: 501 (24157000-F16).
        """
        if self._directory.fallbacks:
            return self._with_fallbacks(call, self._directory.fallbacks)
        return (self._find(call, call.model),)

    def _with_fallbacks(self, call: Call, fallbacks: Mapping[str, tuple[str, ...]]) -> tuple[Target, ...]:
        if call.head.headers.get(FALLBACK_HEADER) == "off":
            return (self._find(call, call.model),)
        names = fallbacks.get(call.model.lower(), ())
        targets: list[Target] = []
        unknown: CallError | None = None
        try:
            targets.append(self._find(call, call.model))
        except (ModelNotFound, NoEndpoint, RouteNotSupported) as error:
            unknown = error
        else:
            names = names or fallbacks.get(targets[0].model.lower(), ())  # the client may have written another name of it
        for name in names:
            found = self._try(call, name)
            if found is not None and all(found.model != each.model for each in targets):
                targets.append(found)
        if unknown is not None and not targets:
            raise unknown
        return tuple(targets)

    def _try(self, call: Call, name: str) -> Target | None:
        """Return the target of a fallback model; None where it is not here at the moment, or not made for this."""
        if not self._directory.has(name):
            return None
        try:
            return self._copy(self._find(call, name), name, call)
        except (ModelNotFound, NoEndpoint, RouteNotSupported, CapabilityMismatch):
            return None

    def _copy(self, target: Target, name: str, call: Call) -> Target:
        """Return *target* as one that stands in for another; the same one as before where nothing changed."""
        key = name, call.route.needs, call.route.operation
        known = self._copies.get(key)
        if known is None or known.endpoints != target.endpoints:
            if len(self._copies) >= MOST_COPIES:
                self._copies.clear()
            known = self._copies[key] = Target(target.model, target.endpoints, is_fallback=True)
        return known

    def _find(self, call: Call, name: str) -> Target:
        route = call.route
        needed = route.needs
        target, capabilities = self._directory.lookup(name, needed, route.operation)
        if needed not in capabilities:
            raise _mismatch(name, needed, capabilities)
        body = call.body
        # Images and recordings stand in a list within the list of messages: a second bracket is found in a tenth of a word's time.
        if route.has_marks and body.find(b"[", body.find(b"[") + 1) >= 0:
            return self._of_parts(call, name, target, capabilities)
        return target

    def _of_parts(self, call: Call, name: str, target: Target, capabilities: tuple[Capability, ...]) -> Target:
        """Return those of *target* that can do with the images and recordings of *call* what its model can.

        Raises:
            CapabilityMismatch: It cannot, and nothing here helps it.
        """
        route, body = call.route, call.body
        if route.image_mark and route.image_mark in body:
            if Capability.VISION in capabilities:
                call.has_parts = True
                target, _ = self._directory.lookup(name, Capability.VISION, route.operation)
            elif call.dialect.images(route, body):
                raise _mismatch(name, Capability.VISION, capabilities)
        if route.sound_mark and route.sound_mark in body:
            can_hear = Capability.AUDIO in capabilities
            if can_hear:
                hearing, _ = self._directory.lookup(name, Capability.AUDIO, route.operation)
                target = hearing if hearing.ids <= target.ids else _common(target, hearing)
            if self._transcribes:
                call.has_parts = True  # the stage ``transform`` finds out whether that is needed
            elif not can_hear and not target.speaks(call.dialect.name) and call.dialect.sounds(route, body):
                raise _mismatch(name, Capability.AUDIO, capabilities, NO_EARS)
        return target


def _common(one: Target, other: Target) -> Target:
    """Return the endpoints of both: where no server both sees and hears, *other* is left, and the server says what it cannot do."""
    endpoints = tuple([each for each in one.endpoints if each.id in other.ids])
    return Target(one.model, endpoints) if endpoints else other


def _mismatch(model: str, needed: Capability, capabilities: tuple[Capability, ...], advice: str = LISTED) -> CapabilityMismatch:
    able = ", ".join(_PHRASES[each] for each in capabilities) or "nothing"
    return CapabilityMismatch(
        f"Model '{model}' does not support {_PHRASES[needed]}; it supports {able}. {advice}",
        param="model",
    )
