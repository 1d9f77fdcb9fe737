"""One wrong definition for each code of an error; the mark stands where it is expected."""

from typing import NamedTuple

from tests.define.definitions import (
    CART,
    CHANNELS,
    CUSTOMER,
    FILES,
    POLICIES,
)


class Case(NamedTuple):
    """`old` in `file` replaced by `new`, in which the mark shows the place of the error."""

    code: str
    file: str
    old: str
    new: str


WAIT = "{after: 4h, reset_on: CartUpdated, to: nudged}"
CLICK = "{on: MessageClicked, when: \"event.send == 'reminder'\", to: engaged}"
LAST = "{after: 2d, to: end, outcome: clicked}"
SELF = "  - {on: CartEmptied, switch_to: cart, "
EXITS = "  - {on: CartEmptied, reason: emptied}"
VIEWS = "views_1h: {count: ProductViewed, within: 1h}"
GOAL = "order_placed: {on: OrderPlaced, value: event.total}"
DATA = "data: {total: instance.total, browsing: features.views_1h}"
LIMIT = "limit: 3, within: 90d"
REST = FILES[CART].partition("version: 3")[2]
ENGAGED = f"    transitions:\n      - {LAST}"
CHOOSE = "    choose: [{when: 'true', to: nudged}, "


def split(one: str, other: str) -> str:
    """A stage's split with these shares."""
    arms = f"{{one: {{share: {one}, to: end}}, other: {{share: {other}, to: nudged}}}}"
    return f"    split: {{experiment: e, unit: customer, arms: {arms}}}"


