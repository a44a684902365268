"""``POST /v1/rerank``: the body that Jina, Cohere, vLLM and llama.cpp take, as a ``RerankRequest``."""

from __future__ import annotations

from llmlb_core import Decoded, RerankRequest
from llmlb_core.errors import InvalidRequest
from llmlb_dialect_openai.decode.parameters import ignored_names, read_hints
from llmlb_dialect_openai.fields import Fields, wrong_type

MAX_DOCUMENTS = 2048
_FORMS = "a string or an object with the string 'text'"


def decode_rerank(fields: Fields) -> Decoded:
    """Read and check the whole body."""
    fields.string("model")
    if fields.boolean("stream"):
        raise InvalidRequest("Rankings are not streamed: leave 'stream' out.", param="stream")
    read_hints(fields)
    fields.boolean("return_documents")
    query = fields.required_string("query")
    if not query.strip():
        raise InvalidRequest("Invalid 'query': the query is empty.", param="query", code="invalid_value")
    documents = fields.filled_array("documents", max_length=MAX_DOCUMENTS)
    request = RerankRequest(
        query=query,
        documents=tuple(_text(each, f"documents[{index}]") for index, each in enumerate(documents)),
        top_n=fields.integer("top_n", 1, 2**31 - 1),
    )
    return Decoded(request, ignored_names(fields.unread))


def _text(document: object, param: str) -> str:
    """Return the text of one document."""
    if isinstance(document, str):
        return document
    if not isinstance(document, dict):
        raise wrong_type(param, _FORMS, document)
    return Fields(document, param).required_string("text")
