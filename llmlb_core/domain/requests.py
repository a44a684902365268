"""All that a call can be read into."""

from __future__ import annotations

from llmlb_core.domain.chat import ChatRequest, CompletionRequest, EmbeddingRequest
from llmlb_core.domain.media import MediaRequest

CanonicalRequest = ChatRequest | CompletionRequest | EmbeddingRequest | MediaRequest
