"""What one client may cost."""

from __future__ import annotations

from attrs import frozen


@frozen
class ClientLimits:
    """Bounds of one connection.

    Attributes:
        head_bytes: Largest request head.
        head_s: How long a head may take from its first byte, and a TLS handshake.
        keep_alive_s: How long a connection may be idle between calls.
        pipelined_bytes: How much of the following calls is read before the current one is answered, how much of a body before
            somebody wants it, and how much of a refused body is read so that the connection can go on.
        read_s: A client that reads nothing for so long has left.
        linger_s: How long a connection that ends is read, so that its client gets the answer.
    """

    head_bytes: int = 64 * 1024
    head_s: float = 10.0
    keep_alive_s: float = 75.0
    pipelined_bytes: int = 256 * 1024
    read_s: float = 60.0
    linger_s: float = 10.0
