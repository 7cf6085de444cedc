// The least that an app on @slack/bolt does with a command, for BenchmarkSlack
// of internal/e2e: /ack is acknowledged, /answer is acknowledged and answered
// by a post. Nothing is stored. BENCH_SOCKETS says how many sockets it opens.
import bolt from '@slack/bolt';

const env = process.env;
for (let i = 0; i < Number(env.BENCH_SOCKETS ?? 1); i++) {
  const app = new bolt.App({
    token: env.SLACKFAKE_BOT,
    appToken: env.SLACKFAKE_APP,
    socketMode: true,
    logLevel: bolt.LogLevel?.ERROR ?? 'error',
    clientOptions: { slackApiUrl: `${env.SLACKFAKE_URL}/api/` },
  });
  app.command('/ack', async ({ ack }) => {
    await ack();
  });
  app.command('/answer', async ({ ack, command, client }) => {
    await ack();
    await client.chat.postMessage({ channel: command.channel_id, text: command.text });
  });
  await app.start();
}
