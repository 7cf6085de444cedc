// @slack/bolt in Socket Mode against slackfake: Slack's own framework must
// find in it the Slack that it knows. Prints TAP; exits 1 if anything fails.
import assert from 'node:assert/strict';
import bolt from '@slack/bolt';
import { appToken, botToken, fake, play, run, test, until } from './play.mjs';

const quiet = bolt.LogLevel?.ERROR ?? 'error';
const app = new bolt.App({
  token: botToken,
  appToken,
  socketMode: true,
  logLevel: quiet,
  clientOptions: { slackApiUrl: `${fake}/api/` },
});

const seen = {};
const note = (k, v) => ((seen[k] ??= []).push(v), undefined);
const modal = (callback_id, text) => ({
  type: 'modal',
  callback_id,
  title: { type: 'plain_text', text: 'Incident' },
  submit: { type: 'plain_text', text: 'Declare' },
  blocks: [
    { type: 'section', text: { type: 'mrkdwn', text } },
    { type: 'input', block_id: 'title', label: { type: 'plain_text', text: 'Title' }, element: { type: 'plain_text_input', action_id: 'value', max_length: 50 } },
    {
      type: 'input', block_id: 'sev', optional: true, label: { type: 'plain_text', text: 'Severity' },
      element: { type: 'static_select', action_id: 'pick', options: [{ text: { type: 'plain_text', text: 'SEV1' }, value: 'sev1' }, { text: { type: 'plain_text', text: 'SEV2' }, value: 'sev2' }] },
    },
  ],
});

app.command('/twitter', async ({ command, ack }) => {
  note('command', command);
  await ack({ response_type: 'ephemeral', text: `heard ${command.text}` });
});
app.command('/slow', async ({ ack, respond }) => {
  await ack();
  await respond({ text: 'one moment' });
  await respond({ response_type: 'in_channel', text: 'for all to see' });
});
app.action('open', async ({ ack, body, client }) => {
  note('action', body);
  await ack();
  const { view } = await client.views.open({ trigger_id: body.trigger_id, view: modal('declare', 'Loading…') });
  await client.views.update({ view_id: view.id, hash: view.hash, view: modal('declare', 'Ready') });
});
app.action('replace', async ({ ack, respond }) => {
  await ack();
  await respond({ replace_original: true, text: 'done' });
});
app.view('declare', async ({ ack, view, body }) => {
  note('view', view);
  const title = view.state.values.title.value.value;
  if (title.length < 3) return ack({ response_action: 'errors', errors: { title: 'Too short' } });
  if (title === 'again') return ack({ response_action: 'update', view: modal('declare', 'Once more') });
  await ack();
  note('declared', { title, sev: view.state.values.sev.pick.selected_option?.value, by: body.user.id });
});
app.shortcut('add_to_timeline', async ({ ack, shortcut, say }) => {
  note('shortcut', shortcut);
  await ack();
  await say({ text: `kept: ${shortcut.message.text}`, thread_ts: shortcut.message.ts });
});
app.message('hello', async ({ message, say }) => {
  note('message', message);
  await say({ text: `hi <@${message.user}>`, thread_ts: message.ts });
});
app.event('app_mention', async ({ event }) => note('mention', event));
app.event('reaction_added', async ({ event }) => note('reaction', event));
app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [{ type: 'header', text: { type: 'plain_text', text: 'At home' } }] } });
});
app.event('member_joined_channel', async ({ event }) => note('joined', event));
app.event('subteam_members_changed', async ({ event }) => note('subteam', event));
app.event('message', async ({ event }) => note(event.subtype ?? 'plain', event));
app.error(async (e) => note('error', e));

const messages = () => play('messages', { channel: 'support' });

test('hello: the app connects', async () => {
  await app.start();
  assert.equal((await play('connections')).length, 1);
});

test('a command is acked with an answer that only the person sees', async () => {
  const d = await play('command', { user: 'ada', channel: 'support', command: '/twitter', text: 'authorize @rio' });
  assert.ok(d.acked, 'not acked');
  assert.equal(seen.command[0].text, 'authorize <@U0RIO|rio>');
  assert.equal(seen.command[0].team_id, 'T0ACME');
  const got = await play('ephemerals', { user: 'ada' });
  assert.equal(got.at(-1).Shown, 'heard authorize @rio');
  assert.equal((await play('ephemerals', { user: 'rio' })).length, 0);
});

test('respond() answers later, to the person and to the channel', async () => {
  await play('command', { user: 'ada', channel: 'support', command: '/slow', text: '' });
  await until('the private answer', async () => (await play('ephemerals', { user: 'ada' })).some((m) => m.Shown === 'one moment'));
  await until('the public answer', async () => (await messages()).some((m) => m.Shown === 'for all to see'));
});

