import { describe, expect, it } from 'vitest';
import { planCommentOf } from '../../../shared/adapters/sinks/host-text.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { configSchema } from '../../../shared/config/config.ts';
import { gitHostsSchema } from '../../../shared/config/git-hosts.ts';
import { convergedSchema } from '../../../shared/events/alert.ts';
import { encodePlanRequested, parsePlanRequested } from '../../../shared/events/plan-requested.ts';
import type { PlanReport } from '../../../shared/notices/plan-report.ts';
import { inspect } from '../../../shared/pipeline/inspect.ts';
import { planChange, type PlanChangePorts, type PlanChangeResult } from '../../../shared/pipeline/plan-change.ts';
import type { Commit, Repository } from '../../../shared/ports/git.ts';
import type { PullRequest } from '../../../shared/ports/git-hosts.ts';
import { configMap, environment, list, release, type Declared } from './reconcile/runs/files.ts';
import type { Changes } from './reconcile/world/repository.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const settings = {
  repositories: {
    master: configSchema.shape.repositories.valueType.parse({
      ...{ url: 'https://git.example.com/family/master.git', bucket: 'family-master' },
    }),
  },
  alerts: {
    gitHosts: gitHostsSchema.parse([
      { name: 'hub', github: { tokenSecretFile: '/s', api: 'https://git.example.com/api/v3' } },
    ]),
  },
  limits: configSchema.shape.limits.parse({}),
  freeze: [],
};
const pgp = '-----BEGIN PGP SIGNATURE-----\n\nAA==\n-----END PGP SIGNATURE-----';
const number = 7;
const label = 'converge/plan';

interface Hub {
  readonly world: World;
  pull: PullRequest;
  readonly shown: PlanReport[];
  readonly ports: PlanChangePorts;
  /** Called where the host is asked for the pull request, before it answers. */
  onPull: () => void;
  readonly fetched: string[];
}

const files = (name: string): string => `manifests/${name}/all.json`;
const declared = (name: string, color = 'red', spec: readonly string[] = []) => ({
  [`environments/${name}.yaml`]: environment(name, spec),
  [files(name)]: list(configMap(`${name}-colors`, { color })),
});
const painted = (name: string, color: string) => ({ [files(name)]: list(configMap(`${name}-colors`, { color })) });

/** Two environments that converged, and a host that has a pull request to their branch. */
async function opened(changes: Changes): Promise<Hub> {
  const world = createWorld();
  world.git.add({ ...declared('shop'), ...declared('blog') });
  for (const name of ['shop', 'blog']) await world.run({ environment: name });
  world.wait(60);
  return await openedOn(world, changes);
}

async function openedOn(world: World, changes: Changes): Promise<Hub> {
  const head = await proposed(world, changes);
  const fetched: string[] = [];
  const git: Repository = {
    ...world.ports.repository('master'),
    async fetchRef(name) {
      fetched.push(name);
      const id = world.git.refs.get(name);
      return id === undefined ? undefined : await world.git.findCommit(id);
    },
  };
  const hub: Hub = {
    ...{ world, shown: [], fetched, onPull: () => {} },
    pull: { isOpen: true, base: 'main', head: head.id, isFork: false, labels: [] },
    ports: {
      ...world.ports,
      repository: () => git,
      gitHosts: {
        report: async () => ({ mergedBy: [] }),
        async pullRequest({ project, number: asked }) {
          expect([project, asked]).toEqual(['family/master', number]);
          hub.onPull();
          return hub.pull;
        },
        async showPlan({ report }) {
          hub.shown.push(report);
        },
        propose: async () => Promise.reject(new Error('nothing is proposed')),
      },
    },
  };
  push(hub, head);
  return hub;
}

/** A commit on top of the branch that is not on it. */
async function proposed(world: World, changes: Changes, parent?: string): Promise<Commit> {
  const made = await world.git.commit({
    ...{ parent: parent ?? (await world.git.head()), message: 'Propose' },
    changes: Object.entries(changes).map(([path, text]) => ({
      ...{ path, executable: false },
      content: text === null ? undefined : Buffer.from(text),
    })),
  });
  if (made === 'unchanged') throw new Error('the commit changes nothing');
  return made;
}

function push(hub: Hub, head: Commit): void {
  hub.pull = { ...hub.pull, head: head.id };
  hub.world.git.refs.set(`refs/pull/${number}/head`, head.id);
}

