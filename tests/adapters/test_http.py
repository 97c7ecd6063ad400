import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from adapters.http import AiohttpTransport
from adapters.ports import Unknown
from tests.adapters.scripted import run


@asynccontextmanager
async def venue(handler):
    app = web.Application()
    app.router.add_post("/info", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    transport = AiohttpTransport(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield transport
    finally:
        await transport.close()
        await runner.cleanup()


def post(handler, times=1, timeout_s=2.0):
    async def scenario():
        async with venue(handler) as transport:
            return [
                await transport.post("/info", b'{"type":"meta"}', timeout_s=timeout_s) for _ in range(times)
            ]

    return run(scenario())


def test_status_content_type_and_body_come_back_as_they_were():
    async def handler(request):
        assert request.content_type == "application/json"
        assert await request.read() == b'{"type":"meta"}'
        return web.Response(status=429, body=b"null", content_type="application/json")

    [reply] = post(handler)
    assert (reply.status, reply.content_type, reply.body) == (429, "application/json", b"null")


def test_the_connection_is_kept_for_the_next_request():
    ports = []

    async def handler(request):
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response(body=b"1")

    post(handler, times=3)
    assert len(set(ports)) == 1


def test_a_hung_venue_is_unknown_after_the_timeout():
    async def handler(request):
        await asyncio.sleep(5)

    with pytest.raises(Unknown, match=r"within 0\.1 s"):
        post(handler, timeout_s=0.1)


def test_a_connection_dropped_before_the_reply_is_unknown_and_is_not_posted_again():
    seen = []

    async def handler(request):
        await request.read()
        seen.append(1)
        request.transport.abort()

    with pytest.raises(Unknown, match="POST /info"):
        post(handler)
    assert len(seen) == 1


def test_a_reply_that_ends_in_the_middle_is_unknown():
    async def handler(request):
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        request.transport.abort()
        return response

    with pytest.raises(Unknown):
        post(handler)


def test_nobody_listening_is_unknown():
    async def scenario():
        transport = AiohttpTransport("http://127.0.0.1:9")
        try:
            await transport.post("/info", b"{}", timeout_s=1)
        finally:
            await transport.close()

    with pytest.raises(Unknown):
        run(scenario())


@pytest.mark.parametrize("url", ["", "api.hyperliquid.xyz", "https://api.hyperliquid.xyz/", "wss://x"])
def test_a_base_url_that_cannot_work_is_refused_with_the_rule(url):
    with pytest.raises(ValueError, match="without a slash"):
        AiohttpTransport(url)
