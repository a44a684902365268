"""Names of models that servers list: which are refused, and what they say of a model nobody describes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from llmlb_core.domain.models import Capability
from llmlb_core.domain.remote import RemoteModel

MAX_MODELS = 10_000
MAX_NAME_LENGTH = 255
_SHOWN = 60

# Only what many makers' names have in common; a server, or the operator, knows better.
_RULES: tuple[tuple[re.Pattern[str], tuple[Capability, ...]], ...] = (
    (re.compile(r"rerank"), (Capability.RERANK,)),
    (re.compile(r"(^|[-_/.])rerank"), (Capability.RERANK,)),
    (re.compile(r"(^|/)embed|[-_]embed|(^|[-_/.])(bge|gte|e5)[-_]"), (Capability.EMBEDDING,)),
    (re.compile(r"(^|[-_/.])whisp|(^|[-_/.])(asr|stt|transcribe)([-_/.:]|$)|speech-to-text"), (Capability.SPEECH_TO_TEXT,)),
    (re.compile(r"(^|[-_/.])x?tts([-_/.:\d]|$)|text-to-speech|(^|[-_/.])(kokoro|piper)[-_]"), (Capability.TEXT_TO_SPEECH,)),
    (
        re.compile(r"diffusion|(^|[-_/.])(sdxl|sd[-_]?[123]\.?\d?|dall-e|flux|text-to-image)([-_/.:\d]|$)|(^|[-_/.])gpt-image"),
        (Capability.IMAGE_GENERATION,),
    ),
    (re.compile(r"[-_.]audio([-_/.:]|$)"), (Capability.TEXT_GENERATION, Capability.AUDIO)),
    (re.compile(r"[-_.](vl|vision)([-_/.:]|$)|(^|/)llava"), (Capability.TEXT_GENERATION, Capability.VISION)),
)

_ANY = re.compile("|".join(pattern.pattern for pattern, _ in _RULES))


@frozen
class RefusedName:
    """A name that a server lists and that is not taken.

    Attributes:
        name: Shortened and escaped, fit to be shown.
    """

    name: str
    reason: str


@frozen
class CleanList:
    """What is taken of a server's list of models, and what is not.

    Attributes:
        refused_count: How many were not taken; ``refused`` shows the first of them.
    """

    models: tuple[RemoteModel, ...]
    refused: tuple[RefusedName, ...] = ()
    refused_count: int = 0


def name_problem(name: str) -> str | None:
    """Say why *name* cannot be a model's; None where it can. Names become parts of paths, log lines and table rows."""
    if not name or not name.strip():
        return "is empty"
    if len(name) > MAX_NAME_LENGTH:
        return f"has {len(name)} characters, at most {MAX_NAME_LENGTH} are taken"
    if not name.isprintable():
        return "has characters that cannot be printed, such as NUL or a line break"
    if name != name.strip():
        return "begins or ends with a blank"
    if ".." in re.split(r"[/\\]", name) or name.startswith(("/", "\\")):
        return "is a path that leads outside"
    return None


def clean(models: Iterable[RemoteModel], shown: int = 20) -> CleanList:
    """Take the usable names of *models*, each once and at most ``MAX_MODELS``; tell the first *shown* others."""
    taken: dict[str, RemoteModel] = {}
    refused: list[RefusedName] = []
    refused_count = 0
    for model in models:
        if model.id in taken:
            continue
        problem = name_problem(model.id)
        if problem is None and len(taken) >= MAX_MODELS:
            problem = f"is one too many: {MAX_MODELS:,} models of one server are taken"
        if problem is None:
            taken[model.id] = model
            continue
        refused_count += 1
        if len(refused) < shown:
            refused.append(RefusedName(_fit(model.id), problem))
    return CleanList(tuple(taken.values()), tuple(refused), refused_count)


def capabilities_by_name(name: str) -> tuple[Capability, ...]:
    """Return what a model of this name can do, as far as a name tells; text where it tells nothing (66555000-F18)."""
    lower = name.lower()
    for pattern, capabilities in _RULES if _ANY.search(lower) else ():
        if pattern.search(lower):
            return capabilities
    return (Capability.TEXT_GENERATION,)


def _fit(name: str) -> str:
    shown = name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"
    return shown if shown.isprintable() else repr(shown)[1:-1]
