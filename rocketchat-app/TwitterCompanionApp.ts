import {
    IAppAccessors, IConfigurationExtend, IConfigurationModify, IEnvironmentRead, IHttp, ILogger, IModify, IPersistence, IRead,
} from '@rocket.chat/apps-engine/definition/accessors';
import { App } from '@rocket.chat/apps-engine/definition/App';
import { IAppInfo } from '@rocket.chat/apps-engine/definition/metadata';
import { ISetting } from '@rocket.chat/apps-engine/definition/settings';
import { ISettingUpdateContext } from '@rocket.chat/apps-engine/definition/settings/ISettingUpdateContext';
import {
    IUIKitInteractionHandler, IUIKitResponse, UIKitBlockInteractionContext, UIKitViewSubmitInteractionContext,
} from '@rocket.chat/apps-engine/definition/uikit';
import { COMMANDS, Forwarded, whisper } from './src/commands';
import { person, place, tell, threadOf } from './src/perch';
import { about, ADDRESS, all, isOfPerch, SECRET, shown, written } from './src/settings';

// TwitterCompanionApp forwards to Perch what only an app can hear. It keeps
// nothing: when it is uninstalled, nothing is left.
export class TwitterCompanionApp extends App implements IUIKitInteractionHandler {
    // Values that Perch told and that are on their way into the page: they are
    // nobody's change.
    private readonly told = new Map<string, string>();

    constructor(info: IAppInfo, logger: ILogger, accessors: IAppAccessors) {
        super(info, logger, accessors);
    }

    public async extendConfiguration(configuration: IConfigurationExtend): Promise<void> {
        for (const setting of all()) {
            await configuration.settings.provideSetting(setting);
        }
        for (const command of COMMANDS) {
            await configuration.slashCommands.provideSlashCommand(new Forwarded(command));
        }
    }

    public async onEnable(environment: IEnvironmentRead): Promise<boolean> {
        // Nobody waits for it: a workspace starts as fast without its Perch.
        this.refresh(this.getAccessors().http, environment).catch((err) => this.getLogger().warn(String(err)));
        return true;
    }

    // A change that Perch refuses is not kept, and the line under the field says
    // why. An error would not do: servers of today (Deno) save all the same.
    public async onPreSettingUpdate(context: ISettingUpdateContext, _: IConfigurationModify, read: IRead, http: IHttp): Promise<ISetting> {
        const { oldSetting, newSetting } = context;
        const value = written(newSetting);
        const known = this.told.get(newSetting.id) === value;
        this.told.delete(newSetting.id);
        // The page saves all of its fields: those that stayed are nobody's wish.
        if (!isOfPerch(newSetting.id) || known || value === written(oldSetting)) {
            return newSetting;
        }
        const outcome = await tell(http, read.getEnvironmentReader(), { type: 'settings', settings: { [newSetting.id]: value } });
        if (!outcome.ok) {
            this.getLogger().warn(outcome.say);
            return { ...newSetting, value: oldSetting.value, i18nDescription: `${value.slice(0, 60)}: ${outcome.say}` };
        }
        return { ...newSetting, i18nDescription: about(newSetting.id) };
    }

    public async onSettingUpdated(setting: ISetting, _: IConfigurationModify, read: IRead, http: IHttp): Promise<void> {
        if (setting.id === ADDRESS || setting.id === SECRET) {
            await this.refresh(http, read.getEnvironmentReader());
        }
    }

    public async executeBlockActionHandler(
        context: UIKitBlockInteractionContext, read: IRead, http: IHttp, _: IPersistence, modify: IModify,
    ): Promise<IUIKitResponse> {
        const { user, room, message, actionId, value, threadId } = context.getInteractionData();
        const where = room || (message && message.room);
        const outcome = await tell(http, read.getEnvironmentReader(), {
            type: 'action',
            user: person(user),
            room: where && place(where),
            message: message && message.id,
            thread: threadId || threadOf(message),
            action: actionId,
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
        const { user, room, view } = context.getInteractionData();
        const fields: Record<string, string> = {};
        for (const block of Object.values((view.state || {}) as Record<string, Record<string, unknown>>)) {
            for (const [name, value] of Object.entries(block)) {
                fields[name] = String(value);
            }
        }
        const outcome = await tell(http, read.getEnvironmentReader(), {
            type: 'submit', user: person(user), room: room && place(room), action: view.id, fields,
        });
        return { success: outcome.ok };
    }

    // refresh shows in the page what counts in Perch.
    private async refresh(http: IHttp, environment: IEnvironmentRead): Promise<void> {
        const outcome = await tell(http, environment, { type: 'settings', settings: {} });
        if (!outcome.ok) {
            this.getLogger().warn(outcome.say);
            return;
        }
        for (const [key, value] of Object.entries(outcome.settings)) {
            if (!isOfPerch(key)) {
                continue;
            }
            const now = shown(key, value);
            this.told.set(key, String(now));
            await this.getAccessors().environmentWriter.getSettings().updateValue(key, now);
        }
    }
}
