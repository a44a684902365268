"""``manifest.json``: what is written is read again, and damage is told."""

from __future__ import annotations

import json

import pytest

from llmlb_core import Capability, ManifestFile
from llmlb_core.errors import ModelFilesInvalid
from llmlb_core.models.manifest import Installation, check_manifest, dump_installation, read_installation


def test_an_installation_is_read_as_it_was_written(toys, tmp_path):
    """Every field survives the file."""
    manifest = toys.manifest(
        aliases=("small", "tiny"),
        license="MIT",
        capabilities=(Capability.EMBEDDING,),
        files=(toys.file_of("toy.bin"), ManifestFile("v.txt")),
    )
    installation = Installation(manifest, 1_700_000_000, "/srv/toys")
    path = tmp_path / "manifest.json"
    path.write_bytes(dump_installation(installation))

    read = read_installation(path, "toy")

    assert installation == read


def _change(*keys, to):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_change("version", to=99), "has format version 99, and this llmlb reads version 1"),
        (_change("version", to="1"), r"Expected `int`, got `str` - at `\$.version`"),
        (_change("installed_at", to="now"), r"Expected `int`, got `str` - at `\$.installed_at`"),
        (_change("manifest", "aliases", to="abc"), r"Expected `array`, got `str` - at `\$.manifest.aliases`"),
        (_change("manifest", "files", to=None), "Expected `array`"),
        (_change("manifest", "files", 0, "size_bytes", to=-1), "a size of -1 bytes"),
        (_change("manifest", "files", 0, "sha256", to="xyz"), "not 64 hexadecimal digits"),
        (_change("manifest", "files", 0, "name", to="../../x"), "is refused"),
        (_change("manifest", "main", to="other.bin"), "does not list that file"),
        (_change("manifest", "capabilities", to=["telepathy"]), "Invalid enum value 'telepathy'"),
        (_change("manifest", "id", to="other"), "is that of 'other', not of 'toy'"),
        (_change("manifest", to=[]), "Expected `object`"),
    ],
)
def test_a_damaged_manifest_says_where_it_is_wrong(toys, tmp_path, change, told):
    """Nothing is guessed or converted: a manifest that is not as written is damage."""
    document = json.loads(dump_installation(Installation(toys.manifest(), 1)))
    change(document)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(document))

    with pytest.raises(ModelFilesInvalid, match=told):
        read_installation(path, "toy")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"version": 1}', b"x" * (5 * 1024 * 1024)]
)
def test_no_content_of_a_manifest_breaks_more_than_its_model(tmp_path, content):
    """Any bytes end in one error that names the file."""
    path = tmp_path / "manifest.json"
    path.write_bytes(content)

    with pytest.raises(ModelFilesInvalid, match=r"manifest\.json is damaged"):
        read_installation(path, "toy")


def test_a_manifest_that_lists_a_file_twice_is_refused(toys):
    """On some systems ``A.bin`` and ``a.bin`` are one file."""
    manifest = toys.manifest(files=(toys.file_of("toy.bin"), toys.file_of("Toy.bin")))

    with pytest.raises(ModelFilesInvalid, match="lists a file twice"):
        check_manifest(manifest)
