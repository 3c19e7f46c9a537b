import { http } from '@google-cloud/functions-framework';
import { receivePush } from '../shared/pipeline/receive-push.ts';
import { readBody } from './body.ts';
import { answeringAnybody, noteFailure } from './delivery.ts';
import { largestBodies } from './sizes.ts';
import { loadConfig, loadWebhookSecrets, now, wire } from './wiring.ts';

/** The Git host's webhook: somebody pushed. Announces the commit as an upload's is. */
http(
  'receivePush',
  answeringAnybody('receivePush', async (request) => {
    const { secrets, failures } = await loadWebhookSecrets().read(now());
    await Promise.all(failures.map(async (failure) => noteFailure('receivePush', failure)));
    const settings = { secrets, repositories: loadConfig().repositories };
    const rawBody = await readBody(request, { limit: largestBodies.receivePush });
    return {
      status: 200,
      body: await receivePush({ headers: request.headers, rawBody }, await wire('state', 'topics'), settings),
    };
  }),
);
