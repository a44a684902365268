"""The list of peers, and process trees."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.peers import fill, load_peers, parse_peers
from bench.proctree import Sample, Stat, members, parse_stat, spent_s
from bench.scenarios import SCENARIOS


def test_the_list_of_peers_is_whole():
    """Each peer is pinned or of the system, has a start command whose places can be filled, and known scenarios."""
    peers = load_peers()

    assert {"nginx", "llmlb", "haproxy", "sglang-router", "vllm-router", "smg", "litellm", "portkey"} == set(peers)
    for peer in peers.values():
        assert peer.kind in {"apt", "here"} or "==" in peer.requires or "@" in peer.requires[1:]
        places = {**peer.places, **dict.fromkeys(("WORK", "PORT", "METRICS_PORT", "KEY", "ENGINE_1", "ENGINE_2"), "x")}
        texts = [*peer.start, *peer.key, *peer.files.values(), *peer.headers.values()]
        assert not any("@PORT@" in fill(text, places) for text in texts)
        assert set(peer.scenarios) <= set(SCENARIOS)
        assert bool(peer.scenarios) == bool(peer.why)


def test_a_missing_peer_says_how_to_install_it():
    """One line that can be copied."""
    peer = parse_peers('[absent]\nlabel = "A"\nkind = "pip"\nrequires = "absent==1"\nprogram = "@BIN@/absent"\nstart = ["x"]\n')[
        "absent"
    ]

    assert "python -m bench install absent" in (peer.missing() or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[a]\nlabel = "A"\nkind = "pip"\nrequires = "a"\nstart = []\ncolour = 1\n', "unknown members: colour"),
        ('[a]\nlabel = "A"\n', "peer 'a'"),
        ('[a]\nlabel = "A"\nkind = "gem"\nrequires = "a"\nstart = []\n', "kind 'gem'"),
        ("[a", "not TOML"),
    ],
)
def test_a_bad_list_says_what_is_wrong(text, said):
    """The peer and the member are named."""
    with pytest.raises(BenchError, match=said):
        parse_peers(text)


def test_an_unknown_place_is_named():
    """Not passed on to a server that would not understand it."""
    with pytest.raises(BenchError, match="@PROT@"):
        fill("--port @PROT@", {"PORT": "1"})


def test_stat_lines_may_hold_brackets_and_spaces():
    """User, system and the reaped children's time add up."""
    line = "42 (a (b) c) S 7 42 41 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 1 0 5555 1000 10"

    assert Stat(42, parent=7, session=41, ticks=124, started=5555) == parse_stat(line)


def test_a_tree_has_descendants_and_orphans_of_its_session():
    """Others are left out."""
    stats = {
        stat.pid: stat
        for stat in (
            Stat(10, 1, 10, 0, 0),
            Stat(11, 10, 11, 0, 0),
            Stat(12, 11, 11, 0, 0),
            Stat(13, 1, 10, 0, 0),
            Stat(14, 1, 14, 0, 0),
        )
    }

    assert (10, 11, 12, 13) == members(10, stats)


def test_the_fine_clock_counts_unless_something_ended():
    """A thread that ended took its nanoseconds along; the coarse count still has them."""
    before = Sample(ticks=100, run_ns=1_000_000_000, rss_bytes=0, pids=(1,))

    assert 1.004 == pytest.approx(spent_s(before, Sample(200, 2_004_000_000, 0, (1,))))
    assert 1.0 == pytest.approx(spent_s(before, Sample(200, 1_300_000_000, 0, (1,))))
