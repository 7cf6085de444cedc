// @rocket.chat/ddp-client against rcfake: the client of Rocket.Chat's own web
// application and widget must find in it the server that it knows. Prints TAP.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { botID, botToken, fake, play, refused, room, run, test, until } from './play.mjs';

const { DDPSDK, LivechatClientImpl } = createRequire(import.meta.url)('@rocket.chat/ddp-client');
// Each its own: the client keeps its timer in it.
const retry = () => ({ retryCount: 10, retryTime: 20 });
const said = async (rid) => (await play('messages', { room: rid })).filter((m) => !m.Kind).map((m) => m.Text);

// The bot's side.

let sdk;
const mine = [];

test('connects', async () => {
  sdk = await DDPSDK.createAndConnect(fake, retry());
  assert.equal(sdk.connection.status, 'connected');
  assert.match(sdk.connection.session, /^\w{17}$/);
});

test('is refused a subscription before the login', async () => {
  const s = sdk.stream('room-messages', ['__my_messages__'], () => {});
  await assert.rejects(s.ready(), (e) => e.error === 'not-allowed' && e.errorType === 'Meteor.Error');
});

test('is refused a login with another token', async () => {
  await assert.rejects(sdk.account.loginWithToken('no'), (e) => e.error === 403 && e.isClientSafe);
  assert.equal(sdk.account.uid, undefined);
});

test('logs in by resume', async () => {
  await sdk.account.loginWithToken(botToken);
  assert.equal(sdk.account.uid, botID);
  assert.ok(sdk.account.user.tokenExpires instanceof Date || sdk.account.user.tokenExpires?.$date);
});

test('subscribes after the login', async () => {
  const s = sdk.stream('room-messages', ['__my_messages__'], (message, about) => mine.push({ message, about }));
  await s.ready();
});

test('hears what people say', async () => {
  const { id } = await play('says', { who: 'ada', room, text: 'hello' });
  const { message, about } = await until('the message', () => mine.find((m) => m.message._id === id));
  assert.equal(message.msg, 'hello');
  assert.equal(message.rid, room);
  assert.equal(message.u.username, 'ada');
  assert.ok(Number.isInteger(message.ts.$date), 'dates are EJSON');
  assert.deepEqual(about, { roomParticipant: true, roomType: 'p', roomName: 'support' });
});

test('hears one ID again when it is edited, previewed or reacted to', async () => {
  const { id } = await play('says', { who: 'ada', room, text: 'see https://example.com' });
  await play('previews', { room, id });
  await play('edits', { who: 'ada', room, id, text: 'changed' });
  await play('reacts', { who: 'rio', room, id, emoji: 'eyes' });
  const all = await until('all four', () => {
    const l = mine.filter((m) => m.message._id === id).map((m) => m.message);
    return l.length === 4 && l;
  });
  assert.deepEqual(all.map((m) => Boolean(m.editedAt)), [false, false, true, true]);
  assert.deepEqual(all.map((m) => m.msg), ['see https://example.com', 'see https://example.com', 'changed', 'changed']);
  assert.deepEqual(all[3].reactions, { ':eyes:': { usernames: ['rio'] } });
});

test('hears of deletions', async () => {
  const gone = [];
  await sdk.stream('notify-room', [`${room}/deleteMessage`], (m) => gone.push(m._id)).ready();
  const { id } = await play('says', { who: 'ada', room, text: 'oops' });
  await play('deletes', { who: 'ada', room, id });
  await until('the deletion', () => gone.includes(id));
});

test('hears of new rooms, and of no one else\'s', async () => {
  const rooms = [];
  await sdk.stream('notify-user', [`${botID}/rooms-changed`], (op, r) => rooms.push([op, r.t])).ready();
  await play('direct', { who: 'ada' });
  await until('the room', () => rooms.some(([op, t]) => op === 'inserted' && t === 'd'));
  await assert.rejects(sdk.stream('notify-user', ['Uada/rooms-changed'], () => {}).ready(), (e) => e.error === 'not-allowed');
});

test('is not told of streams that are none', async () => {
  await assert.rejects(sdk.stream('nothing', ['x'], () => {}).ready(), (e) => e.error === 404);
  await assert.rejects(sdk.call('noSuchMethod'), (e) => e.error === 404);
});

test('sends with its login, and is refused a repeated ID', async () => {
  const send = () => sdk.rest.post('/v1/chat.sendMessage', { message: { _id: 'fixed1', rid: room, msg: 'once' } });
  assert.equal((await send()).message._id, 'fixed1');
  assert.equal((await refused(send())).status, 400);
  assert.equal((await said(room)).filter((t) => t === 'once').length, 1);
});

