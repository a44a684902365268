"""Settings: ``llmlb.toml``, the environment over it, checked once at start.

``sections`` says what there is; ``load`` reads and checks it.
"""
