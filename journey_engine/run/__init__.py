"""The shell: the only folder that touches Kafka, disk, network and clock."""
