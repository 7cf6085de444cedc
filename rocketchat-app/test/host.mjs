// A Rocket.Chat workspace as far as the real AppManager asks for one: apps-engine
// 1.42.1 is the last whose runtime is Node itself.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
// Another one is in the environment, see deno.mjs.
export const engine = process.env.PERCH_ENGINE || 'apps-engine-1.42';
const bridges = require(`${engine}/server/bridges`);
const storage = require(`${engine}/server/storage`);
const { AppManager } = require(`${engine}/server/AppManager`);
const { AppPermissionManager } = require(`${engine}/server/managers/AppPermissionManager`);
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
    const seen = {
        commands: new Set(), users: new Map(), whispers: [], settings: [], kept: new Map(), zips: new Map(), requests: [],
        apis: new Map(), people: new Map(), messages: new Map(), updates: [], views: [],
        visitors: new Map(), rooms: [], departments: [{ id: 'depdepdep', name: 'Sales' }], registered: [], online: true,
    };
    const busy = () => new Promise((done) => { setTimeout(done, seen.slow || 0); });
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
        Message: bridge(bridges.MessageBridge, {
            notifyUser: async (user, message) => { seen.whispers.push({ user, message }); },
            getById: async (id) => seen.messages.has(id) && JSON.parse(JSON.stringify({ ...seen.messages.get(id), ...await seen.stands?.(id) })),
            update: async (message) => {
                seen.updates.push(message);
                await seen.updated?.(message);
                seen.messages.set(message.id, { ...seen.messages.get(message.id), ...message });
            },
        }),
        UiInteraction: bridge(bridges.UiInteractionBridge, { notifyUser: async (user, interaction) => { seen.views.push({ user, interaction }); } }),
        Livechat: bridge(bridges.LivechatBridge, {
            findVisitorByToken: async (token) => {
                await busy();
                return seen.visitors.get(token);
            },
            createVisitor: async (visitor) => {
                seen.registered.push(visitor);
                seen.visitors.set(visitor.token, { ...visitor, id: `visitor-${visitor.token}` });
                return `visitor-${visitor.token}`;
            },
            findDepartmentByIdOrName: async (value) => seen.departments.find((d) => d.id === value || d.name === value),
            findRooms: async (visitor) => {
                const found = seen.rooms.filter((r) => r.visitor.token === visitor.token && r.isOpen);
                await busy();
                return found;
            },
            createRoom: async (visitor, agent, appId, { source } = {}) => {
                if (!seen.online) {
                    throw new Error('Sorry, no online agents [no-agent-online]');
                }
                const room = { id: `room${seen.rooms.length}`, type: 'l', visitor, agent, appId, source, isOpen: true };
                seen.rooms.push(room);
                return room;
            },
        }),
        User: bridge(bridges.UserBridge, {
            getById: async (id) => seen.people.get(id),
            getAppUser: async (id) => seen.users.get(id),
            create: async (u, id) => { seen.users.set(id, { id: `app-${id}`, ...u }); return `app-${id}`; },
            remove: async (_, id) => seen.users.delete(id),
        }),
        AppActivation: bridge(bridges.AppActivationBridge, {
            appAdded: async () => {}, appUpdated: async () => {}, appRemoved: async () => {}, appStatusChanged: async () => {}, actionsChanged: async () => {},
        }),
        AppDetailChanges: bridge(bridges.AppDetailChangesBridge, { onAppSettingsChange: (_, s) => { seen.settings.push(s.id); } }),
        Persistence: bridge(bridges.PersistenceBridge, { purge: async () => {} }),
        Api: bridge(bridges.ApiBridge, {
            registerApi: async (api) => { seen.apis.set(api.computedPath, api); },
            unregisterApis: async () => { seen.apis.clear(); },
        }),
        Scheduler: bridge(bridges.SchedulerBridge, { cancelAllJobs: async () => {} }),
        InternalFederation: { getPublicKey: async () => keys.publicKey, getPrivateKey: async () => keys.privateKey },
    };
    class Bridges extends bridges.AppBridges {}
    for (const name of ['Contact', 'Email', 'Experimental', 'OutboundMessage', 'Command', 'Http', 'Message', 'User', 'AppActivation', 'AppDetailChanges', 'Persistence', 'Api', 'Scheduler', 'InternalFederation',
        'Livechat', 'UiInteraction', 'EnvironmentalVariable', 'Listener', 'Room', 'Internal', 'ServerSetting', 'Upload', 'CloudWorkspace', 'VideoConference',
        'OAuthApps', 'Moderation', 'Thread', 'Role']) {
        const b = made[name] || missing(name);
        Bridges.prototype[`get${name}Bridge`] = () => b;
    }
    class Items extends storage.AppMetadataStorage {
        constructor() { super('memory'); }
        async create(item) { seen.kept.set(item.id, Object.assign(item, { _id: item.id })); return item; }
        async retrieveOne(id) { return seen.kept.get(id); }
        async retrieveAll() { return new Map(seen.kept); }
        async update(item) { seen.kept.set(item.id, item); return item; }
        async remove(id) { seen.kept.delete(id); return { success: true }; }
        // Of engines with Deno.
        async retrieveAllPrivate() { return this.retrieveAll(); }
        async updatePartialAndReturnDocument(item) { return this.#change(item.id, item); }
        async updateStatus(id, status) { return !!this.#change(id, { status }); }
        async updateSetting(id, setting) { return !!this.#change(id, { settings: { ...seen.kept.get(id).settings, [setting.id]: setting } }); }
        async updateAppInfo(id, info) { return !!this.#change(id, { info }); }
        async updateMarketplaceInfo(id, marketplaceInfo) { return !!this.#change(id, { marketplaceInfo }); }
        #change(id, what) {
            const item = { ...seen.kept.get(id), ...what };
            seen.kept.set(id, item);
            return item;
        }
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
    const manager = new AppManager({ metadataStorage: new Items(), logStorage: new Logs(), bridges: new Bridges(), sourceStorage: new Sources(), tempFilePath: mkdtempSync(join(tmpdir(), 'perch-host-')) });
    // Which permissions the server asks for.
    const asked = new Set();
    const has = AppPermissionManager.hasPermission;
    AppPermissionManager.hasPermission = (app, permission) => {
        asked.add(permission.name);
        return has.call(AppPermissionManager, app, permission);
    };
    return { manager, seen, asked };
}

// serve answers at the paths of an app's endpoints as the server does: a JSON
// body comes to the app as an object, and an app that is not there is a 404.
export async function serve(manager, seen) {
    const server = createServer(async (req, res) => {
        const url = new URL(req.url, 'http://host');
        const api = seen.apis.get(url.pathname);
        if (!api) {
            res.writeHead(404).end('Not Found');
            return;
        }
        const parts = [];
        for await (const part of req) {
            parts.push(part);
        }
        let content = {};
        try { content = JSON.parse(Buffer.concat(parts).toString() || '{}'); } catch { /* the server leaves it empty */ }
        try {
            const answer = await manager.getApiManager().executeApi(api.appId, api.endpoint.path, {
                method: req.method.toLowerCase(), headers: req.headers, query: Object.fromEntries(url.searchParams), params: {}, content,
            });
            const text = typeof answer.content === 'string' ? answer.content : JSON.stringify(answer.content ?? {});
            res.writeHead(answer.status, answer.headers).end(text);
        } catch (err) {
            res.writeHead(500).end(String(err));
        }
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// lowered is the zip with a manifest that this old engine accepts, and what is in it.
export function lowered(path) {
    const zip = new AdmZip(path);
    const manifest = JSON.parse(zip.readAsText('app.json'));
    if (engine === 'apps-engine-1.42') {
        zip.updateFile('app.json', Buffer.from(JSON.stringify({ ...manifest, requiredApiVersion: '^1.40.0' })));
    }
    const files = {};
    for (const entry of zip.getEntries().filter((e) => e.entryName.endsWith('.js'))) {
        files[entry.entryName] = entry.getData().toString();
    }
    return { zip: zip.toBuffer(), manifest, files, words: JSON.parse(zip.readAsText('i18n/en.json')) };
}
