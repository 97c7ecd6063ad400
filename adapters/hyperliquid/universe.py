"""What the venue lists, as last read; shared by whoever needs an asset id, a grid or a proof that a name exists."""

from collections.abc import Iterable

from core.types import Coin, Instrument


class Universe:
    """Instruments by coin and by asset id. Empty until the first read; replaced as a whole by every later one."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self.by_coin: dict[Coin, Instrument] = {}
        self.by_id: dict[int, Instrument] = {}
        self.replace(instruments)

    def replace(self, instruments: Iterable[Instrument]) -> None:
        listed = tuple(instruments)
        self.by_coin = {i.coin: i for i in listed}
        self.by_id = {i.asset_id: i for i in listed}

    def __contains__(self, coin: object) -> bool:
        return coin in self.by_coin
