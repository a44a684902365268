"""What llmlb talks about: calls, chats, results, models, endpoints, principals.

Plain frozen values without behaviour that waits. Everything above imports this package; it imports nothing but ``errors``.
"""
