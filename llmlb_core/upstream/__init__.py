"""The client side of the relay: connections to servers, kept in pools, and one exchange per call.

Callbacks move the bytes; a call waits for one future at a time.
"""
