// twitter-api-v2 against xfake: what a client that is used with the real X
// expects must hold for the stand-in too. Prints TAP; exits 1 if anything fails.
//
// Environment, set by xapi/xfake/conformance_test.go:
//   XFAKE_URL       http://127.0.0.1:PORT of the fake
//   XFAKE_CLIENT    client id:secret       XFAKE_BEARER  app-only bearer
//   XFAKE_CALLBACK  registered callback    XFAKE_USER    id of the account
//   XFAKE_CUSTOMER  id of somebody who has mentioned the account in
//   XFAKE_MENTION   the post with this id
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { TwitterApi, ApiResponseError } from 'twitter-api-v2';

function env(name) {
  const v = process.env[name];
  if (!v) {
    console.log(`Bail out! ${name} is not set; run this through: go test -run TestConformance ./xapi/xfake`);
    process.exit(1);
  }
  return v;
}

const fake = new URL(env('XFAKE_URL'));
const [clientId, clientSecret] = env('XFAKE_CLIENT').split(':');
const bearer = env('XFAKE_BEARER');
const callback = env('XFAKE_CALLBACK');
const userID = env('XFAKE_USER');
const customerID = env('XFAKE_CUSTOMER');
const mentionID = env('XFAKE_MENTION');

// The client has api.x.com built in: send that, and only that, to the fake.
https.request = (options, ...rest) => {
  const host = options.hostname ?? options.host;
  assert.equal(host, 'api.x.com', `the client wanted to reach ${host}`);
  const { agent, servername, ...keep } = options;
  return http.request({ ...keep, protocol: 'http:', host: fake.hostname, hostname: fake.hostname, port: fake.port }, ...rest);
};

const tests = [];
const test = (name, fn) => tests.push([name, fn]);
const refused = async (code, promise) => {
  try {
    await promise;
  } catch (e) {
    assert.ok(e instanceof ApiResponseError, `want an ApiResponseError, got ${e}`);
    assert.equal(e.code, code, e.message);
    return e;
  }
  assert.fail(`want a ${code}, got an answer`);
};

const scope = ['tweet.read', 'tweet.write', 'users.read', 'dm.read', 'dm.write', 'media.write', 'offline.access'];
const app = new TwitterApi({ clientId, clientSecret });
let user;
let refreshToken;
let first;

// press does what a person does on the page the link leads to.
async function press(link, decision) {
  const u = new URL(link);
  assert.equal(u.origin + u.pathname, 'https://x.com/i/oauth2/authorize');
  const page = await fetch(new URL(u.pathname + u.search, fake));
  assert.equal(page.status, 200, await page.text());
  const res = await fetch(new URL('/i/oauth2/authorize', fake), {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ request: u.search.slice(1), user: userID, decision }),
  });
  assert.equal(res.status, 302);
  return new URL(res.headers.get('location'));
}

test('cancelling comes back with access_denied and the state', async () => {
  const link = app.generateOAuth2AuthLink(callback, { scope });
  const back = await press(link.url, 'cancel');
  assert.equal(back.searchParams.get('error'), 'access_denied');
  assert.equal(back.searchParams.get('state'), link.state);
});

test('link, authorize, login', async () => {
  const link = app.generateOAuth2AuthLink(callback, { scope });
  const back = await press(link.url, 'allow');
  assert.equal(back.searchParams.get('state'), link.state);
  const code = back.searchParams.get('code');
  const got = await app.loginWithOAuth2({ code, codeVerifier: link.codeVerifier, redirectUri: callback });
  assert.equal(got.expiresIn, 7200);
  assert.deepEqual(got.scope, scope);
  user = got.client;
  refreshToken = got.refreshToken;
  await refused(400, app.loginWithOAuth2({ code, codeVerifier: link.codeVerifier, redirectUri: callback }));
});

test('refresh gives a new pair', async () => {
  const got = await app.refreshOAuth2Token(refreshToken);
  assert.notEqual(got.refreshToken, refreshToken);
  user = got.client;
  refreshToken = got.refreshToken;
});