async function plan(hub: Hub, of: { labelled?: boolean; head?: string } = {}): Promise<PlanChangeResult> {
  const { labelled = false, head = hub.pull.head } = of;
  const event = encodePlanRequested({ repository: 'master', number, head, labelled }, hub.world.ports.now());
  return await planChange(parsePlanRequested({ ...event, time: event.time.toISOString() }), hub.ports, settings);
}

const lastOf = ({ shown }: Hub): PlanReport => {
  const last = shown.at(-1);
  if (last === undefined) throw new Error('nothing was shown');
  return last;
};
const textOf = (hub: Hub): string => planCommentOf(lastOf(hub), 65_536);
const verdicts = (hub: Hub) => lastOf(hub).environments.map(({ name, verdict }) => [name, verdict]);

describe('the plan on a pull request', () => {
  it('is of the environments that it changes, and nothing is applied or remembered of them', async () => {
    const hub = await opened(painted('shop', 'blue'));
    const writes = hub.world.cluster.writes.length;
    const before = JSON.stringify([...hub.world.state]);
    expect(await plan(hub)).toEqual({ outcome: 'shown', verdict: 'success', environments: ['shop'] });
    expect(lastOf(hub)).toMatchObject({
      ...{ title: 'master: 1 of 1 environment would change', verdict: 'success', isIdle: false },
      environments: [{ name: 'shop', summary: '1 to change' }],
    });
    expect(textOf(hub)).toContain('/data/color: "red" -> "blue"');
    expect(hub.world.cluster.writes).toHaveLength(writes);
    const after = [...hub.world.state].filter(([path]) => !path.startsWith('plans/'));
    expect(JSON.stringify(after)).toBe(before);
  });

  it('is a check alone where no environment is made of what it changes', async () => {
    const hub = await opened({ 'README.md': 'hello' });
    await plan(hub);
    expect(lastOf(hub)).toMatchObject({ isIdle: true, verdict: 'success', environments: [] });
  });

  it('is of an overlay of which nobody knows yet what it reads beside', async () => {
    const world = createWorld();
    const overlay = environment('new', ['sources: [{ kustomize: overlays/new }]']);
    world.git.add({
      ...{ ...declared('shop'), 'environments/new.yaml': overlay },
      ...{ 'overlays/new/all.json': list(configMap('a')), 'bases/new.json': list() },
    });
    await world.run();
    world.wait(60);
    const hub = await openedOn(world, { 'bases/new.json': list(configMap('b')) });
    await plan(hub);
    expect(verdicts(hub)).toEqual([['new', 'success']]);
    await world.run({ environment: 'new' });
    await plan(hub);
    expect(verdicts(hub)).toEqual([]);
  });

  it('fails where a policy would refuse it, and where the cluster does not answer, beside the others', async () => {
    const hub = await opened({ ...painted('shop', 'blue'), ...painted('blog', 'blue') });
    hub.world.cluster.refusals.set('dry-run ConfigMap acme/shop-colors', { status: 403, message: 'no blue here' });
    await plan(hub);
    expect(verdicts(hub)).toEqual([
      ['shop', 'failure'],
      ['blog', 'success'],
    ]);
    expect(textOf(hub)).toContain('REJECTED: no blue here');
    const { cluster } = hub.ports;
    const silent = {
      ...hub.ports,
      cluster: async (of: Parameters<typeof cluster>[0]) => {
        if (of.environment === 'blog')
          throw new ConvergeError({
            ...{ code: 'ClusterUnavailable', subject: 'sandbox', message: 'does not answer', disposition: 'retry' },
          });
        return await cluster(of);
      },
    };
    hub.world.cluster.refusals.clear();
    await plan({ ...hub, ports: silent });
    expect(verdicts(hub)).toEqual([
      ['blog', 'failure'],
      ['shop', 'success'],
    ]);
    expect(lastOf(hub).environments[0]?.summary).toBe('ClusterUnavailable: sandbox: does not answer');
  });

  it('fails where a guard would keep what is to be pruned', async () => {
    const world = createWorld();
    const many = Array.from({ length: 12 }, (_one, index) => configMap(`c${index}`));
    world.git.add({ ...declared('shop'), [files('shop')]: list(...many) });
    await world.run();
    world.wait(60);
    const hub = await openedOn(world, { [files('shop')]: list(...many.slice(0, 3)) });
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'failure']]);
    expect(textOf(hub)).toContain('GUARDED: ');
  });

  it('is of the merge where the host has one, and says where the branch has moved on', async () => {
    const hub = await opened(painted('shop', 'blue'));
    const onto = hub.world.git.add(painted('blog', 'green'));
    const head = hub.pull.head;
    const merge = hub.world.git.add(painted('shop', 'blue'), { merges: [head] });
    hub.world.git.reset(onto.id);
    hub.world.git.refs.set(`refs/pull/${number}/merge`, merge.id);
    await plan(hub);
    expect(lastOf(hub).environments.map(({ name }) => name)).toEqual(['shop']);
    expect(lastOf(hub).notes).toEqual([
      `Planned is the head ${head.slice(0, 12)} merged onto main (${onto.id.slice(0, 12)}).`,
    ]);
    hub.world.git.add(painted('blog', 'yellow'));
    await plan(hub);
    expect(lastOf(hub).environments.map(({ name }) => name)).toEqual(['shop']);
    expect(lastOf(hub).notes[0]).toContain('main has moved on since');
  });

  it('waits for the merge that the host is at', async () => {
    const hub = await opened(painted('shop', 'blue'));
    const { git } = hub.world;
    const onto = git.add(painted('blog', 'green'));
    const merge = git.add(painted('shop', 'blue'), { merges: [hub.pull.head] });
    git.reset(onto.id);
    hub.pull = { ...hub.pull, isMerging: true };
    hub.world.onSleep = () => {
      git.refs.set(`refs/pull/${number}/merge`, merge.id);
      hub.pull = { ...hub.pull, isMerging: false };
    };
    await plan(hub);
    expect(lastOf(hub).notes[0]).toContain(`merged onto main (${onto.id.slice(0, 12)})`);
  });

  it('is of the head as it is where the host has no merge, and says that it is behind', async () => {
    const hub = await opened(painted('shop', 'blue'));
    hub.world.git.add(painted('blog', 'green'));
    await plan(hub);
    expect(lastOf(hub).environments.map(({ name }) => name)).toEqual(['shop']);
    expect(lastOf(hub).notes[0]).toContain('the host has no merge of it, and it is behind main');
  });

  it('is of the branch that its head is of, where the host has no ref of the pull request', async () => {
    const hub = await opened(painted('shop', 'blue'));
    const headRef = 'refs/heads/topic';
    hub.pull = { ...hub.pull, headRef };
    hub.world.git.refs.clear();
    hub.world.git.refs.set(headRef, hub.pull.head);
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
    expect(hub.fetched).toEqual([headRef]);
  });

  it('says that it cannot be read where its ref has gone, and waits where that is not there yet', async () => {
    const hub = await opened(painted('shop', 'blue'));
    const later = await proposed(hub.world, painted('shop', 'green'));
    hub.pull = { ...hub.pull, head: later.id };
    await expect(plan(hub)).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
    hub.world.git.refs.delete(`refs/pull/${number}/head`);
    expect(await plan(hub)).toMatchObject({ outcome: 'shown', verdict: 'failure' });
    expect(lastOf(hub).notes[0]).toContain('the repository has no ref of it');
  });

  it.each([
    ['is closed', { isOpen: false }, 'closed'],
    ['is of another branch by now', { base: 'topic' }, 'unmeant'],
  ] as const)('is left away where the pull request %s', async (_what, change, outcome) => {
    const hub = await opened(painted('shop', 'blue'));
    hub.pull = { ...hub.pull, ...change };
    expect(await plan(hub)).toMatchObject({ outcome });
    expect(hub.shown).toEqual([]);
  });

  it('is never shown of a head that was pushed away while it was planned: the newer one is', async () => {
    const hub = await opened(painted('shop', 'blue'));
    const older = hub.pull.head;
    const newer = await proposed(hub.world, painted('blog', 'green'));
    let asked = 0;
    hub.onPull = () => {
      asked += 1;
      if (asked === 2) push(hub, newer);
    };
    await plan(hub, { head: older });
    expect(hub.shown.map(({ head }) => head)).toEqual([newer.id]);
    expect(verdicts(hub)).toEqual([['blog', 'success']]);
  });

  it('is written by one at a time: of two at once the second waits, and finds the comment of the first', async () => {
    const hub = await opened(painted('shop', 'blue'));
    let writing = 0;
    let most = 0;
    let release = () => {};
    const another = new Promise<void>((resolve) => void (release = resolve));
    const { gitHosts, sleep } = hub.ports;
    const ports = {
      ...hub.ports,
      // The second one waits, or writes as well.
      async sleep(milliseconds: number) {
        if (writing > 0) release();
        await sleep(milliseconds);
      },
      gitHosts: {
        ...gitHosts,
        async showPlan(asked: Parameters<typeof gitHosts.showPlan>[0]) {
          writing += 1;
          most = Math.max(most, writing);
          if (writing > 1) release();
          await another;
          await gitHosts.showPlan(asked);
          writing -= 1;
        },
      },
    };
    await Promise.all([plan({ ...hub, ports }), plan({ ...hub, ports })]);
    expect(hub.shown).toHaveLength(2);
    expect(most).toBe(1);
  });

  it('goes on in the place of an instance that died while it wrote', async () => {
    const hub = await opened(painted('shop', 'blue'));
    await hub.world.writeState(`plans/master/${number}.json`, { version: 1, writer: 'dead', approved: null });
    expect(await plan(hub)).toMatchObject({ outcome: 'shown' });
  });
});

