"""The house: every room of one server, put together once and opened in order.

Start: plugins → storage → plugins' lifespans → workers. Stop: the reverse.
"""

from llmlb_core.house.house import House

__all__ = ["House"]
