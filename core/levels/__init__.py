"""The level of a crypto index and its divisor: the nouns, the arithmetic, and what each event does (issue 6, point 5)."""
