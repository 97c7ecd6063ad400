"""Chaos for the index price (M4-4): instances of the daemon's own making over scripted venues, in virtual time."""
