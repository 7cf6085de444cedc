// @slack/web-api against slackfake: each method that Perch uses, called by
// Slack's own client. Prints TAP; exits 1 if anything fails.
import assert from 'node:assert/strict';
import { WebClient } from '@slack/web-api';
import { appToken, botToken, fake, play, run, test, until } from './play.mjs';

const quiet = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => 'error', setName() {} };
const options = { slackApiUrl: `${fake}/api/`, logger: quiet };
const web = new WebClient(botToken, options);
const fails = async (code, promise) => {
  try {
    await promise;
  } catch (e) {
    assert.equal(e.data?.error, code, e.message);
    return e.data;
  }
  assert.fail(`want ${code}, got an answer`);
};
const channel = 'C0SUPPORT';
let ts;

test('auth.test says who and where', async () => {
  const a = await web.auth.test();
  assert.equal(a.user_id, 'U0PERCHBOT');
  assert.equal(a.team_id, 'T0ACME');
  assert.ok(a.response_metadata.scopes.includes('chat:write'), 'no scopes in the header');
});

test('tokens: none, wrong, of the other kind', async () => {
  await fails('not_authed', new WebClient(undefined, options).auth.test());
  await fails('invalid_auth', new WebClient('xoxb-other', options).auth.test());
  await fails('not_allowed_token_type', web.apps.connections.open());
  const o = await new WebClient(appToken, options).apps.connections.open();
  assert.match(o.url, /^ws:\/\/127\.0\.0\.1:\d+\/link\/\?ticket=/);
});

test('an unknown method is unknown', () => fails('unknown_method', web.apiCall('chat.shout')));

test('chat.postMessage keeps metadata and gives a ts of its own', async () => {
  const metadata = { event_type: 'perch_post', event_payload: { key: 'k-1' } };
  const all = await Promise.all([1, 2, 3, 4].map((n) => web.chat.postMessage({ channel, text: `post ${n}`, metadata, unfurl_links: false, unfurl_media: false })));
  assert.equal(new Set(all.map((r) => r.ts)).size, 4);
  assert.match(all[0].ts, /^\d{10}\.\d{6}$/);
  ts = all[0].ts;
  const bare = await web.conversations.history({ channel, latest: ts, oldest: ts, inclusive: true });
  assert.equal(bare.messages[0].metadata, undefined);
  const full = await web.conversations.history({ channel, latest: ts, oldest: ts, inclusive: true, include_all_metadata: true });
  assert.equal(full.messages.length, 1);
  assert.deepEqual(full.messages[0].metadata, metadata);
});

test('chat.postMessage refuses what Slack refuses', async () => {
  await fails('channel_not_found', web.chat.postMessage({ channel: 'C0NONE', text: 'x' }));
  await fails('not_in_channel', web.chat.postMessage({ channel: 'C0OTHER', text: 'x' }));
  await fails('no_text', web.chat.postMessage({ channel }));
  const bad = await fails('invalid_blocks', web.chat.postMessage({ channel, text: 'x', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'x'.repeat(3001) } }] }));
  assert.match(bad.response_metadata.messages[0], /less than 3001 characters.*\/blocks\/0\/text\/text/);
  await fails('invalid_blocks', web.chat.postMessage({ channel, text: 'x', blocks: Array(51).fill({ type: 'divider' }) }));
});

test('a thread: replies, the parent first, and a parent that is gone', async () => {
  const r = await web.chat.postMessage({ channel, text: 'reply', thread_ts: ts });
  assert.equal(r.message.thread_ts, ts);
  const t = await web.conversations.replies({ channel, ts });
  assert.deepEqual(t.messages.map((m) => m.text), ['post 1', 'reply']);
  assert.equal(t.messages[0].reply_count, 1);
  await fails('thread_not_found', web.conversations.replies({ channel, ts: '1000000000.000001' }));
  const p = await web.chat.postMessage({ channel, text: 'short-lived' });
  await web.chat.delete({ channel, ts: p.ts });
  const lost = await web.chat.postMessage({ channel, text: 'to nobody', thread_ts: p.ts });
  assert.equal(lost.message.thread_ts, undefined);
});

