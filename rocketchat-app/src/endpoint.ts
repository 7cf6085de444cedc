import { createHmac, timingSafeEqual } from 'crypto';
import { Buffer } from 'buffer';
import { IHttp, IModify, IPersistence, IRead } from '@rocket.chat/apps-engine/definition/accessors';
import { ApiEndpoint, IApiEndpointInfo, IApiRequest, IApiResponse } from '@rocket.chat/apps-engine/definition/api';
import { IApp } from '@rocket.chat/apps-engine/definition/IApp';
import { SECRET } from './settings';
import { Answer, Asked, refuse, Tasks } from './tasks';

// How far the clocks may differ, in milliseconds.
const WITHIN = 5 * 60 * 1000;

// Endpoint takes what Perch has the app do. Anybody can reach it: what is not
// signed, too old, or came before, does nothing.
export class Endpoint extends ApiEndpoint {
    public path = 'perch';

    private readonly seen = new Map<string, number>();

    constructor(app: IApp, private readonly tasks: Tasks) {
        super(app);
    }

    public async post(
        request: IApiRequest, _: IApiEndpointInfo, read: IRead, modify: IModify, _http: IHttp, _persistence: IPersistence,
    ): Promise<IApiResponse> {
        try {
            return this.json(await this.answer(request, read, modify));
        } catch (err) {
            return this.json(known(err));
        }
    }

    private async answer(request: IApiRequest, read: IRead, modify: IModify): Promise<Answer> {
        const secret = String((await read.getEnvironmentReader().getSettings().getValueById(SECRET)) || '').trim();
        const said = request.content && request.content.said;
        const stamp = header(request, 'x-perch-timestamp');
        if (!secret || typeof said !== 'string' || !signed(secret, `to-app:v1:${stamp}:${said}`, header(request, 'x-perch-signature'))) {
            return refuse(401, 'unauthorized', 'The shared secret in the app\'s settings is not the one in Perch\'s configuration.');
        }
        const now = Date.now();
        if (!/^\d{1,12}$/.test(stamp) || Math.abs(now - Number(stamp) * 1000) > WITHIN) {
            return refuse(401, 'clock', 'The clocks of Rocket.Chat and of Perch differ by more than 5 minutes.');
        }
        const asked = parsed(said);
        if (!asked || typeof asked.id !== 'string' || !asked.id) {
            return refuse(400, 'invalid', 'This can\'t be read.');
        }
        for (const [id, at] of this.seen) {
            if (now - at > 2 * WITHIN) {
                this.seen.delete(id);
            }
        }
        if (this.seen.has(asked.id)) {
            return refuse(409, 'again', 'This was asked before.');
        }
        this.seen.set(asked.id, now);
        return this.tasks.run(asked, read, modify);
    }
}

// Icon shows the sign that stands before conversations from X.
export class Icon extends ApiEndpoint {
    public path = 'get-sidebar-icon';

    public async get(): Promise<IApiResponse> {
        return { status: 200, headers: { 'Content-Type': 'image/svg+xml', 'Cache-Control': 'max-age=86400' }, content: SIGN };
    }
}

// A bird's perch, drawn for this app.
const SIGN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" width="20" height="20" fill="currentColor">'
    + '<path d="M10 2a5 5 0 0 0-5 5c0 2 1 3 1 5v2h2v3h1v-3h1l6-7-1-.5A5 5 0 0 0 10 2zm1.500 3.200a.8.8 0 1 1 0 1.600.8.8 0 0 1 0-1.600z"/>'
    + '<rect x="2" y="17" width="16" height="1.500" rx=".7"/></svg>';

function header(request: IApiRequest, name: string): string {
    for (const [key, value] of Object.entries(request.headers || {})) {
        if (key.toLowerCase() === name) {
            return String(value);
        }
    }
    return '';
}

function signed(secret: string, text: string, signature: string): boolean {
    const want = createHmac('sha256', secret).update(text, 'utf8').digest();
    const got = Buffer.from(/^[0-9a-f]{64}$/.test(signature) ? signature : '', 'hex');
    return got.length === want.length && timingSafeEqual(got, want);
}

function parsed(said: string): Asked | undefined {
    try {
        return JSON.parse(said) || undefined;
    } catch (err) {
        return undefined;
    }
}

// known is what an error of the server's is about, by the word that it names.
function known(err: any): Answer {
    const text = String((err && (err.message || err.error)) || err);
    const word = /no-agent-online|error-[a-z-]+/.exec(text);
    return refuse(500, word ? word[0] : 'failed', text.slice(0, 300));
}
