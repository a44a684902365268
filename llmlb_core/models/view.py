"""The catalogue as plugins see it: ``contracts.plugin.ModelView``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import define, field

from llmlb_core.contracts.dialect import Dialect
from llmlb_core.contracts.plugin import ModelInfo
from llmlb_core.domain.calls import Operation
from llmlb_core.domain.models import Capability, LocalModel
from llmlb_core.models.catalogue import Catalogue, Problem
from llmlb_core.models.choice import EngineChoice, NoEngine

InstanceState = Callable[[str], tuple[str, str | None]]
"""Says the state of a model's instance (``available``, ``loading``, ``ready``, ``failed``) and why, by model id."""

APIS: dict[Capability, tuple[str, ...]] = {
    Capability.TEXT_GENERATION: ("chat_completions", "completions", "responses"),
    Capability.EMBEDDING: ("embeddings",),
    Capability.RERANK: ("rerank",),
    Capability.SPEECH_TO_TEXT: ("audio_transcriptions",),
    Capability.TEXT_TO_SPEECH: ("audio_speech",),
    Capability.IMAGE_GENERATION: ("images_generations",),
}
_CHAT_API = "chat_completions"
_READY = frozenset({"available", "ready"})


def chat_apis_of(dialects: Iterable[Dialect]) -> tuple[str, ...]:
    """Return the names of the routes by which *dialects* take conversations."""
    routes = [route for dialect in dialects for route in dialect.routes if route.operation is Operation.CHAT]
    return tuple(dict.fromkeys(route.path.removeprefix("/v1/").replace("/", "_") for route in routes))


def apis_of(capabilities: Iterable[Capability], chat_apis: Sequence[str] = ()) -> dict[str, None]:
    """Return the routes of models that can do *capabilities*, in order."""
    return with_chat_apis(dict.fromkeys(api for each in capabilities for api in APIS.get(each, ())), chat_apis)


def with_chat_apis(apis: dict[str, None], chat_apis: Sequence[str]) -> dict[str, None]:
    """Return *apis* and the other routes of conversations, where one of them is."""
    return apis | dict.fromkeys(chat_apis) if _CHAT_API in apis else apis


@define
class CatalogueView:
    """Every model of a catalogue with the state of its instance; those that cannot be run are listed as not ready.

    Args:
        catalogue: What there is.
        instance_state: See ``InstanceState``; asked on every reading, so it must be quick.
        choose: Which engine runs a model; asked once a model until it changes.
        chat_apis: Further routes of conversations, by dialects that are here; for models that generate text.
    """

    catalogue: Catalogue
    instance_state: InstanceState
    choose: Callable[[LocalModel], EngineChoice | NoEngine]
    chat_apis: tuple[str, ...] = ()
    _choices: dict[str, tuple[LocalModel, EngineChoice | NoEngine]] = field(factory=dict, init=False)

    def list(self) -> Sequence[ModelInfo]:
        """All models, in order of id."""
        found = [self._info(model) for model in self.catalogue.all()]
        found += [_unready(problem) for problem in self.catalogue.problems() if problem.state != "warning"]
        return sorted(found, key=lambda info: info.id)

    def find(self, name: str) -> ModelInfo | None:
        """One model, by id or alias."""
        model = self.catalogue.local(name)
        if model is not None:
            return self._info(model)
        problem = self.catalogue.problem(name)
        return _unready(problem) if problem is not None else None

    def _info(self, model: LocalModel) -> ModelInfo:
        choice = self._choice(model)
        state, reason = self.instance_state(model.id) if isinstance(choice, EngineChoice) else ("failed", choice.reason)
        return ModelInfo(
            id=model.id,
            created_at=model.created_at,
            owned_by=model.owned_by,
            capabilities=model.capabilities,
            is_ready=state in _READY,
            state=state,
            reason=reason,
            context_tokens=model.context_tokens or model.facts.context_tokens,
            apis=tuple(apis_of(model.capabilities, self.chat_apis)),
            aliases=model.aliases,
            size_bytes=model.facts.size_bytes,
            engine=choice.engine if isinstance(choice, EngineChoice) else model.engine,
        )

    def _choice(self, model: LocalModel) -> EngineChoice | NoEngine:
        """Choose once for each model object; the table stays as small as the catalogue."""
        known = self._choices.get(model.id)
        if known is None or known[0] is not model:
            if len(self._choices) > len(self.catalogue.all()):
                self._choices.clear()
            known = self._choices[model.id] = (model, self.choose(model))
        return known[1]


def _unready(problem: Problem) -> ModelInfo:
    return ModelInfo(
        id=problem.id,
        created_at=0,
        owned_by="llmlb",
        capabilities=(),
        is_ready=False,
        state=problem.state,
        reason=problem.reason,
    )