test('chat.update, chat.delete, chat.getPermalink', async () => {
  const u = await web.chat.update({ channel, ts, text: 'changed' });
  assert.equal(u.text, 'changed');
  const link = await web.chat.getPermalink({ channel, message_ts: ts });
  assert.equal(link.permalink, `https://acme.slack.com/archives/${channel}/p${ts.replace('.', '')}`);
  await fails('message_not_found', web.chat.update({ channel, ts: '1000000000.000001', text: 'x' }));
  const { ts: theirs } = await play('says', { user: 'ada', channel: 'support', text: 'mine' });
  await fails('cant_update_message', web.chat.update({ channel, ts: theirs, text: 'x' }));
  await fails('cant_delete_message', web.chat.delete({ channel, ts: theirs }));
});

test('chat.postEphemeral is seen by one person', async () => {
  await web.chat.postEphemeral({ channel, user: 'U0RIO', text: 'psst' });
  assert.equal((await play('ephemerals', { user: 'rio' })).at(-1).Shown, 'psst');
  await fails('user_not_in_channel', web.chat.postEphemeral({ channel, user: 'U0NOBODY', text: 'psst' }));
});

test('reactions and pins', async () => {
  await web.reactions.add({ channel, timestamp: ts, name: 'white_check_mark' });
  await fails('already_reacted', web.reactions.add({ channel, timestamp: ts, name: 'white_check_mark' }));
  const g = await web.reactions.get({ channel, timestamp: ts });
  assert.deepEqual(g.message.reactions, [{ name: 'white_check_mark', users: ['U0PERCHBOT'], count: 1 }]);
  await web.reactions.remove({ channel, timestamp: ts, name: 'white_check_mark' });
  await fails('no_reaction', web.reactions.remove({ channel, timestamp: ts, name: 'white_check_mark' }));
  await fails('invalid_name', web.reactions.add({ channel, timestamp: ts, name: 'No Such' }));
  await web.pins.add({ channel, timestamp: ts });
  await fails('already_pinned', web.pins.add({ channel, timestamp: ts }));
  assert.equal((await web.pins.list({ channel })).items[0].message.ts, ts);
  await web.pins.remove({ channel, timestamp: ts });
  await fails('no_pin', web.pins.remove({ channel, timestamp: ts }));
  assert.equal((await web.pins.list({ channel })).items.length, 0);
  await web.pins.add({ channel, timestamp: ts });
  assert.ok((await web.bookmarks.add({ channel_id: channel, title: 'Status', type: 'link', link: 'https://status.acme.test' })).bookmark.id);
});

test('conversations: create, join, invite, topic, members, open, archive', async () => {
  const { channel: c } = await web.conversations.create({ name: 'inc-1', is_private: true });
  assert.equal(c.is_private, true);
  await fails('name_taken', web.conversations.create({ name: 'inc-1' }));
  await fails('invalid_name_specials', web.conversations.create({ name: 'Inc 1' }));
  await web.conversations.invite({ channel: c.id, users: 'U0ADA,U0RIO' });
  await fails('already_in_channel', web.conversations.invite({ channel: c.id, users: 'U0ADA' }));
  const both = await fails('cant_invite_self', web.conversations.invite({ channel: c.id, users: 'U0PERCHBOT,U0NOBODY' }));
  assert.deepEqual(both.errors.map((e) => [e.user, e.error]), [['U0PERCHBOT', 'cant_invite_self'], ['U0NOBODY', 'user_not_found']]);
  await web.conversations.setTopic({ channel: c.id, topic: 'Login is down' });
  assert.equal((await web.conversations.info({ channel: c.id })).channel.topic.value, 'Login is down');
  assert.deepEqual((await web.conversations.members({ channel: c.id })).members, ['U0PERCHBOT', 'U0ADA', 'U0RIO']);
  await web.conversations.archive({ channel: c.id });
  await fails('is_archived', web.chat.postMessage({ channel: c.id, text: 'x' }));
  await fails('already_archived', web.conversations.archive({ channel: c.id }));
  const im = await web.conversations.open({ users: 'U0ADA' });
  assert.match(im.channel.id, /^D/);
  await web.conversations.join({ channel: 'C0OTHER' });
  assert.ok((await web.conversations.info({ channel: 'C0OTHER' })).channel.is_member);
});

