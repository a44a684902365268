"""All that a call can be read into."""

from __future__ import annotations

from llmlb_core.domain.chat import ChatRequest, CompletionRequest, CountRequest, EmbeddingRequest
from llmlb_core.domain.media import MediaRequest

CanonicalRequest = ChatRequest | CompletionRequest | CountRequest | EmbeddingRequest | MediaRequest
