"""The event types by which the engine itself learns who somebody is (section M).

They are read wherever they are published, whether or not a definition names them: a company need
not ask for an erasure to be one.
"""

from typing import Final

LINKED: Final = "IdentityLinked"
"""Keyed by customer: the visitor `anonymous_id` turned out to be `customer_id` (rule M1)."""
ERASED: Final = "CustomerErased"
"""The customer is erased, or the visitor where it names no customer (rule M4)."""
READ: Final = frozenset({LINKED, ERASED})
