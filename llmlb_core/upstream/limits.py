"""What one call may cost at a server, in time and memory."""

from __future__ import annotations

from attrs import frozen

PLAIN_COMMIT_BYTES = 1024 * 1024
"""A plain answer is held back until it is whole, up to this size; so a cut one can be tried again."""
MAX_HELD_BYTES = 256 * 1024
"""Of a stream, what comes before its first content is held back, up to this size."""
MAX_HELD_EVENTS = 64
"""And up to so many events."""
FINISHED_S = 1.0
"""A stream that has said all but its end mark is waited for so long."""
REFUSAL_BYTES = 64 * 1024
"""The body of a refusal is read, so that the connection can be kept, up to this size."""
READ_ERROR_BYTES = 4096
"""Of a refusal's body is looked at, to find out what it means."""
REFUSAL_S = 1.0
"""A refusal's body is waited for so long."""
REUSED_S = 1.0
"""A kept connection that is lost this soon after a request was sent had been closed by the server before."""
SEND_S = 60.0
"""A server that takes nothing of an upload for so long is given up."""
CLIENT_READ_S = 60.0
"""A client that reads nothing for so long has left."""


@frozen
class Limits:
    """How long a server may take; seconds.

    Attributes:
        connect_s: To connect, TLS included.
        head_s: To begin the answer of a stream.
        first_token_s: From the request for a stream to its first content; roles and comments are none.
        idle_s: Between two pieces of a stream; comments count as life.
        plain_s: To complete an answer that is no stream.
    """

    connect_s: float = 5.0
    head_s: float = 30.0
    first_token_s: float = 120.0
    idle_s: float = 20.0
    plain_s: float = 600.0
