// What the suites here share besides ../stage.mjs. The Go test (bot/slack/slackfake/conformance_test.go) sets
//   SLACKFAKE_URL   http://127.0.0.1:PORT of the fake
//   SLACKFAKE_PLAY  the URL through which its people are played
//   SLACKFAKE_BOT, SLACKFAKE_APP  the tokens
import { each as run, stage, test, until } from '../stage.mjs';

const { env, play } = stage('SLACKFAKE', 'bot/slack/slackfake');
export { play, run, test, until };

export const fake = env('URL');
export const botToken = env('BOT');
export const appToken = env('APP');
