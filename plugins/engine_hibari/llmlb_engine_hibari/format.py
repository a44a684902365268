"""The format ``hibari``: one ONNX file, which is one voice."""

from __future__ import annotations

from pathlib import Path

from llmlb_core import Capability, ModelFacts, ModelFormat


class HibariFormat(ModelFormat):
    """Voices of hibari. Their files are ONNX like others, so only a manifest says that one is a voice."""

    name = "hibari"
    suffixes = ()

    def read_facts(self, path: Path) -> ModelFacts:
        """Return the size, and what such a file does."""
        return ModelFacts(
            format=self.name, architecture="hibari", size_bytes=path.stat().st_size, capabilities=(Capability.TEXT_TO_SPEECH,)
        )
