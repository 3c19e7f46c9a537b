import { describe, expect, it } from 'vitest';
import type { Incident } from '../../../shared/memory/incident.ts';
import { encodeLookTimes, looksPath, type LookTimes } from '../../../shared/memory/look-times.ts';
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { unreachablePath } from '../../../shared/memory/unreachable.ts';
import { unreachableNow, type Place } from '../../../shared/pipeline/common/tell-unreachable.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { status, statusNow } from '../../../shared/pipeline/status.ts';
import { recordLooks, type Look } from '../../../shared/pipeline/common/record-looks.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import {
  clockAt,
  commitId,
  environmentText,
  recordingLog,
  repositories,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
  failingRepository,
} from './ports.ts';

/** Milliseconds between two checks: nothing is stale. */
const day = 24 * 3_600_000;
const clock = clockAt('2026-11-21T01:00:00Z');
const file = 'environments/acme.yaml';
const acme = repositoryWith({ files: { [file]: environmentText('acme') } });
const at = {
  commit: commitId('0'),
  revision: `main@sha1:${commitId('0')}`,
  at: '2026-11-21T00:00:00.000Z',
  inputs: {},
};
const settled: Partial<Memory> = {
  attempted: at,
  converged: { ...at, renderKey: '00ff' },
  cluster: 'earlier',
  health: 'Healthy',
  since: at.at,
};
const incident: Incident = {
  ...{ id: '4be0d1a2c3f40516', since: at.at, occurrence: 1, reason: 'Drifted', revision: at.revision },
  ...{ summary: 'Deployment acme/web: image differs', diff: undefined, told: true, closedAt: undefined },
};

async function statusOf({ repository = acme, memory }: { repository?: Repository; memory?: Partial<Memory> } = {}) {
  const state = stateInMemory(clock.now);
  if (memory !== undefined) {
    const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
    await state.write({ path, value: { ...emptyMemory(clock.now()), ...memory }, ifGeneration: 'absent' });
  }
  return await status(
    { repositories: ['master'], interval: day },
    { now: clock.now, repository: repositories(repository), state },
  );
}

