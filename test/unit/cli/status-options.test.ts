import { describe, expect, it } from 'vitest';
import { chosenOf } from '../../../cli/choose-environments.ts';
import { showStatus, statusAnswer } from '../../../cli/status.ts';
import { environmentStates, statusSchema, type Status } from '../../../shared/pipeline/common/environment-status.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const context = contextOf(createWorld());
const row = {
  ...{ repository: 'master', cluster: 'eu', revision: '', wanted: '', since: '2026-11-21T01:00:00.000Z' },
  ...{ incident: null, quarantine: null, health: 'Healthy', objects: 2, message: '', labels: { customer: 'acme' } },
  policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 },
};
const upload = {
  ...{ repository: 'master', artifact: 'gs://b/charts/shop.tgz#7', since: '2026-11-28T09:00:00.000Z' },
  ...{ reason: 'InvalidArchive', message: 'holds a link', remedy: null, author: 'Ana', build: null },
};

function statusOf({ rows, uploads = [] }: { rows: readonly object[]; uploads?: readonly object[] }): Status {
  return statusSchema.parse({ environments: rows.map((one) => ({ ...row, ...one })), unreadable: [], uploads });
}

const all = { names: [], class: [], label: {} };
const textOf = ({ lines }: { lines: readonly { text: string }[] }): string => lines.map(({ text }) => text).join('\n');

describe('the environments of a status', () => {
  it('are shown trouble first, and then by class and name', () => {
    const rows = environmentStates.options.flatMap((state) => [
      { name: `b-${state}`, state },
      { name: `a-${state}`, state },
    ]);
    const shown = chosenOf(statusOf({ rows }), all, context).environments.map(({ name }) => name);
    expect(shown.filter((name) => name.startsWith('a-'))).toEqual(
      ['Failed', 'Diverged', 'Unknown', 'Stale', 'Removing', 'Converging', 'Frozen', 'Suspended', 'Converged'].map(
        (s) => `a-${s}`,
      ),
    );
    expect(shown.slice(0, 2)).toEqual(['a-Failed', 'b-Failed']);
  });

  it('are chosen by class and label, and one whose labels nobody can read stays', () => {
    const found = statusOf({
      rows: [
        { name: 'a', state: 'Converged' },
        { name: 'b', state: 'Converged', labels: { customer: 'globex' } },
        { name: 'c', state: 'Failed', labels: {}, policy: null },
        { name: 'd', state: 'Converged', repository: 'staging' },
      ],
      uploads: [upload],
    });
    const names = (choice: object) =>
      chosenOf(found, { ...all, ...choice }, context).environments.map(({ name }) => name);
    expect(names({ label: { customer: 'acme' } })).toEqual(['c', 'a', 'd']);
    expect(names({ class: ['mas*'] })).toEqual(['c', 'a', 'b']);
    expect(names({ class: ['master'], label: { customer: 'globex' } })).toEqual(['c', 'b']);
    expect(chosenOf(found, { ...all, class: ['master'] }, context).uploads).toHaveLength(1);
    expect(chosenOf(found, { ...all, label: { customer: 'acme' } }, context).uploads).toEqual([]);
  });

  it.each([
    [{ class: ['staging'] }, /^--class staging: is no class/, 'there are master'],
    [{ label: { customer: 'acm' } }, /^--label customer=acm: is of no environment/, 'there are customer=acme'],
    [{ names: ['acm'] }, /^acm: is no environment/, 'there are acme'],
  ])('are not none where nothing is called so: %j', (choice, message, remedy) => {
    const found = statusOf({ rows: [{ name: 'acme', state: 'Converged' }] });
    let said: unknown;
    try {
      chosenOf(found, { ...all, ...choice }, context);
    } catch (error) {
      said = error;
    }
    expect(said).toMatchObject({ message: expect.stringMatching(message), remedy, exit: 2 });
  });
});

