// @rocket.chat/sdk against rcfake: the client of Rocket.Chat's own bots and of
// its older widget. Prints TAP.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { fake, play, refused, room, run, test, until } from './play.mjs';

const { Bot, Livechat } = createRequire(import.meta.url)('@rocket.chat/sdk');
const silent = { debug() {}, info() {}, warning() {}, warn() {}, error() {} };
const options = { host: fake, useSsl: false, reopen: 30, logger: silent };
const said = async (rid) => (await play('messages', { room: rid })).filter((m) => !m.Kind).map((m) => m.Text);

let bot;
const heard = [];

test('connects and logs in with a password', async () => {
  bot = new Bot(options);
  await bot.connect({});
  await bot.login({ username: 'pat', password: 'correct horse' });
  assert.equal(bot.userId, 'Upat');
  assert.equal(bot.currentLogin.username, 'pat');
  assert.ok((await bot.socket).ddp.loggedIn);
});

test('is refused another password', async () => {
  const other = new Bot(options);
  const no = await refused(other.login({ username: 'pat', password: 'wrong' }));
  assert.deepEqual([no.status, no.success, no.error], ['error', false, 'Unauthorized']);
});

test('knows the server by its version', async () => {
  assert.match((await bot.get('info', {}, true)).version, /^8\.\d+/);
});

let rid;

test('joins a channel', async () => {
  const { channel } = await bot.get('channels.info', { roomName: 'general' }, true);
  rid = channel._id;
  await bot.post('channels.join', { roomId: rid }, true);
  const r = (await play('rooms')).find((x) => x.ID === rid);
  assert.ok(r.Members.includes('pat'));
  const no = await refused(bot.post('channels.join', { roomId: room }, true));
  assert.equal(no.errorType, 'error-room-not-found');
});

test('hears its rooms, and not others\'', async () => {
  await bot.reactToMessages((err, m) => heard.push(err ?? m));
  await play('says', { who: 'ada', room, text: 'not for pat' });
  const { id } = await play('says', { who: 'ada', room: rid, text: 'hello' });
  const m = await until('the message', () => heard.find((x) => x._id === id));
  assert.equal(m.msg, 'hello');
  assert.equal(heard.some((x) => x.msg === 'not for pat'), false);
});

test('sends, edits and reacts', async () => {
  const m = await bot.sendToRoomId('good *morning*', rid);
  assert.deepEqual([m.rid, m.msg, m.u.username], [rid, 'good *morning*', 'pat']);
  await bot.editMessage({ rid, _id: m._id, msg: 'good evening' });
  await bot.setReaction(':wave:', m._id);
  const seen = (await play('messages', { room: rid })).find((x) => x.ID === m._id);
  assert.deepEqual([seen.Text, seen.Edited, seen.Reactions], ['good evening', true, { ':wave:': ['pat'] }]);
});

test('writes to somebody directly', async () => {
  await bot.sendDirectToUser('psst', 'ada');
  const direct = (await play('rooms')).find((r) => r.Kind === 'd' && r.Members.includes('pat'));
  assert.deepEqual(await said(direct.ID), ['psst']);
});

test('reads what changed since a time', async () => {
  const { updated, deleted } = await bot.loadHistory(rid, new Date(Date.now() - 60_000));
  assert.ok(updated.some((m) => m.msg === 'good evening'));
  assert.deepEqual(deleted, []);
});

test('comes back by itself, logs in and subscribes', async () => {
  await play('drop');
  await until('the end', async () => !(await play('subscribed', { text: '__my_messages__' })).yes);
  await until('its stream', async () => (await play('subscribed', { text: '__my_messages__' })).yes);
  const { id } = await play('says', { who: 'ada', room: rid, text: 'again' });
  await until('the message', () => heard.find((x) => x._id === id));
});

// The customer's side.

let guest;
let conversation;
const answers = [];

test('registers a visitor and gets a room', async () => {
  guest = new Livechat(options);
  await guest.connect({});
  const visitor = await guest.login({ visitor: { token: 'old-1', name: 'Casey', department: 'Support' } });
  assert.equal(visitor.token, 'old-1');
  const r = await guest.room();
  conversation = r._id;
  assert.deepEqual([r.t, r.v.token], ['l', 'old-1']);
});

test('writes, and hears the agent', async () => {
  await guest.subscribeRoom(conversation);
  await guest.onMessage((m) => answers.push(m));
  await guest.sendMessage({ rid: conversation, msg: 'Hello?', _id: 'old-event' });
  await play('says', { who: 'sam', room: conversation, text: 'Hi Casey' });
  const m = await until('the answer', () => answers.find((x) => x.msg === 'Hi Casey'));
  assert.ok(m.ts instanceof Date && !Number.isNaN(m.ts.getTime()));
  assert.equal((await guest.message('old-event', { rid: conversation })).msg, 'Hello?');
  assert.deepEqual(await said(conversation), ['Hello?', 'Hi Casey']);
});

test('takes a message back', async () => {
  await guest.sendMessage({ rid: conversation, msg: 'never mind', _id: 'old-wrong' });
  await guest.deleteMessage('old-wrong', { rid: conversation });
  assert.deepEqual(await said(conversation), ['Hello?', 'Hi Casey']);
});

test('ends the conversation', async () => {
  await guest.closeChat({ rid: conversation });
  await until('the end', () => answers.find((m) => m.t === 'livechat-close'));
  const no = await refused(guest.sendMessage({ rid: conversation, msg: 'late' }));
  assert.deepEqual([no.status, no.error], [400, 'room-closed']);
});

await run();