describe('what a pull request may not do', () => {
  it.each([
    ['the cluster', ['  cluster: other'], /cluster: sandbox$/m, 'cluster from sandbox to other'],
    ['the namespace', ['  namespace: kube-system'], /namespace: acme$/m, 'namespace from acme to kube-system'],
  ])('change %s and have it tried', async (_what, [line = ''], pattern, words) => {
    const hub = await opened(painted('shop', 'blue'));
    expect(environment('shop')).toMatch(pattern);
    const text = environment('shop').replace(pattern, line.trim());
    push(hub, await proposed(hub.world, { 'environments/shop.yaml': text }));
    await plan({ ...hub, ports: { ...hub.ports, cluster: async () => expect.fail('the cluster was asked') } });
    expect(verdicts(hub)).toEqual([['shop', 'pending']]);
    expect(lastOf(hub).environments[0]?.summary).toContain(words);
  });

  it.each([
    ['who signs', environment('shop', ['verify: { openpgpKeys: "a key" }']), '(verify)'],
    ['whose objects it takes over', environment('shop', [], { previously: 'old' }), 'previousNames: old'],
    ['what its templates may look up', environment('shop', ['lookup: cluster']), 'look up from own to cluster'],
  ])('change %s and have it tried', async (_what, text, words) => {
    const hub = await opened(painted('shop', 'blue'));
    push(hub, await proposed(hub.world, { 'environments/shop.yaml': text }));
    await plan({ ...hub, ports: { ...hub.ports, cluster: async () => expect.fail('the cluster was asked') } });
    expect(verdicts(hub)).toEqual([['shop', 'pending']]);
    expect(lastOf(hub).environments[0]?.summary).toContain(words);
  });

  it('change the file that says who signs, and have it tried', async () => {
    const world = createWorld();
    world.trust.verdict = { verdict: 'good', key: 'a key' };
    const rule = ['verify: { openpgpKeys: keys.asc }'];
    world.git.add({ ...declared('shop', 'red', rule), 'keys.asc': 'a key' }, { signature: pgp });
    await world.run();
    world.wait(60);
    const hub = await openedOn(world, painted('shop', 'blue'));
    const base = (await world.git.head()) ?? '';
    for (const beside of [painted('shop', 'blue'), {}]) {
      const head = world.git.add({ 'keys.asc': 'another key', ...beside }, { signature: pgp });
      world.git.reset(base);
      push(hub, head);
      await plan(hub);
      expect(verdicts(hub)).toEqual([['shop', 'pending']]);
      expect(lastOf(hub).environments[0]?.summary).toContain('(verify)');
    }
  });

  it('have more than a hundred environments planned: the others are named, and no success', async () => {
    const names = Array.from({ length: 103 }, (_one, index) => `new-${1000 + index}`);
    const hub = await opened(Object.assign({}, ...names.map((name) => declared(name))));
    await plan(hub);
    expect(lastOf(hub)).toMatchObject({
      verdict: 'failure',
      title:
        'master: 103 of 103 environments would change, 3 would fail or cannot be told, 100 not tried before the merge',
    });
    expect(lastOf(hub).environments[0]?.summary).toBe('is not planned: more than 100 are affected');
    expect(Buffer.byteLength(textOf(hub))).toBeLessThanOrEqual(65_536);
  });

  it('declare an environment and have it tried', async () => {
    const hub = await opened(declared('new'));
    await plan({ ...hub, ports: { ...hub.ports, cluster: async () => expect.fail('the cluster was asked') } });
    expect(verdicts(hub)).toEqual([['new', 'pending']]);
  });
});

