"""The documents that the venue's own web page asks for: everything about an account in one (hyperliquid.md 3.2)."""

from typing import Any

from sim.venue.account import Account
from sim.venue.info_account import frontend_open_orders
from sim.venue.info_market import asset_contexts, meta
from sim.venue.info_spot import CONTEXT
from sim.venue.margin import clearinghouse
from sim.venue.refusals import coins_at_open_interest_cap
from sim.venue.state import VenueState
from sim.venue.sub_accounts import spot_state
from sim.venue.twaps import twap_states
from sim.venue.wire import number

Document = dict[str, Any]


def web_data_2(state: VenueState, account: Account) -> Document:
    """Return webData2: over 100 kB when the universe is the real one."""
    return {
        "clearinghouseState": clearinghouse(state, account),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "openOrders": frontend_open_orders(account),
        **_agent(state, account),
        "cumLedger": number(account.deposited_usd),
        "meta": meta(state),
        "assetCtxs": asset_contexts(state),
        "serverTime": state.now_ms,
        "isVault": False,
        "user": account.address,
        "twapStates": twap_states(state, account.address),
        "spotState": spot_state(account),
        "spotAssetCtxs": [CONTEXT],
        "perpsAtOpenInterestCap": coins_at_open_interest_cap(state),
    }


def web_data_3(state: VenueState, account: Account) -> Document:
    user = {
        **_agent(state, account),
        "cumLedger": number(account.deposited_usd),
        "serverTime": state.now_ms,
        "isVault": False,
        "user": account.address,
    }
    dex = {
        "totalVaultEquity": "0.0",
        "perpsAtOpenInterestCap": coins_at_open_interest_cap(state),
        "leadingVaults": [],
    }
    return {"userState": user, "perpDexStates": [dex]}


def _agent(state: VenueState, account: Account) -> Document:
    """Return the account's unnamed agent: the page's own."""
    agents = (a for a in state.agents.values() if a.master == account.address and not a.name)
    agent = next(agents, None)
    return {
        "agentAddress": None if agent is None else agent.address,
        "agentValidUntil": None if agent is None else agent.valid_until_ms,
    }
