import pytest
from websockets.asyncio.server import serve

from adapters.stream import WebsocketsTransport
from tests.adapters.scripted import run


def with_venue(handler, scenario):
    async def play():
        async with serve(handler, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await scenario(WebsocketsTransport(f"ws://127.0.0.1:{port}/ws"))

    run(play())


def test_text_goes_out_and_frames_come_in_as_bytes():
    async def echo(connection):
        async for message in connection:
            assert isinstance(message, str)
            await connection.send(message + "!")

    async def scenario(transport):
        socket = await transport.connect()
        await socket.send('{"method":"ping"}')
        assert await socket.receive() == b'{"method":"ping"}!'
        await socket.close()

    with_venue(echo, scenario)


def test_a_socket_the_venue_closed_raises_connection_error_on_both_calls():
    async def close_at_once(connection):
        await connection.close()

    async def scenario(transport):
        socket = await transport.connect()
        with pytest.raises(ConnectionError):
            await socket.receive()
        with pytest.raises(ConnectionError):
            await socket.send("x")
        await socket.close()

    with_venue(close_at_once, scenario)


def test_a_frame_larger_than_any_snapshot_closes_the_socket_and_not_the_process():
    async def flood(connection):
        await connection.send(b"x" * (17 * 2**20))

    async def scenario(transport):
        socket = await transport.connect()
        with pytest.raises(ConnectionError):
            await socket.receive()

    with_venue(flood, scenario)


def test_nobody_listening_is_a_connection_error():
    with pytest.raises(ConnectionError, match="127"):
        run(WebsocketsTransport("ws://127.0.0.1:9/ws").connect())


def test_a_page_instead_of_a_handshake_is_a_connection_error():
    async def scenario():
        import asyncio

        async def page(reader, writer):
            await reader.readline()
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(page, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionError):
            await WebsocketsTransport(f"ws://127.0.0.1:{port}/ws").connect()
        server.close()

    run(scenario())


@pytest.mark.parametrize("url", ["", "https://api.hyperliquid.xyz/ws"])
def test_a_url_that_is_no_websocket_is_refused_with_the_rule(url):
    with pytest.raises(ValueError, match="wss://"):
        WebsocketsTransport(url)
