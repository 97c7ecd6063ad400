import pytest

from strategies.quant.classification import AssetClass, asset_class


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("BTC", AssetClass.HEDGE),
        ("ETH", AssetClass.HEDGE),
        ("USDe", AssetClass.STABLE),
        ("USDC", AssetClass.STABLE),
        ("WBTC", AssetClass.WRAPPED),
        ("STETH", AssetClass.WRAPPED),
        ("kPEPE", AssetClass.COIN),
        ("PAXG", AssetClass.COIN),
        ("SOL", AssetClass.COIN),
        ("PUMP", AssetClass.COIN),
        ("kUSDT", AssetClass.STABLE),
    ],
)
def test_a_symbol_has_its_class(symbol, expected):
    assert asset_class(symbol) is expected
