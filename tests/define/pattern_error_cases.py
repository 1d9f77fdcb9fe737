"""Wrong patterns of several events (rule P1), as the cases of `error_cases`."""

from tests.define.definitions import CART, FILES
from tests.define.error_cases import CLICK, Case

PATTERN_CASES = [
    Case(
        "PATTERN_CONFLICT",
        CART,
        CLICK,
        "«{on: CartUpdated, sequence: [CartUpdated, CartEmptied], within: 1h, to: engaged}",
    ),
    Case(
        "PATTERN_CONFLICT",
        CART,
        CLICK,
        "«{on: CartUpdated, times: 2, not_followed_by: CartEmptied, within: 1h, to: engaged}",
    ),
    Case(
        "PATTERN_CONFLICT",
        CART,
        "  - on: CartUpdated",
        "  - «becomes: 'true'\n    times: 2\n    within: 1h\n    on: CartUpdated",
    ),
    Case("PATTERN_WITHIN", CART, CLICK, "«{on: CartUpdated, times: 2, to: engaged}"),
    Case("PATTERN_WITHIN", CART, CLICK, "«{on: CartUpdated, within: 1h, to: engaged}"),
    Case(
        "PATTERN_KEY",
        CART,
        CLICK,
        "«{all: [CartUpdated, CartEmptied], within: 1h, key: event.cart_id, to: engaged}",
    ),
    Case(
        "PATTERN_SINCE",
        CART,
        CLICK,
        "«{on: CartUpdated, times: 2, within: 1h, since: reminder, to: engaged}",
    ),
    Case("NO_TRIGGER", CART, CLICK, "«{not_followed_by: CartEmptied, within: 1h, to: engaged}"),
    Case(
        "NO_TRIGGER",
        CART,
        FILES[CART][FILES[CART].index("  - on:") : FILES[CART].index("updates:")],
        "  - «remember: {total: '1.0'}\n",
    ),
    Case(
        "TRIGGER_CONFLICT",
        CART,
        CLICK,
        "«{sequence: [CartUpdated, CartEmptied], within: 1h, after: 1h, to: engaged}",
    ),
    Case("BAD_VALUE", CART, CLICK, "{on: CartUpdated, times: «33, within: 1h, to: engaged}"),
    Case("BAD_VALUE", CART, CLICK, "{sequence: «[CartUpdated], within: 1h, to: engaged}"),
    Case(
        "KEY_MISSING",
        CART,
        CLICK,
        "{sequence: [CartUpdated, «ProductViewed], within: 1h, to: engaged}",
    ),
    Case(
        "KEY_MISSING",
        CART,
        CLICK,
        "{on: CartUpdated, «not_followed_by: ProductViewed, within: 1h, to: engaged}",
    ),
    Case(
        "KEY_MISSING",
        CART,
        "  - on: CartUpdated",
        "  - {all: [CartUpdated, {«on: ProductViewed}], within: 1h}\n  - on: CartUpdated",
    ),
    Case(
        "UNKNOWN_EVENT", CART, CLICK, "{all: [CartUpdated, «CartEmptyed], within: 1h, to: engaged}"
    ),
    Case(
        "UNKNOWN_FIELD",
        CART,
        CLICK,
        "{all: [CartUpdated, {on: CartEmptied, when: event.«totall}], within: 1h, to: engaged}",
    ),
    Case(
        "UNKNOWN_FIELD",
        CART,
        CLICK,
        "{sequence: [CartUpdated, CartEmptied], within: 1h, to: engaged, "
        "remember: {items: event.«items}}",
    ),
    Case(
        "UNKNOWN_FIELD",
        CART,
        CLICK,
        "{on: CartUpdated, not_followed_by: CartEmptied, within: 1h, to: engaged, "
        "do: [{send: {id: x, content: x, channels: [email], data: {total: «event.total}}}]}",
    ),
    Case(
        "WRONG_TYPE",
        CART,
        '    when: "event.total != null && event.total > 50.0"',
        "    becomes: «event.cart_id",
    ),
    Case(
        "WAIT_BEYOND_ABANDON",
        CART,
        CLICK,
        "{on: CartUpdated, not_followed_by: CartEmptied, within: «31d, to: engaged}",
    ),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        CLICK,
        "{on: CartUpdated, to: engaged}\n"
        "      - «{on: CartUpdated, times: 2, within: 1h, to: waiting}",
    ),
]
