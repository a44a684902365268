"""Heads that were seen before are not parsed again, and say the same as if they were."""

from __future__ import annotations

import pytest

from llmlb_core.contracts.dialect import Entry, Route
from llmlb_core.domain.calls import Operation
from llmlb_core.domain.models import Capability
from llmlb_core.wire.flaws import BadMessage
from llmlb_core.wire.heads import MAX_HEADS, MAX_KNOWN_BYTES, Heads

ENTRY = Entry(None, Route("/v1/x", Operation.CHAT, Capability.TEXT_GENERATION))


def head(length=b"5", *, extra=b"", name=b"Content-Length", start=b"POST /v1/x?a=b HTTP/1.1"):
    return start + b"\r\nHost: a\r\n" + name + b": " + length + b"\r\n" + extra + b"\r\n"


@pytest.fixture
def heads():
    return Heads({b"/v1/x": ENTRY})


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
def test_a_head_that_differs_only_in_the_length_is_known(heads, name):
    """The same object, and the length that this request announces."""
    first, first_length = heads.read(head(b"5", name=name))

    second, second_length = heads.read(head(b"1234", name=name))

    assert (5, 1234) == (first_length, second_length)
    assert first is second
    assert ("POST", "/v1/x", "a=b", {"host": "a"}, ENTRY) == (
        second.method,
        second.path,
        second.query,
        dict(second.headers),
        second.entry,
    )


@pytest.mark.parametrize(
    "other",
    [
        head(extra=b"Authorization: Bearer b\r\n"),
        head(extra=b"Connection: close\r\n"),
        head(start=b"POST /v1/x HTTP/1.1"),
        head(start=b"POST /v1/x?a=b HTTP/1.0"),
        head(name=b"CONTENT-LENGTH"),
    ],
)
def test_any_other_difference_makes_another_head(heads, other):
    """Above all another credential."""
    known, _ = heads.read(head())

    read, _ = heads.read(other)

    assert known is not read


@pytest.mark.parametrize(
    "bad",
    [
        head(b""),
        head(b"+5"),
        head(b"5 5"),
        head(b"-1"),
        head(b"9" * 16),
        head(b"\xb2"),
        head(extra=b"Content-Length: 6\r\n"),
        head(extra=b"content-length: 5\r\n"),
        head(extra=b"CONTENT-LENGTH: 6\r\n"),
        head(extra=b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_what_is_refused_once_is_refused_again(heads, bad):
    """Also after a good head that is like it."""
    heads.read(head())

    for _ in range(2):
        with pytest.raises(BadMessage) as told:
            heads.read(bad)

        assert 400 == told.value.status


def test_a_remembered_head_cannot_be_changed(heads):
    """It belongs to many requests."""
    known, _ = heads.read(head())

    with pytest.raises(TypeError):
        known.headers["authorization"] = "mine"


def test_heads_of_the_web_plane_are_not_remembered(heads):
    """They are read once more there."""
    first, _ = heads.read(head(start=b"POST /v0/x HTTP/1.1"))
    second, _ = heads.read(head(start=b"POST /v0/x HTTP/1.1"))

    assert (None, None) == (first.entry, second.entry)
    assert first is not second


def test_memory_is_bounded(heads):
    """So many heads and no long ones; the oldest is forgotten first."""
    oldest, _ = heads.read(head())
    long, _ = heads.read(head(extra=b"X-Long: " + b"x" * MAX_KNOWN_BYTES + b"\r\n"))
    newest = [heads.read(head(extra=b"X-A: %d\r\n" % number))[0] for number in range(MAX_HEADS)][-1]

    assert newest is heads.read(head(extra=b"X-A: %d\r\n" % (MAX_HEADS - 1)))[0]
    assert oldest is not heads.read(head())[0]
    assert long is not heads.read(head(extra=b"X-Long: " + b"x" * MAX_KNOWN_BYTES + b"\r\n"))[0]
    assert MAX_HEADS == len(heads._known)
