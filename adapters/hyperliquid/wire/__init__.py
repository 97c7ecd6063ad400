"""Hyperliquid's words and ours. Pure: payloads in, values and faults out, and back (hyperliquid.md 1 to 3)."""
