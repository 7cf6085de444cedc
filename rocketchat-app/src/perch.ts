import { createHash, createHmac, randomBytes } from 'crypto';
import { IEnvironmentRead, IHttp, IHttpResponse } from '@rocket.chat/apps-engine/definition/accessors';
import { IMessage } from '@rocket.chat/apps-engine/definition/messages';
import { IRoom } from '@rocket.chat/apps-engine/definition/rooms';
import { IUser } from '@rocket.chat/apps-engine/definition/users';
import { ADDRESS, SECRET } from './settings';

// What Perch is told. It has these fields and no others.
export interface Told {
    type: 'command' | 'action' | 'submit' | 'settings' | 'bye';
    id?: string;
    user?: { id: string; username: string; name: string };
    room?: { id: string; name: string; type: string };
    thread?: string;
    message?: string;
    trigger?: string;
    command?: string;
    text?: string;
    value?: string;
    view?: string;
    fields?: Record<string, string>;
    settings?: Record<string, string>;
}

// Either Perch took it, or there are words for the person that say what to do,
// and for a form what is wrong with its fields.
export type Outcome =
    { ok: true; settings: Record<string, string>; messages: Array<{ room: string; id: string }> }
    | { ok: false; say: string; fields: Record<string, string> };

// How long Perch may take for each of two tries, in milliseconds: it only has to
// store. Rocket.Chat's clients give a click up after 5 seconds.
const PATIENCE = [2500, 1700];

// Nobody waits for these.
const LONG = [7000, 7000];

const LONGEST = 500;

// Connection is where Perch is, and the secret that it shares, as they stand on
// the page or are about to.
export type Connection = { [ADDRESS]?: string; [SECRET]?: string };

export async function tell(http: IHttp, env: IEnvironmentRead, told: Told, instead: Connection = {}): Promise<Outcome> {
    const setting = async (id: typeof ADDRESS | typeof SECRET) => {
        const value = instead[id];
        return String((value === undefined ? await env.getSettings().getValueById(id) : value) || '').trim();
    };
    const address = (await setting(ADDRESS)).replace(/\/+$/, '');
    const secret = await setting(SECRET);
    if (!/^https?:\/\/[^/]/.test(address) || !secret) {
        return {
            ok: false,
            fields: {},
            say: 'Perch is not connected yet. An admin of this workspace opens Administration > Apps > Twitter > Settings and fills in Perch\'s address and the shared secret.',
        };
    }
    const content = JSON.stringify({ ...told, id: told.id || randomBytes(16).toString('hex'), at: new Date().toISOString() });
    let answer: IHttpResponse | undefined;
    let late = false;
    // Perch knows what it was told by its ID: to tell it again is harmless.
    for (const patience of told.user || Object.keys(instead).length > 0 ? PATIENCE : LONG) {
        const began = Date.now();
        answer = await post(http, address, secret, content, patience);
        late = late || (!answer && Date.now() - began >= patience * 0.9);
        if (answer && answer.statusCode < 500) {
            break;
        }
    }
    if (answer && answer.statusCode === 200) {
        return { ok: true, settings: texts(parsed(answer).settings), messages: messagesOf(answer) };
    }
    const error = (answer && parsed(answer).error) || {};
    return { ok: false, say: late && !answer ? LATE : why(answer, address), fields: texts(error.fields) };
}

const LATE = '⚠ Perch took too long to answer. Look whether it was done before you try again; if it stays so, tell whoever runs Perch.';

// once is an ID that a click has again if the server tells the app of it twice.
export function once(kind: string, user: IUser, trigger: string | undefined): string | undefined {
    return trigger ? createHash('sha256').update(`${kind} ${user.id} ${trigger}`, 'utf8').digest('hex').slice(0, 40) : undefined;
}

async function post(http: IHttp, address: string, secret: string, content: string, timeout: number): Promise<IHttpResponse | undefined> {
    const stamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', secret).update(`v1:${stamp}:${content}`, 'utf8').digest('hex');
    try {
        return await http.post(`${address}/rocketchat/app`, {
            content,
            timeout,
            headers: { 'Content-Type': 'application/json', 'X-Perch-Timestamp': stamp, 'X-Perch-Signature': signature },
        });
    } catch (err) {
        return undefined;
    }
}

function parsed(answer: IHttpResponse): any {
    try {
        return answer.data || JSON.parse(answer.content || '{}') || {};
    } catch (err) {
        return {};
    }
}

function texts(from: any): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [key, value] of Object.entries(from || {})) {
        if (typeof value === 'string') {
            found[key] = value;
        }
    }
    return found;
}

function messagesOf(answer: IHttpResponse): Array<{ room: string; id: string }> {
    const list = parsed(answer).messages;
    return Array.isArray(list) ? list.filter((m) => m && typeof m.room === 'string' && typeof m.id === 'string') : [];
}

function why(answer: IHttpResponse | undefined, address: string): string {
    if (!answer || !answer.statusCode) {
        return `⚠ Perch can't be reached at ${address}. Nothing was done. Try again in a minute; if it stays so, tell whoever runs Perch.`;
    }
    const error = parsed(answer).error;
    if (answer.statusCode === 405) { // a redirect made another request of it
        return `⚠ ${address} leads elsewhere. An admin writes the address that it leads to into the app's settings, with https where Perch has it.`;
    }
    if (error && typeof error.message === 'string') {
        return `⚠ ${error.message.slice(0, LONGEST)}`;
    }
    if (answer.statusCode === 404 || (answer.statusCode >= 300 && answer.statusCode < 400)) {
        return `⚠ There is no Perch at ${address} that takes what this app sends. An admin checks the address in the app's settings, and that chat.rocketchat.app_secret is set in Perch's configuration.`;
    }
    return `⚠ Perch answered with an error (${answer.statusCode}). Nothing was done. Try again in a minute; if it stays so, tell whoever runs Perch.`;
}

export function person(u: IUser): Told['user'] {
    return { id: u.id, username: u.username, name: u.name || '' };
}

export function place(r: IRoom): Told['room'] {
    return { id: r.id, name: r.slugifiedName || r.displayName || '', type: String(r.type) };
}

// threadOf is the first message of the thread that a message is in.
export function threadOf(m?: IMessage): string | undefined {
    return m ? m.threadId : undefined;
}
