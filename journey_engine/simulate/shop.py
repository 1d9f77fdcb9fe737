"""A shop with several channels: what its customers do over eleven weeks.

Each customer is made from the seed and the number alone. Times are milliseconds since the epoch.
There is no feedback on the engine's own commands here: nobody knows their ids before the run. The
mail feedback in the log is that of the shop's newsletter tool, which publishes to the same topics.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from journey_engine.simulate.chance import Chance

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

START: Final = 1_772_409_600_000
"""2026-03-02T00:00Z, a Monday."""
DAYS: Final = 77
END: Final = START + DAYS * DAY
INCIDENT: Final = (START + 23 * DAY, START + 30 * DAY)
"""The payment provider fails for a week: 2026-03-25 to 2026-03-31."""
FAILURES_IN_INCIDENT: Final = 0.8
FAILURES_ELSE: Final = 0.03

_NAMES: Final = (
    "Ana",
    "Bruno",
    "Chloé",
    "Dmitri",
    "Elif",
    "Farid",
    "Grace",
    "Hiro",
    "Ines",
    "João",
)
_ZONES: Final = ("America/Sao_Paulo", "Europe/Berlin", "Europe/Lisbon", "America/New_York")
_PRODUCTS: Final = tuple(f"p{number:03}" for number in range(1, 61))
_PAGES: Final = ("home", "catalog", "promo_page", "review_page", "account_page")


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as its source tells it."""

    type: str
    at: int
    channel: str
    fields: Mapping[str, object]
    customer_id: str | None
    anonymous_id: str | None
    session_id: str | None = None
    backfill: bool = False


