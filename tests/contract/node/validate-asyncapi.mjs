// Is the document of standard input good AsyncAPI, its Avro schemas and examples included?
import { readFileSync } from 'node:fs';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { Parser } from '@asyncapi/parser';

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document, diagnostics } = await parser.parse(readFileSync(0, 'utf8'));
const errors = diagnostics.filter(({ severity }) => severity === 0);
for (const { path, message } of errors) console.error(`${path.join('.')}: ${message}`);
if (errors.length > 0) process.exit(1);
console.log(JSON.stringify({
  messages: document.components().messages().all().length,
  operations: document.operations().all().map((operation) => operation.id()),
  topics: Object.fromEntries(document.channels().all().map((channel) => [channel.id(), channel.address()])),
}));
