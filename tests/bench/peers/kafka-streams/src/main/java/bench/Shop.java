package bench;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The job. Timers lie in a store of their own, in the order of time; one that was moved or taken
 * back stays there until it is due, and the customer's state says that it no longer counts.
 */
final class Shop implements Processor<byte[], byte[], byte[], byte[]> {
    static final String CUSTOMERS = "customers";
    static final String TIMERS = "timers";

    private static final Duration EVERY = Duration.ofSeconds(1);
    private static final byte[] NOTHING = {};

    private final File schemas;
    private final String input;
    private Codec codec;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], Customer> customers;
    private KeyValueStore<byte[], byte[]> timers;
    private long fired;

    Shop(File schemas, String input) {
        this.schemas = schemas;
        this.input = input;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        codec = new Codec(schemas);
        customers = context.getStateStore(CUSTOMERS);
        timers = context.getStateStore(TIMERS);
        context.schedule(EVERY, PunctuationType.STREAM_TIME, this::fire);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        Codec.Event event = codec.read(record.value());
        if (event == null) {
            return;
        }
        Customer customer = customers.get(record.key());
        if (customer == null) {
            customer = new Customer();
        }
        long due = customer.due;
        if (customer.overdue(event.at)) {
            enter(record.key(), customer, due, event.id);
        }
        long before = customer.due;
        boolean entered =
                switch (event.kind) {
                    case 'V' -> customer.viewed(event.at);
                    case 'C' -> customer.carted(event.at, event.total);
                    default -> customer.ordered(event.at);
                };
        if (entered) {
            enter(record.key(), customer, event.at, event.id);
        }
        if (customer.due != before && customer.due != Customer.NEVER) {
            timers.put(timer(customer.due, record.key()), NOTHING);
        }
        customers.put(record.key(), customer);
    }

    /**
     * All timers that are due by the stream's time. Earlier ones are not looked for again: RocksDB
     * would walk over all that were deleted.
     */
    private void fire(long now) {
        byte[] first = timer(fired, NOTHING);
        fired = now + 1;
        List<KeyValue<byte[], byte[]>> due = new ArrayList<>();
        try (KeyValueIterator<byte[], byte[]> found = timers.range(first, timer(fired, NOTHING))) {
            found.forEachRemaining(due::add);
        }
        for (KeyValue<byte[], byte[]> each : due) {
            timers.delete(each.key);
            byte[] key = Arrays.copyOfRange(each.key, Long.BYTES, each.key.length);
            Customer customer = customers.get(key);
            long at = ByteBuffer.wrap(each.key).getLong();
            if (customer.due == at && customer.overdue(at)) {
                enter(key, customer, at, "");
                customers.put(key, customer);
            }
        }
    }

    private static byte[] timer(long due, byte[] key) {
        return ByteBuffer.allocate(Long.BYTES + key.length).putLong(due).put(key).array();
    }

    private void enter(byte[] key, Customer customer, long at, String eventId) {
        String name = new String(key, StandardCharsets.UTF_8);
        byte[] value = codec.command(name, Customer.NAMES[customer.stage], at, eventId, input);
        context.forward(new Record<>(key, value, at));
    }
}
