"""What operators see: happenings, metrics, logs, health."""
