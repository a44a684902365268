"""Names from others never lead out of a model's directory."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlb_core.errors import ModelFilesInvalid
from llmlb_core.models.naming import check_alias, check_file_name, check_id, model_id_of

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["..", ".", "", "a", "C:", "\\", "\0", "nul", "~", "manifest.json", "x.part"]), max_size=6).map(
        "/".join
    ),
)


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a\0b", "a\\b", "C:/x", "c:x", "nul", "sub/CON.txt", "a.", "a ",
     "x" * 300, "manifest.json", "Manifest.JSON", "a.part", "a\nb", "/".join(["d" * 100] * 12)],
)  # fmt: skip
def test_unsafe_file_names_are_refused_with_the_reason(name):
    """A store's file name must be a plain relative path, on every system."""
    with pytest.raises(ModelFilesInvalid, match=r"is refused: (it|a part|llmlb) "):
        check_file_name(name)


@given(HOSTILE)
def test_an_accepted_file_name_stays_inside_its_directory(name):
    """Whatever is accepted names a file below the directory, by POSIX rules and by those of Windows."""
    try:
        check_file_name(name)
    except ModelFilesInvalid:
        return

    assert os.path.normpath(f"/models/toy/{name}") == f"/models/toy/{name}"
    windows = PureWindowsPath("X:/models/toy") / name
    assert ("X:\\", "models", "toy") == windows.parts[:3]
    assert ".." not in windows.parts


@given(HOSTILE)
def test_an_accepted_id_is_lower_case_and_a_directory_below_models(name):
    """Ids become directories; none begins with a dot, as the locks' directory does."""
    try:
        accepted = check_id(name)
    except ModelFilesInvalid:
        return

    assert accepted == accepted.lower()
    assert os.path.normpath(f"/models/{accepted}") == f"/models/{accepted}"
    assert not any(part.startswith(".") for part in Path(accepted).parts)


@pytest.mark.parametrize(
    "name", ["", "../x", "a/../b", "/abs", "a//b", ".locks", "a/.hidden", "a b", "a:b", "con", "é", "x" * 201, "a/", "a\0"]
)
def test_unsafe_ids_are_refused(name):
    """An id is made of a-z, digits and a few signs, parts separated by a slash."""
    with pytest.raises(ModelFilesInvalid):
        check_id(name)


def test_ids_of_hubs_are_accepted_in_lower_case():
    """``Org/Repo`` is what hubs call models."""
    assert "qwen/qwen3-0.6b_x" == check_id("Qwen/Qwen3-0.6B_x")


@pytest.mark.parametrize("alias", ["gpt-oss:20b", "GPT-4o", "モデル"])
def test_aliases_may_be_what_directories_may_not(alias):
    """An alias is never a path."""
    assert alias.lower() == check_alias(alias)


@pytest.mark.parametrize("alias", ["", "a b", "a\nb", "x" * 201])
def test_aliases_are_printable_words(alias):
    """An alias has to fit into a header, a log line and a URL."""
    with pytest.raises(ModelFilesInvalid):
        check_alias(alias)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"),
        ("Qwen3-8B-Q4_K_M.gguf", "qwen3-8b"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "qwen3-8b"),
        ("gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b"),
        ("Llama-3.3-70B-IQ2_XXS-00001-of-00002.gguf", "llama-3.3-70b"),
        ("llama-7b.f16.gguf", "llama-7b"),
        ("My Model (v2).gguf", "my-model-v2"),
        ("Q4_0.gguf", "q4_0"),
        ("....gguf", "model"),
        ("a\\b/Tiny.gguf", "tiny"),
    ],
)
def test_ids_are_derived_from_file_names(file_name, expected):
    """Suffix, part number and quantization are not part of a model's name."""
    assert expected == model_id_of(file_name)


@given(st.text(max_size=80))
def test_deriving_an_id_never_fails_and_is_never_empty(file_name):
    """What comes out is checked later; here it only has to come out."""
    assert model_id_of(file_name)
