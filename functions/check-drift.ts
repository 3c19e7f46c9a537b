import { http } from '@google-cloud/functions-framework';
import { writeBackLeft } from '../shared/pipeline/common/write-back.ts';
import { checkDrift } from '../shared/pipeline/check-drift.ts';
import { copyUnseen } from '../shared/pipeline/copy-artifact/copy-unseen.ts';
import { answering } from './delivery.ts';
import { copySettings, loadConfig, wire } from './wiring.ts';

/** Called by the scheduler: one look at every environment, one at every bucket, and one at what is not written to Git. */
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
    const written = Object.entries(repositories).flatMap(([name, { writeback }]) => (writeback ? [name] : []));
    await Promise.all(written.map(async (name) => writeBackLeft(name, ports)));
    // A repository that cannot be read keeps no other's uploads from being copied.
    if (drift.status === 'rejected') throw drift.reason;
    return { status: 200, body: { checked: drift.value.checked, copied } };
  }),
);
