"""Every kind keeps the contract, with answers of its real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from llmlb_endpoint_servers.llamacpp import LlamaCpp
from llmlb_endpoint_servers.lmstudio import LMStudio
from llmlb_endpoint_servers.ollama import Ollama
from llmlb_endpoint_servers.openai_compatible import OpenAICompatible
from llmlb_endpoint_servers.openai_unlisted import OpenAIUnlisted
from llmlb_endpoint_servers.sglang import SGLang
from llmlb_endpoint_servers.vllm import VLLM
from llmlb_testing.contracts import EndpointKindContract, PluginContract
from llmlb_testing.recorded import RecordedServer

RECORDED = Path(__file__).parent / "recorded"


class _Kind(EndpointKindContract):
    """The fixtures of one kind."""

    recording = ""
    make = None

    @pytest.fixture
    def kind(self):
        return type(self).make()

    @pytest.fixture
    def server(self):
        return RecordedServer.read(RECORDED / f"{self.recording}.json")


class TestLlamaCpp(_Kind):
    recording, make = "llamacpp", LlamaCpp


class TestLMStudio(_Kind):
    recording, make = "lmstudio", LMStudio


class TestLMStudioBefore04(_Kind):
    recording, make = "lmstudio_0_3", LMStudio


class TestOllama(_Kind):
    recording, make = "ollama", Ollama


class TestOpenAICompatible(_Kind):
    recording, make, is_generic = "openai_compatible", OpenAICompatible, True


class TestOpenAIUnlisted(_Kind):
    recording, make = "openai_unlisted", OpenAIUnlisted


class TestSGLang(_Kind):
    recording, make = "sglang", SGLang


class TestVLLM(_Kind):
    recording, make = "vllm", VLLM


class TestEndpointServersPlugin(PluginContract):
    @pytest.fixture
    def plugin_name(self):
        return "endpoint_servers"
