"""The bodies of calls: taken beside their path, understood and written by a process of their own.

In the server ``sink`` takes what calls said and sends it to the recorder, which ``recorder`` starts and watches. In the recorder
``child`` receives it (``frames``), ``document`` makes JSON of it (``events`` and what reassembles streams, ``mend`` for what was
cut), ``masking`` takes content out, and ``table`` writes it.
"""
