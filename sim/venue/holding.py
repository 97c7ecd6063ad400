"""Frames between the venue and its clients that a fault plan loses, doubles, cuts short or holds up."""

from heapq import heappop, heappush

from sim.venue.agenda import FOREVER_MS
from sim.venue.fault_plan import FaultPlan
from sim.venue.wire import Close

_CHANNEL_AT = len('{"channel":"')


def channel_of(frame: str) -> str:
    """Return the channel that a frame of the venue begins with."""
    return frame[_CHANNEL_AT : frame.index('"', _CHANNEL_AT)]


class Holding:
    """Within one channel of one connection the order stays; frames of other channels may go first."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._held: list[tuple[int, int, int, str | Close]] = []
        self._put = 0
        self._connections_ms: dict[int, int] = {}
        self._channels_ms: dict[tuple[int, str], int] = {}

    @property
    def next_ms(self) -> int:
        return self._held[0][0] if self._held else FOREVER_MS

    def put(self, number: int, frame: str | Close, now_ms: int) -> int:
        """Take a frame from the venue and return when it leaves."""
        if isinstance(frame, Close):
            self.forget(number)
            return self._hold(number, frame, now_ms)
        channel = channel_of(frame)
        fate = self._plan.on_frame(number, channel, now_ms)
        if fate.closes:
            self.forget(number)
            return self._hold(number, Close(1006), now_ms)
        if fate.lost:
            return now_ms
        lane = (number, channel)
        if fate.wait_ms:
            behind_ms = self._connections_ms.get(number, 0)
            self._connections_ms[number] = max(behind_ms, now_ms + round(fate.wait_ms))
        due_ms = max(now_ms, self._connections_ms.get(number, 0), self._channels_ms.get(lane, 0))
        if fate.hold_ms:
            due_ms = self._channels_ms[lane] = max(due_ms, now_ms + round(fate.hold_ms))
        for _ in range(fate.copies):
            self._hold(number, frame if fate.share == 1 else frame[: int(len(frame) * fate.share)], due_ms)
        return due_ms

    def take(self, now_ms: int) -> list[tuple[int, str | Close]]:
        """Return what is due, in the order in which it leaves."""
        taken = []
        while self._held and self._held[0][0] <= now_ms:
            _, _, number, frame = heappop(self._held)
            taken.append((number, frame))
        return taken

    def forget(self, number: int) -> None:
        """Lose what is on its way on a connection."""
        if any(held[2] == number for held in self._held):
            self._held = sorted(held for held in self._held if held[2] != number)
        self._connections_ms.pop(number, None)
        for lane in [lane for lane in self._channels_ms if lane[0] == number]:
            del self._channels_ms[lane]

    def _hold(self, number: int, frame: str | Close, due_ms: int) -> int:
        self._put += 1
        heappush(self._held, (due_ms, self._put, number, frame))
        return due_ms