test('events_api: a message is answered in its thread by say()', async () => {
  const { ts } = await play('says', { user: 'ada', channel: 'support', text: 'hello there' });
  const reply = await until('the reply', async () => (await messages()).find((m) => m.ThreadTS === ts));
  assert.equal(reply.Shown, 'hi @ada');
  assert.equal(seen.message[0].channel_type, 'channel');
  await until('the parent changing with its reply', () => seen.message_changed?.some((e) => e.message.ts === ts && e.message.text === e.previous_message.text));
});

test('block_actions opens a modal and fills it', async () => {
  const post = await app.client.chat.postMessage({
    channel: 'C0SUPPORT', text: 'Declare?',
    blocks: [{ type: 'actions', elements: [
      { type: 'button', action_id: 'open', text: { type: 'plain_text', text: 'Declare' }, value: 'v' },
      { type: 'button', action_id: 'replace', text: { type: 'plain_text', text: 'Close' } },
    ] }],
  });
  seen.post = post;
  assert.ok((await play('click', { user: 'ada', ts: post.ts, action: 'open' })).acked);
  assert.equal(seen.action[0].actions[0].value, 'v');
  assert.equal(seen.action[0].container.message_ts, post.ts);
  await until('the filled modal', async () => (await play('views', { user: 'ada' }))[0]?.Shown.startsWith('Ready'));
});

test('view_submission: errors keep the modal, update changes it, a bare ack closes it', async () => {
  const open = async () => (await play('views', { user: 'ada' }))[0];
  const { ID } = await open();
  await play('submit', { user: 'ada', view: ID, values: { value: 'x' } });
  assert.deepEqual((await open()).Errors, { title: 'Too short' });
  await play('submit', { user: 'ada', view: ID, values: { value: 'again' } });
  assert.match((await open()).Shown, /^Once more/);
  await play('submit', { user: 'ada', view: ID, values: { value: 'Login is down', pick: 'sev2' } });
  assert.equal((await play('views', { user: 'ada' })).length, 0);
  assert.deepEqual(await until('the declaration', () => seen.declared?.[0]), { title: 'Login is down', sev: 'sev2', by: 'U0ADA' });
});

test('respond({replace_original}) changes the message with the button', async () => {
  await play('click', { user: 'ada', ts: seen.post.ts, action: 'replace' });
  await until('the change', async () => (await messages()).find((m) => m.TS === seen.post.ts)?.Shown === 'done');
});

test('a message shortcut brings the message', async () => {
  const { ts } = await play('says', { user: 'rio', channel: 'support', text: 'the database is full' });
  assert.ok((await play('shortcut', { user: 'ada', callback: 'add_to_timeline', channel: 'support', ts })).acked);
  assert.equal(seen.shortcut[0].type, 'message_action');
  await until('the note', async () => (await messages()).some((m) => m.ThreadTS === ts && m.Shown === 'kept: the database is full'));
});

test('edits, deletions, mentions, reactions, joins, groups and the home tab', async () => {
  const { ts } = await play('says', { user: 'ada', channel: 'support', text: '@perch look' });
  await until('the mention', () => seen.mention?.[0]);
  assert.equal(seen.mention[0].ts, ts);
  await play('edits', { user: 'ada', channel: 'support', ts, text: 'never mind' });
  await until('the edit', () => seen.message_changed?.some((e) => e.message.text === 'never mind' && e.previous_message.text.includes('look')));
  await play('reacts', { user: 'rio', channel: 'support', ts, emoji: 'eyes' });
  await until('the reaction', () => seen.reaction?.some((e) => e.reaction === 'eyes' && e.item.ts === ts));
  await play('deletes', { user: 'ada', channel: 'support', ts });
  await until('the deletion', () => seen.message_deleted?.some((e) => e.deleted_ts === ts));
  await play('joins', { user: 'sam', channel: 'support' });
  await until('the join', () => seen.joined?.some((e) => e.user === 'U0SAM'));
  await play('group', { users: ['sam'] });
  await until('the group', () => seen.subteam?.[0]?.added_users.includes('U0SAM'));
  await play('home', { user: 'ada' });
  await until('the home tab', async () => (await play('homeview', { user: 'ada' })).Shown === 'At home');
});

test('a retry has a new envelope and the same event', async () => {
  const before = seen.plain?.length ?? 0;
  const got = await play('redeliver', { user: 'ada', channel: 'support', text: 'once or twice' });
  assert.equal(got.length, 2);
  assert.notEqual(got[0].ID, got[1].ID);
  assert.equal(got[0].EventID, got[1].EventID);
  await until('both', () => (seen.plain?.length ?? 0) >= before + 2);
});

test('a refreshed connection is replaced', async () => {
  const [old] = await play('connections');
  await play('rotate', { grace: 0 });
  await until('another connection', async () => (await play('connections')).some((c) => c !== old));
  assert.ok((await play('command', { user: 'ada', channel: 'support', command: '/twitter', text: 'still here' })).acked);
});

test('everything was acked, and nothing failed in the app', async () => {
  assert.deepEqual(await play('unacked'), []);
  assert.deepEqual(seen.error ?? [], []);
});

const bad = await run();
await app.stop();
process.exit(bad ? 1 : 0);
