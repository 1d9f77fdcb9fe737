// What every program of a channel needs: the schemas, the frame, the key, the partition.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import avsc from 'avsc';
import kafkajs from 'kafkajs';

const folder = process.env.JOURNEY_SCHEMAS ?? 'schemas';
const prefix = process.env.JOURNEY_TOPIC_PREFIX ?? '';

export const kafka = (clientId) => new kafkajs.Kafka({
  clientId,
  brokers: (process.env.JOURNEY_BROKERS ?? 'localhost:9092').split(','),
  logLevel: kafkajs.logLevel.ERROR,
});

/** Of the keys' partitions: murmur2, as Java's producers have it. */
export const partitioner = kafkajs.Partitioners.DefaultPartitioner;
export const events = (channel) => `${prefix}interactions.${channel}.v1`;
export const commands = (channel) => `${prefix}commands.${channel}.v1`;

// CRC-64-AVRO, of the schema's canonical form.
const EMPTY = 0xc15d213aa4d7a795n;
const TABLE = Array.from({ length: 256 }, (_, index) => {
  let crc = BigInt(index);
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ EMPTY : crc >> 1n;
  return crc;
});

const headOf = (type) => {
  let crc = EMPTY;
  for (const byte of Buffer.from(JSON.stringify(type.schema()))) {
    crc = (crc >> 8n) ^ TABLE[Number((crc ^ BigInt(byte)) & 0xffn)];
  }
  const head = Buffer.from([0xc3, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeBigUInt64LE(crc, 2);
  return head;
};

const load = (file) => {
  const type = avsc.Type.forSchema(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  return { type, head: headOf(type) };
};

const newest = (name) => {
  const versions = readdirSync(join(folder, 'events', name)).map((file) => parseInt(file, 10));
  return load(`events/${name}/${Math.max(...versions)}.avsc`);
};

/** An event as a record: `fields` are its own; throws where they do not fit the schema. */
export const eventRecord = (name, fields) => {
  const { type, head } = newest(name);
  const event = {
    customer_id: null, anonymous_id: null, session_id: null, backfill: false,
    occurred_at: Date.now(), ...fields,
  };
  for (const { name: field, defaultValue } of type.fields) {
    if (event[field] === undefined) event[field] = defaultValue();
  }
  return {
    key: event.customer_id ?? event.anonymous_id,
    value: Buffer.concat([head, type.toBuffer(event)]),
  };
};

const command = load('Command.avsc');

/** The command in a record's value; throws where it is none of ours. */
export const readCommand = (value) => {
  if (!value.subarray(0, 10).equals(command.head)) throw new Error('a command of another schema');
  const read = command.type.fromBuffer(value.subarray(10));
  // A value that may be of several types comes as {its type: it}.
  const plain = (each) => (each === null ? null : Object.values(each)[0]);
  const data = Object.entries(read.data).map(([name, each]) => [name, plain(each)]);
  return { ...read, data: Object.fromEntries(data) };
};
