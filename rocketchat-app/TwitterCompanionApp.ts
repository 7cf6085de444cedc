import {
    IAppAccessors, IAppUninstallationContext, IConfigurationExtend, IConfigurationModify, IEnvironmentRead, IHttp, ILogger, IModify,
    IPersistence, IRead,
} from '@rocket.chat/apps-engine/definition/accessors';
import { ApiSecurity, ApiVisibility } from '@rocket.chat/apps-engine/definition/api';
import { App } from '@rocket.chat/apps-engine/definition/App';
import { IAppInfo } from '@rocket.chat/apps-engine/definition/metadata';
import { ISetting } from '@rocket.chat/apps-engine/definition/settings';
import { ISettingUpdateContext } from '@rocket.chat/apps-engine/definition/settings/ISettingUpdateContext';
import {
    IUIKitInteractionHandler, IUIKitResponse, UIKitBlockInteractionContext, UIKitViewSubmitInteractionContext,
} from '@rocket.chat/apps-engine/definition/uikit';
import { COMMANDS, Forwarded, whisper } from './src/commands';
import { Endpoint, Icon } from './src/endpoint';
import { once, person, place, tell, threadOf } from './src/perch';
import { about, ADDRESS, all, isOfPerch, kept, SECRET, shown, written } from './src/settings';
import { Tasks, unpress } from './src/tasks';

// How many messages lose their buttons while somebody waits for the app to be
// removed.
const UNPRESS = 100;

// TwitterCompanionApp forwards to Perch what only an app can hear, and does for
// Perch what only an app can do. It keeps nothing: when it is uninstalled,
// nothing is left.
export class TwitterCompanionApp extends App implements IUIKitInteractionHandler {
    // Values that Perch told and that are on their way into the page: they are
    // nobody's change.
    private readonly told = new Map<string, string>();

    private gone = false;

    constructor(info: IAppInfo, logger: ILogger, accessors: IAppAccessors) {
        super(info, logger, accessors);
    }

    public async extendConfiguration(configuration: IConfigurationExtend): Promise<void> {
        for (const setting of all()) {
            await configuration.settings.provideSetting(setting);
        }
        for (const command of COMMANDS) {
            try {
                await configuration.slashCommands.provideSlashCommand(new Forwarded(command));
            } catch (err) {
                // Servers of today keep the commands of an app that is disabled, and
                // refuse them when it is enabled again. Another app's is no reason to
                // do without all the rest either.
                this.getLogger().warn(`/${command}: ${String((err && (err as Error).message) || err)}`);
            }
        }
        const tasks = new Tasks((settings, read) => this.show(settings, read.getEnvironmentReader()));
        await configuration.api.provideApi({
            visibility: ApiVisibility.PUBLIC, // Perch signs what it asks for
            security: ApiSecurity.UNSECURE,
            endpoints: [new Endpoint(this, tasks), new Icon(this)],
        });
    }

    public async onEnable(environment: IEnvironmentRead): Promise<boolean> {
        // Nobody waits for it: a workspace starts as fast without its Perch.
        this.gone = false;
        this.refresh(this.getAccessors().http, environment).catch((err) => this.getLogger().warn(String(err)));
        return true;
    }

    // From here on Perch draws buttons that need no app.
    public async onDisable(): Promise<void> {
        if (!this.gone) {
            await this.leave(this.getAccessors().http, this.getAccessors().environmentReader);
        }
    }

    public async onUninstall(_: IAppUninstallationContext, read: IRead, http: IHttp, _persistence: IPersistence, modify: IModify): Promise<void> {
        this.gone = true; // it is disabled next
        for (const message of await this.leave(http, read.getEnvironmentReader())) {
            await unpress(this.getID(), message, read, modify).catch((err) => this.getLogger().warn(String(err)));
        }
    }

    // A change that Perch refuses is not kept, and the line under the field says
    // why. An error would not do: servers of today (Deno) save all the same.
    public async onPreSettingUpdate(context: ISettingUpdateContext, _: IConfigurationModify, read: IRead, http: IHttp): Promise<ISetting> {
        const { oldSetting, newSetting } = context;
        const value = written(newSetting);
        if (newSetting.id === ADDRESS || newSetting.id === SECRET) {
            return { ...newSetting, i18nDescription: await this.connects(newSetting.id, value, read, http) };
        }
        const known = this.told.get(newSetting.id) === value;
        this.told.delete(newSetting.id);
        if (known) {
            return { ...newSetting, i18nDescription: about(newSetting.id) };
        }
        // The page saves all of its fields: those that stayed are nobody's wish.
        if (!isOfPerch(newSetting.id) || value === written(oldSetting)) {
            return newSetting;
        }
        const outcome = await tell(http, read.getEnvironmentReader(), { type: 'settings', settings: { [newSetting.id]: value } });
        if (!outcome.ok) {
            this.getLogger().warn(outcome.say);
            return { ...newSetting, value: kept(oldSetting), i18nDescription: `${value.slice(0, 60)}: ${outcome.say}` };
        }
        return { ...newSetting, i18nDescription: about(newSetting.id) };
    }

