// Rocket.Chat's own parser reads what Perch wrote: a customer's words must come
// out as they went in, as plain text. Lines of JSON {raw, out} come in; allow is
// a kind of markup that Perch meant.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { parse } = createRequire(import.meta.url)('@rocket.chat/message-parser');
const joiner = /\u2060/g;
const plain = new Set(['PARAGRAPH', 'PLAIN_TEXT', 'LINE_BREAK', 'LINK', 'EMOJI', 'BIG_EMOJI']);

// shown is what a person reads, and the kinds of all that is in it.
function shown(tree) {
  const kinds = new Set();
  const links = [];
  let text = '';
  const walk = (n) => {
    if (Array.isArray(n)) return n.forEach(walk);
    if (!n || typeof n !== 'object') return;
    if (n.type) kinds.add(n.type);
    switch (n.type) {
      case 'PLAIN_TEXT': text += n.value; break;
      case 'EMOJI':
        if (!n.unicode) kinds.add('SHORTCODE');
        text += n.unicode ?? `:${n.shortCode}:`;
        break;
      case 'LINK': {
        const before = text.length;
        walk(n.value.label);
        links.push([n.value.src.value, text.slice(before)]);
        break;
      }
      default: walk(n.value);
    }
    if (n.type === 'PARAGRAPH' || n.type === 'LINE_BREAK') text += '\n';
  };
  walk(tree);
  return { kinds, links, text };
}

const norm = (s) => s.replace(joiner, '').replace(/\s*\n\s*/g, '\n').trim();
const lines = readFileSync(0, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
let bad = 0;
console.log(`\nTAP version 13\n1..${lines.length}`);
for (const [i, { raw, out, exact, allow, formulas = false }] of lines.entries()) {
  const got = shown(parse(out, { colors: true, katex: { dollarSyntax: formulas, parenthesisSyntax: true }, emoticons: false }));
  const odd = [...got.kinds].filter((k) => !plain.has(k) && k !== allow);
  // A link may show itself only: words that lead elsewhere would be a trap.
  const astray = got.links.filter(([to, label]) => !(allow === 'LINK' && to === 'https://x.com/acme') && norm(to.replace(/^(https?:)?\/\/|^mailto:|^tel:/, '')) !== norm(label.replace(/^https?:\/\/|^\+/, '')));
  // Behind something that looks like an address the parser shows an escape's backslash.
  const same = (s) => (exact ? norm(s) : norm(s).replaceAll('\\', ''));
  if (odd.length || astray.length || same(got.text) !== same(raw)) {
    bad++;
    console.log(`not ok ${i + 1} - ${JSON.stringify({ raw, out, read: norm(got.text), odd, astray })}`);
  } else {
    console.log(`ok ${i + 1}`);
  }
}
process.exit(bad ? 1 : 0);
