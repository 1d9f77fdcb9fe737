"""Bytes out: a decision to the records that leave. Pure."""
