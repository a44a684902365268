"""Faults on purpose: a server that breaks in every way a server can, and what a client must see of it then.

A ``Fault`` is one way to break (``fault``, named ones in ``named``); a ``FaultServer`` (``server``, ``line``, ``visit``) answers as
a model would, but for the faults that a plan or a schedule gives it. A ``Case`` (``case``, ``cases``) says which faults one call
meets and what must be seen; ``run_cases`` (``runner``) makes the calls through any door (``caller``) and judges them (``told``,
``judge``); a ``Scorecard`` (``scorecard``) tells it. ``scratch`` registers endpoints at a running server, and removes them.

Nothing here knows the server under test: it is looked at from outside, through its HTTP API, as its users do.
Used by ``llmlb doctor faults``, by the tests of every rule, and by the bench.
"""
