// Prints the JSON schemas with which a Rocket.Chat server checks requests, from
// its own package, as one object: {"isChatSendMessageProps": {…}, …}.
import { register } from 'node:module';

// The package is written for a bundler: folders and files without .js.
register(`data:text/javascript,${encodeURIComponent(`
  export async function resolve(what, about, next) {
    try {
      return await next(what, about);
    } catch (e) {
      for (const end of ['.js', '/index.js']) {
        try { return await next(what + end, about); } catch { /* the first error says more */ }
      }
      throw e;
    }
  }
`)}`);

const all = await import('@rocket.chat/rest-typings');
const schemas = Object.fromEntries(Object.entries(all).filter(([, v]) => v?.schema).map(([k, v]) => [k, v.schema]));
process.stdout.write(JSON.stringify(schemas));
