"""Money neither appears nor vanishes, and every state adds up, whatever is done (hyperliquid.md 6.3)."""

from decimal import ROUND_HALF_EVEN

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.sim.venue.desk import AGENT, ALICE, BOB, MASTER, OTHER, Desk, order_action
from tests.sim.venue.small_market import HOUR_MS, D, SmallMarket, asset
from tests.sim.venue.wallet import ledger, sub_transfer, to_class, usd_send, with_sub_account, withdraw

COINS = ("BTC", "ETH", "SOL")
LOT = {"BTC": D("0.03"), "ETH": D("0.7"), "SOL": D("11.01")}
SIX = D("0.000001")
DEPOSIT_USD = 2_000
OWNERS = {ALICE: MASTER, BOB: OTHER}

coins, users = st.sampled_from(COINS), st.sampled_from((ALICE, BOB, "sub"))
lots = st.sampled_from((-8, -3, -1, 1, 3, 8))


class Money(RuleBasedStateMachine):
    """Two masters and a sub-account of the first, in a market that moves by whole percents."""

    def __init__(self):
        super().__init__()
        assets = (asset(0, "BTC", 5, 40), asset(1, "ETH", 4, 25), asset(2, "SOL", 2, 20))
        self.desk = Desk(SmallMarket(assets, size=D(1)), usdc=DEPOSIT_USD)
        self.sub = with_sub_account(self.desk, 500)
        self.left_usd = D(0)
        for user in (ALICE, BOB, "sub"):
            self.set_leverage(user, "ETH", 20, False)

    def address(self, user):
        return self.sub if user == "sub" else user

    def post(self, user, action):
        signer = OWNERS[BOB] if user == BOB else AGENT
        return self.desk.post(action, signer=signer, vault=self.sub if user == "sub" else None)

    # --- what may happen

    @rule(user=users, coin=coins, lots=lots, reduce=st.booleans())
    def take(self, user, coin, lots, reduce):
        market = self.desk.market
        px = market.mids[coin] + (30 if lots > 0 else -30) * market.step(COINS.index(coin))
        self.post(user, order_action(market, (coin, lots * LOT[coin], px, "Ioc", reduce and lots < 3, None)))

    @rule(user=users, coin=coins, lots=lots, ticks=st.integers(-30, 30), tif=st.sampled_from(("Gtc", "Alo")))
    def rest(self, user, coin, lots, ticks, tif):
        market = self.desk.market
        px = market.mids[coin] + ticks * market.step(COINS.index(coin))
        self.post(user, order_action(market, (coin, lots * LOT[coin], px, tif, False, None)))

    @rule(coin=coins, percent=st.integers(-8, 8), off=st.integers(-20, 20))
    def move(self, coin, percent, off):
        market, step = self.desk.market, self.desk.market.step(COINS.index(coin))
        market.mids[coin] += (market.mids[coin] * percent / 100 / step).to_integral_value() * step
        market.marks[coin] = market.mids[coin] + off * step
        self.desk.wait(3_000)

    @rule(ms=st.sampled_from((500, 30_000, HOUR_MS)))
    def wait(self, ms):
        self.desk.wait(ms)

    @rule(user=users, coin=coins, value=st.sampled_from((2, 5, 20)), cross=st.booleans())
    def set_leverage(self, user, coin, value, cross):
        asset_id = COINS.index(coin)
        self.post(user, {"type": "updateLeverage", "asset": asset_id, "isCross": cross, "leverage": value})

    @rule(
        user=users,
        coin=coins,
        usd=st.integers(-500_000_000, 500_000_000),
        to=st.sampled_from((None, "1", "2.5", "9")),
    )
    def move_margin(self, user, coin, usd, to):
        asset_id = COINS.index(coin)
        if to is None:
            self.post(user, {"type": "updateIsolatedMargin", "asset": asset_id, "isBuy": True, "ntli": usd})
        else:
            self.post(user, {"type": "topUpIsolatedOnlyMargin", "asset": asset_id, "leverage": to})

    @rule(
        kind=st.sampled_from(("sub", "class", "send", "withdraw", "requests")),
        amount=st.decimals(0, 300, places=2),
        there=st.booleans(),
    )
    def transfer(self, kind, amount, there):
        match kind:
            case "sub":
                sub_transfer(self.desk, self.sub, amount, deposit=there)
            case "class":
                to_class(self.desk, amount, perp=there)
            case "send":
                usd_send(self.desk, amount, ALICE if there else BOB, signer=OTHER if there else MASTER)
            case "withdraw":
                done = withdraw(self.desk, amount, ALICE, signer=MASTER if there else OTHER)
                self.left_usd += amount if done["status"] == "ok" else 0
            case "requests":
                done = self.post(ALICE, {"type": "reserveRequestWeight", "weight": int(amount)})
                self.left_usd += int(amount) * D("0.0005") if done["status"] == "ok" else 0

    # --- what always holds

    @invariant()
    def every_state_adds_up(self):
        for user in (ALICE, BOB, self.sub):
            check_state(self.desk, user)

    @invariant()
    def money_moves_only_by_fills_fees_funding_and_in_and_out(self):
        desk = self.desk
        people = [desk.venue._account(user) for user in (ALICE, BOB, self.sub)]
        there = desk.venue._state.backstop.cash_usd
        for account in people:
            there += account.cash_usd + account.spot_usd
            there += sum((p.raw_usd for p in account.positions.values() if p.raw_usd is not None), D(0))
        paid = sum((f.signed_size * f.px + f.fee_usd for a in people for f in a.fills), D(0))
        funding = sum((row.usd for a in people for row in a.fundings), D(0))
        assert there == 2 * DEPOSIT_USD - self.left_usd - paid + funding

    @invariant()
    def what_an_account_has_is_what_its_ledger_its_fills_and_its_funding_say(self):
        for user in (ALICE, BOB, self.sub):
            account, rows = self.desk.venue._account(user), ledger(self.desk, user)
            assert account.spot_usd == sum((-class_change(row) for row in rows), D(0))
            if any(row["type"] == "liquidation" for row in rows):
                continue
            raw = sum((p.raw_usd for p in account.positions.values() if p.raw_usd is not None), D(0))
            paid = sum((f.signed_size * f.px + f.fee_usd for f in account.fills), D(0))
            paid += account.requests_bought * D("0.0005") - sum((f.usd for f in account.fundings), D(0))
            assert account.cash_usd + raw == sum((perp_change(row, user) for row in rows), D(0)) - paid

    @invariant()
    def both_sides_of_a_trade_between_accounts_cancel(self):
        sides = {}
        for user in (ALICE, BOB, self.sub):
            for fill in self.desk.venue._account(user).fills:
                sides.setdefault(fill.tid, []).append(fill.signed_size * fill.px)
        assert all(sum(both) == 0 for both in sides.values() if len(both) == 2)


