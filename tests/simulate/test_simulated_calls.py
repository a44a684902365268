"""One run: what becomes of calls, and who is told."""

from __future__ import annotations

import pytest
from llmlb_testing.yard import FirstFree

from llmlb_core import Choice, Router
from llmlb_core.settings.sections import AdmissionSettings
from llmlb_core.simulate.loop import START_S
from llmlb_core.simulate.scenario import EndpointGroup
from llmlb_core.simulate.tally import Times

ONE = EndpointGroup(name="e", slots=1, prefill_tokens_per_s=1000, decode_tokens_per_s=100, call_tokens_per_s=50)


def test_a_call_takes_what_its_tokens_take(make_run, plan):
    """1,000 tokens at 1,000/s, then 100 more than the first at 50/s."""
    result = make_run(ONE).go([plan(0.0, prompt=1000, output=101)])

    assert (1.0, 3.0) == pytest.approx((result.first_token.p50_s, result.total.p50_s))
    assert (1, 1, 0.0, 3.0) == pytest.approx((result.calls, result.served, result.waited_0_1, result.seconds))


def test_a_call_waits_for_a_slot_in_the_real_queue(make_run, plan):
    """The second call's first token comes after the first call's end; one call waits for 1.5 of 4 s."""
    result = make_run(ONE).go([plan(0.0, output=51), plan(0.5, output=51)])

    assert Times(1.0, 2.5, 2.5, 1.75) == result.first_token
    assert (0.5, 1, 1.5 / 4) == pytest.approx((result.waited_0_1, result.queue_max, result.queue_mean))


def test_prompts_are_read_one_after_the_other(make_run, plan):
    """A free slot is not a free processor: a short prompt behind a long one waits for it."""
    group = EndpointGroup(name="e", slots=2, prefill_tokens_per_s=1000)

    result = make_run(group).go([plan(0.0, prompt=10_000), plan(1.0, prompt=100)])

    assert (9.1, 10.0) == pytest.approx((result.first_token.p50_s, result.first_token.p99_s))
    assert 0.0 == result.waited_0_1


def test_what_an_endpoint_remembers_is_not_read_again(make_run, plan, kept):
    """And the record says so, as a server's usage would."""
    group = EndpointGroup(name="e", prefill_tokens_per_s=1000, cache_tokens=10_000)
    prompts = [((("system", 1600), (("own", number), 400))) for number in range(2)]

    result = make_run(group, feedback=kept).go(plan(9.0 * number, segments=prompts[number]) for number in range(2))

    assert (0.4, 2.0) == pytest.approx((result.first_token.p50_s, result.first_token.p99_s))
    assert 0.4 == result.cached_0_1
    assert [0, 1600] == [record.usage.cached_tokens for record in kept.records]


def test_an_answer_that_is_repeated_is_remembered_too(make_run, plan):
    """Engines keep what they generated: the next call of a conversation reads only what is new."""
    group = EndpointGroup(name="e", prefill_tokens_per_s=1000, cache_tokens=10_000)
    first = plan(0.0, segments=(("question", 1600),), output=160)
    first.answer = "answer"
    second = plan(60.0, segments=(("question", 1600), ("answer", 160), ("more", 160)))

    result = make_run(group).go([first, second])

    assert 0.16 == pytest.approx(result.first_token.p50_s)


def test_feedback_is_told_what_it_is_told_in_a_server(make_run, plan, kept):
    """Learning routers learn from records; times are on the virtual clock."""
    make_run(ONE, feedback=kept).go([plan(0.0, output=51), plan(0.5, principal="B", output=51)])

    record = kept.records[1]
    assert ("sim-2", START_S + 0.5, "B", "chat", "m", "e", True, 200, "finished") == (
        record.id,
        record.started_at,
        record.principal,
        record.operation,
        record.model,
        record.served_by,
        record.stream,
        record.status,
        record.ending,
    )
    assert (1.5, 2.5, 3.5) == pytest.approx((record.queue_wait_s, record.first_token_s, record.duration_s))
    assert (1000, 51) == (record.usage.prompt_tokens, record.usage.completion_tokens)
    assert record.bytes_in == pytest.approx(4000, rel=0.05)


def test_a_call_that_fails_is_tried_elsewhere(make_run, plan, kept):
    """As ``dispatch`` does: another endpoint, and the record has the attempt."""
    bad = EndpointGroup(name="bad", failure_rate=1.0, failure_s=0.1)

    result = make_run(bad, EndpointGroup(name="good"), feedback=kept).go([plan(0.0)])

    assert (1, 1, {}) == (result.served, result.retries, result.errors)
    assert {"bad": 0.0, "good": 1.0} == result.share_by_endpoint
    assert [("bad", "failed", "bad_gateway", pytest.approx(0.1))] == [
        (each.endpoint, each.outcome, each.reason, each.duration_s) for each in kept.records[0].attempts
    ]
    assert kept.records[0].first_token_s == pytest.approx(0.1 + 1000 / 8000)


