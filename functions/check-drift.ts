import { http } from '@google-cloud/functions-framework';
import { tickOnce } from '../shared/pipeline/tick.ts';
import { answering } from './delivery.ts';
import { copySettings, dependencySettings, loadConfig, loadHeartbeat, loadWatch, wire } from './wiring.ts';

/** Called by the scheduler: one look at everything, whether somebody announced it or not. */
http(
  'checkDrift',
  answering('checkDrift', async (request) => {
    const ports = await wire('repository', 'state', 'topics', 'buckets', 'unpack');
    const tick = request.get('x-cloudscheduler-scheduletime') ?? ports.now().toISOString();
    const { repositories } = loadConfig();
    const settings = { tick, repositories, copySettings, dependencies: dependencySettings() };
    const [watch, heartbeat] = [await loadWatch(), await loadHeartbeat()];
    const startedAt = performance.now();
    const body = await tickOnce(settings, { ...ports, watch, heartbeat });
    // Terraform's metric of checks counts this line.
    const facts = { checked: body.checked.length, copied: body.copied.length };
    ports.log('INFO', 'checkDrift done', { ...facts, milliseconds: Math.round(performance.now() - startedAt) });
    return { status: 200, body };
  }),
);
