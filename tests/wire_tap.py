"""Listens to the wire of a world: what the venue said and what the daemon heard, asked and was answered."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from sim.nights.network import Network
from sim.venue.holding import channel_of
from sim.venue.venue import Venue


@dataclass
class Asked:
    """A POST of the daemon; reply is None where none came."""

    at_s: float
    path: str
    body: bytes
    status: int | None = None
    reply: bytes | None = None

    @property
    def kind(self) -> str:
        document = json.loads(self.body)
        return str(document["action"]["type"] if self.path == "/exchange" else document["type"])


@dataclass
class Tap:
    """Times are seconds from the close; a frame is (time, connection, channel, text)."""

    said: list[tuple[float, int, str, str]] = field(default_factory=list)
    heard: list[tuple[float, int, str, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    done: list[bytes] = field(default_factory=list)
    connected_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)


@contextmanager
def tapped(close_ms: int):
    """Give a Tap that hears what happens within."""
    tap = Tap()
    with (
        patch.object(Network, "_show", _showing(tap, Network._show, close_ms)),
        patch.object(Network, "post", _posting(tap, Network.post, close_ms)),
        patch.object(Network, "connect", _connecting(tap, Network.connect, close_ms)),
        patch.object(Venue, "take_frames", _saying(tap, Venue.take_frames, close_ms)),
        patch.object(Venue, "submit", _submitting(tap, Venue.submit)),
    ):
        yield tap


def _at_s(clock, close_ms: int) -> float:
    return (clock.now_ms() - close_ms) / 1000


def _note(frames: list, at_s: float, number: int, frame: object) -> None:
    if isinstance(frame, str):
        frames.append((at_s, number, channel_of(frame), frame))


def _saying(tap: Tap, real: Callable, close_ms: int) -> Callable:
    def take_frames(venue):
        frames = real(venue)
        for number, frame in frames:
            _note(tap.said, (venue._state.now_ms - close_ms) / 1000, number, frame)
        return frames

    return take_frames


def _showing(tap: Tap, real: Callable, close_ms: int) -> Callable:
    def show(network, connection, frames):
        before = connection.deaf
        real(network, connection, frames)
        for frame in () if before else frames:
            if not (isinstance(frame, str) and network._is_mute(connection, frame)):
                _note(tap.heard, _at_s(network._clock, close_ms), connection.number, frame)

    return show


def _submitting(tap: Tap, real: Callable) -> Callable:
    def submit(venue, path, content_type, body, *, now_ms):
        tap.done.append(body)
        return real(venue, path, content_type, body, now_ms=now_ms)

    return submit


def _posting(tap: Tap, real: Callable, close_ms: int) -> Callable:
    async def post(network, path, body, *, timeout_s):
        asked = Asked(_at_s(network._clock, close_ms), path, body)
        tap.asked.append(asked)
        reply = await real(network, path, body, timeout_s=timeout_s)
        asked.status, asked.reply = reply.status, reply.body
        return reply

    return post


def _connecting(tap: Tap, real: Callable, close_ms: int) -> Callable:
    async def connect(network, life):
        try:
            socket = await real(network, life)
        except ConnectionError:
            tap.refused_s.append(_at_s(network._clock, close_ms))
            raise
        tap.connected_s.append(_at_s(network._clock, close_ms))
        return socket

    return connect
