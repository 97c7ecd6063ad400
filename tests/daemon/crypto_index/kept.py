"""A kept index in virtual time: a data directory of coins that wander, an index price of each, lives that begin and end."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from core.prices.settling import SettlementRules
from daemon.alerts import Alerts
from daemon.clock import LoopClock
from daemon.compute import InlineCompute
from daemon.crypto_index.keeper import Keeper
from daemon.crypto_index.kept import history
from daemon.crypto_index.work import Parts
from daemon.settings import AlertSettings, CryptoIndexSettings
from sim.loop import run
from sim.nights.elsewhere import value_of
from state.disk import OS_DISK

NAMES = ("BTC", "ETH", "SOL", "XRP", "USDT")
FIRST, DAYS = "2021-01-01", 160
RULES = """
[base]
day = 2021-01-01
level = 1000.0
[schedule]
weights = "month"
members = "month"
[eligibility]
excluded = ["stablecoin"]
[count]
rule = "fixed"
k = 3
[weights]
rule = "capped_cap"
cap = 0.6
"""


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def write_data(directory, *, until=None):
    """Write the market caps up to a day; supplies grow, so that a review changes weights."""
    directory.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    days = pd.date_range(FIRST, periods=DAYS, freq="D")
    close = 100 * np.exp(np.cumsum(0.03 * rng.standard_normal((DAYS, len(NAMES))), axis=0))
    close[:, -1] = 1.0
    supply = (
        1e8 * np.arange(len(NAMES), 0, -1.0) * (1 + 0.01 * np.arange(DAYS)[:, None] * np.arange(len(NAMES)))
    )
    table = pd.DataFrame(
        {
            "date": np.repeat(days, len(NAMES)),
            "symbol": list(NAMES) * DAYS,
            "close": close.ravel(),
            "supply_pit": supply.ravel(),
            "quote_volume": 1e8,
        }
    )
    if until is not None:
        table = table[table["date"] <= until]
    table.to_parquet(directory / "derived_daily.parquet")
    (directory / "categories.csv").write_text("symbol,category\nUSDT,stablecoin\n")
    return directory


class Stopped(BaseException):
    """The process ends here."""


class House:
    """A state directory, and the lives of a keeper on it. px are the index prices, which tests move."""

    def __init__(self, place, **options):
        self.directory, self.data = place / "state", write_data(place / "data")
        self.directory.mkdir(exist_ok=True)
        (place / "three.toml").write_text(RULES)
        self.settings = CryptoIndexSettings(
            methodology=str(place / "three.toml"),
            data=str(self.data),
            settle_wait_s=5.0,
            data_every_s=30.0,
            **options,
        )
        self.px = {"BTC": 100.0, "ETH": 50.0, "SOL": 20.0, "XRP": 10.0}
        self.is_halted = False
        self.alerts = Alerts(AlertSettings(), origin="test", now_ms=lambda: 0)
        self.seen = []

    def keeper(self, clock):
        return Keeper(
            Parts(
                settings=lambda: self.settings,
                settlement=SettlementRules(window_s=20, partitions=1),
                method="twap",
                directory=self.directory,
                disk=OS_DISK,
                clock=clock,
                told=self.alerts,
                compute=lambda: InlineCompute(clock, takes_s=0.1),
                apart=self.apart,
                halted=lambda: self.is_halted,
                prices=lambda take: self.speak(clock, take),
            )
        )

    async def apart(self, function):
        return function()

    async def speak(self, clock, take):
        while True:
            take([value_of(name, px, clock.now_ms()) for name, px in self.px.items()])
            await clock.sleep(1.0)

    def lives(self, start, until, *, meanwhile=None):
        """Run a keeper from one time to another and return what it showed last. meanwhile: (seconds, function) to call."""
        return run(self._life(ms(start), ms(until), meanwhile))

    async def _life(self, start_ms, until_ms, meanwhile):
        clock = LoopClock(start_ms)
        keeper = self.keeper(clock)
        task = asyncio.ensure_future(keeper.run())
        shown = None
        try:
            while clock.now_ms() < until_ms and not task.done():
                if meanwhile and clock.now_ms() >= start_ms + 1000 * meanwhile[0]:
                    meanwhile[1](keeper)
                    meanwhile = None
                await clock.sleep(0.5)
                shown = keeper.shown
                self.seen.append(shown)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        return shown

    @property
    def entries(self):
        return list(history(self.directory / "crypto-index"))

    @property
    def told(self):
        """What the ledger has, without prices: time and kind of each entry."""
        times = [
            datetime.fromtimestamp(e.at_ms / 1000, tz=UTC).strftime("%m-%d %H:%M:%S") for e in self.entries
        ]
        return [(at, type(e.event).__name__) for at, e in zip(times, self.entries, strict=True)]

    @property
    def codes(self):
        return {alert.code: alert.level for alert in self.alerts.active()}
