"""The in-memory end of a websocket behaves like the real one (S3-74)."""

import asyncio

import pytest

from adapters.mock_websocket import MockWebsocket
from adapters.ports import Socket


def run(main):
    return asyncio.run(main)


def test_frames_are_read_in_the_order_in_which_they_arrived():
    async def main():
        socket = MockWebsocket()
        for frame in ("a", b"b", "c"):
            socket.deliver(frame)
        return [await socket.receive() for _ in range(3)]

    assert run(main()) == ["a", b"b", "c"]


def test_a_waiting_reader_wakes_when_a_frame_arrives():
    async def main():
        socket: Socket = MockWebsocket()
        reader = asyncio.create_task(socket.receive())
        await asyncio.sleep(0)
        assert not reader.done()
        socket.deliver("now")
        return await reader

    assert run(main()) == "now"


def test_what_is_sent_is_heard_or_kept():
    async def main():
        heard = []
        await MockWebsocket(on_send=heard.append).send("one")
        kept = MockWebsocket()
        await kept.send("two")
        return heard, kept.sent

    assert run(main()) == (["one"], ["two"])


@pytest.mark.parametrize("end", ["drop", "close"])
def test_a_closed_connection_raises_on_both_calls_but_gives_what_had_arrived(end):
    async def main():
        socket = MockWebsocket()
        socket.deliver("last")
        socket.drop(1006) if end == "drop" else await socket.close()
        socket.deliver("too late")
        assert await socket.receive() == "last"
        with pytest.raises(ConnectionError, match="closed"):
            await socket.receive()
        with pytest.raises(ConnectionError, match="closed"):
            await socket.send("x")

    run(main())


def test_a_drop_wakes_the_reader():
    async def main():
        socket = MockWebsocket()
        reader = asyncio.create_task(socket.receive())
        await asyncio.sleep(0)
        socket.drop()
        with pytest.raises(ConnectionError, match="1006"):
            await reader

    run(main())


def test_the_far_end_hears_once_that_we_left():
    async def main():
        left = []
        socket = MockWebsocket(on_close=lambda: left.append(1))
        await socket.close()
        await socket.close()
        dropped = MockWebsocket(on_close=lambda: left.append(2))
        dropped.drop()
        await dropped.close()
        return left

    assert run(main()) == [1]


def test_a_cancelled_reader_loses_nothing():
    async def main():
        socket = MockWebsocket()
        reader = asyncio.create_task(socket.receive())
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        socket.deliver("kept")
        return await socket.receive()

    assert run(main()) == "kept"


def test_a_silent_connection_loses_frames_and_stays_open():
    async def main():
        socket = MockWebsocket()
        socket.fall_silent()
        socket.deliver("lost")
        await socket.send("into the void")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.01)

    run(main())


def test_two_readers_are_a_mistake():
    async def main():
        socket = MockWebsocket()
        reader = asyncio.create_task(socket.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one reader"):
            await socket.receive()
        reader.cancel()

    run(main())
