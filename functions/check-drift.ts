import { http } from '@google-cloud/functions-framework';
import { checkDrift } from '../shared/pipeline/check-drift.ts';
import { copyUnseen } from '../shared/pipeline/copy-artifact/copy-unseen.ts';
import { answering } from './delivery.ts';
import { copySettings, loadConfig, wire } from './wiring.ts';

/** Called by the scheduler: one look at every environment, then one at every bucket. */
http(
  'checkDrift',
  answering('checkDrift', async (request) => {
    const ports = await wire('repository', 'state', 'topics', 'buckets', 'unpack');
    const tick = request.get('x-cloudscheduler-scheduletime') ?? ports.now().toISOString();
    const { repositories } = loadConfig();
    const [drift] = await Promise.allSettled([checkDrift({ repositories: Object.keys(repositories), tick }, ports)]);
    const buckets = Object.entries(repositories).map(([repositoryClass, { bucket }]) => ({
      bucket,
      settings: copySettings(repositoryClass),
    }));
    const copied = await copyUnseen(buckets, ports);
    // A repository that cannot be read keeps no other's uploads from being copied.
    if (drift.status === 'rejected') throw drift.reason;
    return { status: 200, body: { checked: drift.value.checked, copied } };
  }),
);
