"""Cascades: routers that are composed of filters, ranks and a picker, in plugins or in ``[[routing.routers]]``.

``composed`` is the cascade itself, ``plain`` the parts that almost every cascade has, ``named`` makes the routers that settings
describe and says which one a call gets, ``explain`` answers who would get a call and why.
"""
