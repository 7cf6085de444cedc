// What the suites here share besides ../stage.mjs. The Go test (bot/rocketchat/rcfake/conformance_test.go) sets
//   RCFAKE_URL   http://127.0.0.1:PORT of the fake
//   RCFAKE_PLAY  the URL through which its people are played
//   RCFAKE_USER, RCFAKE_TOKEN, RCFAKE_ROOM  the bot, and a room that it is in
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { each, stage, test, until } from '../stage.mjs';

// Node 20 has no WebSocket of its own, and Rocket.Chat's client wants a browser's.
// A browser's tells of a connection that broke by an event, and goes on; this one
// would end the program where nobody listens to the error.
globalThis.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on('error', () => {});
  }
};

const { env, play } = stage('RCFAKE', 'bot/rocketchat/rcfake');
export { play, test, until };

export const fake = env('URL');
export const botID = env('USER');
export const botToken = env('TOKEN');
export const room = env('ROOM');

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

export async function run() {
  process.exit((await each()) ? 1 : 0); // the clients' timers and sockets would keep it alive
}
