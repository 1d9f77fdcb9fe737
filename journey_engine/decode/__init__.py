"""Bytes in: a Kafka record to an event, or the reason why not. Pure."""
