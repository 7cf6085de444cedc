// The packaged app in the real AppManager, told to by turns what people in a
// workspace do, against a Perch at PERCH_URL.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack } from '../package.mjs';
import { host, lowered } from './host.mjs';

const require = createRequire(import.meta.url);
const { SlashCommandContext } = require('apps-engine-1.42/definition/slashcommands');
const { AppInterface } = require('apps-engine-1.42/definition/metadata');
const { bundleLegacyApp } = require('@rocket.chat/apps-engine/server/runtime/deno/bundler');
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
const { manager, seen } = host();
let id;

const command = (name, words, thread) =>
    manager.getCommandManager().executeCommand(name, new SlashCommandContext(ada, support, words.split(' '), thread, 'trigger'));
const set = (key, value) => {
    const setting = manager.getSettingsManager().getAppSetting(id, key);
    return manager.getSettingsManager().updateAppSetting(id, { ...setting, value });
};
const value = (key) => manager.getSettingsManager().getAppSetting(id, key).value;
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
        slashCommands: { provideSlashCommand: async (c) => note(`/${c.command}`, c.i18nParamsExample, c.i18nDescription) },
    });
    assert.deepEqual(provided, [
        'perch_address', 'perch_secret', 'default_department', 'service_unavailable', 'welcome', 'finished', 'agents_display_name',
        'file_upload', 'max_upload', 'media_types', '/twitter', '/incident', '/timeline', '/duty',
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
    assert.equal(await added.getApp().getStatus(), 'auto_enabled');
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
    await set('perch_address', `${PERCH_URL}/`);
    await set('perch_secret', PERCH_SECRET);
    await until(() => value('welcome') === 'Hello from Perch.' && value('file_upload') === false && value('max_upload') === '6MB');
});

await ok('/twitter authorize reaches Perch and says nothing itself', async () => {
    await command('twitter', 'authorize');
    assert.deepEqual(whispered(), []);
});

await ok('the words, lines and the thread of a command stay as they are', async () => {
    await command('incident', 'new --severity sev1  It "burns"\nbadly ü', 'threadthreadthrea');
    assert.deepEqual(whispered(), []);
});

await ok('the click on a button is forwarded', async () => {
    const message = { id: 'messagemessagemes', threadId: 'threadthreadthrea', room: support, sender: ada };
    const result = await manager.getListenerManager().executeListener(AppInterface.IUIKitInteractionHandler, {
        type: 'blockAction', appId: id, actionId: 'claim', user: ada, triggerId: 'trigger', room: support, message,
        payload: { value: '7', blockId: 'b' }, container: { type: 'message', id: message.id },
    });
    assert.equal(result.success, true);
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
    await command('duty', 'on');
    assert.match(whispered()[0], /can't be reached at http:\/\/127\.0\.0\.1:1/);
});

await ok('the secret is in no request, and every one is signed', async () => {
    assert.ok(seen.requests.length > 5);
    for (const { request } of seen.requests) {
        assert.ok(!JSON.stringify(request).includes(PERCH_SECRET));
        assert.match(request.headers['X-Perch-Signature'], /^[0-9a-f]{64}$/);
    }
});

await ok('uninstalling leaves nothing behind', async () => {
    const before = seen.requests.length;
    await manager.remove(id, { user: ada });
    assert.deepEqual([seen.commands.size, seen.users.size, seen.kept.size, seen.zips.size], [0, 0, 0, 0]);
    assert.equal(manager.getOneById(id), undefined);
    assert.equal(seen.requests.length, before);
});

rmSync(folder, { recursive: true, force: true });
console.log(`1..${n}`);
process.exit();
