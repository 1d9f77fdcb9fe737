"""How many examples a law is tried on."""

from hypothesis import settings


def examples(usual: int) -> settings:
    """So many, and under a profile that asks for more (`long`) as many as that."""
    return settings(max_examples=max(usual, settings().max_examples))
