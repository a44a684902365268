"""The catalogue as plugins see it: ``contracts.plugin.ModelView``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from llmlb_core.contracts.plugin import ModelInfo
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
_READY = frozenset({"available", "ready"})


@define
class CatalogueView:
    """Every model of a catalogue with the state of its instance; those that cannot be run are listed as not ready.

    Args:
        catalogue: What there is.
        instance_state: See ``InstanceState``; asked on every reading, so it must be quick.
        choose: Which engine runs a model; asked once a model until it changes.
    """

    catalogue: Catalogue
    instance_state: InstanceState
    choose: Callable[[LocalModel], EngineChoice | NoEngine]
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
            apis=tuple(api for capability in model.capabilities for api in APIS.get(capability, ())),
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
