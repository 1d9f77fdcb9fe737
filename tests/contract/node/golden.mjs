// Reads and writes every golden message that these programs should: node golden.mjs FOLDER
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventRecord, readCommand } from './channel.mjs';

const folder = process.argv[2];
const read = (kind, name) => {
  const said = JSON.parse(readFileSync(join(folder, kind, `${name}.json`), 'utf8'));
  return { ...said, bytes: readFileSync(join(folder, kind, `${name}.bin`)) };
};
const names = (kind) => readdirSync(join(folder, kind))
  .filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
  .filter((name) => !name.startsWith('registry-'));

for (const name of names('events')) {
  const { schema, fields, key, bytes } = read('events', name);
  const written = eventRecord(schema.split('/')[1], fields);
  assert.deepEqual({ name, key: written.key, bytes: written.value }, { name, key, bytes });
}
for (const name of names('commands')) {
  const { fields, bytes } = read('commands', name);
  assert.deepEqual(JSON.parse(JSON.stringify(readCommand(bytes))), fields, name);
}
console.log(`${names('events').length} events, ${names('commands').length} commands`);
