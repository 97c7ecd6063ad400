"""`nightdesk index-price watch`: feeds, weights and exclusions of a running instance, live in the terminal."""

import asyncio
import signal
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daemon.control import NotRunning

COLOURS = {"OK": "green", "DEGRADED": "yellow", "HALTED": "red", "STARTING": "dim"}
AGAIN_S = 1.0
SHOWN_PER_S = 4
QUIET_S = 30.0

Values = dict[str, dict[str, Any]]


async def watch(url: str, console: Console) -> None:
    """Show values until cancelled. Raises NotRunning where nothing answers at first; later it waits for it again."""
    values: Values = {}
    async with aiohttp.ClientSession() as session:
        await _asked(session, url)
        with Live(
            view(values, url, "connected"), console=console, refresh_per_second=SHOWN_PER_S, screen=False
        ) as live:
            while True:
                word = await _stream(session, url, values, live)
                live.update(view(values, url, word))
                await asyncio.sleep(AGAIN_S)


def watch_until_stopped(url: str, console: Console) -> None:
    """Show values until SIGINT or SIGTERM. Raises NotRunning."""

    async def shown() -> None:
        task = asyncio.ensure_future(watch(url.rstrip("/"), console))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    asyncio.run(shown())


async def _asked(session: aiohttp.ClientSession, url: str) -> None:
    try:
        async with session.get(f"{url}/v1/health", timeout=aiohttp.ClientTimeout(total=5)) as reply:
            found = await reply.json()
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        raise NotRunning(f"no index price answers at {url} ({type(error).__name__})") from None
    if not isinstance(found, dict) or "indices" not in found:
        raise NotRunning(f"what answers at {url} is no index price")


async def _stream(session: aiohttp.ClientSession, url: str, values: Values, live: Live) -> str:
    """Take values until the stream ends; return how it did."""
    try:
        async with session.ws_connect(f"{url}/v1/stream", heartbeat=QUIET_S) as socket:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    value = msgspec.json.decode(message.data)
                    values[value["symbol"]] = value
                    live.update(view(values, url, "connected"))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"not connected ({type(error).__name__}), trying again"
    return "the instance closed the connection, trying again"


# --- what is shown -------------------------------------------------------------------------------------------


def view(values: Mapping[str, Mapping[str, Any]], url: str, word: str) -> RenderableType:
    """Return tables of values as the stream tells them: /v1/stream."""
    shown: list[RenderableType] = [Text(f"{url}: {word}", style="dim")]
    for _, value in sorted(values.items()):
        shown += [Text(headline(value), style=COLOURS.get(str(value["state"]), "")), _feeds(value)]
    if not values:
        shown.append(Text("no value yet: the instance starts, or another one publishes"))
    return Group(*shown)


def headline(value: Mapping[str, Any]) -> str:
    price = "no price" if value["price"] is None else f"{value['price']:,.8g}"
    doubt = "" if value["confidence"] is None else f" ± {value['confidence']:.4g}"
    spread = "" if value["spread"] is None else f", spread {value['spread']:.3%}"
    age = f", {value['age_s']:.1f} s old" if value["age_s"] else ""
    state = f"{value['state']} {value['cause']}".strip()
    allowed = [name.replace("_", " ") for name, may in value["allowed"].items() if may and name != "flagged"]
    words = f"{value['symbol']} {price}{doubt} {state}, {value['active_feeds']} feeds{spread}{age}"
    return f"{words}; number {value['sequence']}; allowed: {', '.join(allowed) or 'nothing'}"


def _feeds(value: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for column in ("venue", "pair", "says", "in USD", "weight", "age", "left out"):
        table.add_column(column, no_wrap=True)
    for one in sorted(value["inputs"], key=lambda one: (-one["weight"], one["source"], one["symbol"])):
        style = "dim" if one["reason"] == "secondary" else "yellow" if one["reason"] else ""
        table.add_row(*_cells(one, value["timestamp"]), style=style)
    return table


def _cells(one: Mapping[str, Any], now_ms: int) -> tuple[str, ...]:
    received_ms = one["received_ms"]
    return (
        one["source"],
        one["symbol"],
        "" if one["price"] is None else f"{one['price']:,.8g}",
        "" if one["usd"] is None else f"{one['usd']:,.8g}",
        "" if one["reason"] else f"{one['weight'] or 0:.1%}",
        "" if received_ms is None else f"{max(now_ms - received_ms, 0) / 1000:.1f} s",
        one["reason"] or "",
    )
