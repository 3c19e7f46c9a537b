import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConvergeError, type Disposition } from '../../../shared/base/errors.ts';
import type { GitHostConfig } from '../../../shared/config/git-hosts.ts';
import { configSchema } from '../../../shared/config/config.ts';
import { parseReceivedAlert, type ReceivedAlert } from '../../../shared/events/received-alert.ts';
import { commitReport, type CommitReport } from '../../../shared/notices/commit-report.ts';
import { decodeToldCommits } from '../../../shared/notices/told-commits.ts';
import { commitStatus } from '../../../shared/pipeline/commit-status.ts';
import { deliverAlert } from '../../../shared/pipeline/deliver-alert.ts';
import {
  commitsOf,
  gitHostSinks,
  tellCommitted,
  tellGitHost,
  type TellPorts,
} from '../../../shared/pipeline/tell-git-hosts.ts';
import type { Published } from './ports.ts';
import { configMap, deployment, environment, list } from './reconcile/runs/files.ts';
import { readied, unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const host: GitHostConfig = {
  ...{ name: 'hub', kind: 'github', tokenSecretFile: '/s', api: 'https://git.example.com/api/v3' },
};
const repositories = {
  master: configSchema.shape.repositories.valueType.parse({
    ...{ url: 'https://git.example.com/family/master.git', bucket: 'family-master' },
  }),
};
const recordPath = 'commits/hub/master.json';

interface Hosted {
  readonly ports: TellPorts;
  /** What the host shows of each commit. */
  readonly shown: Map<string, CommitReport>;
  readonly calls: string[];
  /** Of what it is told next: it fails before, or after it was done. */
  readonly failures: ('before' | 'after' | undefined)[];
  /** Commits that it does not take. */
  readonly refused: Set<string>;
  mergedBy: readonly string[];
}

function fail(disposition: Disposition): never {
  const code = disposition === 'retry' ? 'SinkUnavailable' : 'SinkRefused';
  throw new ConvergeError({ code, subject: 'alert sink hub', message: 'no', disposition, unanswered: true });
}

/** A host that whoever tells it something else than what is true then is caught by. */
function hosted(world: World): Hosted {
  const { state, repository, log, now, sleep } = world.ports;
  const hub: Hosted = {
    ...{ shown: new Map(), calls: [], failures: [], refused: new Set(), mergedBy: [] },
    ports: {
      ...{ state, repository, log, now, sleep },
      gitHosts: {
        pullRequest: async () => fail('refuse'),
        showPlan: async () => fail('refuse'),
        propose: async () => fail('refuse'),
        async report({ project, branch, report }) {
          expect([project, branch]).toEqual(['family/master', 'main']);
          hub.calls.push(report.commit);
          const failure = hub.failures.shift();
          if (failure === 'before') fail('retry');
          if (hub.refused.has(report.commit)) fail('refuse');
          if (report.verdict === 'success') expect(await truthOf(world, report.commit)).toEqual(report);
          hub.shown.set(report.commit, report);
          if (failure === 'after') fail('retry');
          return { mergedBy: hub.mergedBy };
        },
      },
    },
  };
  return hub;
}

async function truthOf({ ports }: World, commit: string): Promise<CommitReport> {
  return commitReport(await commitStatus({ repository: 'master', commit }, ports));
}

/** Of a commit that is announced, or an alert that was published. */
function eventOf({ topic, event }: Published): { repositoryClass: string; commits: readonly string[] } | undefined {
  if (topic !== 'diff' && topic !== 'converged') return undefined;
  return commitsOf(alertOf({ topic, event }));
}

function alertOf({ event }: Published): ReceivedAlert {
  return parseReceivedAlert({ ...event, time: event.time.toISOString(), data: event.data });
}

async function tell(hub: Hosted, commits: readonly string[], ports = hub.ports): Promise<unknown> {
  return await tellGitHost({ host, repositoryClass: 'master', commits }, { repositories }, ports).catch(
    (error: unknown) => error,
  );
}

const files = (name: string): string => `manifests/${name}/all.json`;
const declared = (name: string, spec: readonly string[] = []) => ({
  [`environments/${name}.yaml`]: environment(name, spec),
  [files(name)]: list(configMap(`${name}-colors`)),
});
const changed = (name: string, color: string) => ({ [files(name)]: list(configMap(`${name}-colors`, { color })) });
const broken = (name: string) => ({ [`environments/${name}.yaml`]: 'kind: Nothing' });

/** Two environments that converged. */
async function installed(): Promise<{ world: World; hub: Hosted }> {
  const world = createWorld();
  world.git.add({ ...declared('shop'), ...declared('blog') });
  for (const name of ['shop', 'blog']) await world.run({ environment: name });
  world.wait(60);
  return { world, hub: hosted(world) };
}

/** Tells the host of all that was published since, and what that came to. */
async function tellOf(world: World, hub: Hosted, since: number): Promise<readonly unknown[]> {
  const outcomes: unknown[] = [];
  for (const published of world.published.slice(since)) {
    const of = eventOf(published);
    if (of !== undefined) outcomes.push(await tell(hub, of.commits));
  }
  return outcomes;
}

const verdictOf = (hub: Hosted, commit: string): string | undefined => hub.shown.get(commit)?.statuses[0]?.verdict;
const summaryOf = (hub: Hosted, commit: string): string | undefined => hub.shown.get(commit)?.comment.title;

describe('a Git host', () => {
  it('shows a commit as pending until all converged that it affects', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add({ ...changed('shop', 'blue'), ...changed('blog', 'blue') });
    expect(await tell(hub, [id])).toBe('told');
    expect(summaryOf(hub, id)).toBe('master: 0 of 2 converged');
    let since = world.published.length;
    await world.run({ environment: 'shop' });
    await tellOf(world, hub, since);
    expect([verdictOf(hub, id), summaryOf(hub, id)]).toEqual(['pending', 'master: 1 of 2 converged']);
    since = world.published.length;
    await world.run({ environment: 'blog' });
    await tellOf(world, hub, since);
    expect([verdictOf(hub, id), summaryOf(hub, id)]).toEqual(['success', 'master: 2 of 2 converged']);
  });

  it('shows a failure, and a success once that is mended by a later commit', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add({ ...broken('shop'), ...changed('blog', 'blue') });
    await tell(hub, [id]);
    let since = world.published.length;
    await world.run({ environment: 'shop' });
    await world.run({ environment: 'blog' });
    await tellOf(world, hub, since);
    expect([verdictOf(hub, id), summaryOf(hub, id)]).toEqual(['failure', 'master: 1 of 2 converged, shop failed']);
    const { id: mends } = world.git.add(declared('shop'));
    await tell(hub, [mends]);
    since = world.published.length;
    await world.run({ environment: 'shop' });
    await tellOf(world, hub, since);
    expect(verdictOf(hub, id)).toBe('success');
    expect(verdictOf(hub, mends)).toBe('success');
  });

  it('shows as settled what was overtaken by a later commit, though no alert names it', async () => {
    const { world, hub } = await installed();
    const { id: overtaken } = world.git.add(changed('shop', 'blue'));
    await tell(hub, [overtaken]);
    const { id: last } = world.git.add(changed('shop', 'green'));
    await tell(hub, [last]);
    expect([verdictOf(hub, overtaken), verdictOf(hub, last)]).toEqual(['pending', 'pending']);
    const since = world.published.length;
    await world.run({ environment: 'shop' });
    await tellOf(world, hub, since);
    expect([verdictOf(hub, overtaken), verdictOf(hub, last)]).toEqual(['success', 'success']);
  });

  it('shows what was rolled back as a failure with its reason, also once all is well again', async () => {
    const world = createWorld();
    world.cluster.statuses.set('Deployment acme/web', (object) =>
      JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
    );
    const revert = ['rollback: { onFailure: revert }', 'timeout: 20s'];
    world.git.add({ ...declared('shop', revert), [files('shop')]: list(deployment('web')) });
    await world.run();
    world.wait(60);
    const hub = hosted(world);
    const { id } = world.git.add({ [files('shop')]: list(deployment('web', { image: 'shop:bad' })) });
    await tell(hub, [id]);
    for (let runs = 0; runs < 2; runs++) {
      const since = world.published.length;
      await world.run();
      await tellOf(world, hub, since);
      expect(verdictOf(hub, id)).toBe('failure');
      world.wait(60);
    }
    expect(summaryOf(hub, id)).toBe('master: 0 of 1 converged, shop rolled back');
    expect(hub.shown.get(id)?.comment.lines[0]?.text).toMatch(
      /^rolled back by [0-9a-f]{12}: Deployment acme\/web: 0 of 1 updated pods/,
    );
    const reverts = [...hub.shown.keys()].filter((commit) => commit !== id);
    expect(reverts.map((commit) => verdictOf(hub, commit))).toContain('success');
  });

  it('shows a commit that no environment is made of as done, and ignored files as a failure', async () => {
    const { world, hub } = await installed();
    const { id: idle } = world.git.add({ 'README.md': 'nothing of it' });
    const { id: ignored } = world.git.add({ 'environments/other.yml': environment('other') });
    await tell(hub, [idle, ignored]);
    expect(summaryOf(hub, idle)).toBe('master: no environment is made of what it changes');
    expect(verdictOf(hub, idle)).toBe('success');
    expect(summaryOf(hub, ignored)).toBe('master: no environment is made of what it changes, 1 file ignored');
    expect(verdictOf(hub, ignored)).toBe('failure');
  });

  it('that was away is told what is true when it is back, whatever was missed', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add({ ...changed('shop', 'blue'), ...changed('blog', 'blue') });
    hub.failures.push('before', 'before');
    expect(await tell(hub, [id])).toMatchObject({ code: 'SinkUnavailable' });
    let since = world.published.length;
    await world.run({ environment: 'shop' });
    expect(await tellOf(world, hub, since)).toMatchObject([{ code: 'SinkUnavailable' }]);
    expect(hub.shown.size).toBe(0);
    // Of another commit: what is not settled is told with it.
    const { id: beside } = world.git.add({ 'README.md': 'nothing of it' });
    since = world.published.length;
    await tell(hub, [beside]);
    expect(summaryOf(hub, id)).toBe('master: 1 of 2 converged');
  });

  it('that refuses one commit is told the others, and that it refused', async () => {
    const { world, hub } = await installed();
    const { id: one } = world.git.add(changed('shop', 'blue'));
    const { id: other } = world.git.add(changed('blog', 'blue'));
    hub.refused.add(other);
    expect(await tell(hub, [one, other])).toMatchObject({ code: 'SinkRefused' });
    expect([...hub.shown.keys()]).toEqual([one]);
    const remembered = () => decodeToldCommits(world.state.get(recordPath));
    expect(remembered()?.failures).toBe(1);
    world.wait(60);
    await tell(hub, [one]);
    expect(remembered()?.failures).toBe(2);
    hub.refused.clear();
    world.wait(60);
    await tell(hub, [other]);
    expect(remembered()?.failures).toBe(0);
  });

  it('is told nothing again that it shows', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add(changed('shop', 'blue'));
    await tell(hub, [id]);
    await tell(hub, [id]);
    expect(hub.calls).toEqual([id]);
  });

  it('is told of the commit, too, that merged the pull request of one', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add(changed('shop', 'blue'));
    const { id: merge } = world.git.add(changed('blog', 'blue'));
    hub.mergedBy = [merge];
    await tell(hub, [id]);
    expect(hub.calls).toEqual([id, merge]);
  });

  it('is told of no commit that is none of the branch, nor of a class that it is not asked for', async () => {
    const { world, hub } = await installed();
    expect(await tell(hub, ['0'.repeat(40)])).toBe('told');
    const of = { host: { ...host, classes: ['staging'] }, repositoryClass: 'master', commits: [] };
    expect(await tellGitHost(of, { repositories }, hub.ports)).toBe('unmeant');
    expect(hub.calls).toEqual([]);
    expect(world.state.get(recordPath)).toEqual({ version: 1, writer: null, commits: [], failures: 0 });
  });

  it('is told by one instance at a time, and by another once that has died', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add(changed('shop', 'blue'));
    await world.writeState(recordPath, { version: 1, writer: 'another', commits: [] });
    expect(await tell(hub, [id])).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
    expect(hub.calls).toEqual([]);
    world.wait(60);
    expect(await tell(hub, [id])).toBe('told');
    expect(hub.calls).toEqual([id]);
  });

  it('is asked anew where nobody can read what it was told', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add(changed('shop', 'blue'));
    await tell(hub, [id]);
    world.spoil(recordPath, '{"version":');
    world.wait(60);
    expect(await tell(hub, [id])).toBe('told');
    expect(hub.calls).toEqual([id, id]);
  });

  it('takes what many ask at once for one turn', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add(changed('shop', 'blue'));
    const before = world.ports.now().getTime();
    await Promise.all(Array.from({ length: 13 }, async () => tell(hub, [id])));
    expect(hub.calls).toEqual([id]);
    // Two turns, each with the second that a name of Storage takes.
    expect(world.ports.now().getTime() - before).toBeLessThanOrEqual(4_000);
  });
});

