"""``llmlb simulate``: what routers would do to your calls, without a GPU and without waiting.

A *scenario* is endpoints and traffic; it comes from a trace (``scenario``, ``shipped``) or is read from a history (``history``,
``fleet``). A *run* sends the traffic through one router on a virtual clock (``loop``): the router, its feedback, the admission
policy and the stage ``acquire`` are the objects that serve real calls (``brought``), only the endpoints are arithmetic
(``endpoint``, ``decoding``, ``prefix_cache``). What came of it is a ``Result`` (``tally``), shown as a table, JSON or SVG
(``report``, ``chart``).

The same trace, settings and seed give the same result, on every machine.
"""
