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
        const { text, spoilt } = typed(context.getArguments());
        const outcome = await tell(http, read.getEnvironmentReader(), {
            type: 'command',
            id: once('command', user, context.getTriggerId()),
            trigger: context.getTriggerId(),
            user: person(user),
            room: place(room),
            thread,
            command: `/${this.command}`,
            text,
        });
        if (!outcome.ok) {
            await whisper(modify, user, room, thread, outcome.say);
        } else if (spoilt) {
            await whisper(modify, user, room, thread, `Rocket.Chat takes quotation marks and apostrophes out of commands. Perch got: \`${plain(text)}\`. Where they matter, write \`!${this.command}\` in place of \`/${this.command}\`.`);
        }
    }
}

// typed puts a command together again. The server hands over its words, without
// the quotes that some stood in: the value of an option needs them. What else
// had quotes, or apostrophes that looked like them, can't be known any more.
export function typed(args: Array<string>): { text: string; spoilt: boolean } {
    let spoilt = false;
    const words = args.map((arg, i) => {
        if (arg !== '' && !/\s/.test(arg)) {
            return arg;
        }
        const [, name, value] = /^((?:--|[—–])?[a-z]+[=:])([^]*)$/i.exec(arg) || [undefined, '', arg];
        if (name || (i > 0 && /^(?:--|[—–])[a-z]+$/i.test(args[i - 1]))) {
            return name + quoted(value);
        }
        spoilt = spoilt || arg !== '';
        return arg;
    });
    return { text: words.join(' '), spoilt };
}

// quoted is a value in quotes that it has not in itself.
function quoted(value: string): string {
    const [open, close] = [['"', '"'], ["'", "'"], ['«', '»']].find((q) => !value.includes(q[1])) || ['“', '”'];
    return open + value + close;
}

// plain is a text for between backticks.
function plain(text: string): string {
    return text.replace(/[`\s]+/g, ' ').slice(0, 200);
}

// whisper shows words to one person, until they leave the room.
export async function whisper(modify: IModify, user: IUser, room: IRoom, thread: string | undefined, text: string): Promise<void> {
    const message = modify.getNotifier().getMessageBuilder().setRoom(room).setText(text);
    if (thread) {
        message.setThreadId(thread);
    }
    await modify.getNotifier().notifyUser(user, message.getMessage());
}