describe('where commits have to be signed', () => {
  async function signed(): Promise<Hub> {
    const hub = await opened(painted('shop', 'blue'));
    hub.world.trust.root = { allowedSigners: undefined, openpgpKeys: 'a key' };
    hub.world.trust.verdict = { verdict: 'good', key: 'a key' };
    hub.world.git.add(painted('blog', 'green'), { signature: pgp });
    return hub;
  }

  it('an unsigned head is not planned', async () => {
    const hub = await signed();
    push(hub, await proposed(hub.world, painted('shop', 'blue')));
    await plan({ ...hub, ports: { ...hub.ports, cluster: async () => expect.fail('the cluster was asked') } });
    expect(verdicts(hub)).toEqual([['shop', 'failure']]);
    expect(textOf(hub)).toContain('is not signed');
  });

  it('a signed head is planned as it is, where its merge is not signed', async () => {
    const hub = await signed();
    const { git } = hub.world;
    const base = (await git.head()) ?? '';
    const head = git.add(painted('shop', 'blue'), { signature: pgp });
    git.reset(base);
    const onto = git.add(painted('blog', 'yellow'), { signature: pgp });
    const merge = git.add(painted('shop', 'blue'), { merges: [head.id] });
    git.reset(onto.id);
    push(hub, head);
    git.refs.set(`refs/pull/${number}/merge`, merge.id);
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
    expect(textOf(hub)).toContain('no allowed key signed its merge');
  });
});

