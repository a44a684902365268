"""LangChain's ``ChatOpenAI``, unchanged but for its address."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llmlb_testing.server import LiveServer
from pydantic import BaseModel, SecretStr

pytestmark = pytest.mark.model


@tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city."""

    name: str


def chat(server: LiveServer, model: str, **options) -> ChatOpenAI:
    """Make LangChain's client."""
    return ChatOpenAI(base_url=f"{server.url}/v1", api_key=SecretStr(server.key), model=model, max_retries=0, **options)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_invoke_and_stream_say_the_same(live_server, api):
    """Over both APIs, with usage."""
    model = chat(live_server, "echo", use_responses_api=api == "responses", stream_usage=True)

    answer = model.invoke("one two three")
    chunks = list(model.stream("one two three"))

    assert "one two three" == answer.text
    assert "one two three" == "".join(chunk.text for chunk in chunks)
    assert answer.usage_metadata["total_tokens"] == sum(c.usage_metadata["total_tokens"] for c in chunks if c.usage_metadata)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_bound_tools_are_called_and_answered(live_server, api):
    """The two rounds of an agent."""
    model = chat(live_server, "smollm2", use_responses_api=api == "responses", max_tokens=100, temperature=0)
    asked = [HumanMessage("What is the weather in Paris?")]

    called = model.bind_tools([get_weather], tool_choice="get_weather").invoke(asked)
    call = called.tool_calls[0]
    answered = ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])
    final = model.bind_tools([get_weather], tool_choice="none").invoke([*asked, called, answered])

    assert "get_weather" == call["name"]
    assert "city" in call["args"]  # the schema of LangChain allows more, and so small a model makes use of that
    assert final.text


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_is_the_model_asked_for(live_server, method):
    """By JSON schema and by a forced call."""
    model = chat(live_server, "smollm2", max_tokens=64, temperature=0).with_structured_output(City, method=method)

    assert isinstance(model.invoke("Name a city."), City)


async def test_asynchronous_calls_work(live_server):
    """``ainvoke`` and ``astream``."""
    model = chat(live_server, "echo")

    assert "one two" == (await model.ainvoke("one two")).text
    assert "one two" == "".join([chunk.text async for chunk in model.astream("one two")])


def test_embeddings_are_vectors(live_server):
    """Texts, sent as they are."""
    embeddings = OpenAIEmbeddings(
        base_url=f"{live_server.url}/v1", api_key=SecretStr(live_server.key), model="echo", check_embedding_ctx_length=False
    )

    assert [32, 32] == [len(vector) for vector in embeddings.embed_documents(["one", "two"])]
