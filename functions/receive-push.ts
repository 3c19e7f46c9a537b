import { http } from '@google-cloud/functions-framework';
import { receivePush } from '../shared/pipeline/receive-push.ts';
import { answeringAnybody } from './delivery.ts';
import { loadConfig, webhookSecrets, wire } from './wiring.ts';

/** The Git host's webhook: somebody pushed. Announces the commit as an upload's is. */
http(
  'receivePush',
  answeringAnybody('receivePush', async ({ headers, rawBody }) => {
    const settings = { secrets: webhookSecrets(), repositories: loadConfig().repositories };
    return { status: 200, body: await receivePush({ headers, rawBody: rawBody ?? Buffer.alloc(0) }, await wire('state', 'topics'), settings) };
  }),
);