class Shopper:
    """One customer and all that they do."""

    def __init__(self, seed: int, number: int) -> None:
        self._chance = Chance(seed, f"shopper/{number}")
        self._id = f"c{number:04}"
        self._device = f"d{number:04}"
        self._known_from = START
        self._has_app = self._chance.happens(0.4)
        self._carts = 0
        self._visits = 0
        self._calls = 0
        self._orders = 0

    def life(self) -> Iterator[Happening]:
        """Everything the customer does, visit by visit."""
        existing = self._chance.happens(0.55)
        if existing:
            yield from self._history()
            at = START + self._chance.between(0, 10 * DAY)
        else:
            at = START + self._chance.between(0, 60 * DAY)
            yield from self._first_visit(at)
            at = self._known_from + self._chance.between(5 * MINUTE, 3 * DAY)
        patience = self._chance.often_small(2, 14)
        while at < END and patience > 0:
            yield from self._visit(at)
            at += self._chance.between(6 * HOUR, 14 * DAY)
            patience -= 1
        yield from self._profile()
        yield from self._mailings()

    def _event(self, kind: str, at: int, channel: str, **fields: object) -> Happening:
        session = f"{self._device}-{self._visits}" if channel in ("web", "app") else None
        return Happening(kind, at, channel, fields, self._id, None, session)

    def _unknown(self, happening: Happening) -> Happening:
        """The same by the device alone, as before the customer has an account."""
        return replace(happening, customer_id=None, anonymous_id=self._device)

    def _history(self) -> Iterator[Happening]:
        """What the shop's older systems knew, loaded on the first day as backfill."""
        opened = START - self._chance.between(20, 700) * DAY
        for kind, channel, fields in (
            ("AccountOpened", "web", self._account()),
            ("EmailVerified", "email", {}),
            *((("PushTokenAdded", "app", {"platform": "android"}),) if self._has_app else ()),
        ):
            opened += self._chance.between(MINUTE, HOUR)
            yield Happening(kind, opened, channel, fields, self._id, None, backfill=True)

    def _account(self) -> dict[str, object]:
        return {
            "first_name": self._chance.pick(_NAMES),
            "language": self._chance.pick(("pt", "en", "de")),
            "acquisition_channel": self._chance.pick(("organic", "paid_search", "email", "social")),
        }

    def _first_visit(self, at: int) -> Iterator[Happening]:
        """Looks around unknown, then opens an account; some verify their address, some do not."""
        for _ in range(self._chance.between(2, 6)):
            yield self._unknown(self._look(at, "web"))
            at += self._chance.between(10 * SECOND, 3 * MINUTE)
        if self._chance.happens(0.2):
            yield self._unknown(self._event("CartUpdated", at, "web", **self._cart(self._device)))
            at += self._chance.between(10 * SECOND, MINUTE)
        self._known_from = at
        yield self._event("AccountOpened", at, "web", **self._account())
        if self._chance.happens(0.85):
            yield self._event("EmailVerified", at + self._chance.often_small(MINUTE, DAY), "email")
        if self._has_app:
            installed = at + self._chance.between(HOUR, 5 * DAY)
            yield self._event("AppInstalled", installed, "app", platform="android")
            yield self._event("AppSignedIn", installed + MINUTE, "app", platform="android")
            if self._chance.happens(0.7):
                yield self._event("PushTokenAdded", installed + 2 * MINUTE, "app")

    def _visit(self, at: int) -> Iterator[Happening]:
        self._visits += 1
        channel = "app" if self._has_app and self._chance.happens(0.5) else "web"
        if channel == "app":
            yield self._event("AppSignedIn", at, "app", platform="android")
        for _ in range(self._chance.between(2, 9)):
            at += self._chance.between(5 * SECOND, 4 * MINUTE)
            yield self._look(at, channel)
        if self._chance.happens(0.5):
            yield from self._shopping(at + MINUTE, channel)

    def _look(self, at: int, channel: str) -> Happening:
        if self._chance.happens(0.3):
            page = self._chance.pick(_PAGES)
            return self._event("PageViewed", at, channel, page=page)
        if self._chance.happens(0.2):
            found = self._chance.between(0, 40)
            return self._event("ProductSearched", at, channel, results=found)
        product = self._chance.pick(_PRODUCTS)
        price = self._chance.between(9, 499) + 0.9
        return self._event("ProductViewed", at, channel, product_id=product, price=price)

    def _cart(self, cart: str) -> dict[str, object]:
        items = [self._chance.pick(_PRODUCTS) for _ in range(self._chance.between(1, 3))]
        return {"cart_id": cart, "total": self._chance.often_small(15, 900) + 0.5, "items": items}

    def _shopping(self, at: int, channel: str) -> Iterator[Happening]:
        self._carts += 1
        cart = self._cart(f"{self._id}-k{self._carts}")
        for _ in range(self._chance.often_small(1, 4)):
            cart = self._cart(str(cart["cart_id"]))
            yield self._event("CartUpdated", at, channel, **cart)
            at += self._chance.between(20 * SECOND, 20 * MINUTE)
        if self._chance.happens(0.08):
            yield self._event("CartEmptied", at, channel, cart_id=cart["cart_id"])
        elif self._chance.happens(0.55):
            yield from self._checkout(at, channel, cart)

    def _checkout(self, at: int, channel: str, cart: Mapping[str, object]) -> Iterator[Happening]:
        total, cart_id = cart["total"], cart["cart_id"]
        yield self._event("CheckoutStarted", at, channel, cart_id=cart_id, total=total)
        self._orders += 1
        order = f"{self._id}-o{self._orders}"
        for _ in range(3):
            at += self._chance.between(40 * SECOND, 6 * MINUTE)
            broken = INCIDENT[0] <= at < INCIDENT[1]
            if not self._chance.happens(FAILURES_IN_INCIDENT if broken else FAILURES_ELSE):
                paid = {"order_id": order, "amount": total}
                yield self._event("PaymentSucceeded", at, channel, **paid)
                bought = {"order_id": order, "cart_id": cart_id, "total": total}
                yield self._event(
                    "OrderPlaced", at + SECOND, channel, **bought, items=cart["items"]
                )
                return
            failed = {"order_id": order, "amount": total, "reason": "provider_timeout"}
            yield self._event("PaymentFailed", at, channel, **failed)
            if self._chance.happens(0.25):
                waited = self._chance.between(2 * MINUTE, 40 * MINUTE)
                yield from self._call(at + waited, "payment")
            if self._chance.happens(0.25):
                return

    def _call(self, at: int, reason: str) -> Iterator[Happening]:
        self._calls += 1
        call = f"{self._id}-call{self._calls}"
        yield self._event("CallStarted", at, "callcenter", call_id=call, reason=reason)
        length = self._chance.between(60, 900)
        solved = self._chance.happens(0.6)
        yield self._event(
            "CallEnded",
            at + length * SECOND,
            "callcenter",
            call_id=call,
            resolved=solved,
            duration_s=length,
        )

    def _profile(self) -> Iterator[Happening]:
        if self._chance.happens(0.3):
            zone = self._chance.pick(_ZONES)
            yield self._event("ProfileChanged", self._some_time(), "crm", timezone=zone)
        if self._chance.happens(0.12):
            at, where = self._some_time(), self._chance.pick((None, None, "email", "push"))
            choice = {"purpose": "marketing", "consent_channel": where}
            yield self._event("ConsentChanged", at, "web", **choice, granted=False)
            if self._chance.happens(0.3):
                again = at + self._chance.between(DAY, 8 * DAY)
                yield self._event("ConsentChanged", again, "app", **choice, granted=True)
        if self._has_app and self._chance.happens(0.1):
            yield self._event("PushTokenRemoved", self._some_time(), "app")

    def _mailings(self) -> Iterator[Happening]:
        """The newsletter tool's own mail: its command ids are none of the engine's."""
        for week in range(0, DAYS // 7, 2):
            at = START + week * 7 * DAY + 9 * HOUR + self._chance.between(0, HOUR)
            if at <= self._known_from or not self._chance.happens(0.5):
                continue
            mail = {"command_id": f"newsletter-{week}-{self._id}"}
            if self._chance.happens(0.04):
                permanent = self._chance.happens(0.5)
                yield self._event("MessageBounced", at, "email", **mail, permanent=permanent)
                continue
            yield self._event("MessageDelivered", at, "email", **mail)
            if self._chance.happens(0.3):
                opened = at + self._chance.often_small(MINUTE, 2 * DAY)
                yield self._event("MessageOpened", opened, "email", **mail)
        if self._chance.happens(0.1):
            yield from self._call(self._some_time(), "delivery")

    def _some_time(self) -> int:
        return self._known_from + self._chance.between(0, max(END - self._known_from, DAY))
