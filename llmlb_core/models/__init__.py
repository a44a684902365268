"""Models on this machine: how they get here, what they are called, what their headers say, and which engine runs them.

A model is a directory ``<data_dir>/models/<id>/`` with a ``manifest.json`` (``manifest``, ``installed``), put there by
``llmlb models add`` (``adding``, ``downloads``). The ``catalogue`` reads those, applies the ``[models."<id>"]`` tables (``tables``)
and answers who is who; ``choice`` picks an engine, ``resolution`` words what is said of unknown names, ``view`` shows it all to
plugins.
"""