test('pages: conversations.list and history give everything once', async () => {
  const names = [];
  for await (const p of web.paginate('conversations.list', { types: 'public_channel,private_channel', limit: 2 })) names.push(...p.channels.map((c) => c.name));
  assert.deepEqual(names.toSorted(), ['inc-1', 'other', 'support']);
  const all = [];
  for await (const p of web.paginate('conversations.history', { channel, limit: 3 })) all.push(...p.messages.map((m) => m.ts));
  assert.equal(new Set(all).size, all.length);
  assert.equal(all.length, 6); // the reply is not among them
  assert.deepEqual(all, all.toSorted().toReversed(), 'newest first');
});

test('people and groups', async () => {
  assert.equal((await web.users.info({ user: 'U0ADA' })).user.profile.email, 'ada@acme.test');
  assert.equal((await web.users.lookupByEmail({ email: 'ada@acme.test' })).user.id, 'U0ADA');
  await fails('users_not_found', web.users.lookupByEmail({ email: 'x@acme.test' }));
  await fails('user_not_found', web.users.info({ user: 'U0NOBODY' }));
  assert.equal((await web.users.getPresence({ user: 'U0ADA' })).presence, 'active');
  assert.ok((await web.users.list({})).members.length >= 4);
  const { usergroups } = await web.usergroups.list({ include_users: true });
  assert.equal(usergroups[0].handle, 'support-oncall');
  assert.deepEqual((await web.usergroups.users.list({ usergroup: usergroups[0].id })).users, usergroups[0].users);
  await fails('no_such_subteam', web.usergroups.users.list({ usergroup: 'S0NONE' }));
});

test('views: push needs a modal, home tabs have a hash, triggers run out', async () => {
  const view = { type: 'modal', title: { type: 'plain_text', text: 'T' }, blocks: [] };
  await fails('invalid_trigger_id', web.views.open({ trigger_id: 'x', view }));
  const bad = await fails('invalid_arguments', web.views.publish({ user_id: 'U0ADA', view: { type: 'home', blocks: [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }] } }));
  assert.match(bad.response_metadata.messages[0], /view\/blocks\/0/);
  const home = { type: 'home', blocks: [{ type: 'divider' }] };
  const one = await web.views.publish({ user_id: 'U0RIO', view: home });
  await web.views.publish({ user_id: 'U0RIO', view: home, hash: one.view.hash });
  await fails('hash_conflict', web.views.publish({ user_id: 'U0RIO', view: home, hash: one.view.hash }));
  const { trigger } = await play('trigger', { user: 'rio' });
  const v = await web.views.open({ trigger_id: trigger, view });
  await fails('exchanged_trigger_id', web.views.open({ trigger_id: trigger, view }));
  await web.views.update({ view_id: v.view.id, view, hash: v.view.hash });
  await fails('hash_conflict', web.views.update({ view_id: v.view.id, view, hash: v.view.hash }));
  const late = await play('trigger', { user: 'rio', expired: true });
  await fails('expired_trigger_id', web.views.open({ trigger_id: late.trigger, view }));
});

test('filesUploadV2: URL, bytes, completion; the share comes as a message', async () => {
  const r = await web.filesUploadV2({ channel_id: channel, thread_ts: ts, filename: 'a.txt', content: 'hello', initial_comment: 'look' });
  const id = r.files[0].files[0].id;
  const m = await until('the share', async () => (await play('messages', { channel: 'support' })).find((x) => x.Files?.some((f) => f.ID === id)));
  assert.equal(m.ThreadTS, ts);
  assert.equal(Buffer.from(m.Files[0].Data, 'base64').toString(), 'hello');
  const info = await web.files.info({ file: id });
  const mine = await fetch(info.file.url_private, { headers: { Authorization: `Bearer ${botToken}` } });
  assert.equal(await mine.text(), 'hello');
  assert.match(await (await fetch(info.file.url_private)).text(), /Sign in/);
  await fails('file_not_found', web.files.info({ file: 'F0NONE' }));
});

