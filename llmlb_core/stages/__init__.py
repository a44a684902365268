"""The nine stages of a call, one file each; ``llmlb_core.pipeline`` puts them in order.

No stage knows HTTP: heads come in as ``Head``, bytes leave through an ``Outlet``.
"""
