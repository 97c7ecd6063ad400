"""A second index price, written from the methodology's rules and not from the engine: what verifies the first.

It shares no code with core: records are dicts as the ledger has them, numbers are numpy's, and one evaluation is one walk
from feeds to price. docs/index_price.md has the rules.
"""