describe('the status of an environment', () => {
  it('says what the last run left, and what the branch wants', async () => {
    const objects = { '/ConfigMap/acme/a': { desired: 'd', observed: 'o', apiVersion: 'v1' } };
    expect(await statusOf({ memory: { ...settled, objects } })).toEqual({
      environments: [
        {
          name: 'acme',
          repository: 'master',
          cluster: 'sandbox',
          state: 'Converged',
          revision: at.revision,
          wanted: `main@sha1:${commitId('a')}`,
          since: at.at,
          checkedAt: null,
          attemptedAt: null,
          nextLook: null,
          nextTry: null,
          cause: null,
          incident: null,
          incidents: [],
          requests: [],
          quarantine: null,
          health: 'Healthy',
          objects: 1,
          changes: null,
          left: 0,
          unproven: { count: 0, objects: [] },
          message: '',
          labels: {},
          policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 },
        },
      ],
      unreadable: [],
      uploads: [],
    });
  });

  it('says what differs, what is done about it, what the last convergence did, and what comes next', async () => {
    const web = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name: 'web', fields: [] };
    const alert = {
      ...{ environment: 'acme', repository: 'master', cluster: 'earlier', revision: at.revision, cause: null },
      ...{ reason: 'Drifted' as const, incident: incident.id, subject: 'Deployment acme/web', since: at.at },
      ...{ occurrence: 1, action: 'healing' as const, summary: 'image differs', omitted: 3, policy: null },
      rollback: { to: at.revision, commit: commitId('b') },
      objects: [{ ...web, change: 'modified' as const, message: 'image\u001b[31m differs' }],
    };
    const objects = ['Deployment acme/web', 'Service acme/web'];
    const told = { ...incident, subject: 'Deployment acme/web', objects, diff: alert };
    const note =
      'acme converged at=2026-11-21T00:00:05.000Z cluster=earlier seconds=4 created=1 configured=2 unchanged=3 pruned=4 event=e';
    const memory = {
      ...settled,
      ...{ incident: told, left: ['/ConfigMap/acme/old'], notes: [{ commit: at.commit, text: note }] },
      retry: { revision: at.revision, count: 2, notBefore: '2026-11-21T01:04:00.000Z', healing: true },
    };
    const { environments } = await statusOf({ memory });
    expect(environments).toMatchObject([
      {
        ...{ left: 1, nextLook: null, nextTry: '2026-11-21T01:04:00.000Z' },
        changes: { at: '2026-11-21T00:00:05.000Z', created: 1, configured: 2, unchanged: 3, pruned: 4 },
        incidents: [
          {
            ...{ action: 'healing', rolledBackBy: commitId('b'), omitted: 3 },
            differing: [
              { object: 'Deployment acme/web', message: String.raw`image\u001b[31m differs` },
              { object: 'Service acme/web', message: null },
            ],
          },
        ],
      },
    ]);
  });

  it('says when it was looked at last, whatever it is', async () => {
    const state = stateInMemory(clock.now);
    const ports = { now: clock.now, state, log: recordingLog() };
    const looks = recordLooks({ instance: 'one', ...ports });
    const look = async (environment: string, outcome: Look['outcome'], at: Date) =>
      looks.looked({ repository: 'master', environment, outcome, at });
    const { memory: path } = statePaths({ repository: 'master', environment: 'gone' });
    await state.write({ path, value: { ...emptyMemory(clock.now()), ...settled }, ifGeneration: 'absent' });
    await look('acme', 'checked', new Date('2026-11-21T00:50:00Z'));
    clock.forward(60);
    await look('acme', 'attempted', new Date('2026-11-21T00:55:00Z'));
    clock.forward(60);
    await look('gone', 'checked', new Date('2026-11-21T00:57:00Z'));
    const times = async (repository: Repository) =>
      (
        await status({ repositories: ['master'], interval: day }, { ...ports, repository: repositories(repository) })
      ).environments.map(({ name, state: shown, checkedAt, attemptedAt, nextLook }) => {
        expect(nextLook).toBe(attemptedAt?.replace('11-21', '11-22'));
        return [name, shown, checkedAt, attemptedAt];
      });
    expect(await times(acme)).toEqual([
      ['acme', 'Unknown', '2026-11-21T00:50:00.000Z', '2026-11-21T00:55:00.000Z'],
      ['gone', 'Removing', '2026-11-21T00:57:00.000Z', '2026-11-21T00:57:00.000Z'],
    ]);
    expect(await times(failingRepository('master', 'BranchMissing'))).toEqual([
      ['gone', 'Unknown', '2026-11-21T00:57:00.000Z', '2026-11-21T00:57:00.000Z'],
    ]);
  });

  describe('that nobody looked at', () => {
    const minutes = 60_000;
    const cluster = {
      code: 'ClusterUnavailable',
      subject: 'cluster sandbox',
      problem: 'GET /api got no answer in 3 tries',
    };

    /** What is shown at 01:00, where looks are made each five minutes. */
    async function shown({
      looks,
      memory = settled,
      repository = acme,
      fast = 0,
    }: {
      looks: LookTimes | undefined;
      memory?: Partial<Memory>;
      /** Minutes by which the clock of the function is ahead of Storage's. */
      fast?: number;
      repository?: Repository;
    }) {
      const state = stateInMemory(clock.now);
      const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
      await state.write({ path, value: { ...emptyMemory(clock.now()), ...memory }, ifGeneration: 'absent' });
      const value = encodeLookTimes({ looks: new Map(looks === undefined ? [] : [['acme', looks]]), at: clock.now() });
      await state.write({ path: looksPath({ repository: 'master', instance: 'one' }), value, ifGeneration: 'absent' });
      const now = (): Date => new Date(clock.now().getTime() + fast * minutes);
      const ports = { now, repository: repositories(repository), state };
      const { environments } = await status({ repositories: ['master'], interval: 5 * minutes }, ports);
      const { state: shownState, health, message, failing } = environments[0] ?? {};
      return { state: shownState, health, message, failing };
    }
    /** So many minutes ago. */
    const ago = (passed: number): string => new Date(clock.now().getTime() - passed * minutes).toISOString();

    it('for three intervals is as it was', async () => {
      expect(await shown({ looks: { checkedAt: ago(15), attemptedAt: ago(15) } })).toEqual({
        ...{ state: 'Converged', health: 'Healthy', message: '' },
      });
    });

    it('for longer is Stale, and says since when, and that nobody looks', async () => {
      expect(await shown({ looks: { checkedAt: ago(16), attemptedAt: ago(16) } })).toEqual({
        state: 'Stale',
        health: 'Unknown',
        message: `no look at it has come to its end since ${ago(16)}, and none has begun: the schedule or the jobs stand still`,
      });
    });

    it.each([45, -45])('is judged by the clock of Storage, not by one that is %i minutes ahead of it', async (fast) => {
      const [fresh, old] = [5, 20].map((passed) => ({ checkedAt: ago(passed), attemptedAt: ago(passed) }));
      expect(await shown({ looks: fresh, fast })).toMatchObject({ state: 'Converged', message: '' });
      expect(await shown({ looks: old, fast })).toMatchObject({ state: 'Stale' });
    });

    it('since its looks fail is Stale, and says by what', async () => {
      const failing = { ...cluster, since: ago(16) };
      expect(await shown({ looks: { checkedAt: ago(20), attemptedAt: ago(1), failing } })).toEqual({
        state: 'Stale',
        health: 'Unknown',
        message: `no look at it has come to its end since ${ago(20)}; its looks have failed since ${ago(16)}: cluster sandbox: GET /api got no answer in 3 tries`,
        failing,
      });
    });

    it('in its last look says so at once', async () => {
      const failing = { ...cluster, since: ago(1) };
      expect(await shown({ looks: { checkedAt: ago(5), attemptedAt: ago(1), failing } })).toEqual({
        state: 'Converged',
        health: 'Healthy',
        message: `its looks have failed since ${ago(1)}: cluster sandbox: GET /api got no answer in 3 tries`,
        failing,
      });
    });

    it('is Stale where it is a day that nobody wrote down a look', async () => {
      expect(await shown({ looks: undefined })).toMatchObject({
        state: 'Stale',
        message: `no look at it is known to have come to its end since ${at.at}`,
      });
    });

    it('is Stale in a freeze, too, in which looks go on', async () => {
      const frozen = { until: '2026-12-01T00:00:00.000Z', window: 'night', waits: at.revision };
      const looks = { checkedAt: ago(16), attemptedAt: ago(16) };
      expect(await shown({ looks, memory: { ...settled, frozen } })).toMatchObject({ state: 'Stale' });
    });

    it('and is wrong stays so', async () => {
      const looks = { checkedAt: ago(16), attemptedAt: ago(16) };
      const failed = { ...settled, incident: { ...incident, reason: 'Failed' as const } };
      expect(await shown({ looks, memory: failed })).toMatchObject({
        state: 'Failed',
        health: 'Unknown',
        message: expect.stringMatching(
          /^no look at it has come to its end since .*; Deployment acme\/web: image differs$/,
        ),
      });
    });

    it('since something that it stands on does not answer is Unknown, of which its own looks need say nothing', async () => {
      const looks = { checkedAt: ago(3), attemptedAt: ago(3) };
      const shownWith = async (place: Place) => {
        const state = stateInMemory(clock.now);
        const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
        await state.write({ path, value: { ...emptyMemory(clock.now()), ...settled }, ifGeneration: 'absent' });
        const value = encodeLookTimes({ looks: new Map([['acme', looks]]), at: clock.now() });
        await state.write({ path: looksPath({ repository: 'master', instance: 'one' }), value, ifGeneration: 'any' });
        const note = {
          ...{ version: 1, kind: place.kind, name: place.name, since: ago(3), seenAt: ago(1), code: cluster.code },
          ...{ problem: cluster.problem, incident: '4be0d1a2c3f40516', environments: ['master/acme'], count: 1 },
          ...{ outbox: [], writer: 'one' },
        };
        await state.write({ path: unreachablePath(place), value: note, ifGeneration: 'absent' });
        const ports = { now: clock.now, repository: repositories(acme), state };
        const { environments, unreachable } = await status(
          { repositories: ['master'], interval: 5 * minutes, unreachable: await unreachableNow(ports) },
          ports,
        );
        const { state: shownState, health, message } = environments[0] ?? {};
        return { state: shownState, health, message, unreachable };
      };
      const words = (subject: string) => `${subject} has not answered since ${ago(3)}: ${cluster.problem}`;
      const told = {
        incident: '4be0d1a2c3f40516',
        since: ago(3),
        code: cluster.code,
        problem: cluster.problem,
        count: 1,
      };
      for (const place of [
        { kind: 'cluster', name: 'sandbox', repositoryClass: undefined },
        { kind: 'repository', name: 'master', repositoryClass: 'master' },
      ] as const) {
        const subject = `${place.kind}/${place.name}`;
        expect(await shownWith(place)).toEqual({
          ...{ state: 'Unknown', health: 'Unknown', message: words(subject), unreachable: [{ subject, ...told }] },
        });
      }
      // What Git says and the cluster has is seen all the same.
      const bucket = { kind: 'bucket', name: 'family-master', repositoryClass: 'master' } as const;
      expect(await shownWith(bucket)).toMatchObject({
        ...{ state: 'Converged', health: 'Healthy', message: words('bucket/family-master') },
      });
      const other = { kind: 'cluster', name: 'elsewhere', repositoryClass: undefined } as const;
      expect(await shownWith(other)).toMatchObject({ state: 'Converged', message: '' });
    });

    it('is said of one that no file declares, too', async () => {
      const looks = { checkedAt: ago(16), attemptedAt: ago(16) };
      const repository = repositoryWith({ files: { 'README.md': '' } });
      expect(await shown({ looks, repository })).toMatchObject({
        state: 'Removing',
        health: 'Unknown',
        message: expect.stringMatching(/^no look at it has come to its end since .*; no file declares it any more$/),
      });
    });

    it('is not said of one that never ran', async () => {
      expect(await shown({ looks: undefined, memory: {} })).toMatchObject({ state: 'Unknown' });
    });
  });

  it('shows what copied the label of its inventory, with who made it', async () => {
    const copied = {
      key: 'discovery.k8s.io/EndpointSlice/acme/shop-x7',
      missing: 'annotation' as const,
      madeBy: 'kube-controller-manager, for Service acme/shop',
    };
    const { environments } = await statusOf({
      memory: {
        ...settled,
        unproven: { count: 30, objects: [copied, { key: '/Service/acme/web', missing: 'apply-entry' }] },
      },
    });
    expect(environments[0]).toMatchObject({
      state: 'Converged',
      unproven: {
        count: 30,
        objects: [
          {
            object: 'EndpointSlice acme/shop-x7',
            why: 'it does not name the environment',
            madeBy: 'kube-controller-manager, for Service acme/shop',
          },
          { object: 'Service acme/web', why: 'Converge did not apply it', madeBy: null },
        ],
      },
    });
  });

  it.each<{ state: string; what: string; memory?: Partial<Memory>; spec?: string[] }>([
    { state: 'Unknown', what: 'before its first run' },
    { state: 'Converging', what: 'during its first run', memory: { attempted: at, health: 'Progressing' } },
    {
      state: 'Converged',
      what: 'while something is on its way that nobody waits for',
      memory: { ...settled, health: 'Progressing', unawaited: 'Ingress shop/web: it waits for its load balancer' },
    },
    { state: 'Converging', what: 'during a later run', memory: { ...settled, health: 'Progressing' } },
    { state: 'Diverged', what: 'with drift', memory: { ...settled, incident } },
    { state: 'Failed', what: 'with a failure', memory: { ...settled, incident: { ...incident, reason: 'Failed' } } },
    {
      state: 'Converged',
      what: 'after an incident',
      memory: { ...settled, incident: { ...incident, closedAt: at.at } },
    },
    {
      state: 'Converging',
      what: 'while it waits for others',
      memory: { ...settled, held: { revision: at.revision, message: 'waits for platform' } },
    },
    {
      state: 'Failed',
      what: 'while what it waits for has failed',
      memory: {
        ...settled,
        incident: { ...incident, reason: 'Blocked' },
        held: { revision: at.revision, message: 'waits for platform, which failed' },
      },
    },
    {
      state: 'Suspended',
      what: 'when suspended, even with drift',
      memory: { ...settled, incident },
      spec: ['suspend: true'],
    },
    {
      state: 'Suspended',
      what: 'until a time that is to come',
      memory: settled,
      spec: ['suspendUntil: 2126-11-30T06:00:00Z'],
    },
    {
      state: 'Converged',
      what: 'once that time is over',
      memory: settled,
      spec: ['suspend: true', 'suspendUntil: 2001-11-30T06:00:00Z'],
    },
    {
      state: 'Converged',
      what: 'where all that is open is that it was suspended',
      memory: { ...settled, incident: { ...incident, reason: 'Suspended', passed: true } },
    },
    {
      state: 'Frozen',
      what: 'while a commit waits for the end of a freeze',
      memory: { ...settled, frozen: { until: '2026-12-01T00:00:00.000Z', window: 'night', waits: at.revision } },
    },
    {
      state: 'Converged',
      what: 'where nothing waits for the end of a freeze',
      memory: { ...settled, frozen: { until: '2026-12-01T00:00:00.000Z', window: 'night', waits: null } },
    },
    {
      state: 'Converged',
      what: 'once a freeze is over, though no look has said so',
      memory: { ...settled, frozen: { until: '2020-01-01T00:00:00.000Z', window: 'night', waits: at.revision } },
    },
    {
      state: 'Diverged',
      what: 'where something drifted in a freeze',
      memory: { ...settled, incident, frozen: { until: '2026-12-01T00:00:00.000Z', window: 'night', waits: null } },
    },
  ])('is $state $what', async ({ state, memory, spec = [] }) => {
    const repository = repositoryWith({ files: { [file]: environmentText('acme', spec) } });
    const { environments } = await statusOf({ repository, ...(memory === undefined ? {} : { memory }) });
    expect(environments[0]?.state).toBe(state);
  });

  it('says by its policy, once, that it is suspended and why', async () => {
    const memory = { ...settled, incident: { ...incident, reason: 'Suspended' as const, subject: '', objects: [] } };
    const spec = ['suspend: true', 'suspendReason: moves'];
    const repository = repositoryWith({ files: { [file]: environmentText('acme', spec) } });
    const { environments } = await statusOf({ repository, memory });
    expect(environments[0]).toMatchObject({
      state: 'Suspended',
      message: '',
      policy: { suspend: true, suspendReason: 'moves' },
      incidents: [{ reason: 'Suspended' }],
    });
  });

  it('names the revision in quarantine, as long as nobody has lifted it', async () => {
    const quarantine = {
      revision: `main@sha1:${commitId('f')}`,
      inputs: {},
      reason: 'Deployment acme/web: ImagePullBackOff',
      at: at.at,
      revert: commitId('e'),
      restored: {},
    };
    const { inputs: _inputs, restored: _restored, ...shown } = quarantine;
    expect((await statusOf({ memory: { ...settled, quarantine } })).environments[0]).toMatchObject({
      state: 'Converged',
      quarantine: shown,
    });
    const lifted = { ...quarantine, lifted: commitId('d') };
    expect((await statusOf({ memory: { ...settled, quarantine: lifted } })).environments[0]).toMatchObject({
      quarantine: null,
    });
  });

  it.each<{ state: string; message: string; what: string; memory: Partial<Memory> }>([
    { state: 'Removing', message: 'no file declares it any more', what: 'a removed one', memory: settled },
    {
      state: 'Removing',
      message: 'no file declares it any more',
      what: 'a removed one that had drifted',
      memory: { ...settled, incident },
    },
    {
      state: 'Failed',
      message: 'PersistentVolumeClaim acme/data: is guarded',
      what: 'one that cannot be removed',
      memory: {
        ...settled,
        incident: { ...incident, reason: 'Guarded', summary: 'PersistentVolumeClaim acme/data: is guarded' },
      },
    },
  ])('is $state for $what, until it is gone', async ({ state, message, memory }) => {
    const { environments } = await statusOf({ repository: repositoryWith({ files: { 'README.md': '' } }), memory });
    expect(environments).toMatchObject([
      { name: 'acme', cluster: 'earlier', state, message, wanted: '', policy: null, objects: 0 },
    ]);
  });

  it('is nothing for a removed one that never ran', async () => {
    expect(await statusOf({ repository: repositoryWith({ files: { 'README.md': '' } }), memory: {} })).toEqual({
      environments: [],
      unreadable: [],
      uploads: [],
    });
  });

  it('names the open incident and what it is about', async () => {
    const { environments } = await statusOf({ memory: { ...settled, incident } });
    expect(environments[0]).toMatchObject({ incident: incident.id, message: incident.summary });
  });

  it('says what it waits for, though something else was wrong before', async () => {
    const held = { revision: `main@sha1:${commitId('a')}`, message: 'waits for platform' };
    const { environments } = await statusOf({
      memory: { ...settled, incident: { ...incident, reason: 'Failed' }, held },
    });
    expect(environments[0]).toMatchObject({
      state: 'Converging',
      message: 'waits for platform',
      incident: incident.id,
    });
  });

  it('shows what its file leaves undone on purpose', async () => {
    const spec = [
      'suspend: true',
      'selfHeal: false',
      'prune: false',
      'ignore: [{ target: { kind: Deployment }, paths: [/spec/replicas, /spec/paused] }]',
    ];
    const { environments } = await statusOf({
      repository: repositoryWith({ files: { [file]: environmentText('acme', spec) } }),
    });
    expect(environments[0]?.policy).toEqual({ suspend: true, selfHeal: false, prune: false, ignored: 2 });
  });

  it('names what is wrong with its file, and the cluster it was on', async () => {
    const { environments } = await statusOf({
      repository: repositoryWith({ files: { [file]: 'nonsense: 1\n' } }),
      memory: settled,
    });
    expect(environments[0]).toMatchObject({
      cluster: 'earlier',
      policy: null,
      message: expect.stringContaining(`${file}:1: nonsense: unknown key`),
    });
  });
});

