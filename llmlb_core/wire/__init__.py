"""The wire plane: the server side of the relay.

Inference over HTTP/1.1 on asyncio protocols; everything else is lent to the web plane on the same socket.
"""
