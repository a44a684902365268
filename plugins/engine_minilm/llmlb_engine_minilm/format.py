"""The format ``onnx``: facts from a file's header."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from llmlb_core import Capability, ModelFacts, ModelFormat
from llmlb_engine_minilm.header import Header, read_header


class OnnxFormat(ModelFormat):
    """Reads ONNX headers. What a model does is told by its inputs and outputs; one that is no text encoder can do nothing here."""

    name = "onnx"
    suffixes = (".onnx",)

    def read_facts(self, path: Path) -> ModelFacts:
        """Return what the header says."""
        header = read_header(path)
        dimension = dimension_of(header)
        counts = Counter[str]()
        for tensor in header.tensors:
            counts[tensor.type] += tensor.size
        return ModelFacts(
            format=self.name,
            architecture="bert" if dimension is not None else "",
            quantization=counts.most_common(1)[0][0] if counts else "",
            parameter_count=counts.total() or None,
            context_tokens=header.rows_of("position_embedding"),
            embedding_dimension=dimension,
            layer_count=layer_count(header),
            size_bytes=header.size_bytes,
            capabilities=(Capability.EMBEDDING, Capability.RERANK) if dimension is not None else (),
        )


def dimension_of(header: Header) -> int | None:
    """Return the length of a text encoder's token vectors; None for another kind of model."""
    if not {"input_ids", "attention_mask"} <= set(header.inputs):
        return None
    shape = next(iter(header.outputs.values()), ())
    return shape[2] if len(shape) == 3 and shape[2] > 0 else None


def layer_count(header: Header) -> int | None:
    """Count the layers by the names of their tables, ``encoder.layer.5.``."""
    layers = {each.name.partition("encoder.layer.")[2].partition(".")[0] for each in header.tensors}
    return max((int(layer) + 1 for layer in layers if layer.isdecimal()), default=None)
