"""Kinds of servers that people run: OpenAI-compatible ones, Ollama, vLLM, SGLang, llama.cpp and LM Studio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmlb_core import hookimpl

if TYPE_CHECKING:
    from llmlb_core import EndpointKind


@hookimpl
def llmlb_endpoints() -> Iterable[EndpointKind]:
    """Contribute all of them."""
    from llmlb_endpoint_servers.llamacpp import LlamaCpp
    from llmlb_endpoint_servers.lmstudio import LMStudio
    from llmlb_endpoint_servers.ollama import Ollama
    from llmlb_endpoint_servers.openai_compatible import OpenAICompatible
    from llmlb_endpoint_servers.openai_unlisted import OpenAIUnlisted
    from llmlb_endpoint_servers.sglang import SGLang
    from llmlb_endpoint_servers.vllm import VLLM

    return [SGLang(), VLLM(), LlamaCpp(), LMStudio(), Ollama(), OpenAICompatible(), OpenAIUnlisted()]
