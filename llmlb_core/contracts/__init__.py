"""What a plugin implements: small typed base classes, each method fixed as sync or async.

One file a contract. Hooks (``llmlb_core.hookspecs``) hand objects of these classes to the core at start; after that the core
calls methods, never hooks.
"""
