import { IModify, IRead } from '@rocket.chat/apps-engine/definition/accessors';
import { IVisitor } from '@rocket.chat/apps-engine/definition/livechat';
import { UIKitSurfaceType } from '@rocket.chat/apps-engine/definition/uikit';

// What Perch asks for. It has these fields and no others.
export interface Asked {
    type: 'hello' | 'enter' | 'edit' | 'open';
    id: string;
    settings?: Record<string, string>;
    label?: string;
    visitor?: { token: string; name: string; username: string; department: string };
    bot?: string;
    room?: string;
    message?: string;
    text?: string;
    blocks?: Array<any>;
    attachments?: Array<any>;
    user?: string;
    trigger?: string;
    view?: any;
}

// Answer is what Perch is answered.
export interface Answer {
    status: number;
    content: { [key: string]: any };
}

// done is the answer that it was done, refuse that nothing was.
function done(content: object = {}): Answer {
    return { status: 200, content: { ok: true, ...content } };
}

export function refuse(status: number, code: string, message: string): Answer {
    return { status, content: { ok: false, error: { code, message } } };
}

// How long after it came a room is still begun, in milliseconds: Perch waits not
// much longer for an answer, and then brings the customer in by itself.
const BEGIN = 5000;

export class Tasks {
    // By a customer's token: the last that was asked for them.
    private readonly entering = new Map<string, Promise<unknown>>();

    // show puts the settings that count in Perch on the app's page.
    constructor(private readonly show: (settings: Record<string, string>, read: IRead) => Promise<void>) {}

    public async run(asked: Asked, read: IRead, modify: IModify): Promise<Answer> {
        switch (asked.type) {
            case 'hello':
                await this.show(asked.settings || {}, read);
                return done();
            case 'enter': {
                const until = Date.now() + BEGIN;
                return this.inTurn(asked.visitor ? asked.visitor.token : '', () => enter(asked, read, modify, until));
            }
            case 'edit':
                return edit(asked, read, modify);
            case 'open':
                return open(asked, read, modify);
        }
        return refuse(400, 'unknown', 'This app does not know what Perch wants. Install the app that belongs to its version.');
    }

    // inTurn does one thing for a customer at a time: two at once would find no
    // room, and make two.
    private async inTurn(token: string, what: () => Promise<Answer>): Promise<Answer> {
        const mine = (this.entering.get(token) || Promise.resolve()).then(what, what);
        this.entering.set(token, mine);
        try {
            return await mine;
        } finally {
            if (this.entering.get(token) === mine) {
                this.entering.delete(token);
            }
        }
    }
}

// enter brings a customer into a room that says where they come from.
async function enter(asked: Asked, read: IRead, modify: IModify, until: number): Promise<Answer> {
    const want = asked.visitor;
    if (!want || !want.token || !want.username) {
        return refuse(400, 'invalid', 'There is no customer in this.');
    }
    const live = read.getLivechatReader();
    const creator = modify.getCreator().getLivechatCreator();
    let department: string | undefined;
    if (want.department) {
        const found = await live.getLivechatDepartmentByIdOrName(want.department);
        if (!found) {
            return refuse(422, 'error-invalid-department', 'There is no such department.');
        }
        department = found.id;
    }
    let visitor: IVisitor | undefined = await live.getLivechatVisitorByToken(want.token);
    if (!visitor || visitor.name !== want.name || (department && visitor.department !== department)) {
        // By the token alone: an address or a number could be somebody else's.
        await creator.createVisitor({ token: want.token, username: want.username, name: want.name, department });
        visitor = await live.getLivechatVisitorByToken(want.token);
    }
    if (!visitor) {
        return refuse(422, 'no_visitor', 'The customer could not be registered.');
    }
    const rooms = await live.getLivechatRooms(visitor);
    let room = rooms.find((r) => r.isOpen !== false && (!r.visitor || r.visitor.token === want.token));
    const fresh = !room;
    if (!room) {
        if (Date.now() > until) {
            return refuse(503, 'late', 'Rocket.Chat took too long; no room was begun.');
        }
        const source = { type: 'app' as const, label: asked.label, sidebarIcon: 'perch.svg', defaultIcon: 'perch.svg' };
        // No agent: the workspace's own routing chooses one.
        room = await creator.createRoom(visitor, undefined as any, { source });
    }
    return done({ room: room.id, fresh, served: !!room.servedBy });
}

// edit changes a message of Perch's own user, and of nobody else. What is not
// named stays.
async function edit(asked: Asked, read: IRead, modify: IModify): Promise<Answer> {
    const user = await read.getUserReader().getById(asked.bot || '');
    const there = user && await read.getMessageReader().getById(asked.message || '');
    if (!there || !there.sender || there.sender.id !== asked.bot || there.room.id !== asked.room) {
        return refuse(410, 'no_message', 'There is no such message of Perch.');
    }
    const builder = await modify.getUpdater().message(asked.message || '', user);
    builder.setEditor(user);
    if (asked.text !== undefined) {
        builder.setText(asked.text);
    }
    if (asked.blocks) {
        builder.setBlocks(asked.blocks);
    }
    if (asked.attachments) {
        builder.setAttachments(asked.attachments);
    }
    await modify.getUpdater().finish(builder);
    return done();
}

// unpress takes the buttons from a message that has others by now: nobody hears
// them once the app is gone.
export async function unpress(app: string, message: { room: string; id: string }, read: IRead, modify: IModify): Promise<void> {
    const there = await read.getMessageReader().getById(message.id);
    if (!there || !there.sender || there.room.id !== message.room) {
        return;
    }
    const blocks = ((there.blocks || []) as Array<any>).filter((b) => b.type !== 'actions' || b.appId !== app);
    const builder = await modify.getUpdater().message(message.id, there.sender);
    builder.setEditor(there.sender).setBlocks(blocks);
    await modify.getUpdater().finish(builder);
}

// open shows a person a form, in answer to what they pressed or wrote just now.
async function open(asked: Asked, read: IRead, modify: IModify): Promise<Answer> {
    const user = await read.getUserReader().getById(asked.user || '');
    if (!user || !asked.trigger || !asked.view) {
        return refuse(422, 'invalid', 'There is nobody to show this form to.');
    }
    await modify.getUiController().openSurfaceView({ ...asked.view, type: UIKitSurfaceType.MODAL }, { triggerId: asked.trigger }, user);
    return done();
}
