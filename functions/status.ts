import { http } from '@google-cloud/functions-framework';
import { status } from '../shared/pipeline/status.ts';
import { answering } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** `GET /`: the state of every environment. `GET /healthz`: whether this function can serve at all. */
http(
  'status',
  answering('status', async (request) => {
    const repositories = Object.keys(loadConfig().repositories);
    if (request.path.endsWith('/healthz')) return { status: 200, body: { status: 'ok', repositories: repositories.sort() } };
    const found = await status({ repositories }, await wire('repository', 'state'));
    return { status: found.unreadable.length === 0 ? 200 : 503, body: found };
  }),
);
