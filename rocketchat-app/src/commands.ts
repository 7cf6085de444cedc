import { IHttp, IModify, IRead } from '@rocket.chat/apps-engine/definition/accessors';
import { IRoom } from '@rocket.chat/apps-engine/definition/rooms';
import { ISlashCommand, SlashCommandContext } from '@rocket.chat/apps-engine/definition/slashcommands';
import { IUser } from '@rocket.chat/apps-engine/definition/users';
import { once, person, place, tell } from './perch';

export const COMMANDS = ['twitter', 'incident', 'timeline', 'duty'];

// Forwarded is a slash command that Perch answers.
export class Forwarded implements ISlashCommand {
    public readonly i18nParamsExample: string;
    public readonly i18nDescription: string;
    public readonly providesPreview = false;

    constructor(public readonly command: string) {
        this.i18nParamsExample = `${command}_params`;
        this.i18nDescription = `${command}_about`;
    }

    public async executor(context: SlashCommandContext, read: IRead, modify: IModify, http: IHttp): Promise<void> {
        const [user, room, thread] = [context.getSender(), context.getRoom(), context.getThreadId()];
        const outcome = await tell(http, read.getEnvironmentReader(), {
            type: 'command',
            id: once('command', user, context.getTriggerId()),
            trigger: context.getTriggerId(),
            user: person(user),
            room: place(room),
            thread,
            command: `/${this.command}`,
            text: context.getArguments().join(' '),
        });
        if (!outcome.ok) {
            await whisper(modify, user, room, thread, outcome.say);
        }
    }
}

// whisper shows words to one person, until they leave the room.
export async function whisper(modify: IModify, user: IUser, room: IRoom, thread: string | undefined, text: string): Promise<void> {
    const message = modify.getNotifier().getMessageBuilder().setRoom(room).setText(text);
    if (thread) {
        message.setThreadId(thread);
    }
    await modify.getNotifier().notifyUser(user, message.getMessage());
}
