"""What goes wrong at venues, each as a change of a script. A frame's number counts the frames a scene says, from 0."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from sim.exchanges.script import (
    Answer,
    Close,
    Cut,
    HalfOpen,
    Mute,
    Raw,
    Refuse,
    Reply,
    Say,
    Scene,
    Script,
    Step,
)

GARBAGE = "\u0000{]nonsense"
BROKEN_FRAME = b"\xf3\xff\x00"
"""Reserved bits and an opcode that nobody defined."""

Fault = Callable[[Scene], Scene]


def first(script: Script, fault: Fault) -> Script:
    """Return the script with the fault in its first connection alone."""
    scene = script.scene(0)
    return replace(script, scenes=(_with(scene, fault), *(script.scenes[1:] or (scene,))))


def always(script: Script, fault: Fault) -> Script:
    """Return the script with the fault in each connection."""
    return replace(script, scenes=tuple(_with(scene, fault) for scene in script.scenes))


def refused(script: Script, refusal: Refuse, *, times: int = 1) -> Script:
    """Return the script with its first handshakes refused."""
    return replace(script, scenes=(refusal,) * times + script.scenes)


def without_rest(script: Script, status: int = 503) -> Script:
    """Return the script with every request refused."""
    return replace(
        script, answers={"": Answer(b"<html>unavailable</html>", status=status, content_type="text/html")}
    )


def muted(number: int) -> Fault:
    return _ending(number, Mute())


def half_open(number: int) -> Fault:
    return _ending(number, HalfOpen())


def closed(number: int, code: int = 1001) -> Fault:
    return _ending(number, Close(code))


def cut(number: int) -> Fault:
    return _ending(number, Cut())


def broken(number: int) -> Fault:
    """Let bytes come that are no websocket frame."""
    return _ending(number, Raw(BROKEN_FRAME))


def garbled(number: int) -> Fault:
    return _changing(number, lambda say: (replace(say, text=GARBAGE),))


def truncated(number: int) -> Fault:
    return _changing(number, lambda say: (replace(say, text=say.text[: len(say.text) // 2]),))


def gapped(number: int) -> Fault:
    """Lose a frame: its sequence number is missing."""
    return _changing(number, lambda say: ())


def doubled(number: int) -> Fault:
    return _changing(number, lambda say: (say, say))


def renamed(old: str, new: str) -> Fault:
    """Call a channel, a field or a symbol something else in whatever the venue says."""

    def fault(scene: Scene) -> Scene:
        steps = tuple(
            replace(step, text=step.text.replace(old, new))
            if isinstance(step, Say) and isinstance(step.text, str)
            else step
            for step in scene.steps
        )
        replies = (Reply(r.when, tuple(text.replace(old, new) for text in r.texts)) for r in scene.replies)
        return Scene(steps, tuple(replies))

    return fault


def _with(scene: Scene | Refuse, fault: Fault) -> Scene | Refuse:
    return fault(scene) if isinstance(scene, Scene) else scene


def _ending(number: int, end: Step) -> Fault:
    """Return what lets a scene end after so many frames."""

    def fault(scene: Scene) -> Scene:
        said = count()
        kept: list[Step] = []
        for step in scene.steps:
            if isinstance(step, Say) and next(said) == number:
                break
            kept.append(step)
        return replace(scene, steps=(*kept, end))

    return fault


def _changing(number: int, change: Callable[[Say], tuple[Say, ...]]) -> Fault:
    def fault(scene: Scene) -> Scene:
        said = count()
        steps: list[Step] = []
        for step in scene.steps:
            hit = isinstance(step, Say) and next(said) == number
            steps += change(step) if hit and isinstance(step, Say) else (step,)
        return replace(scene, steps=tuple(steps))

    return fault
