"""What each kind reads from its server, and that none takes another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from llmlb_endpoint_servers import llmlb_endpoints
from llmlb_testing.recorded import NOT_FOUND, RecordedServer

from llmlb_core import Answer, Capability
from llmlb_core.endpoints.detection import detect_kind
from llmlb_core.errors import AnswerUnexpected, EndpointBusy, EndpointFailed, ServerTimedOut

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
KINDS = {kind.name: kind for kind in llmlb_endpoints()}
TEXT, VISION, AUDIO, EMBEDDING = Capability.TEXT_GENERATION, Capability.VISION, Capability.AUDIO, Capability.EMBEDDING


def recorded(name):
    """The server of one recording."""
    return RecordedServer.read(Path(__file__).parent / "recorded" / f"{name}.json")


async def models_of(name):
    """What the kind of one recording lists."""
    kind = KINDS[name.removesuffix("_0_3")]
    return {model.id: model for model in await kind.list_models(recorded(name))}


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
async def test_every_server_is_known_as_what_it_is(file):
    """All kinds are asked in their order about every recorded server: each is found to be its own kind."""
    kind = await detect_kind(KINDS.values(), RecordedServer.read(file), on_fault=pytest.fail)

    assert file.stem.removesuffix("_0_3") == kind.name


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
async def test_no_kind_claims_the_server_of_another(file):
    """Also out of order: but for the generic kind, which takes whatever lists models."""
    own = file.stem.removesuffix("_0_3")

    claimed = {name for name, kind in KINDS.items() if await kind.detect(RecordedServer.read(file))}

    assert {own} == claimed - {"openai_compatible"} | ({own} & {"openai_compatible"})


async def test_a_server_that_lists_only_its_models_is_generic():
    """Ollama's list behind a proxy that hides the rest, and vLLM's without its version, work all the same."""
    ollama, vllm = recorded("ollama"), recorded("vllm")
    for server in (ollama, vllm):
        server.answers = {question: each for question, each in server.answers.items() if "/v1/" in question}

    kinds = [await detect_kind(KINDS.values(), server, on_fault=pytest.fail) for server in (ollama, vllm)]

    assert ["openai_compatible", "openai_compatible"] == [kind.name for kind in kinds]


def test_concurrency_is_as_decided():
    """One at a time where models are loaded on demand, hundreds where calls are batched, eight where nothing is known."""
    expected = {"llamacpp": 1, "lmstudio": 1, "ollama": 1, "vllm": 256, "sglang": 256, "openai_compatible": 8, "openai_unlisted": 8}

    assert expected == {name: kind.default_max_in_flight for name, kind in KINDS.items()}


async def test_ollama_tells_context_and_capabilities_of_each_model():
    """Loaded: the context it was loaded with; else what its file sets, else what it was made for (66555000-F21, 32637000)."""
    models = await models_of("ollama")

    assert (4096, (TEXT,), True) == _facts(models["llama3.2:latest"])
    assert (8192, (TEXT, VISION), False) == _facts(models["gemma3:4b"])
    assert (512, (EMBEDDING,), False) == _facts(models["all-minilm:latest"])
    assert ("embeddings",) == models["all-minilm:latest"].apis


async def test_a_damaged_model_of_ollama_does_not_hide_the_others():
    """One that cannot be shown is listed by name."""
    server = recorded("ollama")
    server.answers['POST /api/show {"model":"gemma3:4b"}'] = Answer(500, {}, b'{"error":"unexpected EOF"}')

    models = {each.id: each for each in await KINDS["ollama"].list_models(server)}

    assert 3 == len(models)
    assert (None, None, False) == _facts(models["gemma3:4b"])


@pytest.mark.parametrize(("version", "expected"), [("0.13.3", True), ("0.13.2", False), ("1.0.0", True), ("weird", None)])
async def test_ollama_serves_responses_since_a_version(version, expected):
    """24157000: known supporting back ends are Ollama from 0.13.3 on."""
    server = RecordedServer({"GET /api/version": {"json": {"version": version}}})

    assert expected is await KINDS["ollama"].find_responses(server)


async def test_ollama_says_what_is_loaded():
    """Routing may prefer it."""
    report = await KINDS["ollama"].check(recorded("ollama"))

    assert ("0.13.5", {"llama3.2:latest"}) == (report.version, report.models_ready)


async def test_vllm_tells_its_load_over_all_ranks():
    """Samples of all engines are added up; adapters are listed beside their model."""
    models, report = await models_of("vllm"), await KINDS["vllm"].check(recorded("vllm"))

    assert (32768, None, True) == _facts(models["Qwen/Qwen2.5-7B-Instruct"])
    assert "sql-lora" in models
    assert ("0.11.0", 3, 4) == (report.version, report.active_count, report.waiting_count)
    assert await KINDS["vllm"].find_responses(recorded("vllm"))


async def test_vllm_without_metrics_is_well():
    """They may be switched off or guarded: then nothing is known of its load."""
    server = recorded("vllm")
    server.answers["GET /metrics"] = Answer(403)

    report = await KINDS["vllm"].check(server)

    assert (None, None) == (report.active_count, report.waiting_count)


async def test_vllm_whose_engine_died_is_not_well():
    """Its web server lives on and says 503."""
    server = recorded("vllm")
    server.answers["GET /health"] = Answer(503)

    with pytest.raises(AnswerUnexpected, match="503"):
        await KINDS["vllm"].check(server)


async def test_sglang_tells_modality_slots_and_load_and_is_not_made_to_generate():
    """Its /health would run a call; the key in its description stays there."""
    server = recorded("sglang")

    models = await KINDS["sglang"].list_models(server)
    report = await KINDS["sglang"].check(server)

    assert [(128000, (TEXT, VISION), True)] == [_facts(each) for each in models]
    assert ("0.5.4", 3, 2, 48) == (report.version, report.active_count, report.waiting_count, report.max_in_flight)
    assert not {"GET /health", "GET /health_generate"} & set(server.asked)
    assert "a-secret-of-the-server" not in repr((models, report))


async def test_llamacpp_says_its_slots_and_their_context():
    """As many calls at a time as slots (decisions); each has its share of the context."""
    models, report = await models_of("llamacpp"), await KINDS["llamacpp"].check(recorded("llamacpp"))

    assert [(512, (TEXT,), True)] == [_facts(each) for each in models.values()]
    assert (2, 0, False) == (report.max_in_flight, report.active_count, report.is_loading)


async def test_llamacpp_that_loads_is_known_and_loading():
    """It answers 503 to every question until its model is there: not ill, and not another kind."""
    loading = b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'
    server = RecordedServer(otherwise=Answer(503, {"server": "llama.cpp"}, loading))

    assert await KINDS["llamacpp"].detect(server)
    assert (await KINDS["llamacpp"].check(server)).is_loading
    error = KINDS["llamacpp"].read_error(503, {}, loading)
    assert isinstance(error, EndpointFailed)
    assert ("model_loading", True) == (error.code, error.is_retryable)


async def test_llamacpp_that_reads_a_long_prompt_is_well():
    """``/slots`` waits for the batch that runs; a check that failed for it would take a busy server off the list."""
    server = recorded("llamacpp")
    server.answers["GET /slots"] = ServerTimedOut("Endpoint 'recorded' did not answer.", endpoint="recorded")

    report = await KINDS["llamacpp"].check(server)

    assert (None, 2) == (report.active_count, report.max_in_flight)


async def test_lmstudio_says_how_an_instance_was_loaded():
    """Since 0.4: context and parallel calls of the loaded instance; before, its state and the longest context."""
    new, old = await models_of("lmstudio"), await models_of("lmstudio_0_3")

    assert (4096, (TEXT,), True) == _facts(new["gemma-3-270m-it-qat"])
    assert 4 == new["gemma-3-270m-it-qat"].max_in_flight
    assert (2048, (EMBEDDING,), False) == _facts(new["text-embedding-nomic-embed-text-v1.5-embedding"])
    assert (32768, (TEXT, VISION), False) == _facts(old["qwen2-vl-7b-instruct"])
    assert (True, None) == (
        await KINDS["lmstudio"].find_responses(recorded("lmstudio")),
        await KINDS["lmstudio"].find_responses(recorded("lmstudio_0_3")),
    )


async def test_a_generic_list_is_read_for_all_that_it_tells():
    """Members that one provider or another adds beyond OpenAI's four; nothing told stays unknown."""
    models = await models_of("openai_compatible")

    assert (None, None, None) == _facts(models["plain"])
    assert (131072, (TEXT, VISION), None) == _facts(models["openrouter/sees"])
    assert (8192, (EMBEDDING,), None) == _facts(models["mistral-embed"])
    assert (448, None, None) == _facts(models["whisper-large-v3"])


