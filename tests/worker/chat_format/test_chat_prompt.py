from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from attrs import evolve

from llmlb_core import (
    Cancel,
    Device,
    Fit,
    LocalModel,
    Message,
    ModelFacts,
    Placement,
    TextDelta,
    TextEngine,
    TextPart,
    TextRequest,
    Tool,
    ToolChoice,
)
from llmlb_core.errors import EngineFailed, InvalidRequest
from llmlb_core.worker.chat_format.prompt import render_chat
from llmlb_core.worker.chat_format.tools import offered_tools

TOOLS = offered_tools((Tool("get_weather", "Weather.", '{"type":"object","properties":{"city":{"type":"string"}}}'),), ToolChoice())
CONVERSATION = (("system", "Be brief."), ("user", "Weather?"))
SUNNY = Message("tool", (TextPart("sunny"),), tool_call_id="call_get_weather_12345")


class Silent(TextEngine):
    """Carries a template and says nothing."""

    name = "silent"
    template: str | None = None

    @classmethod
    def fit(cls, facts: ModelFacts, devices: Sequence[Device]) -> Fit:
        return Fit(1.0, 0, "always")

    def load(self, model: LocalModel, placement: Placement, options: object) -> None: ...

    def count_tokens(self, text: str) -> int:
        return len(text)

    def chat_template(self) -> str | None:
        return self.template

    def generate(self, request: TextRequest, cancel: Cancel) -> Iterator[TextDelta]:
        yield TextDelta()


@pytest.fixture
def prompt_of(model, template):
    def render(name, request, tools=(), form="free"):
        return render_chat(Silent(), evolve(model, chat_template=template(name).source), request, tools, form)

    return render


