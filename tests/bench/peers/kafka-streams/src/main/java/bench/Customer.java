package bench;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/**
 * A customer's state: the stage (0 for none), when its timer is due, the times of the views of the
 * last hour. In bytes: stage (1), due (8, signed), then 8 for each view.
 */
final class Customer {
    static final byte NONE = 0;
    static final byte BROWSING = 1;
    static final byte ENGAGED = 2;
    static final byte BOUGHT = 3;
    static final String[] NAMES = {"", "browsing", "engaged", "bought"};
    static final long NEVER = Long.MAX_VALUE;

    private static final long WINDOW_MS = 3_600_000L;
    private static final long WAIT_MS = 20 * 60_000L;
    private static final int VIEWS_KEPT = 64;
    private static final double CART_ABOVE = 20.0;
    private static final int HEAD = 1 + Long.BYTES;

    byte stage = NONE;
    long due = NEVER;
    private long[] views = new long[0];

    /** The timer's move, where it was due by then; whether there was one. */
    boolean overdue(long at) {
        if (due > at) {
            return false;
        }
        stage = BROWSING;
        due = NEVER;
        return true;
    }

    /** What a view brings about; whether a stage was entered. */
    boolean viewed(long at) {
        forget(at, 1);
        views[views.length - 1] = at;
        return (stage == NONE || stage == BOUGHT) && enter(BROWSING);
    }

    /** What a cart brings about; whether a stage was entered. */
    boolean carted(long at, double total) {
        forget(at, 0);
        boolean entered =
                stage == BROWSING && views.length > 0 && total > CART_ABOVE && enter(ENGAGED);
        if (stage == ENGAGED) {
            due = at + WAIT_MS;
        }
        return entered;
    }

    /** What an order brings about; whether a stage was entered. */
    boolean ordered(long at) {
        forget(at, 0);
        return stage == ENGAGED && enter(BOUGHT);
    }

    private boolean enter(byte next) {
        stage = next;
        due = NEVER;
        return true;
    }

    /** Drop the views that are older than an hour, and make room for more. */
    private void forget(long at, int more) {
        int first = 0;
        while (first < views.length && views[first] <= at - WINDOW_MS) {
            first++;
        }
        first = Math.max(first, views.length + more - VIEWS_KEPT);
        if (first == 0 && more == 0) {
            return;
        }
        long[] kept = new long[views.length - first + more];
        System.arraycopy(views, first, kept, 0, views.length - first);
        views = kept;
    }

    static final class Writer implements Serializer<Customer> {
        @Override
        public byte[] serialize(String topic, Customer customer) {
            if (customer == null) {
                return null;
            }
            ByteBuffer room = ByteBuffer.allocate(HEAD + Long.BYTES * customer.views.length);
            room.put(customer.stage).putLong(customer.due);
            for (long view : customer.views) {
                room.putLong(view);
            }
            return room.array();
        }
    }

    static final class Reader implements Deserializer<Customer> {
        @Override
        public Customer deserialize(String topic, byte[] bytes) {
            if (bytes == null) {
                return null;
            }
            ByteBuffer read = ByteBuffer.wrap(bytes);
            Customer customer = new Customer();
            customer.stage = read.get();
            customer.due = read.getLong();
            customer.views = new long[read.remaining() / Long.BYTES];
            read.asLongBuffer().get(customer.views);
            return customer;
        }
    }
}