@pytest.mark.parametrize(("count", "retries"), [(1, 0), (2, 1), (5, 4), (9, 7)])
def test_a_call_that_fails_everywhere_is_an_error(make_run, plan, kept, count, retries):
    """After eight attempts, or when there is no other endpoint."""
    bad = EndpointGroup(name="bad", count=count, failure_rate=1.0)

    result = make_run(bad, feedback=kept).go([plan(0.0)])

    assert (0, {"bad_gateway": 1}, 0.0) == (result.served, result.errors, result.goodput_0_1)
    assert retries == result.retries
    assert (502, "failed", "bad_gateway") == (kept.records[0].status, kept.records[0].ending, kept.records[0].error_code)


def test_an_endpoint_that_goes_down_takes_its_calls_along(make_run, plan, kept):
    """A call that has begun to answer fails, one whose prompt is being read is tried elsewhere."""
    group = EndpointGroup(name="e", prefill_tokens_per_s=1000, call_tokens_per_s=10, down=((1.5, 100.0),))

    result = make_run(group, EndpointGroup(name="other"), feedback=kept).go([plan(0.0, output=50), plan(1.0)])

    assert ({"bad_gateway": 1}, 1) == (result.errors, result.retries)
    assert ["e", "other"] == sorted(record.served_by for record in kept.records)


def test_nothing_is_sent_to_an_endpoint_that_is_known_to_be_down(make_run, plan):
    """From ``notice_s`` after it went until ``notice_s`` after it came back; calls wait then, or are refused."""
    group = EndpointGroup(name="e", down=((10.0, 20.0),), notice_s=2.0)

    result = make_run(group).go([plan(at_s) for at_s in (5.0, 11.0, 13.0, 21.0, 23.0)])

    assert {"bad_gateway": 1, "no_capable_nodes": 2} == result.errors
    assert 2 == result.served


def test_the_bounds_of_the_queue_are_the_settings(make_run, plan):
    """One call more than may wait is 429; one that waits too long 504."""
    admission = AdmissionSettings(queue_size=1, queue_timeout_s=0.25)

    result = make_run(ONE, admission=admission).go([plan(0.0, output=1), plan(0.1), plan(0.2)])

    assert {"queue_full": 1, "queue_timeout": 1} == result.errors
    assert 1 == result.queue_max


def test_goodput_counts_what_came_in_time(make_run, plan):
    """Two calls at once: the first token of one comes within 1 s, that of the other does not."""
    group = EndpointGroup(name="e", prefill_tokens_per_s=1000)

    result = make_run(group).go([plan(0.0, prompt=900), plan(0.0, prompt=900)])

    assert 0.5 == result.goodput_0_1


def test_models_are_served_by_those_that_have_them(make_run, plan):
    """A trace may have several kinds of endpoints."""
    result = make_run(EndpointGroup(name="a", models=("m",)), EndpointGroup(name="b", models=("n", "m"))).go(
        [plan(0.0, model="n"), plan(1.0, model="m")]
    )

    assert {"a": 0.5, "b": 0.5} == result.share_by_endpoint


class Broken(Router):
    """Raises, or chooses somebody else's candidate."""

    name = "broken"

    def choose(self, call, candidates):
        if call.principal.id == "A":
            raise ZeroDivisionError
        return Choice(object(), "mine")


def test_what_plugins_do_wrong_is_counted_and_ends_nothing(make_run, plan, kept):
    """As in a server: the call fails with 500, the next one has its turn."""
    kept.on_end = lambda record: 1 / 0

    result = make_run(ONE, router=Broken(), feedback=kept).go([plan(0.0), plan(1.0, principal="B")])

    assert {"internal_error": 2} == result.errors
    assert {"feedback 'kept'": 2, "router 'broken'": 2} == result.faults


def test_a_defect_of_the_simulation_ends_it(make_run, plan):
    """It is no result."""
    with pytest.raises(KeyError, match="nobody has this"):
        make_run(ONE).go([plan(0.0, model="nobody has this")])


def test_routers_get_bodies_that_begin_alike_where_prompts_do(make_run, plan):
    """What a router may look at is what a client would have sent."""
    bodies = []

    class Looking(FirstFree):
        def choose(self, call, candidates):
            bodies.append(call.body)
            return super().choose(call, candidates)

    make_run(ONE, router=Looking()).go(plan(9.0 * n, segments=(("system", 500), (("own", n), 50))) for n in range(2))

    one, other = bodies
    common = next(place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    assert 2000 < common < 2200
    assert len(one) == pytest.approx(2200, rel=0.1)
    import json

    assert ["system", "user"] == [message["role"] for message in json.loads(one)["messages"]]
