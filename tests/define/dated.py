"""The small company with calendars, and with customers whose zone and birthday are known."""

from collections.abc import Mapping

from tests.define.definitions import CUSTOMER, FILES, POLICIES, bent

_CALENDARS = """\
timezone: America/Sao_Paulo
calendars:
  bank: {week: [mon, tue, wed, thu, fri], closed: [2026-12-25]}
  shop: {week: [mon, tue, wed, thu, fri, sat]}
  bank-br: {}
"""
_TRAITS = """\
  timezone: {from: [ProfileChanged.timezone]}
  birth_date: {from: [ProfileChanged.birth_date]}
consent:"""

COMPANY: Mapping[str, str] = bent(
    CUSTOMER, "consent:", _TRAITS, {**FILES, POLICIES: FILES[POLICIES] + _CALENDARS}
)
