"""The Apache Kafka of tests and of development: what Maven resolves, its settings, how it stays."""
