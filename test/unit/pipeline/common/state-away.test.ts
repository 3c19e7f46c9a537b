import { expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { watchState } from '../../../../shared/pipeline/common/state-away.ts';
import { clockAt, recordingLog } from '../ports.ts';

const away = (bucket: string) =>
  new ConvergeError({
    ...{ code: 'StorageUnavailable', subject: `gs://${bucket}/environments/master/acme/memory.json` },
    ...{ message: 'Cloud Storage did not answer in 30 s', disposition: 'retry' },
  });

it('the bucket of the state is told once by an instance, where it has not answered for long, and no other bucket is', () => {
  const clock = clockAt('2026-11-28T05:00:00Z');
  const log = recordingLog();
  const watch = watchState({ bucket: 'family-state', after: 120_000 }, { now: clock.now, log });
  const told = 'ERROR the bucket of the state does not answer: nothing is looked at, and nobody is told';
  const meet = (pause: number, bucket = 'family-state'): void => {
    clock.forward(pause);
    watch.met(away(bucket));
  };
  for (const pause of [0, 60, 59]) meet(pause);
  for (const pause of [0, 300]) meet(pause, 'family-master');
  expect(log.lines).toEqual([]);
  // It answered in between.
  for (const pause of [0, 60, 61, 60, 60]) meet(pause);
  expect(log.lines).toEqual([told]);
  watch.met(new Error('something else'));
});