RETAINED = "  engaged:\n    macro_stage: retention"
TASK = "\n    on_enter: [{{task: {{id: t, channel: callcenter, team: desk, {}}}}}]"
CASES = [
    # The text
    Case("YAML_SYNTAX", CART, "version: 3", "version: 3«: 4"),
    Case("YAML_SYNTAX", CART, "version: 3", "version: «\x07"),
    Case("YAML_DOCUMENTS", CART, "version: 3", "version: 3\n«---\nx: 1"),
    Case("YAML_DIRECTIVE", CART, "journey: cart", "%YAML 1.1\n«---\njourney: cart"),
    Case("YAML_ANCHOR", CART, "version: 3", "version: «&v 3"),
    Case("YAML_ALIAS", CART, "version: 3", "version: «*v"),
    Case("YAML_TAG", CART, "version: 3", "version: «!!int 3"),
    Case("UNKNOWN_KEY", CART, "version: 3", "version: 3\n«<<: {owner: x}"),
    Case("BAD_VALUE", CART, "version: 3", "version: «2147483648"),
    Case("DUPLICATE_KEY", CART, "version: 3", "version: 3\n«version: 4"),
    Case("KEY_NOT_TEXT", CART, "version: 3", "version: 3\n«7: 4"),
    Case("NUMBER_TOO_LONG", CART, "version: 3", "version: «" + "3" * 41),
    Case("NESTED_TOO_DEEP", CART, "version: 3", "version: " + "[" * 24 + "«[" + "]" * 25),
    # The form
    Case("UNKNOWN_KEY", CART, "version: 3", "version: 3\n«prioritty: 3"),
    Case(
        "UNKNOWN_KEY", CUSTOMER, "purpose: event.purpose}", "purpose: event.purpose, «wen: 'true'}"
    ),
    Case("MISSING_KEY", CART, "journey: cart\nversion: 3\n", "«journey: cart\n"),
    Case(
        "MISSING_KEY",
        CART,
        "  engaged:\n    macro_stage: retention",
        "  «engaged:\n    owner: desk",
    ),
    Case("BAD_NAME", CART, "  order_placed: {on", "  «order placed: {on"),
    Case("BAD_VALUE", CART, "version: 3", "version: «three"),
    Case("BAD_VALUE", CART, "version: 3", "version: «0"),
    Case("BAD_VALUE", CART, "mode: after_end", "mode: «sometimes"),
    Case("BAD_VALUE", CART, GOAL, "order_placed: {«on: , when: features.views_1h > 3}"),
    Case("BAD_VALUE", CART, "cart_id\nfeatures", "cart_id\n«holds:\nfeatures"),
    Case("BAD_VALUE", CART, "key: event.cart_id", "«key: ~"),
    Case("BAD_VALUE", CART, CLICK, "{on: [MessageClicked], «when: null, to: engaged}"),
    Case("BAD_VALUE", POLICIES, "consent: none", "consent: none, «teams: "),
    Case("BAD_DURATION", CART, "after: 4h", "after: «4 hours"),
    Case("BAD_DURATION", CART, "after: 4h", "after: «240"),
    Case("BAD_DATE", CART, "2027-03-01", "«2027-02-30"),
    Case("BAD_DATE", CART, "2027-03-01", "«'20270301'"),
    Case("BAD_DATE", CART, "2027-03-01", "«2027-W09-1"),
    Case("BAD_DURATION", CART, LAST, "{after: «36501d, to: end}"),
    Case("BAD_CAPACITY", CHANNELS, "hold: 10m", "capacity: «40 an hour"),
    Case("GOAL_EMPTY", CART, GOAL, "order_placed: «{}"),
    Case("TRIGGER_CONFLICT", CART, LAST, "«{after: 2d, on: CartUpdated, to: end}"),
    Case("NO_TRIGGER", CART, LAST, "«{to: end}"),
    Case("NO_EFFECT", CART, LAST, "«{after: 2d}"),
    Case("OUTCOME_WITHOUT_END", CART, WAIT, "«{after: 4h, to: nudged, outcome: x}"),
    Case("NOT_A_WAIT", CART, WAIT, "«{on: CartUpdated, reset_on: CartUpdated, to: nudged}"),
    Case("NOT_A_WAIT", CART, WAIT, "«{always: true, since: reminder, to: nudged}"),
    Case(
        "RESET_OF_SINCE",
        CART,
        WAIT,
        "«{after: 4h, since: reminder, reset_on: CartUpdated, to: nudged}",
    ),
    Case("KEY_WITHOUT_EVENT", CART, LAST, "«{after: 2d, scope: customer, to: end}"),
    Case("KEY_WITHOUT_EVENT", CART, GOAL, "«order_placed: {when: 'true', scope: customer}"),
    Case("LIMIT_AND_WITHIN", CART, "{mode: after_end, cooldown: 7d, " + LIMIT, "«{limit: 3"),
    Case("ONCE_AGAIN", CART, "{mode: after_end, cooldown: 7d, " + LIMIT, "«{mode: once, " + LIMIT),
    Case("TRANSACTIONAL", CUSTOMER, "default: {", "default: {«transactional: denied, "),
    Case("BAD_SHARE", CART, ENGAGED, split("«20", "80%")),
    Case("BAD_SHARE", CART, ENGAGED, split("«101%", "0%")),
    Case("BAD_SHARE", CART, ENGAGED, split("«.125%", "0%")),
    Case("SPLIT_SUM", CART, ENGAGED, split("20%", "79.99%").replace("split: ", "split: «")),
    Case("OUTCOME_WITHOUT_END", CART, ENGAGED, CHOOSE + "«{to: nudged, outcome: x}]"),
    Case("CHOOSE_DEFAULT", CART, ENGAGED, "    choose: «[{to: end}, {to: nudged}]"),
    Case(
        "CHOOSE_DEFAULT",
        CART,
        ENGAGED,
        "    choose: «[{when: 'true', to: end}, {when: 'true', to: end}]",
    ),
    Case(
        "JUNCTION_STAGE",
        CART,
        "  engaged:\n    macro_stage: retention\n",
        "  engaged:\n    «macro_stage: retention\n" + CHOOSE + "{to: end}]\n",
    ),
    Case(
        "JUNCTION_STAGE",
        CART,
        RETAINED + "\n" + ENGAGED,
        "  engaged:\n    «macro_stage: retention\n    rank: 0\n" + CHOOSE + "{to: end}]",
    ),
    # The files together
    Case("EXPERIMENT_LOCK", CART, ENGAGED, split("20%", "80%").replace(": e,", ": «e,")),
    Case("FILE_NAME", CART, "journey: cart", "journey: «basket"),
    # Names
    Case("UNKNOWN_EVENT", CART, EXITS, "  - {on: «CartEmptyed, reason: emptied}"),
    Case("UNKNOWN_EVENT", CART, EXITS, "  - {on: [CartEmptied, «Cart], reason: emptied}"),
    Case("UNKNOWN_EVENT", CART, "reset_on: CartUpdated", "reset_on: [«CartUpdate]"),
    Case("UNKNOWN_EVENT", CART, "reset_on: CartUpdated", "reset_on: «milestone"),
    Case("UNKNOWN_EVENT", CUSTOMER, "sum: OrderPlaced.total", "sum: «OrderPlace.total"),
    Case("UNKNOWN_FIELD", CUSTOMER, "sum: OrderPlaced.total", "sum: «OrderPlaced.totall"),
    Case("UNKNOWN_FIELD", CUSTOMER, "[AccountOpened.first_name", "[«AccountOpened.name"),
    Case("UNKNOWN_FIELD", CART, "event.total > 50.0", "event.«totall > 50.0"),
    Case("UNKNOWN_FIELD", CART, "instance.total,", "instance.«totall,"),
    Case("UNKNOWN_FIELD", CUSTOMER, "when: event.permanent", "when: event.«permanant"),
    Case("UNKNOWN_CHANNEL", CART, "[preferred, email,", "[preferred, «e-mail,"),
    Case("UNKNOWN_CHANNEL", CUSTOMER, "  push: {set", "  «pusch: {set"),
    Case("UNKNOWN_PURPOSE", CART, "purpose: marketing", "purpose: «sales"),
    Case("UNKNOWN_PURPOSE", CUSTOMER, "default: {marketing:", "default: {«sales:"),
    Case("UNKNOWN_MACRO_STAGE", CART, "macro_stage: retention", "macro_stage: «retain"),
    Case("UNKNOWN_STAGE", CART, LAST, "{after: 2d, to: «nowhere}"),
    Case("UNKNOWN_STAGE", CART, "start: waiting", "start: «wait"),
    Case("UNKNOWN_GOAL", CART, "success: order_placed", "success: «order"),
    Case("UNKNOWN_SEND", CART, LAST, "{after: 2d, since: «remainder, to: end}"),
    Case("UNKNOWN_NAME", CART, "event.total > 50.0", "in_journey(«'onboarding')"),
    Case(
        "RESERVED_NAME",
        CART,
        "{on: CartUpdated, remember: {total",
        "{on: CartUpdated, remember: {«entered_at: event.occurred_at, total",
    ),
    Case(
        "RESERVED_NAME",
        CART,
        "version: 3",
        "version: 3\nmilestones: {«missing: {on: OrderPlaced, key: event.order_id}}",
    ),
    Case(
        "KEY_WITHOUT_EVENT",
        CART,
        f"version: 3{REST}",
        f"version: 3\nmilestones: {{paid: {{on: CartUpdated}}}}{REST}".replace(
            LAST, "«{on: milestone, scope: customer, to: end}"
        ),
    ),
    Case("UNKNOWN_FIELD", CART, "event.total > 50.0", "milestones.«paid"),
    Case("UNKNOWN_FIELD", CART, "event.total > 50.0", "instance.«entered_at < now"),
    Case("UNKNOWN_FIELD", CART, "event.total > 50.0", "stage.«entered_at < now"),
    Case(
        "UNKNOWN_FIELD",
        CART,
        "key: event.cart_id",
        "key: \"«now < event.occurred_at ? event.cart_id : ''\"",
    ),
    Case(
        "UNKNOWN_FIELD",
        CUSTOMER,
        "within: 90d}",
        "within: 90d, where: «reachable(event.order_id)}",
    ),
    Case(
        "RESERVED_NAME",
        CART,
        LAST,
        LAST + "\n  «end:\n    macro_stage: purchase\n    transitions: [{after: 1d, to: waiting}]",
    ),
    Case(
        "RESERVED_NAME",
        CART,
        LAST,
        "{after: 2d, to: continue}\n  «continue:\n    macro_stage: purchase\n"
        "    transitions: [{after: 1d, to: end}]",
    ),
    Case(
        "REPEATED_ID",
        CART,
        LAST,
        "{after: 2d, to: end, do: [{send: {id: «reminder, content: x, channels: [email]}}]}",
    ),
    Case("REPEATED_FEATURE", CART, VIEWS, VIEWS + "\n  «spend_90d: {count: ProductViewed}"),
    Case("REPEATED_CHANNEL", CART, "email, push]", "email, push, «email]"),
    Case("CHANNELS_EMPTY", CART, "[preferred, email, push]", "«[preferred]"),
    Case("CHANNEL_ACTION", CART, "email, push]", "email, «callcenter]"),
    # Expressions
    Case("WRONG_TYPE", CART, "event.total > 50.0", "event.total «> 'fifty'"),
    Case("WRONG_TYPE", CUSTOMER, "granted: event.granted", "granted: «event.purpose"),
    Case("SYNTAX", CART, "event.total > 50.0", "event.total >«"),
    Case("UNSUPPORTED", CART, "event.total > 50.0", "event.items.exists«(i, i == 'x')"),
    Case("BAD_LITERAL", CART, "event.total > 50.0", "now > timestamp(«'tomorrow')"),
    Case(
        "TOO_COMPLEX", CART, '"event.total != null', '"«' + "true && " * 300 + "event.total != null"
    ),
    # Meaning
    Case(
        "TRAIT_KIND",
        CUSTOMER,
        "[AccountOpened.first_name,",
        "[AccountOpened.first_name, «OrderPlaced.total,",
    ),
    Case("FEATURE_OPERATION", CART, VIEWS, "«views_1h: {within: 1h}"),
    Case(
        "FEATURE_OPERATION", CART, VIEWS, "«views_1h: {count: OrderPlaced, sum: OrderPlaced.total}"
    ),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {last: OrderPlaced}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {count: OrderPlaced, keep: 3}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {count: OrderPlaced, fields: [total]}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {last: OrderPlaced.total, fields: [total]}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {last: OrderPlaced, fields: [complete]}"),
    Case("FEATURE_KIND", CART, VIEWS, "views_1h: {sum: «OrderPlaced.order_id}"),
    Case(
        "CONTEXT_KIND",
        CART,
        "updates:\n  - {on: CartUpdated, remember: {total: event.total}}",
        "updates:\n  - {on: CartUpdated, remember: {total: «event.cart_id}}",
    ),
    Case("GOAL_VALUE_KIND", CART, "value: event.total", "value: «event.order_id"),
    Case("DATA_KIND", CART, DATA, "data: {total: instance.total, wait: «duration('1h')}"),
    Case("EXPIRES_BEFORE_DELAY", CART, "expires: 1d", "delay: 1d\n          expires: «1d"),
    Case("KEY_MISSING", CART, "{on: CartEmptied, reason", "{«on: ProductViewed, reason"),
    Case(
        "KEY_NOT_DECLARED",
        CART,
        FILES[CART][FILES[CART].index("key:") : FILES[CART].index("abandon:")],
        FILES[CART][FILES[CART].index("features:") : FILES[CART].index("exits:")]
        + "exits:\n  - {on: CartEmptied, reason: emptied, «key: event.cart_id}\n",
    ),
    Case(
        "KEY_AND_SCOPE",
        CART,
        "reason: emptied}",
        "reason: x, key: event.cart_id, «scope: customer}",
    ),
    Case("KEY_CONSTANT", CART, "key: event.cart_id", "key: «\"'all'\""),
    Case("UNKNOWN_FIELD", CART, "key: event.cart_id", "key: event.«basket"),
    # Structure
    Case(
        "UNREACHABLE_STAGE",
        CART,
        LAST,
        LAST + "\n  «spare:\n    macro_stage: purchase\n    transitions: [{after: 1d, to: end}]",
    ),
    Case("GUARD_NEVER_TRUE", CART, '"event.total != null && event', '"«event.total < 5.0 && event'),
    Case("GUARD_NEVER_TRUE", CART, "event.send == 'reminder'", "«event.send == 'remainder'"),
    Case("GUARD_NEVER_TRUE", CART, "cart-reminder", "cart-reminder\n          when: «1 > 2"),
    Case(
        "GUARD_NEVER_TRUE", CART, "count: ProductViewed, ", "count: ProductViewed, where: «1 > 2, "
    ),
    Case(
        "TIMEOUT_WITHOUT_PATH",
        CART,
        LAST,
        LAST[:-1] + ", do: [{task: {id: t, channel: callcenter, team: x, ack_within: «1h}}]}",
    ),
    Case("WAIT_BEYOND_ABANDON", CART, "after: 4h", "after: «31d"),
    Case("SHADOWED_TRANSITION", CART, LAST, LAST + "\n      - «{after: 3d, to: waiting}"),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        LAST,
        "{on: [CartUpdated, CartEmptied], to: end}\n      - «{on: CartUpdated, to: waiting}",
    ),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        LAST,
        "{always: true, to: end}\n      - «{when: 'instance.total > 1.0', to: waiting}",
    ),
    Case("SHADOWED_TRANSITION", CART, CLICK, CLICK + "\n      - «" + CLICK),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        LAST,
        LAST
        + "\n      - {when: 'instance.total > 1.0', to: end}"
        + "\n      - «{when: 'instance.total > 1.0', to: waiting}",
    ),
    Case(
        "TIMERS_LIMIT",
        CART,
        "  engaged:\n    macro_stage: retention\n    transitions:",
        "  «engaged:\n    macro_stage: retention\n    transitions:"
        + "".join(f"\n      - {{after: {n}h, when: 'true', to: waiting}}" for n in range(1, 32)),
    ),
    Case(
        "ALWAYS_LOOP",
        CART,
        FILES[CART][FILES[CART].index("  engaged:") :],
        "  «engaged:\n    macro_stage: purchase\n    transitions: [{always: true, to: again}]\n"
        "  again:\n    macro_stage: purchase\n    transitions: [{always: true, to: engaged}]\n",
    ),
    Case(
        "CONTEXT_LIMIT",
        CART,
        FILES[CART][: FILES[CART].index("reentry:")],
        "«"
        + FILES[CART][: FILES[CART].index("reentry:")]
        + "".join(f"  - {{on: CartUpdated, remember: {{field_{n}: '1'}}}}\n" for n in range(32)),
    ),
    Case(
        "NO_WAY_OUT",
        CART,
        FILES[CART][FILES[CART].index("abandon:") :],
        FILES[CART][FILES[CART].index("start:") : FILES[CART].index("  engaged:")]
        + "  «engaged:\n    macro_stage: purchase\n    transitions: [{after: 2d, to: engaged}]\n",
    ),
    # Parts that come later
    Case("UNKNOWN_JOURNEY", CART, EXITS, "  - {on: CartEmptied, switch_to: «upgrade}"),
    Case("SWITCH_CONTEXT", CART, EXITS, SELF + "with: {«totl: event.occurred_at}}"),
    Case("CONTEXT_KIND", CART, EXITS, SELF + "with: {total: «event.cart_id}}"),
    Case("EXIT_REASON", CART, EXITS, "  - «{on: CartEmptied}"),
    Case("WITH_WITHOUT_SWITCH", CART, EXITS, "  - «{on: CartEmptied, reason: x, with: {a: '1'}}"),
    Case(
        "SWITCH_KEY",
        CART,
        EXITS,
        "  - {on: ProductViewed, scope: customer, switch_to: «cart}",
    ),
    Case("MISSING_KEY", CUSTOMER, "reachable:", "«account: {}\nreachable:"),
    Case(
        "ACCOUNT_FIELD",
        CUSTOMER,
        "reachable:",
        "account: {from: [«OrderPlaced.total]}\nreachable:",
    ),
    Case(
        "ACCOUNT_FIELD",
        CUSTOMER,
        "reachable:",
        "account: {from: [AccountLinked.account_id, «AccountLinked.role]}\nreachable:",
    ),
    Case(
        "ACCOUNT_FIELD",
        CUSTOMER,
        "reachable:",
        "account: {from: [AccountLinked.account_id], role: [«OrderPlaced.order_id]}\nreachable:",
    ),
    Case(
        "SUBJECT_CONFLICT",
        CART,
        ENGAGED,
        split("20%", "80%").replace("unit: customer", "unit: «account"),
    ),
    # Actions
    Case("ONE_ACTION", CART, RETAINED, RETAINED + "\n    on_enter: [«{}]"),
    Case("UNKNOWN_TASK", CART, RETAINED, RETAINED + TASK.format("replaces: «x")),
    Case(
        "ACK_AFTER_EXPIRES",
        CART,
        RETAINED,
        RETAINED + TASK.format("ack_within: «2h, expires: 1h"),
    ),
]