async def test_a_list_in_the_other_shape_is_read_too():
    """``{"models": [{"name"}]}`` (66555000-F21); entries without a name are left out."""
    server = RecordedServer({"GET /v1/models": {"json": {"models": [{"name": "a"}, {"model": "b"}, {"id": ""}, {}]}}})

    assert ["a", "b"] == [each.id for each in await KINDS["openai_compatible"].list_models(server)]


async def test_a_list_tells_who_takes_sound():
    """As an ability, an input or a flag; a model that only speaks takes none."""
    listed = {
        "ability": {"capabilities": ["completion", "audio"]},
        "flag": {"capabilities": {"completion_chat": True, "audio": True, "vision": False}},
        "input": {"architecture": {"input_modalities": ["text", "image", "audio"], "output_modalities": ["text"]}},
        "speaks": {"architecture": {"input_modalities": ["text"], "output_modalities": ["text", "audio"]}},
    }
    server = RecordedServer({"GET /v1/models": {"json": {"data": [{"id": name, **more} for name, more in listed.items()]}}})

    models = {each.id: each.capabilities for each in await KINDS["openai_compatible"].list_models(server)}

    assert {"ability": (TEXT, AUDIO), "flag": (TEXT, AUDIO), "input": (TEXT, VISION, AUDIO), "speaks": (TEXT,)} == models


