"""Customer journeys on Kafka: events in, stage transitions kept for life, commands out."""
