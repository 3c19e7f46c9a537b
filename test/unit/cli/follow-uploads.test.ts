import { describe, expect, it } from 'vitest';
import type { Context } from '../../../cli/context.ts';
import { followUploads, type FollowOptions } from '../../../cli/follow-uploads.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { copyMessage } from '../../../shared/source/commit-message.ts';
import { emptyLedger, encodeLedger, ledgerPath } from '../../../shared/source/ledger.ts';
import { clockAt, commitId, environmentText, repositories, repositoryWith, stateInMemory } from '../pipeline/ports.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: 'project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}',
});
const repositoryClass = 'master';
const artifact = { bucket: 'family-master', name: 'environments/acme.yml', generation: '7' };
const commit = commitId('a');

/** What is said of an upload that became the first commit of a branch, or that was there already. */
async function follow({
  isCopied = true,
  options = {},
  warnings = [],
}: {
  isCopied?: boolean;
  options?: Partial<FollowOptions>;
  warnings?: readonly string[];
}) {
  const clock = clockAt('2026-11-21T02:00:00Z');
  const state = stateInMemory(clock.now);
  const entry = { name: artifact.name, generation: '7', commit, at: clock.now().toISOString(), content: null };
  const ledger = { ...emptyLedger, copied: new Map([[artifact.name, entry]]) };
  await state.write({ path: ledgerPath({ repositoryClass }), value: encodeLedger(ledger), ifGeneration: 'any' });
  const message = isCopied ? copyMessage([{ ...artifact, metadata: {} }]) : 'By hand';
  const made = { id: commit, tree: 'tree', parents: [], message, committedAt: new Date(0) };
  const repository = {
    ...repositoryWith({ files: { [artifact.name]: environmentText('acme') } }),
    history: async () => [made],
    files: async () => [{ path: artifact.name, kind: 'file' as const, id: 'x' }],
  };
  const unopened = () => {
    throw new Error('is not to be opened');
  };
  const context: Context = {
    ...{ config, statusUrl: undefined, pubsub: undefined, environment: {}, folder: '/', progress: () => undefined },
    ports: { now: clock.now, sleep: async (milliseconds) => clock.forward(milliseconds / 1000) },
    open: {
      ...{ uploads: unopened, buckets: unopened, topics: unopened, deadLetters: unopened, renderer: unopened },
      ...{ state: async () => state, repository: async () => repositories(repository) },
    },
  };
  return await followUploads(context, {
    ...{ repositoryClass, artifacts: [artifact], warnings },
    options: { wait: true, timeout: 60_000, ...options },
  });
}

const ignored = 'environments/acme.yml is ignored: the name of an environment file ends in .yaml';

describe('an upload that affects no environment', () => {
  it('ends with 1, and says so, and which of its files are ignored', async () => {
    expect(await follow({})).toMatchObject({
      exit: 1,
      json: { environments: [], warnings: [ignored, 'no environment is made of what was uploaded'] },
    });
    const { lines } = await follow({});
    expect(lines.map(({ text }) => text)).toContain(`warning   ${ignored}`);
    expect(lines.at(-1)?.text).toContain('--allow-none');
  });

  it('ends with 0 where that is allowed, and says it all the same', async () => {
    const { exit, lines } = await follow({ options: { allowNone: true } });
    expect(exit).toBe(0);
    expect(lines.map(({ text }) => text)).toContain('warning   no environment is made of what was uploaded');
  });

  it('ends with 0 where it was in Git already: whoever made that commit affected what they wanted', async () => {
    expect(await follow({ isCopied: false })).toMatchObject({ exit: 0, json: { warnings: [ignored] } });
  });

  it('says what was known before it was uploaded, also where nobody waits, and each once', async () => {
    expect(await follow({ warnings: [ignored], options: { wait: false } })).toMatchObject({
      ...{ exit: 0, json: { environments: null, warnings: [ignored] } },
    });
    expect((await follow({ warnings: [ignored] })).json).toMatchObject({ warnings: { length: 2 } });
  });
});