@pytest.mark.parametrize(
    ("name", "question", "members"),
    [
        ("llamacpp", "GET /props", {"modalities": {"vision": True, "audio": True}}),
        ("sglang", "GET /get_model_info", {"has_image_understanding": True, "has_audio_understanding": True}),
    ],
)
async def test_a_description_tells_who_takes_sound(name, question, members):
    """llama.cpp's properties, and SGLang's description of its model."""
    server = recorded(name)
    server.answers[question]["json"] |= members

    assert [(TEXT, VISION, AUDIO)] == [each.capabilities for each in await KINDS[name].list_models(server)]


async def test_an_unlisted_server_is_watched_by_its_traffic():
    """It has inference routes and no list: no health call exists, and the operator names its models."""
    kind = KINDS["openai_unlisted"]

    assert kind.is_passive
    assert [] == list(await kind.list_models(RecordedServer(otherwise=NOT_FOUND)))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b'{"error":{"message":"model \\"x\\" not found, try pulling it first","type":"api_error"}}', EndpointFailed),
        (404, b'{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}', EndpointFailed),
        (404, b'{"error":{"message":"No such route","code":"route_not_found"}}', None),
        (503, b'{"error":"server busy, please try again.  maximum pending requests exceeded"}', EndpointBusy),
        (400, b'{"error":{"message":"the request exceeds the context size","code":400}}', None),
    ],
)
def test_errors_that_are_not_the_clients_let_another_endpoint_try(status, body, expected):
    """A model that is gone and a server that is full are retried elsewhere; the client's own mistakes are passed on."""
    error = KINDS["ollama"].read_error(status, {}, body)

    assert expected is (None if error is None else type(error))
    assert error is None or error.is_retryable


def _facts(model):
    return model.context_tokens, model.capabilities, model.is_ready