describe('the Git hosts of the configuration', () => {
  const config = { repositories, alerts: { gitHosts: [host] } };

  it('are told of a commit that is announced, and keep nothing from going on where they are away', async () => {
    const { world, hub } = await installed();
    const { id: commit } = world.git.add(changed('shop', 'blue'));
    const change = {
      ...{ repository: 'master', url: world.git.url, branch: 'main' },
      commit,
      previous: null,
      artifacts: [],
    };
    hub.failures.push('before');
    await tellCommitted(change, config, async () => hub.ports);
    expect(world.log).toContain('WARNING a Git host was not told of a commit');
    await tellCommitted(change, config, async () => hub.ports);
    expect(verdictOf(hub, commit)).toBe('pending');
  });

  it('are told of an alert beside its sinks, and named where they refuse', async () => {
    const { world, hub } = await installed();
    const { id } = world.git.add(broken('shop'));
    const since = world.published.length;
    await world.run({ environment: 'shop' });
    const [alert] = world.published.slice(since).map(alertOf);
    if (alert === undefined) throw new Error('nothing was told');
    const deliver = async () => {
      const others = gitHostSinks(commitsOf(alert), config, async () => hub.ports);
      const ports = { ...hub.ports, sinks: { deliver: async () => undefined } };
      const sinks = [{ name: 'pager', pagerduty: { routingKeySecretFile: '/s', api: 'https://events.pagerduty.com' } }];
      return await deliverAlert({ alert, id: 'event-1', time: undefined, sinks, others, only: undefined }, ports).catch(
        (error: unknown) => error,
      );
    };
    hub.refused.add(id);
    expect(await deliver()).toMatchObject({ code: 'SinkRefused', sinks: ['hub'] });
    hub.refused.clear();
    expect(await deliver()).toEqual({ delivered: ['hub'] });
    expect(verdictOf(hub, id)).toBe('failure');
  });

  it('are told of nothing by an alert of a dependency', () => {
    expect(gitHostSinks(undefined, config, async () => Promise.reject(new Error('opened')))).toEqual([]);
  });
});

