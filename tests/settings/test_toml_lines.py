"""Finding the line of a key."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.settings.locate import line_by_path

TEXT = '''# a comment with [brackets] and "quotes"
title = "top"
a.b."c d" = 1
[server] # tail
text = """
[not.a.table]
key = 1 \\""" still
"""
raw = \'\'\'
x = ]\'\'\'
list = [ # comment ]
  "one",
  { inner = 1, deep.er = "}" },
]
after = 2
[[routers]]
name = "r0"
[routers.sub]
x = 1
[[routers]]
name = "r1"
ranks = ["idle", {scorer = "wait"}]
[[routers.parts]]
n = 0
[[routers.parts]]
n = 1
[models."Org/X.y"]
'literal.key' = true
'''


def test_lines_are_found_in_every_kind_of_toml():
    """Dotted and quoted keys, arrays of tables, inline tables, strings over many lines."""
    lines = line_by_path(TEXT)

    assert {
        ("title",): 2,
        ("a", "b", "c d"): 3,
        ("server",): 4,
        ("server", "text"): 5,
        ("server", "raw"): 9,
        ("server", "list"): 11,
        ("server", "list", 0): 12,
        ("server", "list", 1): 13,
        ("server", "list", 1, "inner"): 13,
        ("server", "list", 1, "deep", "er"): 13,
        ("server", "after"): 15,
        ("routers", 0, "name"): 17,
        ("routers", 0, "sub", "x"): 19,
        ("routers", 1, "name"): 21,
        ("routers", 1, "ranks", 1, "scorer"): 22,
        ("routers", 1, "parts", 0, "n"): 24,
        ("routers", 1, "parts", 1, "n"): 26,
        ("models", "Org/X.y"): 27,
        ("models", "Org/X.y", "literal.key"): 28,
    }.items() <= lines.items()


def test_every_path_of_the_parsed_text_has_a_line():
    """The scanner agrees with ``tomllib`` about what there is."""
    parsed = tomllib.loads(TEXT)

    assert set(paths(parsed)) <= set(line_by_path(TEXT))


values = st.one_of(
    st.integers(-9, 9).map(str),
    st.booleans().map(lambda b: str(b).lower()),
    st.text("ab]}#,='", max_size=6).map(lambda text: '"' + text + '"'),
    st.lists(st.sampled_from(['"x"', "1", "{k = 1}", '["]"]']), max_size=3).map(lambda members: "[\n" + ",\n".join(members) + "]"),
)
names = st.sampled_from(["alpha", '"q.k"', "'l#t'", "a1-_"])


@given(st.lists(st.tuples(names, names, values), max_size=8))
def test_keys_stand_where_they_were_written(entries):
    """Each ``key =`` is found on its own line, whatever stands before it."""
    text, written = "", {}
    for index, (table, key, value) in enumerate(entries):
        text += f"[t{index}.{table}]  # [x]\n"
        written[f"t{index}", table.strip("\"'"), key.strip("\"'")] = text.count("\n") + 1
        text += f"{key} = {value} # {{\n"
    tomllib.loads(text)

    lines = line_by_path(text)

    assert written.items() <= lines.items()


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [p for key, member in value.items() for p in [(*path, key), *paths(member, (*path, key))]]
    if isinstance(value, list):
        return [p for index, member in enumerate(value) for p in [(*path, index), *paths(member, (*path, index))]]
    return []
