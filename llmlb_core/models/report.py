"""What ``llmlb models`` shows of a model, as plain values for JSON and for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, evolve

from llmlb_core.domain.devices import Device
from llmlb_core.domain.models import Fit, LocalModel
from llmlb_core.models.catalogue import Catalogue, Problem
from llmlb_core.models.choice import EngineChoice, HasEngine

Document = dict[str, Any]


def list_document(catalogue: Catalogue, engines: Mapping[str, HasEngine], devices: Sequence[Device]) -> list[Document]:
    """Return one entry a model, in order of id, those that cannot be run included."""
    rows = [_row(catalogue, model, engines, devices) for model in catalogue.all()]
    rows += [_unserved(catalogue, problem) for problem in catalogue.problems() if problem.state != "warning"]
    return sorted(rows, key=lambda row: str(row["id"]))


def show_document(catalogue: Catalogue, name: str, engines: Mapping[str, HasEngine], devices: Sequence[Device]) -> Document | None:
    """Return everything that is known of the model *name* (id or alias), or None."""
    model = catalogue.local(name)
    if model is None:
        problem = catalogue.problem(name)
        if problem is None:
            return None
        return {**_unserved(catalogue, problem), "manifest": _manifest(catalogue, problem.id)}
    choice = catalogue.choose_engine(model, engines, devices)
    # A template is pages of text; its length tells whether there is one.
    facts = asdict(evolve(model.facts, chat_template=None))
    facts["chat_template_characters"] = len(model.facts.chat_template or "")
    considered = [
        {
            "engine": engine,
            "score_0_1": answer.score_0_1 if isinstance(answer, Fit) else None,
            "memory_bytes": answer.memory_bytes if isinstance(answer, Fit) else None,
            "reason": answer.reason,
        }
        for engine, answer in choice.considered
    ]
    return {
        **_row(catalogue, model, engines, devices),
        "path": str(model.path) if model.path is not None else None,
        "facts": facts,
        "manifest": _manifest(catalogue, model.id),
        "considered": considered,
        "devices": [asdict(device) for device in devices],
    }


def _row(catalogue: Catalogue, model: LocalModel, engines: Mapping[str, HasEngine], devices: Sequence[Device]) -> Document:
    choice = catalogue.choose_engine(model, engines, devices)
    warnings = [problem.reason for problem in catalogue.problems() if problem.id == model.id and problem.state == "warning"]
    is_runnable = isinstance(choice, EngineChoice)
    installation = catalogue.installation(model.id)
    return {
        "id": model.id,
        "aliases": [alias for alias in model.aliases if catalogue.local(alias) is model],
        "state": "available" if is_runnable else "failed",
        "reason": "; ".join([*([] if isinstance(choice, EngineChoice) else [choice.reason]), *warnings]) or None,
        "engine": choice.engine if isinstance(choice, EngineChoice) else None,
        "format": model.facts.format,
        "quantization": model.facts.quantization,
        "size_bytes": model.facts.size_bytes,
        "context_tokens": model.context_tokens or model.facts.context_tokens,
        "capabilities": [capability.value for capability in model.capabilities],
        "reference": installation.manifest.reference if installation is not None else None,
        "directory": str(model.directory) if model.directory is not None else None,
    }


def _unserved(catalogue: Catalogue, problem: Problem) -> Document:
    installation = catalogue.installation(problem.id)
    manifest = installation.manifest if installation is not None else None
    return {
        "id": problem.id,
        "aliases": [],
        "state": problem.state,
        "reason": problem.reason,
        "engine": None,
        "format": manifest.format if manifest is not None else "",
        "quantization": "",
        "size_bytes": 0,
        "context_tokens": None,
        "capabilities": [],
        "reference": manifest.reference if manifest is not None else None,
        "directory": str(catalogue.installed.files_directory(installation)) if installation is not None else None,
    }


def _manifest(catalogue: Catalogue, model_id: str) -> Document | None:
    installation = catalogue.installation(model_id)
    return asdict(installation) if installation is not None else None
