import { expect, it } from 'vitest';
import { readState } from '../../../../shared/pipeline/common/read-state.ts';
import { clockAt, recordingLog, stateInMemory } from '../ports.ts';

const path = 'environments/master/acme/lease.json';
const error = 'ERROR a state object cannot be read: it is taken for lost';

function setUp(text: string) {
  const state = stateInMemory(clockAt('2026-11-21T01:00:00Z').now);
  const log = recordingLog();
  state.spoil(path, text);
  const read = async () => readState({ path, decode: () => undefined }, { state, log });
  return { state, log, read };
}

it('logs a generation that nobody can read once, however often an instance looks at it', async () => {
  const { state, log, read } = setUp('');
  for (let look = 0; look < 3; look += 1) await read();
  expect(log.lines).toEqual([error]);
  state.spoil(path, 'null');
  await read();
  await read();
  expect(log.lines).toEqual([error, error]);
});
