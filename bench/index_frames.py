"""Sends ticker frames to a socket at a steady pace, each stamped with when it was sent: the market of bench/index_price.py.

`python -m bench.index_frames PORT SECONDS SYMBOLS FEEDS HZ`, a process of its own, so that its pace is not the reader's.
A line is the time (CLOCK_MONOTONIC, which all processes share), symbol, feed and frame.
"""

import json
import socket
import sys
import time


def frame(symbol: int, price: float) -> str:
    """Return a ticker frame as Coinbase sends it."""
    words = {
        "type": "ticker",
        "sequence": 1,
        "product_id": f"C{symbol}-USD",
        "price": f"{price:.2f}",
        "volume_24h": "15000.5",
        "best_bid": f"{price * 0.9999:.2f}",
        "best_ask": f"{price * 1.0001:.2f}",
        "time": "2023-11-14T22:13:20.000000Z",
        "trade_id": 1,
    }
    return json.dumps(words)


def send(port: int, seconds: float, *, symbols: int, feeds: int, hz: int) -> None:
    frames = [[frame(i, 100.0 + i + 0.01 * n) for n in range(5)] for i in range(symbols)]
    with socket.create_connection(("127.0.0.1", port)) as reader:
        reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began, sent = time.monotonic(), 0
        while sent < seconds * hz * symbols:
            wait_s = began + sent / (hz * symbols) - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            turn, symbol = divmod(sent, symbols)
            told = frames[symbol][turn % 5]
            for feed in range(feeds):
                reader.sendall(f"{time.monotonic():.6f} {symbol} {feed} {told}\n".encode())
            sent += 1


if __name__ == "__main__":
    port_, seconds_, symbols_, feeds_, hz_ = sys.argv[1:]
    send(int(port_), float(seconds_), symbols=int(symbols_), feeds=int(feeds_), hz=int(hz_))
