import { ISetting, SettingType } from '@rocket.chat/apps-engine/definition/settings';

export const ADDRESS = 'perch_address';
export const SECRET = 'perch_secret';

// Field is a setting as this page shows it, under the name that Perch knows it by.
interface Field {
    key: string;
    type: SettingType;
    value: any;
    multiline?: boolean;
    values?: ISetting['values'];
}

// The settings of conversations. What stands here at first is what Perch itself
// begins with; once Perch is connected, its own values take their place.
const FIELDS: Array<Field> = [
    { key: 'default_department', type: SettingType.STRING, value: '' },
    { key: 'service_unavailable', type: SettingType.STRING, value: '', multiline: true },
    { key: 'welcome', type: SettingType.STRING, value: '', multiline: true },
    { key: 'finished', type: SettingType.STRING, value: '', multiline: true },
    {
        key: 'agents_display_name',
        type: SettingType.SELECT,
        value: 'none',
        values: ['none', 'name', 'username'].map((key) => ({ key, i18nLabel: `agents_display_name_${key}` })),
    },
    { key: 'file_upload', type: SettingType.BOOLEAN, value: true },
    { key: 'max_upload', type: SettingType.STRING, value: '5MB' },
    { key: 'media_types', type: SettingType.STRING, value: 'image/jpeg, image/png, image/gif, image/webp, video/mp4' },
];

// about is the line under a field.
export function about(key: string): string {
    return `${key}_about`;
}

export function isOfPerch(key: string): boolean {
    return FIELDS.some((f) => f.key === key);
}

export function all(): Array<ISetting> {
    const connection: Array<ISetting> = [
        { id: ADDRESS, type: SettingType.STRING, packageValue: '', required: false, public: false, i18nLabel: ADDRESS, i18nDescription: about(ADDRESS), section: 'section_perch' },
        { id: SECRET, type: SettingType.PASSWORD, packageValue: '', required: false, public: false, i18nLabel: SECRET, i18nDescription: about(SECRET), section: 'section_perch' },
    ];
    return connection.concat(FIELDS.map((f) => ({
        id: f.key,
        type: f.type,
        packageValue: f.value,
        required: false,
        public: false,
        multiline: f.multiline,
        values: f.values,
        i18nLabel: f.key,
        i18nDescription: about(f.key),
        section: 'section_conversations',
    })));
}

// kept is a setting's value, where it has none yet the one that it came with.
export function kept(setting: ISetting): any {
    return setting.value === undefined || setting.value === null ? setting.packageValue : setting.value;
}

// written is a value of the page as Perch takes it.
export function written(setting: ISetting): string {
    return String(kept(setting)).trim();
}

// shown is a value of Perch as the page takes it.
export function shown(key: string, value: string): string | boolean {
    if (key === 'file_upload') {
        return value === 'true';
    }
    if (key === 'max_upload' && /^\d+$/.test(value)) {
        const bytes = Number(value);
        return bytes % (1 << 20) === 0 ? `${bytes / (1 << 20)}MB` : value;
    }
    return value;
}
