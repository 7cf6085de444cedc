// Packages the app: node package.mjs <folder>. It works on a copy, because
// rc-apps writes into the folder that it packages, and packages what lies there.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const shipped = ['TwitterCompanionApp.ts', 'src', 'i18n', 'icon.png', 'app.json', 'package.json', 'tsconfig.json'];

// pack returns the path of the zip that it made in the folder.
export function pack(folder) {
    const work = mkdtempSync(join(tmpdir(), 'perch-app-'));
    try {
        for (const name of shipped) {
            cpSync(join(here, name), join(work, name), { recursive: true });
        }
        symlinkSync(join(here, 'node_modules'), join(work, 'node_modules'));
        execFileSync(process.execPath, [join(here, 'node_modules/@rocket.chat/apps-cli/bin/run'), 'package'], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
        const [zip] = readdirSync(join(work, 'dist'));
        mkdirSync(folder, { recursive: true });
        cpSync(join(work, 'dist', zip), join(folder, zip));
        return join(resolve(folder), zip);
    } finally {
        rmSync(work, { recursive: true, force: true });
    }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
    console.log(pack(process.argv[2] || 'dist'));
}
