"""Which kind a server is taken for, and what is said where none takes it."""

from __future__ import annotations

import pytest
from llmlb_testing.recorded import RecordedServer

from llmlb_core import Answer, EndpointKind
from llmlb_core.endpoints.detection import detect_kind
from llmlb_core.errors import AnswerUnexpected, KeyRefused, RedirectRefused, ServerUnreachable


class Kind(EndpointKind):
    """A kind that answers, or raises, *found*; it notes that it was asked."""

    def __init__(self, name, found, order=100):
        self.name, self.found, self.probe_order, self.asked = name, found, order, 0

    async def detect(self, server):
        self.asked += 1
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


@pytest.fixture
def server():
    return RecordedServer()


async def test_kinds_are_asked_in_their_order(server):
    """Lower first, then by name; the first that says so is it."""
    generic, special, never = Kind("generic", True, 900), Kind("special", True, 10), Kind("a", False, 10)

    kind = await detect_kind([generic, special, never], server, on_fault=pytest.fail)

    assert special is kind
    assert (0, 1) == (generic.asked, never.asked)


async def test_a_faulty_kind_is_blamed_and_the_next_is_asked(server):
    """A plugin's defect is recorded; the endpoint is still detected."""
    faults = []
    bad, good = Kind("bad", KeyError("x"), 1), Kind("good", True)

    kind = await detect_kind([bad, good], server, on_fault=lambda kind, error: faults.append((kind.name, type(error))))

    assert good is kind
    assert [("bad", KeyError)] == faults


async def test_one_that_cannot_tell_does_not_stop_the_others(server):
    """A page behind another key or a redirect: a later kind may know better."""
    kinds = [Kind("a", KeyRefused("no")), Kind("b", RedirectRefused("away")), Kind("generic", True, 900)]

    assert "generic" == (await detect_kind(kinds, server, on_fault=pytest.fail)).name


async def test_a_refused_key_is_why_nothing_was_found(server):
    """It explains more than a redirect."""
    kinds = [Kind("b", RedirectRefused("away")), Kind("c", KeyRefused("wrong key")), Kind("d", False)]

    with pytest.raises(KeyRefused):
        await detect_kind(kinds, server, on_fault=pytest.fail)


async def test_a_server_that_is_gone_is_asked_once(server):
    """Ten kinds would wait for ten deadlines."""
    late = Kind("late", True, 900)

    with pytest.raises(ServerUnreachable):
        await detect_kind([Kind("a", ServerUnreachable("gone")), late], server, on_fault=pytest.fail)

    assert 0 == late.asked


async def test_a_server_of_no_kind_is_said(server):
    """With the kinds that there are; with no plugin, that too."""
    with pytest.raises(AnswerUnexpected, match=r"no kind of server that is known here \(a, b\)"):
        await detect_kind([Kind("a", False), Kind("b", False)], server, on_fault=pytest.fail)
    with pytest.raises(AnswerUnexpected, match="no plugin brings one"):
        await detect_kind([], server, on_fault=pytest.fail)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200), True),
        (Answer(204, {"allow": "POST, OPTIONS"}), True),
        (Answer(204, {"allow": "GET, HEAD"}), False),
        (Answer(405, {"allow": "GET, POST"}), True),
        (Answer(405, {"allow": "GET"}), False),
        (Answer(405), False),
        (Answer(404), False),
        (Answer(500), False),
    ],
)
async def test_responses_are_found_by_options(answer, expected):
    """2xx, or 405 with POST among what is allowed (24157000-F19)."""
    server = RecordedServer({"OPTIONS /v1/responses": answer})

    assert expected is await Kind("a", True).find_responses(server)


async def test_a_kind_that_only_detects_lists_and_checks_by_default():
    """``detect`` is the only method that must be written; both shapes of a list are read (66555000-F21)."""
    kind = Kind("a", True)
    openai = RecordedServer({"GET /v1/models": {"json": {"data": [{"id": "m", "owned_by": "me"}, {"owned_by": 7}]}}})
    other = RecordedServer({"GET /v1/models": {"json": {"models": [{"name": "n"}, {"model": "o"}]}}})

    models = [*(await kind.list_models(openai)), *(await kind.list_models(other))]

    assert [("m", "me"), ("n", ""), ("o", "")] == [(each.id, each.owned_by) for each in models]
    assert not (await kind.check(openai)).is_loading
    with pytest.raises(AnswerUnexpected, match="neither 'data' nor 'models'"):
        await kind.list_models(RecordedServer({"GET /v1/models": {"json": {}}}))