describe('a value of a Secret', () => {
  it('is shown in no comment, though the pull request copies it', async () => {
    const world = createWorld();
    const secret = (password: string) => ({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' } },
      data: { password: Buffer.from(password).toString('base64') },
    });
    world.git.add({ ...declared('shop'), [files('shop')]: list(secret('correct-horse'), configMap('a', { v: '1' })) });
    await world.run();
    world.wait(60);
    const changed = list(secret('battery-staple'), configMap('a', { v: 'is correct-horse', w: 'battery-staple' }));
    const hub = await openedOn(world, { [files('shop')]: changed });
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
    expect(textOf(hub)).toContain('/data/password');
    expect(textOf(hub)).not.toMatch(/correct-horse|battery-staple|Y29ycmVjdC|YmF0dGVye/);
  });
});

describe('a value of a Secret of others', () => {
  it('is shown in no comment, though it stands in a namespace that the environment comes to', async () => {
    const world = createWorld();
    world.git.add(declared('shop'));
    await world.run();
    world.wait(60);
    const there = { namespace: 'theirs' };
    const data = { password: Buffer.from('correct-horse').toString('base64') };
    world.cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'theirs' } });
    world.cluster.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', ...there }, ...{ data } });
    world.cluster.put({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'urls', ...there } },
      ...{ data: { v: 'https://me:correct-horse@example.com' } },
    });
    const taken = list(configMap('shop-colors'), configMap('urls', { v: 'mine' }, there));
    const hub = await openedOn(world, { [files('shop')]: taken });
    await plan(hub);
    expect(textOf(hub)).toContain('/data/v: "https://me:***@example.com" -> "mine"');
  });
});

