// The packaged app in the real AppManager, told to by turns what people in a
// workspace do, against a Perch at PERCH_URL.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack } from '../package.mjs';
import { engine, host, lowered, serve } from './host.mjs';

const require = createRequire(import.meta.url);
const { SlashCommandContext } = require(`${engine}/definition/slashcommands`);
const { AppInterface } = require(`${engine}/definition/metadata`);
const { bundleLegacyApp } = require('@rocket.chat/apps-engine/server/runtime/deno/bundler');
const { buildSync } = require('esbuild');
const { PERCH_URL, PERCH_SECRET } = process.env;

console.log('TAP version 13');
let n = 0;
async function ok(what, fn) {
    try {
        await fn();
        console.log(`ok ${++n} - ${what}`);
    } catch (err) {
        console.log(`not ok ${++n} - ${what}\n${err.stack}`);
        process.exitCode = 1;
    }
}

const ada = { id: 'adaadaadaadaadaad', username: 'ada', name: 'Ada', type: 'user', roles: [], isEnabled: true };
const support = { id: 'roomroomroomroomr', slugifiedName: 'support', displayName: 'Support', type: 'p', creator: ada, usernames: ['ada'] };
const folder = mkdtempSync(join(tmpdir(), 'perch-app-'));
const { manager, seen, asked } = host();
const web = await serve(manager, seen);
let id;

seen.people.set(ada.id, ada);
let triggers = 0;
const command = (name, words, thread, trigger = `trigger${++triggers}`) =>
    manager.getCommandManager().executeCommand(name, new SlashCommandContext(ada, support, [words].flat(), thread, trigger));
// What the test does on Perch's side, see companion_test.go.
async function perch(what, said = {}) {
    const res = await fetch(`${PERCH_URL}/test/${what}`, { method: 'POST', body: JSON.stringify(said), signal: AbortSignal.timeout(20_000) });
    const text = await res.text();
    assert.equal(res.status, 200, `${what}: ${text}`);
    return JSON.parse(text);
}
await perch('app', { url: web.url });
seen.updated = ({ id: message, text, blocks, attachments }) => perch('update', { message, text, blocks, attachments });
// Newer servers write back what of a message they gave to the app.
seen.stands = async (message) => {
    const { msg, blocks, attachments } = await perch('stands', { message }) || {};
    return { text: msg, blocks, attachments };
};
const set = (key, value) => {
    const setting = manager.getSettingsManager().getAppSetting(id, key);
    return manager.getSettingsManager().updateAppSetting(id, { ...setting, value });
};
const value = (key) => {
    const setting = manager.getSettingsManager().getAppSetting(id, key);
    return setting.value ?? setting.packageValue;
};
const whispered = () => seen.whispers.splice(0).map((w) => w.message.text);
async function until(is) {
    for (const end = Date.now() + 10_000; !is() && Date.now() < end;) {
        await new Promise((done) => { setTimeout(done, 10); });
    }
    assert.ok(is());
}