test('is refused a key too many', async () => {
  const no = await refused(sdk.rest.post('/v1/groups.create', { name: 'x', colour: 'red' }));
  assert.deepEqual([no.status, no.success, no.errorType], [400, false, 'invalid-params']);
  const query = await refused(sdk.rest.get('/v1/rooms.info', { roomId: room, fields: '{}' }));
  assert.equal(query.errorType, 'invalid-params');
});

test('hands in the second factor where it is asked for', async () => {
  await play('totp', { text: '123456' });
  let asked;
  sdk.rest.handleTwoFactorChallenge(async (c) => {
    asked = c;
    return '123456';
  });
  const s = await sdk.rest.get('/v1/settings/Livechat_enabled');
  assert.equal(s.value, true);
  assert.equal(asked.method, 'totp');
  await play('totp', { text: '' });
});

test('pings and is pinged', async () => {
  const pong = new Promise((ok) => sdk.client.ddp.on('pong', ok));
  sdk.client.ddp.ping();
  await pong;
  const before = (await play('pongs')).n;
  await play('ping');
  await until('its pong', async () => (await play('pongs')).n > before);
});

test('reconnects, logs in again and listens; nothing is replayed', async () => {
  let up = 0;
  sdk.connection.on('connected', () => up++);
  await play('stop');
  await until('the end', () => sdk.connection.status !== 'connected');
  const { id: missed } = await play('says', { who: 'ada', room, text: 'while you were out' });
  await play('start');
  await until('the connection', () => up > 0 && sdk.connection.status === 'connected');
  await until('its streams', async () => (await play('subscribed', { text: '__my_messages__' })).yes);
  const { id } = await play('says', { who: 'ada', room, text: 'back?' });
  await until('the message', () => mine.find((m) => m.message._id === id));
  assert.equal(mine.some((m) => m.message._id === missed), false, 'it was replayed');
  const sync = await sdk.rest.get('/v1/chat.syncMessages', { roomId: room, lastUpdate: new Date(Date.now() - 60_000).toISOString() });
  assert.ok(sync.result.updated.some((m) => m._id === missed), 'REST has it');
});

// The customer's side, as the widget.

let guest;
let rid;
const heard = [];
const typing = [];

test('registers a visitor', async () => {
  guest = LivechatClientImpl.create(fake, retry());
  await guest.connection.connect();
  const { visitor } = await guest.grantVisitor({ visitor: { token: 'guest-1', name: 'Casey', username: 'casey', department: 'Support' } });
  assert.deepEqual([visitor.token, visitor.name, visitor.username], ['guest-1', 'Casey', 'casey']);
  assert.equal(guest.token, 'guest-1');
  assert.equal((await guest.visitor()).visitor._id, visitor._id);
});

test('gets a room, and the same one again', async () => {
  const r = await guest.room();
  rid = r._id;
  assert.deepEqual([r.t, r.open, r.v.token, r.servedBy.username], ['l', true, 'guest-1', 'sam']);
  assert.equal((await guest.room())._id, rid);
  const config = await guest.config({ token: 'guest-1' });
  assert.deepEqual([config.enabled, config.online, config.room._id, config.guest.token], [true, true, rid, 'guest-1']);
});

test('writes, and is refused the same ID twice', async () => {
  const send = () => guest.sendMessage({ rid, msg: 'Where is my order?', _id: 'event-1' });
  const { message } = await send();
  assert.deepEqual([message._id, message.token, message.alias], ['event-1', 'guest-1', 'Casey']);
  assert.equal((await refused(send())).status, 400);
  assert.equal((await guest.message('event-1', { rid })).message.msg, 'Where is my order?');
  assert.deepEqual(await said(rid), ['Where is my order?']);
});

test('hears the agent, and itself', async () => {
  await guest.subscribeRoom(rid);
  guest.onMessage((m) => heard.push(m));
  guest.onUserActivity((who, acts) => typing.push([who, acts]));
  await until('its streams', async () => (await play('subscribed', { text: rid })).yes);
  await play('types', { who: 'sam', room: rid });
  await until('somebody typing', () => typing.some(([who, acts]) => who === 'sam' && acts.includes('user-typing')));
  const { id } = await play('says', { who: 'sam', room: rid, text: 'It is **on** its way' });
  const m = await until('the answer', () => heard.find((x) => x._id === id));
  assert.deepEqual([m.u.username, m.u.name, m.token, m.msg], ['sam', 'Sam Lee', undefined, 'It is **on** its way']);
  await guest.sendMessage({ rid, msg: 'Thanks' });
  await until('its own message', () => heard.find((x) => x.msg === 'Thanks' && x.token === 'guest-1'));
  assert.deepEqual([(await guest.agent(rid)).username], ['sam']);
});

