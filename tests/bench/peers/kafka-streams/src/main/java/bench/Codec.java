package bench;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.util.Utf8;

/**
 * Events in and commands out, in Avro's single-object encoding. Generic records with Avro's fast
 * reader; the reader's schemas have only the fields that the job reads, the others are skipped.
 * One for each thread.
 */
final class Codec {
    private static final int FRAME = 10;
    private static final int MAGIC = 0xC301;
    private static final List<String> READ = List.of("event_id", "customer_id", "occurred_at", "total");

    /** An event as the job reads it; `kind` is V, C or O. */
    static final class Event {
        char kind;
        String id;
        long at;
        double total;
    }

    private record Known(char kind, GenericDatumReader<GenericRecord> reader, boolean spends) {}

    private final Map<Long, Known> known = new HashMap<>();
    private final Schema command;
    private final Schema journey;
    private final Schema causation;
    private final byte[] frame;
    private final GenericDatumWriter<GenericRecord> writer;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    private final Event event = new Event();
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;
    private GenericRecord reused;

    Codec(File schemas) {
        GenericData data = new GenericData();
        data.setFastReaderEnabled(true);
        for (String type : List.of("ProductViewed", "CartUpdated", "OrderPlaced")) {
            Schema written = parse(new File(schemas, "events/" + type + "/1.avsc"));
            Schema wanted = only(written);
            known.put(
                    SchemaNormalization.parsingFingerprint64(written),
                    new Known(
                            type.charAt(0) == 'P' ? 'V' : type.charAt(0),
                            new GenericDatumReader<>(written, wanted, data),
                            wanted.getField("total") != null));
        }
        command = parse(new File(schemas, "Command.avsc"));
        journey = command.getField("journey").schema();
        causation = command.getField("causation").schema();
        writer = new GenericDatumWriter<>(command);
        frame = ByteBuffer.allocate(FRAME).putShort((short) MAGIC).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(SchemaNormalization.parsingFingerprint64(command)).array();
    }

    private static Schema parse(File file) {
        try {
            return new Schema.Parser().parse(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static Schema only(Schema written) {
        List<Schema.Field> fields =
                written.getFields().stream()
                        .filter(field -> READ.contains(field.name()))
                        .map(field -> new Schema.Field(field, field.schema()))
                        .toList();
        return Schema.createRecord(
                written.getName(), null, written.getNamespace(), false, fields);
    }

    /** The event, valid until the next call; null of a type that the job does not read. */
    Event read(byte[] value) {
        ByteBuffer head = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
        Known type = known.get(head.getLong(2));
        if (type == null) {
            return null;
        }
        decoder = DecoderFactory.get().binaryDecoder(value, FRAME, value.length - FRAME, decoder);
        GenericRecord record;
        try {
            record = type.reader.read(null, decoder);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        event.kind = type.kind;
        event.id = record.get("event_id").toString();
        event.at = (Long) record.get("occurred_at");
        Object total = type.spends ? record.get("total") : null;
        event.total = total == null ? 0.0 : (Double) total;
        return event;
    }

    /** A framed Command for a stage entered. */
    byte[] command(String customer, String stage, long at, String eventId, String topic) {
        String identity = customer + "/" + stage + "/" + eventId;
        GenericRecord from = new GenericData.Record(journey);
        from.put("name", "bench");
        from.put("version", 1);
        from.put("stage", stage);
        from.put("entry_no", 1);
        GenericRecord cause = new GenericData.Record(causation);
        cause.put("event_id", eventId);
        cause.put("topic", topic);
        cause.put("partition", 0);
        cause.put("offset", 0L);
        GenericRecord record = new GenericData.Record(command);
        record.put("command_id", UUID.nameUUIDFromBytes(identity.getBytes()).toString());
        record.put("action", "SEND");
        record.put("send_id", stage);
        record.put("attempt", 0);
        record.put("channel", "email");
        record.put("customer_id", customer);
        record.put("content", "bench-" + stage);
        record.put("data", Collections.emptyMap());
        record.put("purpose", "service");
        record.put("priority", 50);
        record.put("created_at", at);
        record.put("not_before", at);
        record.put("journey", from);
        record.put("causation", cause);
        record.put(
                "decision_id", UUID.nameUUIDFromBytes((identity + "/decision").getBytes()).toString());
        out.reset();
        out.writeBytes(frame);
        encoder = EncoderFactory.get().directBinaryEncoder(out, encoder);
        try {
            writer.write(record, encoder);
            encoder.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return out.toByteArray();
    }
}
