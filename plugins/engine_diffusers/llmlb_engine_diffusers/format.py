"""The format ``diffusers``: facts from a pipeline's directory."""

from __future__ import annotations

import re
from pathlib import Path

from llmlb_core import Capability, ModelFacts, ModelFormat
from llmlb_engine_diffusers.index import read_index, tensor_facts

MAIN_PARTS = ("transformer", "unet", "prior_prior", "decoder")
_OTHER = re.compile(r"Video|Audio|Music|ControlNet|Upscale|Inpaint|Depth2Img|Image2|Img2Img|Shap|3D|Upsampl|SVD|Animate|Marigold")


class DiffusersFormat(ModelFormat):
    """Reads ``model_index.json`` and the headers of the weights beside it; some milliseconds."""

    name = "diffusers"
    suffixes = (".json",)

    def read_facts(self, path: Path) -> ModelFacts:
        """Return what the index at *path* says: its class is the architecture, the weights' number format the quantisation."""
        index = read_index(path)
        found = {part.name: [tensor_facts(each) for each in part.weights] for part in index.parts}
        main = next((found[name] for name in MAIN_PARTS if found.get(name)), [each for parts in found.values() for each in parts])
        return ModelFacts(
            format=self.name,
            architecture=index.class_name,
            quantization=main[0][1] if main else "",
            parameter_count=sum(count for parts in found.values() for count, _ in parts) or None,
            size_bytes=index.size_bytes,
            capabilities=capabilities(index.class_name),
        )


def capabilities(class_name: str) -> tuple[Capability, ...]:
    """Say what a pipeline of this class does: nothing here, where it needs more than a prompt or makes no pictures."""
    if not class_name.endswith("Pipeline") or _OTHER.search(class_name):
        return ()
    return (Capability.IMAGE_GENERATION,)