test('me, with fields', async () => {
  const me = await user.v2.me({ 'user.fields': ['profile_image_url', 'subscription_type', 'public_metrics'] });
  assert.equal(me.data.id, userID);
  assert.equal(me.data.subscription_type, 'None');
  assert.equal(typeof me.data.public_metrics.followers_count, 'number');
});

test('tweet, reply, thread, look up', async () => {
  const one = await user.v2.tweet('We are looking into slow logins');
  first = one.data.id;
  assert.equal(one.data.text, 'We are looking into slow logins');
  const two = await user.v2.reply('Found it', first);
  const found = await user.v2.singleTweet(two.data.id, { 'tweet.fields': ['referenced_tweets', 'conversation_id', 'created_at'] });
  assert.deepEqual(found.data.referenced_tweets, [{ type: 'replied_to', id: first }]);
  assert.equal(found.data.conversation_id, first);
  const thread = await user.v2.tweetThread(['Part one of two', { text: 'Part two of two' }]);
  assert.equal(thread.length, 2);
});

test('a link comes back as t.co with entities', async () => {
  const made = await user.v2.tweet('Status: https://status.example.com/incidents/42?a=1&b=2 now');
  assert.match(made.data.text, /^Status: https:\/\/t\.co\/[a-z0-9]{10} now$/);
  const got = await user.v2.singleTweet(made.data.id, { 'tweet.fields': ['entities'] });
  assert.equal(got.data.entities.urls[0].expanded_url, 'https://status.example.com/incidents/42?a=1&b=2');
});

test('the same text again is a 403 that the client decodes', async () => {
  const e = await refused(403, user.v2.tweet('We are looking into slow logins'));
  assert.match(e.data.detail, /duplicate content/);
  assert.equal(e.isAuthError, false);
});

test('a reply to somebody who did not mention us is a 403; to a mention it is allowed', async () => {
  const list = await user.v2.userMentionTimeline(userID, { expansions: ['author_id'], max_results: 5 });
  assert.equal(list.tweets[0].id, mentionID);
  assert.equal(list.includes.author(list.tweets[0]).id, customerID);
  const ok = await user.v2.reply('Thanks for telling us', mentionID);
  assert.ok(ok.data.id);
  const other = await refused(403, user.v2.reply('Hello there', process.env.XFAKE_STRANGER));
  assert.match(other.data.detail, /not allowed because you have not been mentioned/);
});

test('too long, unknown field and unknown parameter are refused', async () => {
  await refused(403, user.v2.tweet('x'.repeat(281)));
  await refused(400, user.v2.post('tweets', { text: 'hello', status: 'hello' }));
  const e = await refused(400, user.v2.get('users/me', { fields: 'id' }));
  assert.match(e.data.errors[0].message, /is not one of/);
});

test('the timeline pages and ends', async () => {
  const page = await user.v2.userTimeline(userID, { max_results: 5, 'tweet.fields': ['created_at'] });
  assert.equal(page.tweets.length, 5);
  await page.fetchLast(50);
  assert.ok(page.done);
  const ids = page.tweets.map((t) => t.id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids, [...ids].sort((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1)));
});

test('delete', async () => {
  const made = await user.v2.tweet('Soon gone');
  const got = await user.v2.deleteTweet(made.data.id);
  assert.equal(got.data.deleted, true);
  const gone = await user.v2.singleTweet(made.data.id);
  assert.equal(gone.data, undefined);
  assert.equal(gone.errors[0].title, 'Not Found Error');
});

test('media: chunks, processing, attached to a post and to a message', async () => {
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  const image = await user.v2.uploadMedia(png, { media_type: 'image/png', media_category: 'tweet_image' }, 32);
  await user.v2.createMediaMetadata(image, { alt_text: { text: 'A dot' } });
  const post = await user.v2.tweet('With a picture', { media: { media_ids: [image] } });
  const seen = await user.v2.singleTweet(post.data.id, { expansions: ['attachments.media_keys'], 'media.fields': ['url', 'alt_text'] });
  assert.equal(seen.includes.media[0].alt_text, 'A dot');
  const video = await user.v2.uploadMedia(Buffer.alloc(3 << 20, 1), { media_type: 'video/mp4', media_category: 'tweet_video' });
  assert.ok((await user.v2.tweet('With a video', { media: { media_ids: [video] } })).data.id);
  const e = await refused(403, user.v2.sendDmToParticipant(customerID, { attachments: [{ media_id: image }] }));
  assert.match(e.data.detail, /not permitted to attach this media/);
  const dm = await user.v2.uploadMedia(png, { media_type: 'image/png', media_category: 'dm_image' });
  const sent = await user.v2.sendDmToParticipant(customerID, { text: 'See here', attachments: [{ media_id: dm }] });
  assert.match((sent.data ?? sent).dm_event_id, /^\d+$/);
  await refused(400, user.v2.tweet('Wrong picture', { media: { media_ids: ['12345'] } }));
});

