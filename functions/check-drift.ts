import { http } from '@google-cloud/functions-framework';
import { tickOnce } from '../shared/pipeline/tick.ts';
import { answering } from './delivery.ts';
import { copySettings, dependencySettings, loadConfig, loadHeartbeat, loadRedrive, loadWatch, wire } from './wiring.ts';

/** Called by the scheduler: one look at everything, whether somebody announced it or not. */
http(
  'checkDrift',
  answering('checkDrift', async (request) => {
    const ports = await wire('repository', 'state', 'topics', 'buckets', 'unpack');
    const tick = request.get('x-cloudscheduler-scheduletime') ?? ports.now().toISOString();
    const { repositories, alerts } = loadConfig();
    const { sinks, gitHosts } = alerts;
    const settings = { tick, repositories, copySettings, dependencies: dependencySettings(), sinks, gitHosts };
    const [watch, heartbeat, redrive] = [await loadWatch(), await loadHeartbeat(), loadRedrive()];
    const startedAt = performance.now();
    const body = await tickOnce(settings, { ...ports, watch, heartbeat, redrive });
    // Terraform's metric of checks counts this line.
    const facts = { checked: body.checked.length, copied: body.copied.length };
    ports.log('INFO', 'checkDrift done', { ...facts, milliseconds: Math.round(performance.now() - startedAt) });
    return { status: 200, body };
  }),
);
