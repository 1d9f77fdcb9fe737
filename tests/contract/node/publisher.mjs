// A web shop tells of a customer's payment that failed: node publisher.mjs CUSTOMER
import { eventRecord, events, kafka, partitioner } from './channel.mjs';

const shared = { customer_id: process.argv[2], channel: 'web', source: 'shop' };
const said = Date.now().toString(36);
const messages = [
  eventRecord('PageViewed', { ...shared, event_id: `${said}-page`, page: 'checkout' }),
  eventRecord('PaymentFailed', { ...shared, event_id: `${said}-payment`, amount: 99.5 }),
];

const producer = kafka('shop').producer({ createPartitioner: partitioner });
await producer.connect();
const [lies] = await producer.send({ topic: events('web'), messages, acks: -1 });
console.log(`${messages.length} events lie on ${lies.topicName}, partition ${lies.partition}`);
await producer.disconnect();