test('messages: send, read with the paginator, newest first', async () => {
  let conversation;
  for (let i = 1; i <= 5; i++) {
    const sent = await user.v2.sendDmToParticipant(customerID, { text: `Message ${i}` });
    const data = sent.data ?? sent;
    assert.match(data.dm_event_id, /^\d+$/);
    conversation = data.dm_conversation_id;
  }
  await user.v2.sendDmInConversation(conversation, { text: 'Message 6' });
  const page = await user.v2.listDmEventsWithParticipant(customerID, {
    max_results: 2,
    'dm_event.fields': ['created_at', 'sender_id', 'dm_conversation_id'],
    expansions: ['sender_id'],
  });
  assert.deepEqual(page.events.map((e) => e.text), ['Message 6', 'Message 5']);
  await page.fetchNext();
  assert.deepEqual(page.events.map((e) => e.text), ['Message 6', 'Message 5', 'Message 4', 'Message 3']);
  assert.equal(page.events[0].sender_id, userID);
  const all = await user.v2.listDmEvents({ max_results: 100, event_types: ['MessageCreate'] });
  assert.ok(all.events.length >= 7);
  const conv = await user.v2.listDmEventsOfConversation(conversation, { max_results: 1 });
  assert.equal(conv.events[0].text, 'Message 6');
});

test('rate limits: the client reads them, and the 16th read in a window is a 429', async () => {
  const page = await user.v2.listDmEvents({ max_results: 1 });
  assert.equal(page.rateLimit.limit, 15);
  for (let left = page.rateLimit.remaining; left > 0; left--) {
    await user.v2.listDmEvents({ max_results: 1 });
  }
  const e = await refused(429, user.v2.listDmEvents({ max_results: 1 }));
  assert.equal(e.rateLimitError, true);
  assert.equal(e.rateLimit.remaining, 0);
  assert.ok(e.rateLimit.reset * 1000 > Date.now());
});

test('the app-only bearer reads and may not write', async () => {
  const bot = new TwitterApi(bearer);
  assert.equal((await bot.v2.userByUsername('kim')).data.id, customerID);
  const e = await refused(403, bot.v2.tweet('From the app'));
  assert.match(e.data.type, /unsupported-authentication$/);
});

test('a wrong token is a 401, a wrong client secret too', async () => {
  const e = await refused(401, new TwitterApi('nonsense').v2.me());
  assert.equal(e.isAuthError, true);
  await refused(401, new TwitterApi({ clientId, clientSecret: 'wrong' }).refreshOAuth2Token(refreshToken));
});

test('revoke, then the tokens are dead', async () => {
  await refused(400, app.revokeOAuth2Token('nonsense', 'refresh_token'));
  assert.equal((await app.revokeOAuth2Token(refreshToken, 'refresh_token')).revoked, true);
  await refused(400, app.refreshOAuth2Token(refreshToken));
});

console.log('TAP version 13');
console.log(`1..${tests.length}`);
let failed = 0;
for (const [i, [name, fn]] of tests.entries()) {
  try {
    await fn();
    console.log(`ok ${i + 1} - ${name}`);
  } catch (e) {
    failed++;
    console.log(`not ok ${i + 1} - ${name}`);
    for (const line of String(e.stack ?? e).split('\n').slice(0, 12)) console.log(`  # ${line}`);
    if (e.data) console.log(`  # ${JSON.stringify(e.data)}`);
  }
}
process.exit(failed ? 1 : 0);
