// What the suites share that play people through a Go test: the environment,
// waiting, and TAP.
import assert from 'node:assert/strict';

// stage is the environment of one suite: names begin with prefix, and the Go
// test in pkg sets them.
export function stage(prefix, pkg) {
  const env = (name) => {
    const v = process.env[`${prefix}_${name}`];
    if (!v) {
      console.log(`Bail out! ${prefix}_${name} is not set; run this through: go test -run TestConformance ./${pkg}`);
      process.exit(1);
    }
    return v;
  };
  // play has somebody do something, and answers with what they get.
  const play = async (act, args = {}) => {
    const res = await fetch(`${env('PLAY')}/${act}`, { method: 'POST', body: JSON.stringify(args) });
    const text = await res.text();
    assert.equal(res.status, 200, `${act}: ${text}`);
    return JSON.parse(text);
  };
  return { env, play };
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

// each runs the tests in order and returns how many failed.
export async function each() {
  console.log(`\nTAP version 13\n1..${tests.length}`);
  let bad = 0;
  for (const [i, [name, fn]] of tests.entries()) {
    let timer;
    try {
      // Some clients wait for good where they are refused.
      await Promise.race([fn(), new Promise((_, no) => { timer = setTimeout(() => no(new Error('it took too long')), 15_000); })]);
      console.log(`ok ${i + 1} - ${name}`);
    } catch (e) {
      bad++;
      console.log(`not ok ${i + 1} - ${name}\n  ${String(e?.stack ?? JSON.stringify(e)).replaceAll('\n', '\n  ')}`);
    } finally {
      clearTimeout(timer);
    }
  }
  return bad;
}
