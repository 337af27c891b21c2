"""Packet loss: as many packets as the level says, in bursts, nested over the levels; concealed in the period, faded, without clicks."""

from itertools import pairwise

import numpy as np
import pytest
from mirbench_plugins.corruptions.packet_loss import lost_packets

from mirbench import registry

PACKET_LOSS = registry.plugins.current().corruptions["packet-loss"]
RATE = 22_050
PACKET = 441  # samples


def tone(hertz, seconds=6.0, rate=RATE):
    return sum(0.2 / k * np.sin(2 * np.pi * k * hertz * np.arange(round(seconds * rate)) / rate + k) for k in (1, 2, 3)).astype(np.float32)


def bursts(lost):
    """(bursts, 2), first packet lost and first one after it."""
    return np.flatnonzero(np.diff([0, *lost, 0])).reshape(-1, 2)


@pytest.mark.parametrize("level", PACKET_LOSS.levels)
def test_the_share_of_lost_packets_is_the_level_in_every_clip(level):
    for packets in (100, 300, 1_501):
        for seed in range(5):
            assert lost_packets(packets, level / 100, seed).sum() == pytest.approx(level / 100 * packets, abs=0.51)


@pytest.mark.parametrize("level", PACKET_LOSS.levels)
def test_as_many_packets_of_the_audio_are_replaced(level):
    """A packet is its middle, as what arrives is faded at its ends."""
    clean = np.random.default_rng(0).normal(0, 0.1, 300 * PACKET).astype(np.float32)
    for seed in range(3):
        found = PACKET_LOSS.apply(clean, RATE, level, seed)
        middles = (found != clean).reshape(300, PACKET)[:, 150:300]
        assert (middles.all(1) == middles.any(1)).all()
        assert np.array_equal(middles.any(1), lost_packets(300, level / 100, seed))


def test_what_is_lost_at_one_level_is_lost_at_the_next():
    for seed in range(20):
        lost = [lost_packets(300, level / 100, seed) for level in PACKET_LOSS.levels]
        assert all((after >= before).all() for before, after in pairwise(lost))
    assert len({lost_packets(300, 0.1, seed).tobytes() for seed in range(20)}) == 20


@pytest.mark.parametrize("level", PACKET_LOSS.levels)
def test_bursts_are_of_two_packets_on_the_average_and_of_geometric_length(level):
    lengths = np.concatenate([np.diff(bursts(lost_packets(3_000, level / 100, seed)))[:, 0] for seed in range(40)])
    assert lengths.mean() == pytest.approx(2, rel=0.06)
    assert np.mean(lengths == 1) == pytest.approx(0.5, abs=0.04)
    assert np.mean(lengths == 2) == pytest.approx(0.25, abs=0.04)


def test_the_state_does_not_remember_what_was_before():
    """A burst begins after any gap with one probability, that of the chain: rate / (1 - rate) / 2."""
    lost = np.concatenate([lost_packets(3_000, 0.2, seed) for seed in range(40)])
    good = lost[:-1] == 0
    assert lost[1:][good].mean() == pytest.approx(0.2 / 0.8 / 2, rel=0.05)
    long = good[2:] & good[1:-1] & good[:-2]
    assert lost[3:][long].mean() == pytest.approx(0.2 / 0.8 / 2, rel=0.05)


def one_burst(length):
    """A seed and a rate by which 60 packets lose one burst of this length, away from the ends, and nothing else."""
    for seed in range(20_000):
        ((first, end), *more) = bursts(lost_packets(60, length / 60, seed))
        if not more and end - first == length and 5 < first < 50:
            return seed, 100 * length / 60, first * PACKET, end * PACKET
    raise AssertionError("there is none")


@pytest.mark.parametrize("hertz", [73, 110, 185, 440, 1_318.5])
def test_a_tone_goes_on_in_phase_over_a_lost_packet(hertz):
    """Its period is found, so that ten milliseconds of it are as if they had arrived, but for its being a whole number of samples."""
    clean = tone(hertz, 60 * PACKET / RATE)
    seed, level, begin, end = one_burst(1)
    found = PACKET_LOSS.apply(clean, RATE, level, seed)
    held = slice(begin, begin + RATE // 100)
    assert np.linalg.norm(found[held] - clean[held]) < 0.2 * np.linalg.norm(clean[held])
    assert np.abs(np.diff(found)).max() < 1.15 * np.abs(np.diff(clean)).max()
    touched = np.flatnonzero(found != clean)
    assert begin - 0.00375 * RATE - 2 <= touched[0] < begin
    assert end < touched[-1] <= end + 0.005 * RATE


def test_after_ten_ms_it_fades_by_a_fifth_each_ten_and_is_silent_after_sixty():
    clean = tone(441, 60 * PACKET / RATE)  # a period of 50 samples
    seed, level, begin, end = one_burst(4)
    found = PACKET_LOSS.apply(clean, RATE, level, seed)[begin:end]
    loud = [np.abs(found[at : at + 60]).max() / np.abs(clean).max() for at in (0, 160)]
    assert loud == pytest.approx([1, 1], abs=0.02)
    for milliseconds in (20, 30, 40, 50):
        at = round(milliseconds * RATE / 1_000)
        assert np.abs(found[at - 25 : at + 25]).max() / np.abs(clean).max() == pytest.approx(1 - (milliseconds - 10) / 50, abs=0.04)
    assert not found[round(0.06 * RATE) + 1 :].any()


@pytest.mark.parametrize("level", PACKET_LOSS.levels)
def test_nothing_clicks(level):
    """No step from sample to sample is greater than the music's own."""
    clean = tone(220) + tone(277.2) + tone(415)
    for seed in range(5):
        found = PACKET_LOSS.apply(clean, RATE, level, seed)
        assert np.abs(np.diff(found)).max() < 1.4 * np.abs(np.diff(clean)).max()


def test_a_clip_that_begins_with_a_loss_begins_in_silence():
    clean = tone(220, 60 * PACKET / RATE)
    seed = next(seed for seed in range(1_000) if lost_packets(60, 0.4, seed)[0])
    (begin, end), *_ = bursts(lost_packets(60, 0.4, seed))
    assert begin == 0
    assert not PACKET_LOSS.apply(clean, RATE, 40, seed)[: end * PACKET].any()


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_a_packet_has_twenty_ms_at_every_sampling_rate(rate):
    clean = np.random.default_rng(0).normal(0, 0.1, 2 * rate + 7).astype(np.float32)
    found = PACKET_LOSS.apply(clean, rate, 20, 4)
    lost = lost_packets(101, 0.2, 4)
    wanted = [lost[min(int(at / (0.02 * rate)), 100)] for at in range(len(clean))]
    differing = found != clean
    assert differing[np.array(wanted) == 1].all()
    assert differing.mean() < 0.2 + 0.2 * 0.009 / 0.02


def test_a_quiet_clip_is_concealed_as_a_loud_one_is():
    clean = tone(220)
    found = PACKET_LOSS.apply(clean, RATE, 20, 1)
    for gain in (2.0**-40, 4.0):
        assert np.allclose(PACKET_LOSS.apply(clean * np.float32(gain), RATE, 20, 1), found * gain, rtol=1e-5, atol=1e-7 * gain)
