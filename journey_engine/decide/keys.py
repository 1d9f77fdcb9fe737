"""The keys under which states lie."""


def state_key(
    customer_id: str | None, anonymous_id: str | None, account_id: str | None = None
) -> str:
    """The key of a state: `c:` and a customer's id, `a:` and a visitor's, `b:` and an account's
    (contracts, changelog).
    """
    if account_id is not None:
        return f"b:{account_id}"
    return f"c:{customer_id}" if customer_id is not None else f"a:{anonymous_id}"
