"""Finding out what kind of server answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmlb_core.contracts.endpoint_kind import EndpointKind, Server
from llmlb_core.errors import AnswerUnexpected, KeyRefused, ServerError, ServerTimedOut, ServerUnreachable


async def detect_kind(
    kinds: Iterable[EndpointKind], server: Server, on_fault: Callable[[EndpointKind, Exception], None]
) -> EndpointKind:
    """Return the kind of *server*: the first that says so, in order of ``probe_order`` and ``name``.

    Args:
        kinds: All that there are.
        server: Whom to ask.
        on_fault: Told of a kind that raised something else than ``ServerError``; the next one is asked.

    Raises:
        ServerError: Nobody answers (at once), or no kind knows it; then why, where one of them could not tell.
    """
    untold: ServerError | None = None
    asked = []
    for kind in sorted(kinds, key=lambda kind: (kind.probe_order, kind.name)):
        asked.append(kind.name)
        try:
            if await kind.detect(server):
                return kind
        except (ServerUnreachable, ServerTimedOut):
            raise
        except ServerError as error:  # a page behind another key, or behind a redirect: a later kind may know better
            if untold is None or isinstance(error, KeyRefused):
                untold = error
        except Exception as error:  # noqa: BLE001  # a plugin's code: recorded with its name, the others are asked
            on_fault(kind, error)
    raise untold or AnswerUnexpected(
        f"Endpoint '{server.name}' answers, but like no kind of server that is known here "
        f"({', '.join(asked) or 'no plugin brings one'}); is its url the address of an inference server?",
        endpoint=server.name,
    )