type Step =
  | { readonly does: 'commit' | 'break' | 'mend'; readonly name: string }
  | { readonly does: 'run'; readonly name: string }
  | { readonly does: 'deliver'; readonly pick: readonly number[]; readonly failure: 'before' | 'after' | undefined };

const name = fc.constantFrom('shop', 'blog');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constantFrom('commit' as const, 'break' as const, 'mend' as const), name }),
  fc.record({ does: fc.constant('run' as const), name }),
  fc.record({
    does: fc.constant('deliver' as const),
    pick: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    failure: fc.constantFrom('before' as const, 'after' as const, undefined, undefined),
  }),
);

describe('what a Git host shows in the end', () => {
  it('is what is true, whatever came twice, late, in another order or not at all; never a success before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
        const { world, hub } = await installed();
        const from = world.published.length;
        const announced: string[] = [];
        // Each instance has a store, and a queue, of its own.
        const instances = [hub.ports, { ...hub.ports, state: { ...hub.ports.state } }];
        const events = (): readonly (readonly string[])[] => [
          ...announced.map((commit) => [commit]),
          ...world.published.slice(from).flatMap((published) => {
            const of = eventOf(published);
            return of === undefined ? [] : [of.commits];
          }),
        ];
        let color = 0;
        for (const taken of steps) {
          world.wait(10);
          if (taken.does === 'run') await world.run({ environment: taken.name });
          else if (taken.does === 'deliver') {
            if (taken.failure !== undefined) hub.failures.push(taken.failure);
            const all = events();
            await Promise.all(
              taken.pick.map(async (pick, index) => tell(hub, all[pick % all.length] ?? [], instances[index % 2])),
            );
            hub.failures.length = 0;
          } else {
            const changes = {
              commit: changed(taken.name, `color-${++color}`),
              break: broken(taken.name),
              mend: declared(taken.name),
            }[taken.does];
            announced.push(world.git.add(changes).id);
          }
        }
        world.wait(60);
        // Each message comes until it is taken; the last in the order of their coming twice.
        for (const commits of events().toReversed()) await tell(hub, commits);
        for (const commit of announced) {
          const truth = await truthOf(world, commit);
          expect(hub.shown.get(commit)?.statuses, JSON.stringify(steps)).toEqual(truth.statuses);
        }
      }),
      { numRuns: 120 },
    );
  });
});
