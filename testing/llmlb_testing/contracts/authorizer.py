"""The kit for authorizers."""

from __future__ import annotations

import inspect
from itertools import product

from llmlb_core import Authorizer, Principal, Scope, Target
from llmlb_testing.calls import make_call
from llmlb_testing.io_guard import no_io

_API: frozenset[Scope] = frozenset({"api"})
PRINCIPALS = (
    Principal("key:1"),
    Principal("key:2", "a person", _API),
    Principal("key:3", "limited", _API, models=frozenset({"m"})),
    Principal("key:4", "shut out", _API, models=frozenset()),
    Principal("key:5", "administrator", frozenset({"admin"})),
)


class AuthorizerContract:
    """Rules of ``llmlb_core.Authorizer``. Needs a fixture ``authorizer``."""

    def test_it_is_not_async(self, authorizer: Authorizer) -> None:
        """A coroutine is true, and would veto everything with a reason that nobody can read."""
        assert not inspect.iscoroutinefunction(authorizer.veto), "veto is 'async def'; write 'def'"

    def test_it_answers_for_everybody(self, authorizer: Authorizer) -> None:
        """None, or a sentence for the client; never a boolean, never an error: that would be a 500 for the call."""
        for principal, name, served in product(PRINCIPALS, ("m", "alias", ""), ("m", "other/model:q4")):
            answer = authorizer.veto(principal, make_call(principal.id, model=name), Target(served, ()))
            assert answer is None or (isinstance(answer, str) and answer.strip()), f"veto answered {answer!r}"

    def test_it_answers_the_same_each_time(self, authorizer: Authorizer) -> None:
        """Every target of a call is asked about, in any order."""
        for principal in PRINCIPALS:
            call, target = make_call(principal.id), Target("m", ())
            assert authorizer.veto(principal, call, target) == authorizer.veto(principal, call, target)

    def test_it_waits_for_nothing(self, authorizer: Authorizer) -> None:
        """It is asked on the event loop for every target: no file, no network, no sleep."""
        authorizer.veto(PRINCIPALS[1], make_call(), Target("m", ()))

        with no_io("veto"):
            authorizer.veto(PRINCIPALS[1], make_call(), Target("m", ()))
