"""Made-up customers: seeded event logs to try, test and measure journeys with."""

from pathlib import Path

SHOP_LOG = Path(__file__).with_name("shop.jsonl.gz")
"""A small shop's few weeks over several channels, with broken and repeated records among them."""
