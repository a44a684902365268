"""What stands between a conversation and a model's raw text, both ways.

On the way in, ``prompt.py`` renders messages and tools by the model's own chat template. On the way out, a ``Chain`` of parsers
(``pieces.py``) takes a model's raw text apart into answer text, reasoning and tool calls, however it was cut into tokens.
Nothing here waits or knows an engine; every parser gives the same result wherever its input is split.
"""
