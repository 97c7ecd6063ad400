"""Recorded prices as a stream of what was heard: normalised ticks, minute bars, raw frames."""