def class_change(delta):
    """Return what a row says went from spot to perp."""
    if delta["type"] != "accountClassTransfer":
        return D(0)
    return D(delta["usdc"]) * (1 if delta["toPerp"] else -1)


def perp_change(delta, user):
    match delta["type"]:
        case "deposit":
            return D(delta["usdc"])
        case "withdraw":
            return -D(delta["usdc"]) - D(delta["fee"])
        case "internalTransfer" | "subAccountTransfer":
            return D(delta["usdc"]) * (1 if delta["destination"] == user else -1)
    return class_change(delta)


def check_state(desk, user):
    state = desk.state(user)
    rows = [entry["position"] for entry in state["assetPositions"]]
    whole, cross = (
        {k: D(v) for k, v in state[name].items()} for name in ("marginSummary", "crossMarginSummary")
    )
    shared = [p for p in rows if p["leverage"]["type"] == "cross"]
    apart = [p for p in rows if p["leverage"]["type"] == "isolated"]
    for summary, part in ((whole, rows), (cross, shared)):
        assert summary["accountValue"] == summary["totalRawUsd"] + sum(map(signed, part))
        assert summary["totalNtlPos"] == sum(D(p["positionValue"]) for p in part)
        assert summary["totalMarginUsed"] == sum(D(p["marginUsed"]) for p in part)
    margins = sum(D(p["marginUsed"]) for p in apart)
    assert cross["accountValue"] == whole["accountValue"] - margins
    maintenance = sum((kept(p) for p in shared), D(0))
    assert D(state["crossMaintenanceMarginUsed"]) == maintenance.quantize(SIX)
    for p in shared:
        assert D(p["marginUsed"]) == (D(p["positionValue"]) / p["leverage"]["value"]).quantize(SIX)
        check_position(p, cross["accountValue"] - maintenance)
    for p in apart:
        assert D(p["marginUsed"]) == D(p["leverage"]["rawUsd"]) + signed(p)
        check_position(p, D(p["marginUsed"]) - kept(p))
    assert 0 <= D(state["withdrawable"]) <= max(D(0), cross["accountValue"] - cross["totalMarginUsed"])


def signed(p):
    return D(p["positionValue"]) * (1 if D(p["szi"]) > 0 else -1)


def kept(p):
    return D(p["positionValue"]) / (2 * p["maxLeverage"])


def check_position(p, available):
    size, side = D(p["szi"]), 1 if D(p["szi"]) > 0 else -1
    mark, pnl = D(p["positionValue"]) / abs(size), D(p["unrealizedPnl"])
    cost = abs(signed(p) - pnl)
    assert D(p["returnOnEquity"]) == (pnl * p["leverage"]["value"] / cost).quantize(
        D("1e-10"), rounding=ROUND_HALF_EVEN
    )
    px = mark - side * available / abs(size) / (1 - side / D(2 * p["maxLeverage"]))
    expected = None if px <= 0 else px.quantize(D("1e-10"))
    assert expected == (None if p["liquidationPx"] is None else D(p["liquidationPx"]))


Money.TestCase.settings = settings(max_examples=20, stateful_step_count=50, deadline=None)
TestMoney = Money.TestCase


def test_two_accounts_that_trade_with_each_other_keep_their_money_but_for_the_fees():
    desk = Desk(SmallMarket(depth=0))
    for px, qty in ((4_000, 3), (4_100, -5), (3_900, 4), (4_050, -2)):
        desk.order("ETH", qty, px, "Gtc")
        desk.order("ETH", -qty, px, signer=OTHER)
    fees = sum(f.fee_usd for user in (ALICE, BOB) for f in desk.venue.fills(user))
    assert fees > 0
    assert desk.venue.equity(ALICE) + desk.venue.equity(BOB) == 2_000_000 - fees
    assert desk.venue.positions(ALICE) == {}
