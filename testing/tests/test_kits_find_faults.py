"""A kit that finds nothing is worth nothing: plugins with one fault each, and the rule that names it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from textwrap import dedent

import pytest

HEAD = """
import math, random, time, json
from pathlib import Path
import attrs, pytest
from llmlb_core import *
from llmlb_core.errors import *
from llmlb_engine_echo.engine import EchoEngine
from llmlb_testing.contracts import *
from llmlb_testing.engines import loaded
"""
ENGINES = """
class Endless(EchoEngine):
    def generate(self, request, cancel):
        for _ in range(request.sampling.max_tokens):
            yield TextDelta("x")

class Deaf(EchoEngine):
    def generate(self, request, cancel):
        for _ in range(request.sampling.max_tokens):
            yield TextDelta("x ")
        yield TextDelta(token_count=0, finish="length")

class Cut(EchoEngine):
    def generate(self, request, cancel):
        yield TextDelta("世".encode()[:2])
        yield TextDelta("a", token_count=9, finish="length")

class Long(EchoEngine):
    def embed(self, inputs, dimensions, cancel):
        return Vectors(float32_rows([[3.0, 4.0]] * len(inputs)), len(inputs), 2, Usage(len(inputs)))

class Surprised(EchoEngine):
    supports = frozenset({"telepathy"})
    @classmethod
    def fit(cls, facts, devices):
        return {"": Fit(2.0, 0, "so well")}[facts.format]
"""
ENGINE_TESTS = """
class Test{0}({1}):
    @pytest.fixture
    def engine(self):
        with loaded({0}, options={{"context_tokens": 400}}) as engine:
            yield engine
"""
ROUTERS = """
class Copies(Router):
    name = "copies"
    def choose(self, call, candidates):
        candidates[0].in_flight += 1
        return Choice(attrs.evolve(candidates[0]), "a copy")

class Remembers(Router):
    name = "remembers"
    last = None
    def choose(self, call, candidates):
        time.sleep(0)
        self.last = self.last or candidates[-1]
        return Choice(self.last, "as ever")

class TestCopies(RouterContract):
    @pytest.fixture
    def router(self):
        return Copies()

class TestRemembers(RouterContract):
    @pytest.fixture
    def router(self):
        return Remembers()
"""
POLICIES = """
class LastFirst(AdmissionPolicy):
    name = "last_first"
    count = 0
    def decide(self, call, load):
        self.count -= 1
        if load.weight > 1000:
            return Wait(math.nan)
        return Admit() if load.free_count and not load.has_waiters else Wait(self.count)

class TestLastFirst(AdmissionPolicyContract):
    @pytest.fixture
    def policy(self):
        return LastFirst()
"""
AUTH = """
@attrs.frozen
class Shown:
    scheme: str
    secret: str

class Careless(Authenticator):
    name = "careless"
    def credential(self, headers):
        Path("/").exists() or open("/dev/null").close()
        open("/dev/null").close()
        return Credential("other", headers.get("authorization", "none")[0:])
    async def verify(self, credential):
        if credential.secret != "Bearer good-secret-good":
            raise KeyError(credential.secret)
        return Principal(credential.secret)

class TestCareless(AuthenticatorContract):
    @pytest.fixture
    def authenticator(self):
        return Careless()
    @pytest.fixture
    def good_headers(self):
        return {"authorization": "Bearer good-secret-good"}

class Yes(Authorizer):
    name = "yes"
    def veto(self, principal, call, target):
        return call.model in principal.models

class TestYes(AuthorizerContract):
    @pytest.fixture
    def authorizer(self):
        return Yes()
"""
MODELS = """
class Sloppy(ModelStore):
    scheme = "sloppy"
    async def resolve(self, reference, report=None):
        open(reference).close()
        return Manifest("A", reference, "", "gguf", "a", (ManifestFile("../a", 3),))
    async def read(self, manifest, file, offset=0):
        yield bytes(2 << 20)

class TestSloppy(ModelStoreContract):
    @pytest.fixture
    def store(self):
        return Sloppy()
    @pytest.fixture
    def reference(self):
        return "/dev/null"

class Trusting(ModelFormat):
    name = "trusting"
    suffixes = (".json")
    def read_facts(self, path):
        return ModelFacts(**json.loads(path.read_text()))

class TestTrusting(ModelFormatContract):
    @pytest.fixture
    def model_format(self):
        return Trusting()
    @pytest.fixture
    def good_file(self, tmp_path):
        (tmp_path / "good").write_text('{"format": "json"}')
        return tmp_path / "good"
"""
DIALECTS = """
ROUTE = Route("/chat", Operation.CHAT, Capability.TEXT_GENERATION)

class Writes(Renderer):
    content_type = "text/event-stream"
    def feed(self, result):
        return f"data: {json.dumps({'text': result.text})}\\n\\n".encode() if result.text else b""
    def end(self):
        return b"data: [DONE]\\n\\n"
    def error(self, error):
        return b"data: [DONE]\\n\\n"

