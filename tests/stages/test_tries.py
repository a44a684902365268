"""The order and the manners of further attempts, without a server: rules 2 and 3 of answers that arrive whole."""

from __future__ import annotations

import pytest
from llmlb_testing.endpoints import FakeEndpoint

from llmlb_core.domain.endpoints import Target
from llmlb_core.errors import (
    ContextLengthExceeded,
    EndpointBusy,
    EndpointFailed,
    EndpointRefused,
    EndpointTimeout,
)
from llmlb_core.settings.sections import DispatchSettings
from llmlb_core.stages.dispatch.budget import RetryBudget
from llmlb_core.stages.dispatch.tries import SLACK_S, Tries
from llmlb_core.upstream.refusals import speaks_of_window

NOW = 1000.0
FAR = NOW + 600
FAILED = EndpointFailed("It failed.")


def tries(random=lambda: 1.0, budget=None, **settings) -> Tries:
    """Return the tries of a call."""
    return Tries(DispatchSettings(**settings), budget or RetryBudget(0.2, 10), random)


def told(found: Tries, *targets: Target, now: float = NOW, deadline_at: float = FAR) -> list[tuple[str, str, list[str], float]]:
    """Return rule, model, who may get it, and the wait of every step."""
    return [
        (
            step.rule,
            step.target.model,
            [each.id for each in step.target.endpoints if each.id not in step.exclude],
            round(step.delay_s, 3),
        )
        for step in found.steps(targets, now, deadline_at)
    ]


def test_rule_3_others_of_the_model_then_the_same_then_the_next_model():
    """In this order, each once."""
    a, b, c = (FakeEndpoint(name) for name in "abc")
    main, spare = Target("m", (a, b)), Target("n", (a, c))
    found = tries()

    found.failed(a, main, FAILED, NOW)

    assert [
        ("failover", "m", ["b"], 0.0),
        ("retry_same", "m", ["a", "b"], 0.1),
        ("fallback_model", "n", ["c"], 0.0),
        ("fallback_model", "n", ["a", "c"], 0.0),
    ] == told(found, main, spare)


def test_rule_3_back_off_is_full_jitter_of_a_bound_that_doubles():
    """From nothing up to 0.1 s, 0.2 s, …, 2 s."""
    a = FakeEndpoint("a")
    main = Target("m", (a,))
    found = tries(max_attempts_per_endpoint=10, max_attempts=100)
    waits = []

    for _ in range(7):
        found.failed(a, main, FAILED, NOW)
        step = next(found.steps([main], NOW, FAR))
        found.leased(step, a, NOW)
        waits.append(step.delay_s)
    none = tries(random=lambda: 0.0)
    none.failed(a, main, FAILED, NOW)

    assert [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0] == waits
    assert 0.0 == next(none.steps([main], NOW, FAR)).delay_s


@pytest.mark.parametrize(
    "error",
    [
        EndpointTimeout("Silent."),
        EndpointRefused("Our key."),
        EndpointFailed("Gone.", code="model_not_found"),
        EndpointBusy("Busy.", retry_after_s=5.1),
    ],
)
def test_rule_3_some_failures_are_not_tried_at_the_same_endpoint(error):
    """A silent one above all; it is not asked for another model either."""
    a, b = FakeEndpoint("a"), FakeEndpoint("b")
    main, spare = Target("m", (a,)), Target("n", (a, b))
    found = tries()

    found.failed(a, main, error, NOW)

    assert [("fallback_model", "n", ["b"], 0.0)] == told(found, main, spare)


def test_rule_3_retry_after_is_waited_for_within_the_deadline():
    """Five seconds at most, and not where the call is over by then."""
    a, b = FakeEndpoint("a"), FakeEndpoint("b")
    main, spare = Target("m", (a,)), Target("n", (b,))
    found = tries()

    found.failed(a, main, EndpointBusy("Busy.", retry_after_s=5), NOW)

    assert ("retry_same", "m", ["a"], 5 + SLACK_S) == told(found, main, spare)[0]
    assert [("fallback_model", "n", ["b"], 0.0)] == told(found, main, spare, deadline_at=NOW + 4)