GOLDEN = {
    "smol": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWeather?<|im_end|>\n<|im_start|>assistant\n",
    "hermes": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWeather?<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
    "Weather?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s>[INST] Be brief.\n\nWeather?[/INST]",
    "thinker": "<s><|User|>Be brief.\n\nWeather?<|Assistant|><think>\n",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_conversation_is_rendered_by_the_models_own_template(prompt_of, chat, name):
    """A template without a place for a system message finds it in the user's."""
    prompt = prompt_of(name, chat(*CONVERSATION))

    assert GOLDEN[name] == prompt.text


@pytest.mark.parametrize("name", GOLDEN)
def test_begin_token_is_never_doubled(prompt_of, chat, name):
    """Where the template wrote it the tokenizer must not, and the other way round."""
    prompt = prompt_of(name, chat(*CONVERSATION))

    assert prompt.add_special != prompt.text.startswith("<s>")


def test_developer_is_system_where_the_template_knows_no_developer(prompt_of, chat):
    """The newer name of the role works with every model."""
    prompt = prompt_of("smol", chat(("developer", "Be brief."), ("user", "Weather?")))

    assert GOLDEN["smol"] == prompt.text


def test_parts_of_a_message_are_joined(prompt_of, chat):
    """Text in several parts is one text."""
    prompt = prompt_of("smol", chat(("system", "Be brief."), Message("user", (TextPart("Wea"), TextPart("ther?")))))

    assert GOLDEN["smol"] == prompt.text


@pytest.mark.parametrize("name", GOLDEN)
def test_tools_reach_every_model(prompt_of, chat, name):
    """By its template, or by words in the system message."""
    prompt = prompt_of(name, chat(*CONVERSATION), TOOLS)

    assert 1 == prompt.text.count('"get_weather"')
    assert "Be brief." in prompt.text or name == "mistral"


def test_template_without_tools_is_told_the_format(prompt_of, chat):
    """The system message goes on with the tools and how to call one."""
    prompt = prompt_of("smol", chat(*CONVERSATION), TOOLS)

    assert prompt.text.startswith("<|im_start|>system\nBe brief.\n\n# Tools\n")
    assert '<tool_call>\n{"name": "<function name>", "arguments": <JSON object of arguments>}\n</tool_call>' in prompt.text


HISTORY = {
    "smol": '<|im_start|>assistant\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call><|im_end|>\n'
    "<|im_start|>user\n<tool_response>\nsunny\n</tool_response><|im_end|>\n",
    "llama3": '<|start_header_id|>assistant<|end_header_id|>\n\n{"name": "get_weather", "parameters": {"city": "Paris"}}<|eot_id|>'
    "<|start_header_id|>ipython<|end_header_id|>\n\nsunny<|eot_id|>",
    "thinker": '<|Call|>get_weather\n```json\n{"city": "Paris"}\n```<|Output|>sunny',
}


HISTORY["hermes"] = HISTORY["smol"]


@pytest.mark.parametrize("name", HISTORY)
def test_earlier_calls_and_results_are_shown(prompt_of, chat, called, name):
    """As the template shows them, or as text where it shows none."""
    request = chat(*CONVERSATION, called(get_weather='{"city": "Paris"}'), SUNNY)

    prompt = prompt_of(name, request, TOOLS)

    assert HISTORY[name] in prompt.text


def test_call_ids_are_made_short_where_the_template_wants_it(prompt_of, chat, called):
    """A call and its result still belong together."""
    prompt = prompt_of("mistral", chat(("user", "Weather?"), called(get_weather="{}"), SUNNY), TOOLS)

    call_id = prompt.text.partition('"id": "')[2].partition('"')[0]
    assert 9 == len(call_id)
    assert f'"content": "sunny", "call_id": "{call_id}"' in prompt.text


def test_parallel_calls_are_shown_one_by_one_where_a_message_holds_one(prompt_of, chat, called):
    """Each call is followed by its own result."""
    rain = Message("tool", (TextPart("noon"),), tool_call_id="call_get_time_12345")

    text = prompt_of("llama3", chat(("user", "Both?"), called(get_weather="{}", get_time="{}"), SUNNY, rain), TOOLS).text

    places = [text.index(part) for part in ('"get_weather", "parameters": {}', "sunny", '"get_time"', "noon")]
    assert sorted(places) == places


def test_arguments_that_are_no_json_are_shown_as_they_are(prompt_of, chat, called):
    """A model's own malformed call does not break the conversation."""
    prompt = prompt_of("smol", chat(("user", "Weather?"), called(get_weather='{"city": '), SUNNY))

    assert '"arguments": {"city":}' in prompt.text


def test_refusal_of_the_template_is_the_clients_error(prompt_of, chat):
    """Its own message is passed on."""
    with pytest.raises(InvalidRequest, match="Conversation roles must alternate") as caught:
        prompt_of("mistral", chat(("user", "a"), ("user", "b")))

    assert "messages" == caught.value.param


def test_broken_template_is_the_models_failure(model, chat):
    """The message names the setting that replaces it."""
    with pytest.raises(EngineFailed, match="Set chat_template in"):
        render_chat(Silent(), evolve(model, chat_template="{% if %}"), chat(("user", "a")))


def test_order_of_templates(model, chat):
    """Settings beat the loaded model, which beats the header, which beats the generic one."""
    engine, by_header = Silent(), evolve(model, facts=evolve(model.facts, chat_template="header"))
    engine_with_own = Silent()
    engine_with_own.template = "own"

    texts = [
        render_chat(engine_with_own, evolve(by_header, chat_template="settings"), chat(("user", "a"))).text,
        render_chat(engine_with_own, by_header, chat(("user", "a"))).text,
        render_chat(engine, by_header, chat(("user", "a"))).text,
    ]

    assert ["settings", "own", "header"] == texts
    assert render_chat(engine, model, chat(("user", "a"))).text.startswith("<|im_start|>user\na")


def test_opened_reasoning_is_known_to_the_parser(prompt_of, chat):
    """The answer of such a model begins within its thoughts."""
    assert ("<think>", "</think>") == prompt_of("thinker", chat(("user", "a"))).opened


def test_opened_reasoning_is_closed_where_json_is_enforced(prompt_of, chat):
    """A grammar holds from the first token, so there is no room for thoughts."""
    prompt = prompt_of("thinker", chat(("user", "a")), (), "json")

    assert prompt.text.endswith("<think>\n\n</think>\n\n")
    assert prompt.opened is None


def test_required_call_begins_with_the_tag_the_model_knows(prompt_of, chat):
    """The JSON that the grammar enforces is then what the model would write anyway."""
    texts = [prompt_of(name, chat(("user", "a")), TOOLS, "call").text for name in ("hermes", "smol", "llama3")]

    assert [True, True, False] == [text.endswith("<|im_start|>assistant\n<tool_call>\n") for text in texts]


def test_effort_of_reasoning_reaches_templates_that_know_it(model, chat):
    """`none` switches thinking off where a template can."""
    source = "{{ reasoning_effort | default('unset') }} {{ enable_thinking | default('unset') }}"

    texts = [
        render_chat(Silent(), evolve(model, chat_template=source), chat(("user", "a"), reasoning_effort=effort)).text
        for effort in (None, "none", "high")
    ]

    assert ["unset unset", "none False", "high True"] == texts


@pytest.mark.parametrize("name", GOLDEN)
def test_an_answer_that_was_begun_ends_the_prompt(prompt_of, chat, name):
    """The model goes on with it, in its own turn; thinking that the template opened is over."""
    asked = chat(*CONVERSATION, ("assistant", "It is"))

    prompt = prompt_of(name, evolve(asked, continues=True))

    assert GOLDEN[name] + ("\n</think>\n\n" if name == "thinker" else "") + "It is" == prompt.text
    assert prompt.opened is None


def test_an_answer_of_a_fixed_form_is_not_gone_on_with(prompt_of, chat):
    """Its grammar holds from the first token on: what was begun is a turn that is over."""
    asked = chat(*CONVERSATION, ("assistant", "It is"))

    prompt = prompt_of("smol", evolve(asked, continues=True), form="json")

    assert prompt.text.endswith("It is<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize(
    ("effort", "tokens", "expected"),
    [
        (None, None, "as it likes"),
        ("none", None, "no"),
        ("low", None, "yes"),
        (None, 0, "no"),
        (None, 2048, "yes"),
        ("high", 0, "no"),
    ],
)
def test_whether_to_think_is_told_to_templates_that_ask(model, chat, effort, tokens, expected):
    """By effort or by a number of tokens; the number is what counts where there are both."""
    source = "{{ 'as it likes' if enable_thinking is not defined else 'yes' if enable_thinking else 'no' }}"
    asked = evolve(chat(*CONVERSATION), reasoning_effort=effort, thinking_tokens=tokens)

    prompt = render_chat(Silent(), evolve(model, chat_template=source), asked)

    assert expected == prompt.text
