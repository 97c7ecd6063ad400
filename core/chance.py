"""Seeded chance without state: the same name gives the same number, before and after a restart."""

from hashlib import blake2b


def uniform(seed: int, *name: str | int) -> float:
    """Return a number in [0, 1) that depends on the seed and the name alone."""
    text = "/".join(str(part) for part in (seed, *name))
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56
