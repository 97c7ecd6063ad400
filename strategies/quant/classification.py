"""What kind of asset a symbol is: the one classification that every universe excludes by (E3-25).

A perpetual on a thousand units (kPEPE) is classed as its coin. Gold tokens are neither stable nor pegged to BTC or ETH.
"""

from enum import StrEnum


class AssetClass(StrEnum):
    COIN = "coin"
    HEDGE = "hedge asset"
    STABLE = "stable"
    WRAPPED = "wrapped or pegged"


_STABLE_NAMES = """
ALUSD BUSD CRVUSD DAI DOLA EURC EURS EURT FDUSD FEI FRAX FRXUSD GHO GUSD HUSD LUSD MIM OUSD PAX PYUSD RLUSD
SAI SUSD SUSDE SUSDS TUSD USD0 USD1 USDB USDBC USDC USDD USDE USDF USDG USDH USDHL USDJ USDK USDL USDM USDN
USDP USDR USDS USDT USDT0 USDX USDY USR UST USTB USTC USDTB USDXL FEUSD USDA VAI XSGD ZUSD
"""
_WRAPPED_NAMES = """
ANKRETH BETH BTCB BTCETH CBBTC CBETH CDAI CETH CMETH CUSDC DBTC EBTC EETH ENZOBTC ETHBTC ETHX EZETH FBTC
FRXETH HBTC JITOSOL KBTC LBTC LSETH METH MSOL MBTC OETH OSETH PUFETH PUMPBTC RENBTC RETH RSETH RSWETH SBTC
SFRXETH SOLVBTC STBTC STETH SWBTC SWETH TBTC UBTC UETH UNIBTC USOL WAVAX WBETH WBNB WBTC WBTCN WEETH WETH
WMATIC WSOL WSTETH WTRX XSOLVBTC
"""
_STABLE = frozenset(_STABLE_NAMES.split())
_WRAPPED = frozenset(_WRAPPED_NAMES.split())


def asset_class(symbol: str) -> AssetClass:
    """Return the class of a perpetual's symbol, as the venue writes it."""
    coin = symbol[1:] if symbol[:1] == "k" and symbol[1:].isupper() else symbol
    name = coin.upper()
    if name in ("BTC", "ETH"):
        return AssetClass.HEDGE
    if name in _STABLE:
        return AssetClass.STABLE
    return AssetClass.WRAPPED if name in _WRAPPED else AssetClass.COIN
