import { http } from '@google-cloud/functions-framework';
import { checkDrift } from '../shared/pipeline/check-drift.ts';
import { answering } from './delivery.ts';
import { loadConfig, wire } from './wiring.ts';

/** Called by the scheduler: one look at every environment. */
http(
  'checkDrift',
  answering('checkDrift', async (request) => {
    const ports = await wire('repository', 'state', 'topics');
    const tick = request.get('x-cloudscheduler-scheduletime') ?? ports.now().toISOString();
    return { status: 200, body: await checkDrift({ repositories: Object.keys(loadConfig().repositories), tick }, ports) };
  }),
);
