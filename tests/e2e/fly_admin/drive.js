// Drives the unmodified client fly-admin: one call a line on standard input, one outcome a line on standard output.
//
//   {"part": "Machine", "call": "getMachine", "given": {...}}  ->  {"value": ...} or {"error": "404: ..."}
'use strict';

const readline = require('node:readline');

const { default: Client } = require(`${process.env.FLY_ADMIN}/node_modules/fly-admin/dist/client`);

const api = new Client(process.env.TOKEN, { apiUrl: process.env.URL });

async function outcome(line) {
  const { part, call, given } = JSON.parse(line);
  try {
    const value = await api[part][call](given);
    return { value: value === undefined ? null : value };
  } catch (error) {
    return { error: error.message };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await outcome(line))}\n`);
  }
}

main();