def test_rule_3_three_attempts_on_one_endpoint_and_eight_in_all():
    """Whatever is left."""
    endpoints = tuple(FakeEndpoint(name) for name in "abcd")
    main = Target("m", endpoints)
    found = tries()

    for _ in range(3):
        found.failed(endpoints[0], main, FAILED, NOW)
    after_three = told(found, main)
    for endpoint in (*endpoints[1:], *endpoints[1:3]):
        found.failed(endpoint, main, FAILED, NOW)

    assert all("a" not in ids for _, _, ids, _ in after_three)
    assert 8 == found.count
    assert [] == told(found, main)


def test_rule_3_the_budget_is_a_share_of_the_calls_with_a_floor():
    """20 % of the calls of ten seconds, at least 10; old ones are forgotten."""
    quiet, busy = FakeEndpoint("quiet"), FakeEndpoint("busy")
    budget = RetryBudget(0.2, 10)

    def allowed(endpoint, now):
        count = 0
        while budget.allows(endpoint, now) and count < 1000:
            budget.spend(endpoint, now)
            count += 1
        return count

    budget.allows(busy, NOW)
    busy.call_count = 500

    assert (10, 100) == (allowed(quiet, NOW), allowed(busy, NOW))
    assert (0, 0) == (allowed(quiet, NOW + 9), allowed(busy, NOW + 9))
    assert 10 == allowed(quiet, NOW + 11)


def test_rule_3_a_call_that_moves_costs_no_budget():
    """The first move to another endpoint is the call's own share of load; every further attempt is one more."""
    a, b = FakeEndpoint("a"), FakeEndpoint("b")
    main = Target("m", (a, b))
    found = tries(budget=RetryBudget(0.0, 0))

    found.failed(a, main, FAILED, NOW)
    first = told(found, main)
    found.failed(b, main, FAILED, NOW)

    assert [("failover", "m", ["b"], 0.0)] == first
    assert [] == told(found, main)


def test_rule_2_a_prompt_that_is_too_long_goes_to_a_larger_window_only():
    """Or to one that nobody knows; never to the same model."""
    names = {"small": 4096, "same": 8192, "large": 32768, "unknown": None}
    a, b = FakeEndpoint("a"), FakeEndpoint("b")
    main = Target("m", (a, b))
    others = [Target(name, (_windowed(name, tokens),)) for name, tokens in names.items()]
    found = tries()

    found.failed(a, main, ContextLengthExceeded(prompt_tokens=9000, context_tokens=8192), NOW)

    assert ["large", "unknown"] == [model for _, model, _, _ in told(found, main, *others)]


def _windowed(name: str, tokens: int | None) -> FakeEndpoint:
    class Windowed(FakeEndpoint):
        def context_tokens(self, model):
            del model
            return tokens

    return Windowed(name)


@pytest.mark.parametrize(
    ("who", "status", "text"),
    [
        ("OpenAI", 400, '{"error":{"message":"Your input is too long","code":"context_length_exceeded"}}'),
        ("vLLM", 400, '{"message":"This model\'s maximum context length is 8192 tokens. However, you requested 9000 tokens"}'),
        ("vLLM, prompts", 400, "The decoder prompt (length 9000) is longer than the maximum model length of 8192."),
        ("llama.cpp", 400, '{"error":{"code":400,"type":"exceed_context_size_error","n_ctx":8192}}'),
        ("llama.cpp, older", 400, "the request exceeds the available context size. try increasing the context size"),
        ("Ollama", 400, '{"error":"the input length exceeds the context length"}'),
        ("Ollama, embeddings", 400, '{"error":"input length exceeds maximum context length"}'),
        ("SGLang", 400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
        ("SGLang, output", 400, "Requested token count exceeds the model's maximum context length of 8192 tokens."),
        ("TGI", 422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192"),
        ("Anthropic", 400, '{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}'),
        ("OpenAI, responses", 400, "Your input exceeds the context window of this model."),
    ],
)
def test_rule_2_servers_say_in_many_ways_that_a_prompt_is_too_long(who, status, text):
    """As their own sources and reports of their users have it."""
    assert speaks_of_window(status, text.encode()), who


@pytest.mark.parametrize(
    ("status", "text"),
    [(400, "max_tokens must be positive"), (500, "maximum context length"), (404, "model not found"), (400, "")],
)
def test_rule_2_other_refusals_are_no_matter_of_the_window(status, text):
    """Nor are failures."""
    assert not speaks_of_window(status, text.encode())