describe('--problems', () => {
  const well = { name: 'a', state: 'Converged' };

  it('is one sentence and 0 where nothing needs anybody', () => {
    const found = chosenOf(statusOf({ rows: [well, { name: 'b', state: 'Converging' }] }), all, context);
    expect(statusAnswer(found, { problems: true })).toEqual({
      exit: 0,
      json: { environments: [], unreadable: [], uploads: [] },
      lines: [{ text: 'nothing needs you', tone: 'good' }],
    });
  });

  it.each(['Failed', 'Diverged', 'Unknown', 'Stale'])('is what is %s, and 1', (state) => {
    const found = chosenOf(statusOf({ rows: [well, { name: 'b', state }] }), all, context);
    const answer = statusAnswer(found, { problems: true });
    expect(answer).toMatchObject({ exit: 1, json: { environments: [{ name: 'b' }] } });
    expect(textOf(answer)).not.toContain('master/a');
  });

  it('is an upload that is refused, too, and 1: with it or without', () => {
    const found = chosenOf(statusOf({ rows: [well], uploads: [upload] }), all, context);
    expect(textOf(statusAnswer(found, { problems: true }))).toMatch(
      /^master: gs:\/\/b\/charts\/shop\.tgz#7 by Ana is refused/,
    );
    for (const problems of [true, false]) expect(statusAnswer(found, { problems }).exit).toBe(1);
  });
});

describe('--wide', () => {
  it('shows all that is known of an environment, in characters that show', () => {
    const found = statusOf({
      rows: [
        {
          ...{ name: 'a', state: 'Failed', message: 'image differs', left: 2 },
          ...{ revision: `main@sha1:${'9'.repeat(40)}`, wanted: `main@sha1:${'8'.repeat(40)}` },
          ...{ checkedAt: '2026-11-21T01:02:00.000Z', attemptedAt: '2026-11-21T01:03:00.000Z' },
          ...{ nextLook: '2026-11-21T01:08:00.000Z', nextTry: '2026-11-21T01:20:00.000Z' },
          cause: {
            ...{ commit: '7b1e6a1b3d4e5f60', subject: 'Copy \u001b[31m', author: 'Ana', artifact: 'gs://b/c#7' },
          },
          changes: { at: '2026-11-21T01:00:00.000Z', created: 1, configured: 2, unchanged: 3, pruned: 4 },
          quarantine: { revision: `main@sha1:${'7'.repeat(40)}`, reason: 'Unhealthy', at: row.since, revert: null },
          incidents: [
            {
              ...{ id: '4be0', reason: 'Drifted', subject: '', since: row.since, occurrence: 1, revision: '' },
              ...{ summary: 'image differs', source: 'manifests/web.yaml:3', action: 'healing', omitted: 3 },
              differing: [
                { object: 'Deployment acme/web', message: 'image differs' },
                { object: 'Service acme/web', message: null },
              ],
              acknowledged: { by: 'Ana', at: row.since, until: null, comment: 'mine' },
            },
          ],
        },
      ],
    });
    const { lines, exit } = statusAnswer(chosenOf(found, all, context), { wide: true });
    expect(exit).toBe(1);
    expect(lines.map(({ text }) => text)).toEqual([
      'master/a  Failed',
      '  message      image differs',
      '  cluster      eu',
      '  since        2026-11-21 01:00:00',
      '  checked      2026-11-21 01:02:00',
      '  attempted    2026-11-21 01:03:00',
      '  next look    2026-11-21 01:08:00; what failed is not tried again before 2026-11-21 01:20:00',
      '  revision     main@999999999999',
      '  head         main@888888888888',
      '  health       Healthy, 2 objects',
      String.raw`  changed by   7b1e6a1b3d4e "Copy \u001b[31m" by Ana, gs://b/c#7`,
      '  last run     2026-11-21 01:00:00: 1 created, 2 configured, 3 unchanged, 4 pruned',
      '  not pruned   2 that Git specifies no more',
      '  quarantined  main@777777777777 since 2026-11-21 01:00:00: Unhealthy',
      '  labels       customer=acme',
      '  incident     4be0 Drifted since 2026-11-21 01:00:00: image differs',
      '    done       is put right',
      '    source     manifests/web.yaml:3',
      '    differs    Deployment acme/web: image differs',
      '    differs    Service acme/web',
      '    differs    and 3 more',
      '    taken      acknowledged by Ana until it ends: mine',
    ]);
  });

  it('says of one that never ran what is not known', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    const answer = await showStatus(contextOf(world), ['shop'], { wide: true });
    expect(answer.exit).toBe(1);
    expect(textOf(answer)).toMatch(
      /checked +not known\n[^]*next look +not known\n +revision +none has converged yet\n/,
    );
  });
});

it('a status of nothing says that there is none, and what to do', () => {
  const none = { environments: [], unreadable: [], uploads: [], unreachable: [] };
  expect(statusAnswer(none, {})).toMatchObject({
    exit: 0,
    json: { environments: [] },
    lines: [{ text: 'there is no environment' }, { text: expect.stringContaining('converge upload') }],
  });
});