describe('a template that is told what is secret', () => {
  const own = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' }, data: { color: 'aHVudGVyMg==' } };
  const spec = ['lookup: cluster'];
  const asking = configMap('asking', { seen: '$lookup(Secret acme/login color)' });
  const installed = async (objects: readonly Declared[]): Promise<World> => {
    const world = createWorld();
    world.cluster.put({ ...own, metadata: { ...own.metadata, namespace: 'acme' } });
    world.git.add(release(objects, spec));
    await world.run();
    world.wait(60);
    return world;
  };

  it('writes it nowhere: neither into values nor names nor failures', async () => {
    const world = await installed([asking]);
    const hub = await openedOn(
      world,
      release([asking, configMap('copied', { in: 'x$lookup(Secret acme/login color)' }), configMap('red')], spec),
    );
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
    expect(textOf(hub)).toContain('create (hidden) (hidden)');
    expect(textOf(hub)).toContain('its templates are told what is secret');
    expect(textOf(hub)).not.toMatch(/aHVudGVyMg|copied|red/);
    push(hub, await proposed(world, { 'charts/shop/all.json': '$lookup(Secret acme/login color) no JSON' }));
    await plan(hub);
    expect(lastOf(hub).environments[0]?.summary).toContain('RenderFailed (what it says is hidden)');
  });

  it('writes it into no kind, and tells it by no number of fields', async () => {
    const world = await installed([asking]);
    const many = Object.fromEntries(Array.from({ length: 97 }, (_one, index) => [`k${index}`, 'v']));
    const seen = '$lookup(Secret acme/login color)';
    const metadata = { name: 'x', annotations: { 'helm.sh/hook': 'pre-upgrade' } };
    const hub = await openedOn(
      world,
      release(
        [
          configMap('asking', { seen, ...many }),
          { apiVersion: 'spelt.example.com/v1letter', kind: 'SpeltOtherwise', metadata: { name: 'x' } },
          { apiVersion: 'v1', kind: 'HookSpeltOtherwise', metadata },
        ],
        spec,
      ),
    );
    await plan(hub);
    expect(textOf(hub)).toContain('update ConfigMap acme/asking');
    expect(textOf(hub)).not.toMatch(/97|spelt|Spelt/);
  });

  it('writes it into no request that gets no answer', async () => {
    const world = await installed([asking]);
    const hub = await openedOn(world, release([asking, configMap('spelt-otherwise')], spec));
    const { cluster } = hub.ports;
    const silent: typeof cluster = async (of) => ({
      ...(await cluster(of)),
      async apply({ object: { metadata } }) {
        const message = `PATCH /api/v1/namespaces/acme/configmaps/${metadata.name} got no answer`;
        throw new ConvergeError({ code: 'ClusterUnavailable', subject: 'sandbox', message, disposition: 'retry' });
      },
    });
    await plan({ ...hub, ports: { ...hub.ports, cluster: silent } });
    expect(lastOf(hub).environments[0]?.summary).toContain('ClusterUnavailable: master/shop: what it says is hidden');
    expect(textOf(hub)).not.toContain('spelt');
  });

  it.each([
    ['gives something up', (kept: readonly Declared[]) => ({ [files('shop')]: list(...kept) })],
    ['is removed', () => ({ 'environments/shop.yaml': null })],
  ])('is told nothing new where another environment %s, and asks whether it is wanted', async (_what, change) => {
    const world = createWorld();
    world.cluster.put({ ...own, metadata: { ...own.metadata, namespace: 'acme' } });
    const all = Array.from({ length: 6 }, (_one, index) => configMap(`c${index}`));
    const source = 'sources: [{ helm: { chart: charts/blog, release: blog } }]';
    world.git.add({
      ...{ 'environments/shop.yaml': environment('shop', ['deletion: prune']), [files('shop')]: list(...all) },
      ...{ 'environments/blog.yaml': environment('blog', [source]), 'charts/blog/all.json': list(configMap('b')) },
    });
    for (const name of ['shop', 'blog']) await world.run({ environment: name });
    world.wait(60);
    const hub = await openedOn(world, {
      ...change(all.slice(0, 5)),
      'environments/blog.yaml': environment('blog', [source, ...spec]),
      'charts/blog/all.json': list(configMap('b'), configMap('c5', { in: '$lookup(Secret acme/login color)' })),
    });
    const asked: string[] = [];
    const { cluster } = hub.ports;
    const watched: typeof cluster = async (of) => {
      const there = await cluster(of);
      return { ...there, get: async (place) => (asked.push(place.name), await there.get(place)) };
    };
    await plan({ ...hub, ports: { ...hub.ports, cluster: watched } });
    expect(asked).toContain('converge-shop');
    expect(asked).not.toContain('login');
    expect(textOf(hub)).toContain('environment blog may want it');
    expect(verdicts(hub)).toContainEqual(['shop', 'failure']);
  });

  it('is told nothing that the branch has not asked', async () => {
    const world = await installed([configMap('asking')]);
    const hub = await openedOn(world, release([asking], spec));
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'failure']]);
    expect(textOf(hub)).toContain('not among the answers that are kept');
  });
});

