// What the suites here share: the environment, people to play through the Go
// test, and TAP. The Go test (bot/slack/slackfake/conformance_test.go) sets
//   SLACKFAKE_URL   http://127.0.0.1:PORT of the fake
//   SLACKFAKE_PLAY  the URL through which its people are played
//   SLACKFAKE_BOT, SLACKFAKE_APP  the tokens
import assert from 'node:assert/strict';

export function env(name) {
  const v = process.env[name];
  if (!v) {
    console.log(`Bail out! ${name} is not set; run this through: go test -run TestConformance ./bot/slack/slackfake`);
    process.exit(1);
  }
  return v;
}

export const fake = env('SLACKFAKE_URL');
export const botToken = env('SLACKFAKE_BOT');
export const appToken = env('SLACKFAKE_APP');

// play has somebody do something in Slack, and answers with what they get.
export async function play(act, args = {}) {
  const res = await fetch(`${env('SLACKFAKE_PLAY')}/${act}`, { method: 'POST', body: JSON.stringify(args) });
  const text = await res.text();
  assert.equal(res.status, 200, `${act}: ${text}`);
  return JSON.parse(text);
}

// until asks again until a person sees what is wanted.
export async function until(what, see) {
  const end = Date.now() + 10_000;
  for (;;) {
    const v = await see();
    if (v) return v;
    if (Date.now() > end) assert.fail(`never saw ${what}`);
    await new Promise((r) => setTimeout(r, 15));
  }
}

const tests = [];
export const test = (name, fn) => tests.push([name, fn]);

export async function run() {
  console.log(`\nTAP version 13\n1..${tests.length}`);
  let bad = 0;
  for (const [i, [name, fn]] of tests.entries()) {
    try {
      await fn();
      console.log(`ok ${i + 1} - ${name}`);
    } catch (e) {
      bad++;
      console.log(`not ok ${i + 1} - ${name}\n  ${String(e.stack ?? e).replaceAll('\n', '\n  ')}`);
    }
  }
  return bad;
}
