"""The format ``ctranslate2``: a folder with ``model.bin`` and what tells the kind of model beside it."""

from __future__ import annotations

import json
from pathlib import Path

from llmlb_core import Capability, ModelFacts, ModelFormat
from llmlb_core.errors import ModelFilesInvalid

_MAX_CONFIG_BYTES = 4 * 1024 * 1024
_WHISPER_KEYS = frozenset({"alignment_heads", "suppress_ids_begin"})
"""Members of ``config.json`` that CTranslate2 writes for Whisper and for nothing else."""


class CTranslate2Format(ModelFormat):
    """Looks at ``config.json``; ``model.bin`` says nothing that is needed before it is loaded."""

    name = "ctranslate2"
    suffixes = ()

    def read_facts(self, path: Path) -> ModelFacts:
        """Return what the folder of *path*, its ``model.bin``, says."""
        config = path.parent / "config.json"
        try:
            text = config.read_bytes()[: _MAX_CONFIG_BYTES + 1]
            document = json.loads(text) if len(text) <= _MAX_CONFIG_BYTES else None
        except FileNotFoundError:
            document = {}
        except (OSError, ValueError) as error:
            raise ModelFilesInvalid(f"{config.name} beside {path.name} cannot be read: {error}") from error
        is_whisper = isinstance(document, dict) and not _WHISPER_KEYS.isdisjoint(document)
        return ModelFacts(
            format=self.name,
            architecture="whisper" if is_whisper else "",
            size_bytes=path.stat().st_size,
            capabilities=(Capability.SPEECH_TO_TEXT,) if is_whisper else (),
        )