describe('the status of a repository', () => {
  it('tells of every environment where the file of one is broken', async () => {
    const files = { [file]: 'broken: [', 'environments/globex.yaml': environmentText('globex') };
    const { environments, unreadable } = await statusOf({ repository: repositoryWith({ files }), memory: settled });
    expect(environments.map(({ name, cluster, state }) => [name, cluster, state])).toEqual([
      ['acme', 'earlier', 'Converged'],
      ['globex', 'sandbox', 'Unknown'],
    ]);
    expect(unreadable).toEqual([]);
  });

  it('is no environments where it is empty', async () => {
    expect(await statusOf({ repository: repositoryWith({ files: undefined }) })).toEqual({
      environments: [],
      unreadable: [],
      uploads: [],
    });
  });

  it('is unreadable where it cannot be read: its environments are unknown, not gone', async () => {
    const state = stateInMemory(clock.now);
    const repository = repositories(unreachableRepository('develop'), acme);
    const found = await status(
      { repositories: ['master', 'develop'], interval: day },
      { now: clock.now, repository, state },
    );
    expect(found.environments.map(({ name }) => name)).toEqual(['acme']);
    expect(found.unreadable).toEqual([{ repository: 'develop', message: expect.stringContaining('does not answer') }]);
  });

  it.each(['BranchMissing', 'UnreadableObject', 'GitUnavailable'] as const)(
    'shows no environment as converged where its branch is %s',
    async (code) => {
      const { environments } = await statusOf({ repository: failingRepository('master', code), memory: settled });
      expect(environments).toMatchObject([
        {
          name: 'acme',
          state: 'Unknown',
          health: 'Unknown',
          wanted: '',
          message: expect.stringContaining('cannot be read'),
        },
      ]);
      const told = { ...incident, reason: 'Failed' as const, summary: `${code}: told` };
      const { environments: failed } = await statusOf({
        repository: failingRepository('master', code),
        memory: { ...settled, incident: told },
      });
      expect(failed).toMatchObject([{ name: 'acme', state: 'Failed', message: `${code}: told` }]);
    },
  );
});

describe('what the status cannot read of what does not answer, and of refused uploads,', () => {
  const failing = () => {
    throw new ConvergeError({
      code: 'StorageUnavailable',
      subject: 'gs://s',
      message: 'no answer',
      disposition: 'retry',
    });
  };

  it.each(['unreachable/', 'ledger/master.json'])(
    'is said of its class, and not taken for nothing: %s',
    async (which) => {
      const state = stateInMemory(clock.now);
      const ports = {
        ...{ now: clock.now, repository: repositories(acme) },
        state: {
          ...state,
          list: async (folder: string) => (folder === which ? failing() : state.list(folder)),
          read: async (path: string) => (path === which ? failing() : state.read(path)),
        },
      };
      const found = await statusNow({ repositories: { master: {} }, checks: { interval: '5m' } }, ports);
      expect(found.unreadable).toEqual([{ repository: 'master', message: 'gs://s: no answer' }]);
      expect(found.environments).toHaveLength(1);
    },
  );
});