test('a file knows where it is shown, once, and can be deleted', async () => {
  const up = await web.files.getUploadURLExternal({ filename: 'b.txt', length: 3, alt_txt: 'three letters' });
  assert.equal((await fetch(up.upload_url, { method: 'POST', body: 'abc' })).status, 200);
  await fails('file_not_found', web.files.info({ file: up.file_id }));
  await web.files.completeUploadExternal({ files: [{ id: up.file_id, title: 'b.txt' }], channel_id: channel });
  await fails('file_not_found', web.files.completeUploadExternal({ files: [{ id: up.file_id }], channel_id: channel }));
  const file = await until('the share', async () => { const { file } = await web.files.info({ file: up.file_id }); return file.shares.public?.[channel] && file; });
  const [at] = file.shares.public[channel];
  const shown = async () => (await play('messages', { channel: 'support' })).find((m) => m.TS === at.ts);
  assert.equal((await shown()).Files[0].Alt, 'three letters');
  await web.files.delete({ file: up.file_id });
  assert.equal(await shown(), undefined);
  await fails('file_not_found', web.files.delete({ file: up.file_id }));
});

test('missing_scope names what is needed', async () => {
  await play('scopes', { scopes: ['chat:write', 'channels:history'] });
  const e = await fails('missing_scope', web.reactions.add({ channel, timestamp: ts, name: 'eyes' }));
  assert.equal(e.needed, 'reactions:write');
  assert.equal(e.provided, 'chat:write,channels:history');
  await play('scopes', {});
});

test('429: the client waits as told and tries again, or rejects if so set', async () => {
  await play('limit', { method: 'users.info', n: 1 });
  await web.users.info({ user: 'U0ADA' });
  const once = new WebClient(botToken, { ...options, rejectRateLimitedCalls: true });
  await assert.rejects(once.users.info({ user: 'U0ADA' }), (e) => e.retryAfter > 0 && e.retryAfter <= 60);
  await play('fault', { method: 'auth.test', status: 429, retryAfter: '1' });
  const from = Date.now();
  await web.auth.test();
  assert.ok(Date.now() - from >= 1000, 'did not wait for Retry-After');
  await play('limit', {});
});

test('a 5xx and a lost connection are tried again', async () => {
  const eager = new WebClient(botToken, { ...options, retryConfig: { retries: 2, minTimeout: 1, maxTimeout: 2 } });
  await play('fault', { method: 'auth.test', status: 503 });
  await eager.auth.test();
  await play('fault', { method: 'chat.postMessage', drop: 'after' });
  await eager.chat.postMessage({ channel, text: 'twice, as nobody knows' });
  const n = (await play('messages', { channel: 'support' })).filter((m) => m.Shown === 'twice, as nobody knows').length;
  assert.equal(n, 2, 'the effect came before the cut, and again with the retry');
});

test('oauth.v2.access: a code is good once', async () => {
  const { code } = await play('code', { redirect: 'https://perch.test/slack/callback' });
  const none = new WebClient(undefined, options);
  const ask = (over) => none.oauth.v2.access({ client_id: 'client-id', client_secret: 'client-secret', code, redirect_uri: 'https://perch.test/slack/callback', ...over });
  await fails('bad_client_secret', ask({ client_secret: 'x' }));
  await fails('bad_redirect_uri', ask({ redirect_uri: 'https://evil.test/' }));
  const a = await ask({});
  assert.equal(a.access_token, botToken);
  assert.equal(a.team.id, 'T0ACME');
  await fails('invalid_code', ask({}));
});

process.exit((await run()) ? 1 : 0);