    // connects is the line under the address or the secret: what they are, or why
    // Perch can't be spoken to with them.
    private async connects(id: typeof ADDRESS | typeof SECRET, value: string, read: IRead, http: IHttp): Promise<string> {
        const other = await read.getEnvironmentReader().getSettings().getValueById(id === ADDRESS ? SECRET : ADDRESS);
        if (!value || !String(other || '').trim()) {
            return about(id); // the other one is saved next
        }
        const outcome = await tell(http, read.getEnvironmentReader(), { type: 'settings', settings: {} }, { [id]: value });
        return outcome.ok ? about(id) : outcome.say;
    }

    public async onSettingUpdated(setting: ISetting, _: IConfigurationModify, read: IRead, http: IHttp): Promise<void> {
        if (setting.id === ADDRESS || setting.id === SECRET) {
            await this.refresh(http, read.getEnvironmentReader());
        }
    }

    public async executeBlockActionHandler(
        context: UIKitBlockInteractionContext, read: IRead, http: IHttp, _: IPersistence, modify: IModify,
    ): Promise<IUIKitResponse> {
        const { user, room, message, actionId, triggerId, value, threadId } = context.getInteractionData();
        if (actionId.startsWith('link.')) { // the client has opened it
            return { success: true };
        }
        const where = room || (message && message.room);
        const outcome = await tell(http, read.getEnvironmentReader(), {
            type: 'action',
            id: once(`action ${actionId}`, user, triggerId),
            trigger: triggerId,
            user: person(user),
            room: where && place(where),
            message: message && message.id,
            thread: threadId || threadOf(message),
            value,
        });
        if (!outcome.ok && where) {
            await whisper(modify, user, where, threadId || threadOf(message), outcome.say);
        }
        return { success: outcome.ok };
    }

    public async executeViewSubmitHandler(
        context: UIKitViewSubmitInteractionContext, read: IRead, http: IHttp,
    ): Promise<IUIKitResponse> {
        const { user, room, view, triggerId } = context.getInteractionData();
        const fields: Record<string, string> = {};
        for (const block of Object.values((view.state || {}) as Record<string, Record<string, unknown>>)) {
            for (const [name, value] of Object.entries(block || {})) {
                fields[name] = value === undefined || value === null ? '' : String(value);
            }
        }
        const outcome = await tell(http, read.getEnvironmentReader(), {
            type: 'submit', user: person(user), room: room && place(room), trigger: triggerId, view: view.id, fields,
        });
        const responder = context.getInteractionResponder();
        if (outcome.ok) {
            return responder.successResponse();
        }
        // The window stays open, with all that was written.
        const [first] = view.blocks.map((b) => b.blockId).filter((id): id is string => !!id);
        const errors = Object.keys(outcome.fields).length > 0 ? outcome.fields : { [first || 'form']: outcome.say };
        return responder.viewErrorResponse({ viewId: view.id, errors });
    }

    // leave tells Perch that the app goes. Whatever comes of it, the app goes.
    private async leave(http: IHttp, environment: IEnvironmentRead): Promise<Array<{ room: string; id: string }>> {
        try {
            const outcome = await tell(http, environment, { type: 'bye' });
            return outcome.ok ? outcome.messages.slice(0, UNPRESS) : [];
        } catch (err) {
            this.getLogger().warn(String(err));
            return [];
        }
    }

    // refresh shows in the page what counts in Perch.
    private async refresh(http: IHttp, environment: IEnvironmentRead): Promise<void> {
        const outcome = await tell(http, environment, { type: 'settings', settings: {} });
        if (!outcome.ok) {
            this.getLogger().warn(outcome.say);
            return;
        }
        await this.show(outcome.settings, environment);
    }

    // show puts values that count in Perch into the page, where it has others.
    private async show(settings: Record<string, string>, environment: IEnvironmentRead): Promise<void> {
        for (const [key, value] of Object.entries(settings)) {
            if (!isOfPerch(key)) {
                continue;
            }
            const now = shown(key, String(value));
            if ((await environment.getSettings().getValueById(key)) === now) {
                continue;
            }
            this.told.set(key, String(now));
            await this.getAccessors().environmentWriter.getSettings().updateValue(key, now);
        }
    }
}