class Hopeful(Dialect):
    name = "hopeful"
    routes = (ROUTE,)
    def parse(self, route, body):
        return RoutingFields(json.loads(body)["model"], True)
    def decode(self, route, body):
        return Decoded(ChatRequest(messages=()))
    def renderer(self, call, model):
        return Writes()
    def error(self, error):
        return json.dumps({"error": {"message": error.message}}).encode()

class TestHopeful(DialectContract):
    @pytest.fixture
    def dialect(self):
        return Hopeful()
    @pytest.fixture
    def bodies(self):
        return {"/chat": [{"model": "m"}]}
"""
SINKS = """
class Hoards(BodySink):
    name = "hoards"
    max_body_bytes = 1000
    max_held_bytes = 1500
    def take(self, bodies):
        Path("/dev/null").open().close()

class TestHoards(BodySinkContract):
    @pytest.fixture
    def sink(self):
        return Hoards()
"""
CASES = {
    "engines": (
        ENGINES
        + "".join(ENGINE_TESTS.format(name, "TextEngineContract") for name in ("Endless", "Deaf", "Cut", "Surprised"))
        + ENGINE_TESTS.format("Long", "EmbeddingEngineContract"),
        {
            *("TestEndless::an_answer_ends_with_one_finish", "TestEndless::it_stops_soon_after_a_cancel"),
            *("TestDeaf::it_stops_soon_after_a_cancel", "TestDeaf::a_call_cancelled_before_it_began_ends"),
            *("TestDeaf::a_prompt_that_does_not_fit_is_told", "TestDeaf::a_json_schema_is_kept"),
            *("TestCut::text_is_utf_8", "TestCut::an_answer_has_at_most_max_tokens"),
            *("TestLong::vectors_have_unit_length", "TestLong::different_texts_have_different_vectors"),
            *("TestLong::an_input_that_does_not_fit_is_told", "TestLong::shorter_vectors_have_unit_length_too"),
            *("TestSurprised::it_claims_known_features_only", "TestSurprised::fit_answers_for_every_model"),
        },
    ),
    "routers": (
        ROUTERS,
        {
            *("TestCopies::it_returns_one_of_the_candidates_with_a_reason", "TestCopies::it_changes_nothing"),
            *("TestRemembers::it_never_returns_one_that_is_absent", "TestRemembers::it_waits_for_nothing"),
        },
    ),
    "policies": (POLICIES, {"TestLastFirst::it_decides_in_every_load", "TestLastFirst::nobody_starves"}),
    "auth": (
        AUTH,
        {
            *("TestCareless::it_finds_its_own_credential", "TestCareless::foreign_headers_are_not_its_own"),
            *("TestCareless::finding_a_credential_is_pure", "TestCareless::a_good_credential_is_somebody"),
            *("TestCareless::a_bad_credential_is_unauthorized", "TestYes::it_answers_for_everybody"),
        },
    ),
    "sinks": (
        SINKS,
        {
            *("TestHoards::a_body_fits_between_its_bounds", "TestHoards::it_counts_what_it_holds"),
            *("TestHoards::it_never_holds_more_than_its_bound", "TestHoards::it_waits_for_nothing"),
        },
    ),
    "models": (
        MODELS,
        {
            *("TestSloppy::a_manifest_says_what_to_fetch", "TestSloppy::names_stay_inside_the_model"),
            *("TestSloppy::every_file_reads_as_the_manifest_says", "TestSloppy::what_is_not_there_is_told"),
            *("TestSloppy::a_file_that_is_gone_is_a_failed_download", "TestTrusting::its_suffixes_are_endings"),
            *("TestTrusting::a_good_file_has_facts", "TestTrusting::what_is_no_such_file_is_told"),
            *("TestTrusting::what_is_no_file_is_told", "TestTrusting::a_damaged_file_is_told_or_read"),
        },
    ),
    "dialects": (
        DIALECTS,
        {
            *("TestHopeful::an_unknown_parameter_is_named_not_refused", "TestHopeful::what_is_no_request_is_refused"),
            *("TestHopeful::a_body_that_was_cut_is_refused", "TestHopeful::a_cut_stream_never_ends_as_success"),
            *("TestHopeful::an_answer_without_a_finish_is_an_error", "TestHopeful::every_error_has_all_members"),
            "TestHopeful::hypothesis_finds_no_body_that_breaks_it",
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found_by_the_rule_that_names_it(name, tmp_path):
    """Under pytest's own defaults: the kits need no setting of this repository."""
    source, expected = CASES[name]
    (tmp_path / f"test_bad_{name}.py").write_text(HEAD + dedent(source))
    options = ["-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path)]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        env={**os.environ, "COLUMNS": "300", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    failed = set(re.findall(r"^FAILED \S+?::(Test\w+::)test_(\w+)", done.stdout, re.MULTILINE))
    assert set() == expected - {"".join(found) for found in failed}, done.stdout + done.stderr
