// A Rocket.Chat workspace as far as the real AppManager asks for one: apps-engine
// 1.42.1 is the last whose runtime is Node itself.
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const engine = 'apps-engine-1.42';
const bridges = require(`${engine}/server/bridges`);
const storage = require(`${engine}/server/storage`);
const { AppManager } = require(`${engine}/server/AppManager`);
const AdmZip = require('adm-zip');

// missing answers for bridges that the app has no business with.
function missing(name) {
    return new Proxy({}, { get: (_, what) => () => { throw new Error(`the app asked for ${name}.${String(what)}`); } });
}

function bridge(Base, methods) {
    const b = new (class extends Base {})();
    return Object.assign(b, methods);
}

// host returns the manager and all that the app left in the workspace.
export function host() {
    const seen = { commands: new Set(), users: new Map(), whispers: [], settings: [], kept: new Map(), zips: new Map(), requests: [] };
    const keys = generateKeyPairSync('rsa', {
        modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const made = {
        Command: bridge(bridges.CommandBridge, {
            doesCommandExist: async (c) => seen.commands.has(c),
            registerCommand: async (c) => { seen.commands.add(c.command); },
            unregisterCommand: async (c) => { seen.commands.delete(c); },
        }),
        Http: bridge(bridges.HttpBridge, {
            call: async ({ method, url, request }) => {
                seen.requests.push({ method, url, request });
                const res = await fetch(url, { method: method.toUpperCase(), headers: request.headers, body: request.content, signal: AbortSignal.timeout(request.timeout) });
                const content = await res.text();
                let data;
                try { data = JSON.parse(content); } catch { data = undefined; }
                return { url, method, statusCode: res.status, content, data };
            },
        }),
        Message: bridge(bridges.MessageBridge, { notifyUser: async (user, message) => { seen.whispers.push({ user, message }); } }),
        User: bridge(bridges.UserBridge, {
            getAppUser: async (id) => seen.users.get(id),
            create: async (u, id) => { seen.users.set(id, { id: `app-${id}`, ...u }); return `app-${id}`; },
            remove: async (_, id) => seen.users.delete(id),
        }),
        AppActivation: bridge(bridges.AppActivationBridge, {
            appAdded: async () => {}, appUpdated: async () => {}, appRemoved: async () => {}, appStatusChanged: async () => {}, actionsChanged: async () => {},
        }),
        AppDetailChanges: bridge(bridges.AppDetailChangesBridge, { onAppSettingsChange: (_, s) => { seen.settings.push(s.id); } }),
        Persistence: bridge(bridges.PersistenceBridge, { purge: async () => {} }),
        Api: bridge(bridges.ApiBridge, { registerApi: async () => { throw new Error('no endpoint was agreed on'); }, unregisterApis: async () => {} }),
        Scheduler: bridge(bridges.SchedulerBridge, { cancelAllJobs: async () => {} }),
        InternalFederation: { getPublicKey: async () => keys.publicKey, getPrivateKey: async () => keys.privateKey },
    };
    class Bridges extends bridges.AppBridges {}
    for (const name of ['Command', 'Http', 'Message', 'User', 'AppActivation', 'AppDetailChanges', 'Persistence', 'Api', 'Scheduler', 'InternalFederation',
        'EnvironmentalVariable', 'Listener', 'Livechat', 'Room', 'Internal', 'ServerSetting', 'Upload', 'UiInteraction', 'CloudWorkspace', 'VideoConference',
        'OAuthApps', 'Moderation', 'Thread', 'Role']) {
        const b = made[name] || missing(name);
        Bridges.prototype[`get${name}Bridge`] = () => b;
    }
    class Items extends storage.AppMetadataStorage {
        constructor() { super('memory'); }
        async create(item) { seen.kept.set(item.id, item); return item; }
        async retrieveOne(id) { return seen.kept.get(id); }
        async retrieveAll() { return new Map(seen.kept); }
        async update(item) { seen.kept.set(item.id, item); return item; }
        async remove(id) { seen.kept.delete(id); return { success: true }; }
    }
    class Logs extends storage.AppLogStorage {
        constructor() { super('memory'); }
        async find() { return []; }
        async storeEntries() { return undefined; }
        async getEntriesFor() { return []; }
        async removeEntriesFor() {}
    }
    class Sources extends storage.AppSourceStorage {
        async store(item, zip) { seen.zips.set(item.id, zip); return item.id; }
        async update(item, zip) { seen.zips.set(item.id, zip); return item.id; }
        async fetch(item) { return seen.zips.get(item.id); }
        async remove(item) { seen.zips.delete(item.id); }
    }
    const manager = new AppManager({ metadataStorage: new Items(), logStorage: new Logs(), bridges: new Bridges(), sourceStorage: new Sources() });
    return { manager, seen };
}

// lowered is the zip with a manifest that this old engine accepts, and what is in it.
export function lowered(path) {
    const zip = new AdmZip(path);
    const manifest = JSON.parse(zip.readAsText('app.json'));
    zip.updateFile('app.json', Buffer.from(JSON.stringify({ ...manifest, requiredApiVersion: '^1.40.0' })));
    const files = {};
    for (const entry of zip.getEntries().filter((e) => e.entryName.endsWith('.js'))) {
        files[entry.entryName] = entry.getData().toString();
    }
    return { zip: zip.toBuffer(), manifest, files, words: JSON.parse(zip.readAsText('i18n/en.json')) };
}
