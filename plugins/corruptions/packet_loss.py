"""Packet loss: packets of 20 ms do not arrive, and the receiver conceals it, as in a call or a live stream. audiomentations has no such
effect.

Losses come in bursts, by the two-state Markov chain of Gilbert and Elliott (Capacity of a burst-noise channel, Bell System Technical
Journal 39, 1960; Estimates of error rates for codes on burst-noise channels, 42, 1963), with everything lost in the bad state and nothing
in the good one: bursts are two packets long on the average at every level. Each packet has a rate from which on that chain loses it, and
packets are lost in the order of those, so that the level is the share of the clip's own packets, to the nearest packet, and what is lost at
one severity is lost at the next.

Concealed by waveform substitution after ITU-T G.711, Appendix I (1999): the last period before the loss, 5 to 15 ms, found by
autocorrelation, is repeated; after 10 ms it fades by a fifth in each 10 ms, to silence after 60 ms; both ends are cross-faded, so that
nothing clicks. What differs: one period is repeated where the appendix goes on to two and three, and all fades back take 5 ms.
At severity 1 each bar has a hoarse moment, at 3 no phrase is whole, at 5 half of the music is what was concealed: of more, bursts would be
longer than two packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mirbench

if TYPE_CHECKING:
    import numpy as np

PACKET = 0.02  # s
BURST = 2.0  # packets, the mean length of a burst
PERIODS = (0.005, 0.015)  # s, the shortest and the longest that is repeated
COMPARED = 0.02  # s before the loss, in which the period is looked for
HELD, SILENT = 0.01, 0.06  # s of loss, until which it is as loud as before, and from which on it is silent
BACK = 0.005  # s of the first packet that arrives again, in which it is faded in


class PacketLoss(mirbench.Corruption):
    name = "packet-loss"
    description = "packets of 20 ms lost in bursts, and concealed"
    unit = "% of packets"
    levels = (20, 30, 40, 45, 50)
    family = "coding"

    def apply(self, audio: np.ndarray, sample_rate: int, level: float, seed: int) -> np.ndarray:
        import numpy as np

        packets = int(np.ceil(len(audio) / (PACKET * sample_rate)))
        lost = np.concatenate([[0], lost_packets(packets, level / 100, seed), [0]])
        edges = np.flatnonzero(np.diff(lost)).reshape(-1, 2)  # of bursts, in packets
        out = audio.copy()
        for begin, end in np.minimum(np.round(edges * PACKET * sample_rate).astype(int), len(audio)):
            _conceal(out, begin, end, sample_rate)
        return out


def lost_packets(packets: int, rate: float, seed: int) -> np.ndarray:
    """(packets,) int, 1 where lost: round(rate * packets) of them, and those of any lower rate among them."""
    import numpy as np

    draws = np.random.default_rng(seed).uniform(size=packets)
    stay = 1 - 1 / BURST  # in the bad state; from the good one to it goes one in rate / (1 - rate) / BURST
    rates = draws * BURST / (1 + draws * BURST)  # from which on a packet begins a burst
    rates[:1] = draws[:1]  # the first, where nothing is before
    for index in range(1, packets):
        if draws[index] < stay:  # is lost where the one before is
            rates[index] = min(rates[index], rates[index - 1])
    lost = np.zeros(packets, int)
    lost[np.argsort(rates, kind="stable")[: int(rate * packets + 0.5)]] = 1
    return lost


def _conceal(audio: np.ndarray, begin: int, end: int, sample_rate: int) -> None:
    """Replaces the samples from begin to end by what came before, and cross-fades with what is there on both sides, in place."""
    import numpy as np

    shortest, longest = (max(1, round(seconds * sample_rate)) for seconds in PERIODS)
    compared = max(1, round(COMPARED * sample_rate))
    before = audio[max(0, begin - longest - compared) : begin].astype(np.float64)
    before = np.pad(before, (longest + compared - len(before), 0))
    windows = np.lib.stride_tricks.sliding_window_view(before[:-shortest], compared)  # of the longest lag first
    power = np.maximum(np.square(windows).sum(1), np.finfo(np.float64).tiny)
    period = longest - int(np.argmax(windows @ before[-compared:] / np.sqrt(power)))

    quarter = (period + 3) // 4
    rise = np.arange(1, quarter + 1) / (quarter + 1)
    tail = (1 - rise) * before[-quarter:] + rise * before[-period - quarter : -period]  # so that the period goes on with its own beginning
    repeated = np.concatenate([before[-period:-quarter], tail])
    back = audio[end : end + round(BACK * sample_rate)]
    times = np.arange(end - begin + len(back))
    filling = repeated[times % period] * np.clip((SILENT - times / sample_rate) / (SILENT - HELD), 0, 1)

    if begin:
        audio[begin - quarter : begin] = tail
    audio[begin:end] = filling[: end - begin]
    rise = np.arange(1, len(back) + 1) / (len(back) + 1)
    back[:] = rise * back + (1 - rise) * filling[end - begin :]


@mirbench.hookimpl
def register_corruptions() -> list[mirbench.Corruption]:
    return [PacketLoss()]
