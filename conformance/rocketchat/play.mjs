// What the suites here share: the environment, people to play through the Go
// test, and TAP. The Go test (bot/rocketchat/rcfake/conformance_test.go) sets
//   RCFAKE_URL   http://127.0.0.1:PORT of the fake
//   RCFAKE_PLAY  the URL through which its people are played
//   RCFAKE_USER, RCFAKE_TOKEN, RCFAKE_ROOM  the bot, and a room that it is in
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';

// Node 20 has no WebSocket of its own, and Rocket.Chat's client wants a browser's.
// A browser's tells of a connection that broke by an event, and goes on; this one
// would end the program where nobody listens to the error.
globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on('error', () => {});
  }
};

export function env(name) {
  const v = process.env[name];
  if (!v) {
    console.log(`Bail out! ${name} is not set; run this through: go test -run TestConformance ./bot/rocketchat/rcfake`);
    process.exit(1);
  }
  return v;
}

export const fake = env('RCFAKE_URL');
export const botID = env('RCFAKE_USER');
export const botToken = env('RCFAKE_TOKEN');
export const room = env('RCFAKE_ROOM');

// play has somebody do something in Rocket.Chat, and answers with what they get.
export async function play(act, args = {}) {
  const res = await fetch(`${env('RCFAKE_PLAY')}/${act}`, { method: 'POST', body: JSON.stringify(args) });
  const text = await res.text();
  assert.equal(res.status, 200, `${act}: ${text}`);
  return JSON.parse(text);
}

// until asks again until what is wanted is seen.
export async function until(what, see) {
  const end = Date.now() + 10_000;
  for (;;) {
    const v = await see();
    if (v) return v;
    if (Date.now() > end) assert.fail(`never saw ${what}`);
    await new Promise((r) => setTimeout(r, 15));
  }
}

// refused is the answer that a call of a client was refused with.
export async function refused(call) {
  try {
    await call;
  } catch (e) {
    if (typeof e?.json === 'function') return { status: e.status, headers: e.headers, ...(await e.json()) };
    if (e?.data) return { status: e.status, ...e.data };
    return e;
  }
  return assert.fail('it was not refused');
}

const tests = [];
export const test = (name, fn) => tests.push([name, fn]);

export async function run() {
  console.log(`\nTAP version 13\n1..${tests.length}`);
  let bad = 0;
  for (const [i, [name, fn]] of tests.entries()) {
    let timer;
    try {
      // Some of these clients wait for good where they are refused.
      await Promise.race([fn(), new Promise((_, no) => { timer = setTimeout(() => no(new Error('it took too long')), 15_000); })]);
      console.log(`ok ${i + 1} - ${name}`);
    } catch (e) {
      bad++;
      console.log(`not ok ${i + 1} - ${name}\n  ${String(e?.stack ?? JSON.stringify(e)).replaceAll('\n', '\n  ')}`);
    } finally {
      clearTimeout(timer);
    }
  }
  process.exit(bad ? 1 : 0); // the clients' timers and sockets would keep it alive
}