describe('a pull request of a fork', () => {
  async function forked(): Promise<Hub> {
    const hub = await opened(painted('shop', 'blue'));
    hub.pull = { ...hub.pull, isFork: true };
    return hub;
  }

  it('is neither planned nor fetched without the label', async () => {
    const hub = await forked();
    await plan(hub);
    expect(lastOf(hub)).toMatchObject({ verdict: 'pending', environments: [] });
    expect(textOf(hub)).toContain(label);
    expect(hub.fetched).toEqual([]);
    // That the label is there says nothing of when it was put on.
    hub.pull = { ...hub.pull, labels: [label] };
    await plan(hub);
    expect(hub.fetched).toEqual([]);
  });

  it('is planned at the head that was labelled, by later messages as well, and at no later head', async () => {
    const hub = await forked();
    hub.pull = { ...hub.pull, labels: [label] };
    await plan(hub, { labelled: true });
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
    const labelled = hub.pull.head;
    push(hub, await proposed(hub.world, painted('shop', 'black')));
    await plan(hub);
    expect(lastOf(hub)).toMatchObject({ verdict: 'pending', environments: [] });
    // The message of the label comes late, or again.
    await plan(hub, { labelled: true, head: labelled });
    expect(lastOf(hub)).toMatchObject({ verdict: 'pending', environments: [] });
    await plan(hub, { labelled: true });
    for (const again of [{ labelled: true, head: labelled }, {}]) {
      await plan(hub, again);
      expect(verdicts(hub)).toEqual([['shop', 'success']]);
    }
  });

  it.each([
    ['awaited', 'pending', 'until somebody who may push has read and approved it'],
    ['impossible', 'failure', 'push it to a branch of this repository'],
  ] as const)(
    'is neither planned nor fetched where its approval is %s, whatever its label',
    async (approval, verdict, words) => {
      const hub = await forked();
      hub.pull = { ...hub.pull, labels: [label], approval };
      await plan(hub, { labelled: true });
      expect(lastOf(hub)).toMatchObject({ verdict, environments: [] });
      expect(textOf(hub)).toContain(words);
      expect(hub.fetched).toEqual([]);
    },
  );

  it('is planned at the head that somebody approved who may push', async () => {
    const hub = await forked();
    hub.pull = { ...hub.pull, approval: 'given' };
    await plan(hub);
    expect(verdicts(hub)).toEqual([['shop', 'success']]);
  });

  it.each([
    ['put on', [], [label], 'success'],
    ['taken off', [label], [], 'pending'],
  ] as const)(
    'is shown as it is when it is written, where the label was %s meanwhile',
    async (_what, was, is, verdict) => {
      const hub = await forked();
      const path = `plans/master/${number}.json`;
      const approval = { version: 1, writer: null, approved: hub.pull.head };
      if (was.length > 0) await hub.world.writeState(path, approval);
      hub.pull = { ...hub.pull, labels: [...was] };
      hub.world.wait(60);
      const { state } = hub.ports;
      let reads = 0;
      const read: typeof state.read = async (asked) => {
        const found = await state.read(asked);
        if (asked === path && ++reads === 1) {
          await hub.world.writeState(path, approval);
          hub.pull = { ...hub.pull, labels: [...is] };
        }
        return found;
      };
      await plan({ ...hub, ports: { ...hub.ports, state: { ...state, read } } });
      expect(hub.shown.map((one) => one.verdict)).toEqual([verdict]);
    },
  );

  it('is not planned once the label was taken off', async () => {
    const hub = await forked();
    hub.pull = { ...hub.pull, labels: [label] };
    await plan(hub, { labelled: true });
    hub.pull = { ...hub.pull, labels: [] };
    await plan(hub, { labelled: true });
    expect(lastOf(hub)).toMatchObject({ verdict: 'pending', environments: [] });
  });
});

describe('the plan of a pull request, for whoever asks', () => {
  const ask = async ({ ports }: Hub, environment: string | undefined, pr: number) => {
    const of = { repository: 'master', limits: settings.limits, repositories: { master: {} } };
    const shownTo = (names: readonly string[]) => [...names];
    const revision = undefined;
    return environment === undefined
      ? await inspect({ ...of, shownTo, environment, question: { asks: 'plans', revision, pr } }, ports)
      : await inspect({ ...of, shownTo, environment, question: { asks: 'plan', revision, pr } }, ports);
  };

  it('is by the same rules, and says of what it is', async () => {
    const hub = await opened({ ...painted('shop', 'blue'), ...declared('new') });
    expect(await ask(hub, undefined, number)).toMatchObject({ environments: ['new', 'shop'] });
    expect(await ask(hub, 'shop', number)).toMatchObject({
      ...{ outcome: 'planned', wouldChange: true, objects: [{ action: 'update' }] },
      message: expect.stringContaining(`of pull request ${number}, the head ${hub.pull.head.slice(0, 12)}`),
    });
    expect(await ask(hub, 'new', number)).toMatchObject({ outcome: 'described', wouldChange: true });
    await expect(ask(hub, 'shop', 8)).rejects.toMatchObject({ code: 'BadRequest' });
  });

  it('shows nothing of what others have in the cluster', async () => {
    const hub = await opened({ [files('shop')]: list(configMap('shop-colors'), configMap('theirs', { v: '1' })) });
    const metadata = { name: 'theirs', namespace: 'acme' };
    hub.world.cluster.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata, ...{ data: { v: 'salaries' } } }, 'kubectl');
    await plan(hub);
    expect(textOf(hub)).toContain('salaries');
    const asked = await ask(hub, 'shop', number);
    expect(asked).toMatchObject({ objects: [{ name: 'theirs', adoptedFrom: 'kubectl', fields: [] }] });
    expect(JSON.stringify(asked)).not.toContain('salaries');
  });
});

