// Slack's own types against payloads: tsc --strict must accept each JSON file
// as what it looks like. Usage:
//
//   PERCH_SLACK_GOLDEN=a.json:b.json node slack/types.mjs
//
// The list is separated as PATH is. An array is blocks; an object with type
// modal or home is a view; with display_information, a manifest; with blocks,
// a message; any other object holds such payloads by name. Without the
// variable only the harness itself is tested. Prints TAP.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);

function pieces(name, v) {
  const bad = (why) => [{ name, type: 'never', value: v, why }];
  if (Array.isArray(v)) return [{ name, type: 'KnownBlock[]', value: v }];
  if (v === null || typeof v !== 'object') return bad('neither blocks, a view, a message nor a manifest');
  if (v.type === 'modal') return [{ name, type: 'ModalView', value: v }];
  if (v.type === 'home') return [{ name, type: 'HomeView', value: v }];
  if (v.display_information) return [{ name, type: 'Manifest', value: v }];
  if (v.view) return pieces(`${name}.view`, v.view);
  if (v.blocks) return [{ name, type: 'KnownBlock[]', value: v.blocks }];
  const inner = Object.entries(v);
  return inner.length ? inner.flatMap(([k, x]) => pieces(`${name}.${k}`, x)) : bad('empty');
}

// Slack documents offset for rich_text_list; @slack/types 3.2 forgot it:
// https://docs.slack.dev/reference/block-kit/blocks/rich-text-block#rich_text_list
const known = (k, v) => {
  if (v?.type !== 'rich_text_list' || typeof v.offset !== 'number') return v;
  const { offset, ...rest } = v;
  return rest;
};

// check returns what tsc says of each piece, "" if it is fine.
function check(list) {
  // Beside node_modules, so that imports are found.
  const dir = fs.mkdtempSync(path.join(here, '.types-'));
  try {
    const files = list.map((p, i) => {
      const from = p.type === 'Manifest' ? '@slack/web-api/dist/types/request/manifest.js' : '@slack/types';
      const names = p.type === 'Manifest' ? 'Manifest' : 'HomeView, KnownBlock, ModalView';
      fs.writeFileSync(path.join(dir, `p${i}.ts`), `import type { ${names} } from '${from}';\nexport const value: ${p.type} = ${JSON.stringify(p.value, known, 1)};\n`);
      return `p${i}.ts`;
    });
    fs.writeFileSync(path.join(dir, 'tsconfig.json'), JSON.stringify({
      compilerOptions: { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', moduleResolution: 'nodenext', target: 'es2022', lib: ['es2022', 'dom'], types: [] },
      files,
    }));
    const r = spawnSync(process.execPath, [path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', dir, '--pretty', 'false'], { encoding: 'utf8' });
    if (r.error) throw r.error;
    const said = `${r.stdout}${r.stderr}`;
    const errors = list.map((_, i) => said.split('\n').filter((l) => new RegExp(`(^|/)p${i}\\.ts[(]`).test(l)).join('\n'));
    if (r.status !== 0 && errors.every((e) => !e)) throw new Error(`tsc failed: ${said}`);
    return errors;
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const section = { type: 'section', text: { type: 'mrkdwn', text: 'x' } };
const manifest = (scope) => ({ display_information: { name: 'Perch' }, oauth_config: { scopes: { bot: [scope] } }, settings: { socket_mode_enabled: true } });
const own = [
  { name: 'self-test: a good block', type: 'KnownBlock[]', value: [section], good: true },
  { name: 'self-test: a block of no known type', type: 'KnownBlock[]', value: [{ type: 'sektion' }], good: false },
  { name: 'self-test: a header in mrkdwn', type: 'KnownBlock[]', value: [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }], good: false },
  { name: 'self-test: a modal without a title', type: 'ModalView', value: { type: 'modal', blocks: [section] }, good: false },
  { name: 'self-test: a good manifest', type: 'Manifest', value: manifest('chat:write'), good: true },
  { name: 'self-test: a scope that there is not', type: 'Manifest', value: manifest('chat:shout'), good: false },
];

const golden = (process.env.PERCH_SLACK_GOLDEN ?? '').split(path.delimiter).filter(Boolean)
  .flatMap((f) => pieces(path.basename(f), JSON.parse(fs.readFileSync(f, 'utf8'))).map((p) => ({ ...p, good: true })));
const all = [...own, ...golden];
const errors = check(all);
let bad = 0;
console.log(`\nTAP version 13\n1..${all.length}`);
all.forEach((p, i) => {
  const ok = p.good === !errors[i];
  if (!ok) bad++;
  console.log(`${ok ? 'ok' : 'not ok'} ${i + 1} - ${p.name}${ok ? '' : `\n  ${p.why ?? (errors[i] || 'tsc accepts it')}`.replaceAll('\n', '\n  ')}`);
});
process.exit(bad ? 1 : 0);
