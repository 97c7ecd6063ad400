"""What a scripted spot venue does, as data: frames and their delays, answers to requests, and what goes wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Say:
    """Send a frame, after_s after the step before; only to a client one of whose frames has `wanted` in it."""

    text: str | bytes
    after_s: float = 0.0
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until the client has sent a frame that has this text in it: its subscription."""

    text: str


@dataclass(frozen=True, slots=True)
class Flood:
    """Send a frame so many times, as fast as the client takes them."""

    text: str
    times: int


@dataclass(frozen=True, slots=True)
class Live:
    """For ever, each every_s: send what texts makes of the number of the round and the time (ms)."""

    texts: Callable[[int, int], Sequence[Say]]
    every_s: float


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in order, with a code."""

    code: int = 1001
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Cut:
    """End the connection as a crash does: reset, no farewell."""

    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Mute:
    """Say nothing more; TCP stays open and the client is read."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Neither say nor read anything more, as if the route were gone: not even a farewell is answered."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Write bytes that need not be a websocket frame."""

    data: bytes


Step = Say | Await | Flood | Live | Close | Cut | Mute | HalfOpen | Raw


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered to each client frame that has this text in it, whatever the steps are at."""

    when: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One connection. After the last step the venue is mute."""

    steps: tuple[Step, ...]
    replies: tuple[Reply, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """A page instead of a handshake; no status: the TCP connection is taken and nothing said on it."""

    status: int | None = 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered."""

    body: bytes
    status: int = 200
    after_s: float = 0.0
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Script:
    """The nth connection plays the nth scene, the last one from then on.

    answers are by the beginning of path and query ("/api/v3/ticker"), the longest that fits; what fits none is 404.
    """

    scenes: tuple[Scene | Refuse, ...]
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def scene(self, number: int) -> Scene | Refuse:
        return self.scenes[min(number, len(self.scenes) - 1)]

    def answer(self, path: str) -> Answer:
        fitting = [beginning for beginning in self.answers if path.startswith(beginning)]
        return self.answers[max(fitting, key=len)] if fitting else Answer(b"{}", status=404)
