// Sends the messages of a channel, and answers: node sender.mjs email
import { commands, eventRecord, events, kafka, partitioner, readCommand } from './channel.mjs';

const channel = process.argv[2];
const topic = commands(channel);
const client = kafka('mailer');
const producer = client.producer({ createPartitioner: partitioner });
const consumer = client.consumer({
  groupId: 'mailer', maxWaitTimeInMs: 500, sessionTimeout: 6_000, heartbeatInterval: 1_000,
});
const seen = new Set(); // a service remembers the ids beside what it sent
const kept = new Map(); // by command id, until its time has come
const open = new Map(); // by partition the offsets that are not done
const last = new Map(); // by customer the newest work, so that one follows the other

const send = async (command) => {
  if (command.not_after !== null && command.not_after < Date.now()) return;
  console.log(`${command.customer_id ?? command.anonymous_id}: ${command.content}`);
  const answer = eventRecord('MessageDelivered', {
    event_id: `${command.command_id}/MessageDelivered`,
    customer_id: command.customer_id,
    anonymous_id: command.anonymous_id,
    channel: command.channel,
    source: 'mailer',
    command_id: command.command_id,
  });
  await producer.send({ topic: events(channel), messages: [answer], acks: -1 });
};

// What is committed lies before the first that is not done: after a crash that comes again.
const done = async (partition, offset) => {
  const offsets = open.get(partition);
  offsets.delete(offset);
  const next = offsets.size > 0 ? Math.min(...offsets) : offset + 1;
  await consumer.commitOffsets([{ topic, partition, offset: String(next) }]);
};

const finish = async (work, partition, offset) => {
  await work;
  await done(partition, offset);
};

const take = async ({ partition, message }) => {
  const command = readCommand(message.value);
  const offset = Number(message.offset);
  if (!open.has(partition)) open.set(partition, new Set());
  open.get(partition).add(offset);
  if (command.action === 'CANCEL') kept.get(command.cancels)?.();
  if (command.action === 'CANCEL' || seen.has(command.command_id)) return done(partition, offset);
  seen.add(command.command_id);
  const time = new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), command.not_before - Date.now());
    kept.set(command.command_id, () => { clearTimeout(timer); resolve(false); });
  });
  const key = message.key.toString();
  const before = last.get(key);
  const work = time.then(async (come) => {
    kept.delete(command.command_id);
    if (!come) return;
    await before;
    await send(command);
  });
  last.set(key, work);
  finish(work, partition, offset).catch(fail);
};

const fail = (error) => { console.error(error); process.exit(1); };

await producer.connect();
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({ autoCommit: false, eachMessage: take });
process.on('SIGTERM', async () => {
  await consumer.disconnect();
  await producer.disconnect();
});