test('changes its message', async () => {
  await guest.editMessage('event-1', { token: 'guest-1', rid, msg: 'Where is my parcel?' });
  assert.equal((await said(rid))[0], 'Where is my parcel?');
  await until('the change', () => heard.find((m) => m._id === 'event-1' && m.editedAt));
});

test('reads the history, newest first', async () => {
  const all = await guest.loadMessages(rid, { limit: 50 });
  assert.equal(all[0].msg, 'Thanks');
  assert.equal(all.at(-1).t, 'livechat-started');
  assert.ok(all.every((m, i) => i === 0 || m.ts <= all[i - 1].ts));
  const kinds = all.filter((m) => m.t).map((m) => [m.t, m.msg]).reverse();
  assert.deepEqual(kinds, [['livechat-started', ''], ['command', 'connected'], ['uj', '']]);
});

test('may not listen to another\'s room', async () => {
  const other = LivechatClientImpl.create(fake, retry());
  await other.connection.connect();
  other.token = 'somebody-else';
  const s = other.stream('room-messages', [rid, { token: 'no', visitorToken: 'no' }], () => {});
  await assert.rejects(s.ready(), (e) => e.error === 'not-allowed');
  assert.equal((await refused(other.loadMessages(rid))).error, 'invalid-token');
  other.connection.close();
});

test('is handed to another department', async () => {
  const agents = [];
  guest.onAgentChange(rid, (a) => agents.push(a.username));
  await until('its stream', async () => (await play('subscribed', { text: rid, stream: 'stream-livechat-room' })).yes);
  await guest.transferChat({ rid, department: 'Sales' });
  await until('the other agent', () => agents.includes('lee'));
  const m = await until('the note', () => heard.find((x) => x.t === 'livechat_transfer_history'));
  assert.deepEqual([m.transferData.scope, m.transferData.nextDepartment.name, m.token], ['department', 'Sales', 'guest-1']);
});

test('is held, and goes on by writing', async () => {
  await play('holds', { who: 'lee', room: rid });
  await until('the hold', () => heard.find((m) => m.t === 'omnichannel_placed_chat_on_hold'));
  await guest.sendMessage({ rid, msg: 'Still there?' });
  await until('the end of it', () => heard.find((m) => m.t === 'omnichannel_on_hold_chat_resumed'));
});

test('comes back by itself and hears again', async () => {
  await play('drop');
  await until('the end', () => guest.connection.status !== 'connected');
  await until('the connection', () => guest.connection.status === 'connected');
  await until('its streams', async () => (await play('subscribed', { text: rid })).yes);
  const { id } = await play('says', { who: 'lee', room: rid, text: 'Yes' });
  await until('the answer', () => heard.find((m) => m._id === id));
});

test('ends the conversation; the next has another room', async () => {
  await guest.closeChat({ rid });
  const m = await until('the end', () => heard.find((x) => x.t === 'livechat-close'));
  assert.equal(m.token, 'guest-1');
  assert.equal((await refused(guest.sendMessage({ rid, msg: 'one more thing' }))).error, 'room-closed');
  assert.notEqual((await guest.room())._id, rid);
});

test('is told that nobody is there', async () => {
  await guest.grantVisitor({ visitor: { token: 'guest-2', department: 'Sales' } });
  await play('away', { who: 'lee', on: true });
  const no = await refused(guest.room());
  assert.deepEqual([no.status, no.error, no.errorType], [400, 'Sorry, no online agents [no-agent-online]', 'no-agent-online']);
  assert.equal((await guest.config({ department: 'Sales' })).online, false);
  await play('away', { who: 'lee', on: false });
});

test('is refused by the limiter, five a minute', async () => {
  await play('limits', { on: true });
  for (let i = 0; i < 5; i++) await guest.grantVisitor({ visitor: { token: 'guest-1' } });
  const no = await refused(guest.grantVisitor({ visitor: { token: 'guest-1' } }));
  assert.equal(no.status, 429);
  assert.match(no.error, /You must wait \d+ seconds before trying this endpoint again\. \[error-too-many-requests\]$/);
  assert.equal(no.errorType, undefined);
  const reset = Number(no.headers.get('x-ratelimit-reset')) - Date.now();
  assert.ok(reset > 0 && reset <= 60_000, 'the reset is in milliseconds');
  assert.equal(no.headers.get('x-ratelimit-limit'), '5');
  await play('limits', { on: false });
});

await run();
