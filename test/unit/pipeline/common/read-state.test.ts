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

it.each([
  [
    '{"version":9}',
    1,
    'was written by a newer Converge, in version 9 where this one knows 1 (deploy that again to keep it)',
  ],
  [
    '{"version":2}',
    1,
    'was written by a newer Converge, in version 2 where this one knows 1 (deploy that again to keep it)',
  ],
  ['{"version":2}', 2, 'has an unknown shape'],
  ['{"version":"9"}', 1, 'has an unknown shape'],
  ['[9]', 1, 'has an unknown shape'],
  ['null', 1, 'has an unknown shape'],
])('says of %s, where it knows version %i, that it %s', async (text, newest, unreadable) => {
  const { state } = setUp(text);
  expect(await readState({ path, decode: () => undefined, newest }, { state })).toMatchObject({ unreadable });
});
