"""``POST /v1/embeddings``: its body as an ``EmbeddingRequest``."""

from __future__ import annotations

from llmlb_core import Decoded, EmbeddingRequest
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.decode.parameters import ignored_names, read_hints
from llmlb_dialect_openai.decode.token_lists import read_inputs
from llmlb_dialect_openai.fields import Fields

_MAX_INPUTS = 2048
_MAX_DIMENSIONS = 65_536


def decode_embedding(fields: Fields) -> Decoded:
    """Read and check the whole body."""
    fields.string("model")
    if fields.boolean("stream"):
        raise InvalidRequest("Embeddings are not streamed: leave 'stream' out.", param="stream")
    read_hints(fields)
    fields.one_of("encoding_format", ("float", "base64"))
    request = EmbeddingRequest(
        inputs=read_inputs(fields, "input", _MAX_INPUTS, may_be_empty=False),
        dimensions=fields.integer("dimensions", 1, _MAX_DIMENSIONS),
    )
    return Decoded(request, ignored_names(fields.unread))
