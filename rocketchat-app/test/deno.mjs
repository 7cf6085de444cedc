// The suite of appmanager.mjs with the runtime of today's servers: the packaged
// app in Deno, below the AppManager of the apps-engine that packages it. It
// needs PERCH_DENO, a Deno (https://www.npmjs.com/package/deno), and the first
// time the npm registry: the runtime's own packages come from there.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, '../node_modules');
const work = mkdtempSync(join(tmpdir(), 'perch-deno-'));
const home = join(work, 'node_modules/@rocket.chat');
const engine = join(home, 'apps-engine');
const runtime = join(engine, 'deno-runtime');

// In the package the runtime's import map is for its source tree, and part of it
// for jsr.io. These few functions stand in for that.
const instead = {
    'io.ts': 'export async function writeAll(to: { write(p: Uint8Array): Promise<number> }, data: Uint8Array) { for (let n = 0; n < data.length;) { n += await to.write(data.subarray(n)); } }',
    'streams.ts': 'export async function toArrayBuffer(from: ReadableStream<Uint8Array>) { return await new Response(from).arrayBuffer(); }',
    'args.ts': "export function parseArgs(args: string[]) { const out: Record<string, unknown> = {}; for (let i = 0; i < args.length; i += 2) { const v = args[i + 1]; out[args[i].replace(/^--/, '')] = /^\\d+$/.test(v) ? Number(v) : v; } return out; }",
};

let status = 1;
try {
    for (const name of readdirSync(packages).filter((n) => n !== '@rocket.chat' && !n.startsWith('.'))) {
        mkdirSync(home, { recursive: true });
        symlinkSync(join(packages, name), join(work, 'node_modules', name));
    }
    for (const name of readdirSync(join(packages, '@rocket.chat')).filter((n) => n !== 'apps-engine')) {
        symlinkSync(join(packages, '@rocket.chat', name), join(home, name));
    }
    cpSync(join(packages, '@rocket.chat/apps-engine'), engine, { recursive: true });
    mkdirSync(join(work, 'node_modules/mem')); // the engine needs it and does not say so
    writeFileSync(join(work, 'node_modules/mem/index.js'), 'module.exports = Object.assign((f) => f, { clear() {} });');
    for (const [name, text] of Object.entries(instead)) {
        writeFileSync(join(runtime, name), text);
    }
    rmSync(join(runtime, 'deno.lock'));
    writeFileSync(join(runtime, 'deno.jsonc'), JSON.stringify({
        imports: {
            '@msgpack/msgpack': 'npm:@msgpack/msgpack@3.0.0-beta2',
            '@rocket.chat/apps-engine/definition/exceptions/AppsEngineException.ts': './../definition/exceptions/AppsEngineException.js',
            '@rocket.chat/apps-engine/': './../',
            '@rocket.chat/ui-kit': 'npm:@rocket.chat/ui-kit@^0.31.22',
            '@std/cli/parse-args': './args.ts',
            '@std/io': './io.ts',
            '@std/streams': './streams.ts',
            acorn: 'npm:acorn@8.10.0',
            'acorn-walk': 'npm:acorn-walk@8.2.0',
            astring: 'npm:astring@1.8.6',
            'jsonrpc-lite': 'npm:jsonrpc-lite@2.2.0',
            'stack-trace': 'npm:stack-trace@0.0.10',
            uuid: 'npm:uuid@8.3.2',
        },
        nodeModulesDir: 'none',
        unstable: ['detect-cjs'],
    }));
    // The engine starts what is called deno; and Deno runs nothing below node_modules.
    const bin = join(work, 'bin');
    mkdirSync(bin);
    symlinkSync(resolve(process.env.PERCH_DENO), join(bin, 'deno'));
    symlinkSync(runtime, join(work, 'runtime'));
    const env = {
        ...process.env, PATH: `${bin}:${process.env.PATH}`, DENO_DIR: process.env.DENO_DIR || join(tmpdir(), 'perch-deno-cache'),
        DENO_NO_UPDATE_CHECK: '1', PERCH_ENGINE: engine,
    };
    execFileSync('deno', ['cache', '--quiet', '--no-lock', `--config=${join(runtime, 'deno.jsonc')}`, join(work, 'runtime/main.ts')], { env, stdio: 'inherit' });
    status = spawnSync(process.execPath, [join(here, 'appmanager.mjs')], { env, stdio: 'inherit' }).status ?? 1;
} finally {
    rmSync(work, { recursive: true, force: true });
}
process.exit(status);