await ok('the sources are what the strict compiler takes', async () => {
    const home = join(dirname(fileURLToPath(import.meta.url)), '..');
    execFileSync(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', home], { stdio: ['ignore', 'inherit', 'inherit'] });
});

await manager.load();
const { zip, manifest, files, words } = lowered(pack(folder));
const labels = new Set();

await ok('the bundle that newer servers make of it needs only what they allow', async () => {
    // As deno-runtime/handlers/app/construct.ts of apps-engine 1.62.0 does.
    const native = ['path', 'url', 'crypto', 'buffer', 'stream', 'net', 'http', 'https', 'zlib', 'util', 'punycode', 'os', 'querystring', 'fs'];
    const allowed = (name) => {
        assert.ok(native.includes(name) || name.startsWith('@rocket.chat/apps-engine'), `the app requires ${name}`);
        return require(name);
    };
    const app = { info: { ...manifest, classFile: manifest.classFile.replace(/\.ts$/, '.js') }, files };
    await bundleLegacyApp(app);
    const module = { exports: {} };
    new Function('exports', 'module', 'require', 'globalThis', app.files[app.info.classFile])(module.exports, module, allowed, undefined);
    const [Main] = Object.values(module.exports);
    const provided = [];
    const note = (id, ...shown) => {
        provided.push(id);
        shown.forEach((s) => labels.add(s));
    };
    await new Main(manifest, { debug() {} }, {}).extendConfiguration({
        settings: { provideSetting: async (s) => note(s.id, s.section, s.i18nLabel, s.i18nDescription, ...(s.values || []).map((v) => v.i18nLabel)) },
        api: { provideApi: async (a) => provided.push(...a.endpoints.map((e) => e.path)) },
        slashCommands: { provideSlashCommand: async (c) => note(`/${c.command}`, c.i18nParamsExample, c.i18nDescription) },
    });
    assert.deepEqual(provided, [
        'perch_address', 'perch_secret', 'default_department', 'service_unavailable', 'welcome', 'finished', 'agents_display_name',
        'file_upload', 'max_upload', 'media_types', '/twitter', '/incident', '/timeline', '/duty', 'perch', 'get-sidebar-icon',
    ]);
});

await ok('every label has words, and no words are left over', async () => {
    assert.deepEqual([...labels].sort(), Object.keys(words).sort());
});

await ok('the packaged app is installed and enabled', async () => {
    assert.equal(manifest.requiredApiVersion, '^1.44.0');
    assert.deepEqual(manifest.implements, ['IUIKitInteractionHandler']);
    const added = await manager.add(zip, { enable: true, user: ada, permissionsGranted: manifest.permissions });
    assert.equal(added.getCompilerErrors?.()?.length ?? 0, 0);
    id = added.getApp().getID();
    assert.match(await added.getApp().getStatus(), /_enabled$/);
    assert.deepEqual([...seen.commands].sort(), ['duty', 'incident', 'timeline', 'twitter']);
    assert.equal(seen.users.get(id).username, 'twitter-companion.bot');
});

await ok('without an address the person is told what is missing', async () => {
    await command('twitter', 'authorize');
    const [text] = whispered();
    assert.match(text, /not connected yet.*Settings/);
    assert.equal(seen.requests.length, 0);
});

await ok('with the address and the secret the page shows what counts in Perch', async () => {
    const line = (key) => manager.getSettingsManager().getAppSetting(id, key).i18nDescription;
    await set('perch_address', `${PERCH_URL}/`);
    assert.equal(line('perch_address'), 'perch_address_about'); // the secret is not there yet
    await set('perch_secret', 'another secret, mistyped');
    assert.match(line('perch_secret'), /Perch does not know this app/);
    await set('perch_secret', PERCH_SECRET);
    assert.equal(line('perch_secret'), 'perch_secret_about');
    await until(() => value('welcome') === 'Hello from Perch.' && value('file_upload') === false && value('max_upload') === '6MB');
});

await ok('/twitter authorize reaches Perch and says nothing itself', async () => {
    await command('twitter', 'authorize');
    assert.deepEqual(whispered(), []);
});

// The server hands over words, and takes the quotes away: see parseParameters there.
await ok('the words and the thread of a command arrive, and the values of options in quotes', async () => {
    await command('incident', ['new', '--visibility', 'status page', '--note=all of it', '--who', '', 'It', 'burns', 'badly', 'ü'], 'threadthreadthrea');
    assert.deepEqual(whispered(), []);
});

await ok('the person is told when the server may have taken apostrophes away', async () => {
    await command('timeline', ['add', 'we', 'dont know, they wont', '`say`']);
    assert.match(whispered()[0], /apostrophes.*Perch got: `add we dont know, they wont say `.*`!timeline`/);
});

await ok('a command that the server hands over twice has the same ID', async () => {
    await command('duty', 'who', undefined, 'once');
    await command('duty', 'who', undefined, 'once');
    const ids = seen.requests.slice(-2).map((r) => JSON.parse(r.request.content).id);
    assert.equal(ids[0], ids[1]);
});

// odd are the parts of a block that @rocket.chat/ui-kit does not know.
const kit = (() => {
    const { outputFiles } = buildSync({ stdin: { contents: "export * from '@rocket.chat/ui-kit'", resolveDir: dirname(fileURLToPath(import.meta.url)) }, bundle: true, format: 'cjs', platform: 'node', write: false });
    const module = { exports: {} };
    new Function('module', 'exports', 'require', outputFiles[0].text)(module, module.exports, require);
    return module.exports;
})();
function odd(block, Surface = kit.UiKitParserMessage) {
    class Parser extends Surface {}
    for (const name of ['plain_text', 'mrkdwn', 'button', 'image', 'section', 'actions', 'context', 'divider', 'input', 'plain_text_input', 'static_select']) {
        Parser.prototype[name] = (part) => ({ name, part });
    }
    const parser = new Parser();
    const found = parser.render([block], { engine: 'rocket.chat' }).length === 1 ? [] : [block.type];
    const parts = [
        ...(block.elements || []).map((e, n) => [e, block.type === 'actions' ? parser.renderActionsBlockElement(e, n) : parser.renderContextBlockElement(e, n)]),
        ...(block.element ? [[block.element, parser.renderInputBlockElement(block.element, 0)]] : []),
        ...[block.text, block.label, block.hint, ...(block.fields || [])].filter(Boolean).map((t, n) => [t, parser.renderTextObject(t, n)]),
    ];
    return found.concat(parts.filter(([, drawn]) => !drawn).map(([part]) => part.type));
}

const press = (message, button, payload = {}) => manager.getListenerManager().executeListener(AppInterface.IUIKitInteractionHandler, {
    type: 'blockAction', appId: id, actionId: button.actionId, user: ada, triggerId: payload.trigger || `trigger${++triggers}`,
    room: { ...support, id: message.room.id }, message, payload: { value: button.value, blockId: button.blockId }, container: { type: 'message', id: message.id },
});
const buttons = (message) => message.blocks.filter((b) => b.type === 'actions').flatMap((b) => b.elements);
const posted = async () => {
    const { bot, ...m } = await perch('post');
    seen.people.set(bot, { id: bot, username: 'twitter.bot', name: 'Twitter', type: 'bot' });
    const message = { id: m._id, room: { ...support, id: m.rid }, sender: { id: bot, username: 'twitter.bot' }, text: m.msg, blocks: m.blocks };
    seen.messages.set(message.id, message);
    return message;
};
let card;

await ok("the vendor's own parser takes every block of Perch's messages and forms", async () => {
    await perch('answers');
    const { blocks } = await perch('every');
    for (const b of blocks) {
        assert.deepEqual(odd(b), [], JSON.stringify(b));
    }
    assert.deepEqual(odd({ type: 'actions', elements: [{ type: 'knob' }] }), ['knob']); // it can say no
    assert.deepEqual(odd({ type: 'shelf' }), ['shelf']);
    assert.ok(blocks.length > 8);
});

await ok('once Perch knows that the app is there, its buttons are blocks that the app hears', async () => {
    await perch('answers');
    card = await posted();
    assert.deepEqual(buttons(card).map((b) => [b.text.text, b.appId, b.style]), [['Claim', id, 'primary'], ['Open', id, undefined]]);
    const result = await press({ ...card, threadId: 'threadthreadthrea' }, buttons(card)[0]);
    assert.equal(result.success, true);
});

await ok('a button that is not one of Perch\'s is refused, and the person is told', async () => {
    for (const forged of [{ value: buttons(card)[0].value.replace('claim', 'other') }, { value: '!perch claim .x' }, { value: undefined }]) {
        const result = await press(card, { ...buttons(card)[0], ...forged });
        assert.equal(result.success, false);
        assert.match(whispered()[0], /does not know this button/);
    }
    const result = await press({ ...card, room: { ...support, id: 'anotheranotherano' } }, buttons(card)[0]);
    assert.equal(result.success, false);
    whispered();
});

await ok('a click on a button that opens an address is nobody\'s business', async () => {
    const before = seen.requests.length;
    const result = await press(card, { actionId: 'link.b2.1', blockId: 'b2' });
    assert.deepEqual([result.success, whispered(), seen.requests.length], [true, [], before]);
});

await ok('Perch changes its message through the app', async () => {
    assert.equal(await perch('edit'), null);
    const now = seen.messages.get(card.id);
    assert.equal(now.text, 'The card, claimed');
    assert.deepEqual(buttons(now).map((b) => b.text.text), ['Release']);
    assert.equal(seen.updates.at(-1).editor.id, card.sender.id);
});

await ok('what is not Perch\'s own message is left alone', async () => {
    seen.messages.set(card.id, { ...seen.messages.get(card.id), sender: ada });
    const before = seen.updates.length;
    const { error } = await perch('edit');
    assert.match(error, /no such message/);
    assert.equal(seen.updates.length, before);
    seen.messages.set(card.id, { ...seen.messages.get(card.id), sender: card.sender });
});

await ok('a form is a window, and what is filled in reaches Perch', async () => {
    const opened = await posted();
    await press(opened, buttons(opened)[1], { trigger: 'forthewindow' });
    await perch('open');
    const { user, interaction } = seen.views.at(-1);
    assert.equal(user.id, ada.id);
    assert.equal(interaction.type, 'modal.open');
    assert.equal(interaction.triggerId, 'forthewindow');
    const { view } = interaction;
    assert.deepEqual(view.blocks.map((b) => [b.blockId, b.element.type, b.element.initialValue, b.optional]), [
        ['title', 'plain_text_input', 'Checkout', undefined], ['impact', 'static_select', undefined, true],
    ]);
    for (const b of view.blocks) {
        assert.deepEqual(odd(b, kit.UiKitParserModal), [], JSON.stringify(b));
    }
    const submit = (state) => manager.getListenerManager().executeListener(AppInterface.IUIKitInteractionHandler, {
        type: 'viewSubmit', appId: id, user: ada, triggerId: `trigger${++triggers}`, payload: { view: { ...view, state } },
    });
    const wrong = await submit({ title: { title: '' } });
    assert.deepEqual([wrong.success, wrong.type, wrong.viewId], [false, 'errors', view.id]);
    assert.deepEqual(wrong.errors, { title: 'Please fill this in.' });
    const right = await submit({ title: { title: 'It burns' }, impact: { impact: 'all' } });
    assert.deepEqual(right, { success: true });
    view.id = view.id.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'));
    const forged = await submit({ title: { title: 'It burns' } });
    assert.match(forged.errors.title, /form is over/);
});

await ok('a conversation is made by the app, under the name that agents read', async () => {
    const entered = await perch('enter', { department: 'Sales' });
    const room = seen.rooms.at(-1);
    assert.deepEqual(entered, { room: room.id, fresh: true });
    assert.deepEqual(room.source, { type: 'app', label: 'Twitter', sidebarIcon: 'perch.svg', defaultIcon: 'perch.svg' });
    assert.equal(manifest.name, 'Twitter');
    assert.ok(!room.agent);
    const { token, ...visitor } = seen.registered.at(-1);
    assert.match(token, /^perch[0-9a-f]{48}$/);
    assert.deepEqual(visitor, { username: `x-${token.slice(5, 21)}`, name: 'Jane (@jane) on X', department: 'depdepdep' });
});

await ok('the same customer has one room, and is registered once', async () => {
    const [rooms, registered] = [seen.rooms.length, seen.registered.length];
    const entered = await perch('enter', { department: 'Sales' });
    assert.deepEqual(entered, { room: seen.rooms.at(-1).id, fresh: false });
    assert.deepEqual([seen.rooms.length, seen.registered.length], [rooms, registered]);
});

await ok('two requests at once make one room', async () => {
    const rooms = seen.rooms.length;
    seen.slow = 200;
    const both = await Promise.all([perch('enter', { who: 'twice' }), perch('enter', { who: 'twice' })]);
    seen.slow = 0;
    assert.deepEqual(both.map((e) => e.fresh).sort(), [false, true]);
    assert.equal(both[0].room, both[1].room);
    assert.equal(seen.rooms.length, rooms + 1);
});

await ok('a room that Perch no longer waits for is not begun', async () => {
    const rooms = seen.rooms.length;
    seen.slow = 1800; // three times
    const entered = await perch('enter', { who: 'late' });
    seen.slow = 0;
    assert.equal(seen.rooms.length, rooms);
    assert.deepEqual(entered, { error: 'no_agent' }); // the way without the app
});

await ok('Perch is told of no agents and of a department that is none', async () => {
    seen.online = false;
    assert.deepEqual(await perch('enter', { who: 'another' }), { error: 'no_agent' });
    seen.online = true;
    assert.deepEqual(await perch('enter', { who: 'another', department: 'Nowhere' }), { error: 'error-invalid-department' });
});

await ok('what changes in Perch shows on the page, and is not sent back', async () => {
    const before = seen.requests.length;
    await perch('settings', { welcome: 'Good day.' });
    await until(() => value('welcome') === 'Good day.');
    assert.equal(seen.requests.length, before);
});

await ok('what Perch did not sign, or long ago, or has said before, is refused', async () => {
    const path = `${web.url}/api/apps/public/${id}/perch`;
    const ask = async (what, { secret = PERCH_SECRET, stamp = String(Math.floor(Date.now() / 1000)), prefix = 'to-app:v1:', said = JSON.stringify({ type: 'hello', id: `h${++triggers}`, ...what }) } = {}) => {
        const signature = createHmac('sha256', secret).update(`${prefix}${stamp}:${said}`).digest('hex');
        const res = await fetch(path, {
            method: 'POST', body: JSON.stringify({ said }),
            headers: { 'Content-Type': 'application/json', 'X-Perch-Timestamp': stamp, 'X-Perch-Signature': signature },
        });
        return [res.status, (await res.json()).error?.code];
    };
    const ago = (s) => String(Math.floor(Date.now() / 1000) - s);
    assert.deepEqual(await ask({}), [200, undefined]);
    assert.deepEqual(await ask({}, { secret: 'another' }), [401, 'unauthorized']);
    assert.deepEqual(await ask({}, { secret: '' }), [401, 'unauthorized']);
    assert.deepEqual(await ask({}, { prefix: 'v1:' }), [401, 'unauthorized']); // what the app itself signs
    assert.deepEqual(await ask({}, { stamp: ago(400) }), [401, 'clock']);
    assert.deepEqual(await ask({}, { stamp: ago(-400) }), [401, 'clock']);
    assert.deepEqual(await ask({}, { stamp: 'now' }), [401, 'clock']);
    assert.deepEqual(await ask({ id: 'twice' }), [200, undefined]);
    assert.deepEqual(await ask({ id: 'twice' }), [409, 'again']);
    assert.deepEqual(await ask({ type: 'dance' }), [400, 'unknown']);
    assert.deepEqual(await ask({}, { said: 'nonsense' }), [400, 'invalid']);
    const bare = await fetch(path, { method: 'POST', body: '{' });
    assert.equal(bare.status, 401);
});

await ok('the sign beside the conversations is a picture', async () => {
    const res = await fetch(`${web.url}/api/apps/public/${id}/get-sidebar-icon?icon=perch.svg`);
    assert.deepEqual([res.status, res.headers.get('content-type')], [200, 'image/svg+xml']);
    assert.match(await res.text(), /^<svg .*<\/svg>$/);
});

await ok('a changed setting is forwarded, one that stayed is not', async () => {
    const before = seen.requests.length;
    await set('finished', 'Bye.');
    await set('finished', 'Bye.');
    assert.equal(value('finished'), 'Bye.');
    assert.equal(seen.requests.length, before + 1);
});

await ok('a setting that Perch refuses stays as it was, and the line under it says why', async () => {
    const before = value('media_types');
    const line = () => manager.getSettingsManager().getAppSetting(id, 'media_types').i18nDescription;
    await set('media_types', 'nonsense');
    assert.equal(value('media_types'), before);
    assert.match(line(), /^nonsense: .*is no media type/);
    await set('media_types', 'image/*');
    assert.equal(value('media_types'), 'image/*');
    assert.equal(line(), 'media_types_about');
});

await ok('a refusal of Perch is shown to the person alone', async () => {
    const secret = value('perch_secret');
    await set('perch_secret', 'another secret, mistyped');
    await command('twitter', 'support');
    const [whisper] = seen.whispers;
    assert.equal(whisper.user.id, ada.id);
    assert.match(whispered()[0], /Perch does not know this app/);
    await set('perch_secret', secret);
});

await ok("the person is told when Perch can't be reached", async () => {
    await set('perch_address', 'http://127.0.0.1:1');
    assert.match(manager.getSettingsManager().getAppSetting(id, 'perch_address').i18nDescription, /can't be reached/);
    const line = () => manager.getSettingsManager().getAppSetting(id, 'finished').i18nDescription;
    await set('finished', 'While Perch is down');
    assert.equal(value('finished'), 'Bye.');
    assert.match(line(), /^While Perch is down: .*can't be reached/);
    await command('duty', 'on');
    assert.match(whispered()[0], /can't be reached at http:\/\/127\.0\.0\.1:1/);
});

await ok('what was refused is no longer said once Perch says what counts', async () => {
    const line = () => manager.getSettingsManager().getAppSetting(id, 'finished').i18nDescription;
    await set('perch_address', `${PERCH_URL}/`);
    await perch('settings', { finished: 'See you.' });
    await until(() => value('finished') === 'See you.');
    assert.equal(line(), 'finished_about');
});

await ok('the secret is in no request, and every one is signed', async () => {
    assert.ok(seen.requests.length > 5);
    for (const { request } of seen.requests) {
        assert.ok(!JSON.stringify(request).includes(PERCH_SECRET));
        assert.match(request.headers['X-Perch-Signature'], /^[0-9a-f]{64}$/);
    }
});

await ok('switched off, the app says so, and Perch draws buttons that need no app', async () => {
    await set('perch_address', `${PERCH_URL}/`);
    await perch('answers');
    await manager.getOneById(id).call('onDisable'); // this old engine forgets to
    await manager.disable(id);
    assert.deepEqual(await perch('gone', { message: card.id }), { buttons: ['Release'] });
    const plain = await posted();
    assert.equal(plain.blocks, undefined);
    await manager.enable(id);
    await perch('answers');
    assert.ok((await posted()).blocks);
});

await ok('a newer version keeps what stands on the page', async () => {
    const before = Object.entries(seen.kept.get(id).settings).map(([key, s]) => [key, s.value]);
    await manager.update(zip, manifest.permissions);
    await perch('answers');
    assert.match(await manager.getOneById(id).getStatus(), /_enabled$/);
    assert.deepEqual(Object.entries(seen.kept.get(id).settings).map(([key, s]) => [key, s.value]), before);
    assert.deepEqual([...seen.commands].sort(), ['duty', 'incident', 'timeline', 'twitter']);
    await command('duty', 'who');
    assert.deepEqual(whispered(), []);
});

await ok('every permission is needed', async () => {
    assert.deepEqual(manifest.permissions.map((p) => p.name).filter((name) => !asked.has(name)), []);
});

await ok('uninstalling leaves nothing behind, no dead button either', async () => {
    const last = await posted();
    const before = seen.requests.length;
    await manager.remove(id, { user: ada });
    assert.deepEqual([seen.commands.size, seen.users.size, seen.kept.size, seen.zips.size, seen.apis.size], [0, 0, 0, 0, 0]);
    assert.equal(manager.getOneById(id), undefined);
    assert.equal(seen.requests.length, before + 1); // its goodbye
    assert.deepEqual(await perch('gone', { message: last.id }), { buttons: ['Claim', 'Open'] });
    assert.deepEqual(buttons(seen.messages.get(last.id)), []);
    assert.ok(seen.messages.get(last.id).blocks.length > 0);
});

web.close();
rmSync(folder, { recursive: true, force: true });
console.log(`1..${n}`);
process.exit();