describe('what a run says of the plan that was shown', () => {
  const convergedPlan = ({ world }: Hub): unknown => {
    const last = world.published.filter(({ topic }) => topic === 'converged').at(-1);
    return last === undefined ? undefined : convergedSchema.parse(last.event.data).plan;
  };

  /** As a squash does: the same content by another commit. */
  async function squash(hub: Hub, changes: Changes): Promise<void> {
    hub.world.wait(60);
    hub.world.git.add(changes);
    expect(await hub.world.git.head()).not.toBe(hub.pull.head);
    await hub.world.run();
  }

  it('is as planned, whatever commit brings the content', async () => {
    const hub = await opened(painted('shop', 'blue'));
    await plan(hub);
    await squash(hub, painted('shop', 'blue'));
    expect(convergedPlan(hub)).toMatchObject({ asPlanned: true, pullRequest: number, objects: [] });
    expect((await hub.world.memoryOf('shop')).converged?.plan?.asPlanned).toBe(true);
  });

  it('is what differed, where somebody changed the cluster meanwhile', async () => {
    const hub = await opened(painted('shop', 'blue'));
    await plan(hub);
    hub.world.cluster.edit('ConfigMap acme/shop-colors', 'kubectl-edit', (live) => ({
      ...live,
      data: { color: 'pink' },
    }));
    await squash(hub, painted('shop', 'blue'));
    expect(convergedPlan(hub)).toMatchObject({
      ...{ asPlanned: false, why: 'the cluster has changed since it was planned' },
      objects: [{ object: 'ConfigMap acme/shop-colors', planned: 'update', done: 'update' }],
    });
  });

  it('is nothing of what was never planned, and of what comes back unplanned', async () => {
    const hub = await opened(painted('shop', 'blue'));
    await plan(hub);
    await squash(hub, painted('shop', 'green'));
    expect(convergedPlan(hub)).toBeUndefined();
    await squash(hub, painted('shop', 'blue'));
    const why = 'another commit was applied after it was planned';
    expect(convergedPlan(hub)).toMatchObject({ asPlanned: false, why });
    await squash(hub, painted('shop', 'red'));
    await squash(hub, painted('shop', 'blue'));
    expect(convergedPlan(hub)).toBeUndefined();
  });

  it('is not known where the plan cannot be read, and the run converges', async () => {
    const hub = await opened(painted('shop', 'blue'));
    await plan(hub);
    const [path] = [...hub.world.state.keys()].filter((name) => name.startsWith('plans/master/shop/'));
    await hub.world.writeState(path ?? '', { version: 9 });
    await squash(hub, painted('shop', 'blue'));
    expect(convergedPlan(hub)).toMatchObject({ asPlanned: null, objects: [] });
  });

  it('keeps no value of a Secret', async () => {
    const secret = (value: string): Changes => ({
      [files('shop')]: list({
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' } },
        data: { password: Buffer.from(value).toString('base64') },
      }),
    });
    const hub = await opened(secret('very secret'));
    await plan(hub);
    const kept = [...hub.world.state].filter(([name]) => name.startsWith('plans/master/shop/'));
    expect(JSON.stringify(kept)).toContain('/Secret/acme/key');
    for (const value of ['very secret', Buffer.from('very secret').toString('base64'), 'hash'])
      expect(JSON.stringify(kept)).not.toContain(value);
    expect(JSON.stringify(kept)).not.toMatch(/"key":"\/Secret[^}]*"desired"/);
  });
});
