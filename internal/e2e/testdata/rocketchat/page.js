// Draws a workspace about as Rocket.Chat does, for pictures: read only. The
// markup is read by Rocket.Chat's own parser.
import { parse } from '/parser.js';

const q = new URLSearchParams(location.search);
const data = await (await fetch('/data' + location.search)).json();
const thread = q.get('thread');

// el makes an element; its children are elements or texts.
function el(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs ?? {})) if (v !== undefined && v !== false) e.setAttribute(k, v);
  e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

const emoji = {
  white_check_mark: '✅', warning: '⚠️', hourglass_flowing_sand: '⏳', lock: '🔒', pushpin: '📌', eyes: '👀', checkered_flag: '🏁', slight_smile: '🙂', incoming_envelope: '📨',
};

// inline draws what the parser made of a line. The parser knows more kinds than
// anything here writes: one that is not drawn shows up as such.
function inline(n) {
  if (Array.isArray(n)) return n.map(inline);
  switch (n.type) {
    case 'PLAIN_TEXT': return n.value;
    case 'BOLD': return el('b', {}, inline(n.value));
    case 'ITALIC': return el('i', {}, inline(n.value));
    case 'STRIKE': return el('s', {}, inline(n.value));
    case 'INLINE_CODE': return el('code', {}, inline(n.value));
    case 'EMOJI': return n.unicode ?? emoji[n.shortCode] ?? `:${n.shortCode}:`;
    case 'LINK': return el('a', { title: n.value.src.value }, inline(n.value.label));
    case 'MENTION_USER': return el('span', { class: n.value.value === data.me ? 'mention me' : 'mention' }, '@' + (data.people[n.value.value] ?? n.value.value));
    case 'MENTION_CHANNEL': return el('span', { class: 'mention' }, '#' + n.value.value);
    default: return el('mark', {}, n.type);
  }
}

function block(n) {
  switch (n.type) {
    case 'PARAGRAPH': return el('p', {}, inline(n.value));
    case 'LINE_BREAK': return el('br');
    case 'HEADING': return el('h' + n.level, {}, inline(n.value));
    case 'BIG_EMOJI': return el('p', { class: 'big' }, inline(n.value));
    case 'QUOTE': return el('blockquote', {}, n.value.map(block));
    case 'CODE': return el('pre', {}, n.value.map((l) => l.value.value + '\n'));
    case 'ORDERED_LIST': return el('ol', {}, n.value.map((i) => el('li', { value: i.number }, inline(i.value))));
    case 'UNORDERED_LIST': return el('ul', {}, n.value.map((i) => el('li', {}, inline(i.value))));
    default: return el('mark', {}, n.type);
  }
}

// The client's own settings: colours, emoticons and formulas are on.
const read = (text) => parse(text, { colors: true, emoticons: true, katex: { dollarSyntax: false, parenthesisSyntax: true } }).map(block);

function attachment(a) {
  const box = el('div', { class: 'att' });
  if (a.type === 'file') {
    const name = el('div', { class: 'file' }, a.title ?? '', a.description ? el('div', {}, read(a.description)) : null);
    return el('div', { class: 'att bare' }, name, a.image_url ? el('img', { class: 'picture', src: '/blank.svg', alt: a.title }) : null);
  }
  const side = el('div', { class: 'side', style: a.color ? `border-color:${a.color}` : undefined });
  if (a.pretext) box.append(el('div', { class: 'pretext' }, read(a.pretext)));
  if (a.author_name) side.append(el('div', { class: 'author' }, a.author_icon ? el('img', { src: '/blank.svg', alt: '' }) : null, a.author_name));
  if (a.title) side.append(el('div', { class: 'title' }, a.title));
  if (a.text) side.append(el('div', {}, read(a.text)));
  if (a.fields?.length) side.append(el('dl', {}, a.fields.map((f) => el('div', { class: f.short ? 'short' : 'long' }, el('dt', {}, f.title), el('dd', {}, read(f.value))))));
  if (a.image_url) side.append(el('img', { class: 'picture', src: '/blank.svg', alt: a.title ?? '' }));
  const actions = a.actions?.length ? el('div', { class: 'actions' }, a.actions.map((b) => el('button', { title: b.url ?? b.msg }, b.text, b.url ? ' ↗' : ''))) : null;
  if (!side.childNodes.length && actions) return el('div', { class: 'att' }, actions);
  box.append(side);
  if (actions) side.append(actions);
  return box;
}

const clock = (iso) => new Date(iso).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });

// system is what is said of a message that nobody wrote.
function system(m) {
  switch (m.t) {
    case 'livechat-started': return 'started the conversation';
    case 'au': return 'added ' + m.msg + ' to the room';
    case 'ul': return 'left the channel';
    case 'uj': return 'joined the channel';
    case 'livechat-close': return 'closed the conversation' + (m.msg ? ': ' + m.msg : '');
    case 'livechat_transfer_history': {
      const d = m.transferData ?? {};
      return 'transferred the chat to ' + (d.transferredTo?.name ?? d.nextDepartment?.name ?? 'the queue');
    }
    case 'omnichannel_placed_chat_on_hold': return 'placed this chat on hold';
    case 'omnichannel_on_hold_chat_resumed': return 'resumed this chat from on hold';
    default: return m.t + ' ' + m.msg;
  }
}

const face = (m) => {
  const name = m.alias || m.u.name || m.u.username;
  return el('i', { class: 'face f' + ([...name].reduce((n, c) => n + c.charCodeAt(0), 0) % 5) }, name[0].toUpperCase());
};

function message(m, before, replies) {
  if (m.t) return el('article', { class: 'system' }, face(m), el('span', {}, el('b', {}, m.u.name || m.alias || m.u.username), ' ', system(m)));
  const same = before && !before.t && before.u._id === m.u._id && before.alias === m.alias && new Date(m.ts) - new Date(before.ts) < 300000 && !replies && !before.replies;
  const body = el('div', { class: 'body' });
  if (!same) {
    const name = m.alias || m.u.name;
    body.append(el('h5', {}, name, el('span', {}, '@' + m.u.username), m.token ? null : data.roles[m.u.username] ? el('em', {}, data.roles[m.u.username]) : null,
      el('time', {}, clock(m.ts)), m.pinned ? el('small', {}, '📌') : null, m.editedAt ? el('small', {}, '✎') : null));
  }
  if (m.msg) body.append(...read(m.msg));
  for (const a of m.attachments ?? []) body.append(attachment(a));
  const marks = Object.entries(m.reactions ?? {});
  if (marks.length) {
    body.append(el('div', { class: 'marks' }, marks.map(([k, r]) => el('span', {}, (emoji[k.replaceAll(':', '')] ?? k) + ' ' + r.usernames.length))));
  }
  if (replies) body.append(el('div', { class: 'more' }, el('button', {}, 'View thread'), ` ${replies} ${replies === 1 ? 'reply' : 'replies'}`));
  return el('article', { class: same ? 'same' : '' }, same ? el('time', {}, clock(m.ts)) : face(m), body);
}

function list(messages, threads) {
  let before;
  return messages.filter((m) => !(m.t === 'command')).map((m) => {
    const replies = threads ? data.messages.filter((r) => r.tmid === m._id).length : 0;
    const e = message(m, before, replies);
    before = { ...m, replies };
    return e;
  });
}

const kinds = { p: '🔒', c: '#', d: '@', l: '💬' };
const groups = [['Omnichannel', 'l'], ['Channels', 'cp'], ['Direct messages', 'd']];
const nav = el('nav', {}, el('h1', {}, data.people[data.me] ?? data.me, el('span', {}, '● online')));
for (const [title, of] of groups) {
  const rooms = data.rooms.filter((r) => of.includes(r.kind));
  if (!rooms.length) continue;
  nav.append(el('p', {}, title), ...rooms.map((r) => el('a', { class: r.id === data.room.id ? 'on' : '' }, el('span', {}, kinds[r.kind]), ' ', r.name)));
}
const main = el('main', {}, el('header', {}, el('b', {}, kinds[data.room.kind] + ' ' + data.room.name), el('span', {}, data.room.topic ?? '')),
  el('section', {}, list(data.messages.filter((m) => !m.tmid), true)), el('footer', {}, 'Message'));
document.body.append(nav, main);
if (thread) {
  const first = data.messages.find((m) => m._id === thread);
  const title = first.msg || first.attachments?.map((a) => a.text || a.author_name || a.title).find(Boolean) || 'Thread';
  document.body.append(el('aside', {}, el('header', {}, el('b', {}, title.replace(/\\|^#+ |\u2060/g, '').slice(0, 60))),
    el('section', {}, list(data.messages.filter((m) => m._id === thread || m.tmid === thread), false)), el('footer', {}, 'Message')));
}
for (const s of document.querySelectorAll('section')) s.scrollTop = q.has('top') ? 0 : s.scrollHeight;
document.body.dataset.ready = '';
