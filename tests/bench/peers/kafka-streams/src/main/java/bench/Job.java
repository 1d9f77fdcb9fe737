package bench;

import java.io.File;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/** The bench job on Kafka Streams: one thread, states and timers in RocksDB with changelogs. */
public final class Job {
    private static final int CACHE_BYTES = 256 << 20;
    private static final int COMMIT_MS = 500;

    private Job() {}

    public static void main(String[] arguments) throws InterruptedException {
        Map<String, String> told = System.getenv();
        KafkaStreams streams = new KafkaStreams(topology(told), settings(told));
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        Thread.currentThread().join();
    }

    private static Topology topology(Map<String, String> told) {
        String input = told.get("BENCH_INPUT");
        File schemas = new File(told.get("BENCH_SCHEMAS"));
        var bytes = Serdes.ByteArray();
        var states = Serdes.serdeFrom(new Customer.Writer(), new Customer.Reader());
        var customers =
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore(Shop.CUSTOMERS), bytes, states)
                        .withCachingEnabled();
        var timers =
                Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(Shop.TIMERS), bytes, bytes);
        return new Topology()
                .addSource("events", bytes.deserializer(), bytes.deserializer(), input)
                .addProcessor("shop", () -> new Shop(schemas, input), "events")
                .addStateStore(customers, "shop")
                .addStateStore(timers, "shop")
                .addSink(
                        "commands",
                        told.get("BENCH_COMMANDS"),
                        bytes.serializer(),
                        bytes.serializer(),
                        "shop");
    }

    private static Properties settings(Map<String, String> told) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, told.get("BENCH_APP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, told.get("BENCH_BROKER"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, told.get("BENCH_DATA"));
        String guarantee = told.get("BENCH_GUARANTEE");
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        if (guarantee.equals(StreamsConfig.AT_LEAST_ONCE)) {
            // Its 30 s would hide how far it has come; exactly once keeps its 100 ms.
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, COMMIT_MS);
        }
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE_BYTES);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(
                StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4_000);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 << 10);
        return settings;
    }
}
