import { http } from '@google-cloud/functions-framework';
import { receivePush } from '../shared/pipeline/receive-push.ts';
import { readBody } from './body.ts';
import { answeringAnybody, noteFailure } from './delivery.ts';
import { largestBodies } from './sizes.ts';
import { loadConfig, loadWebhookSecrets, now, wire } from './wiring.ts';

/** The Git host's webhook: somebody pushed, and the commit is announced as an upload's is; or a pull request is to be planned. */
http(
  'receivePush',
  answeringAnybody('receivePush', async (request) => {
    const { secrets, failures } = await loadWebhookSecrets().read(now());
    await Promise.all(failures.map(async (failure) => noteFailure('receivePush', failure)));
    const { repositories, alerts } = loadConfig();
    const settings = { secrets, repositories, gitHosts: alerts.gitHosts };
    const rawBody = await readBody(request, { limit: largestBodies.receivePush });
    return {
      status: 200,
      body: await receivePush({ headers: request.headers, rawBody }, await wire('state', 'topics'), settings),
    };
  }),
);
