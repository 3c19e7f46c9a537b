import { describe, expect, it } from 'vitest';
import { refusalToAct, type ActionScope } from '../../../../shared/access/judge-action.ts';
import type { People } from '../../../../shared/access/people.ts';
import { parseConfig } from '../../../../shared/config/config.ts';
import { act, environmentOf } from '../../../../shared/pipeline/act.ts';
import { actionSchema, type ActionOf } from '../../../../shared/pipeline/act/action.ts';
import {
  newCustomer,
  newCustomerAction,
  newCustomerResultSchema,
  newCustomerSchema,
  type NewCustomerResult,
} from '../../../../shared/pipeline/act/new-customer.ts';
import type { Repository, TreeEntry } from '../../../../shared/ports/git.ts';
import type { Log } from '../../../../shared/ports/ports.ts';
import { parseAction } from '../../../../shared/source/action-message.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';

const by = 'Olivia Ops <olivia@example.com>';
const environment = `# acme pays
apiVersion: converge.dev/v1
kind: Environment
metadata: { name: acme-production }
spec:
  cluster: sandbox
  namespace: acme
  sources: [{ helm: { chart: charts/shop, release: shop, values: [config/defaults.yaml, config/acme.yaml] } }]
`;
const before = {
  'environments/acme-production.yaml': environment,
  'config/defaults.yaml': 'currency: EUR\n',
  'config/acme.yaml': 'tenant: acme\npassword: of-acme\n',
};
const made = {
  'environments/initech-production.yaml': environment.replaceAll('acme', 'initech'),
  'config/initech.yaml': 'tenant: initech\npassword: of-initech\n',
};
const asked = { action: 'new-customer', name: 'initech', from: 'master/acme-production' };

function worldOf(more: Readonly<Record<string, string>> = {}): World {
  const world = createWorld();
  world.git.add({ ...before, ...more });
  return world;
}

const actionOf = (facts: object): ActionOf<'new-customer'> =>
  actionSchema.parse({ ...asked, ...facts }) as ActionOf<'new-customer'>;

async function added(world: World, facts: object = {}, ports = world.ports): Promise<NewCustomerResult> {
  return newCustomerResultSchema.parse(await newCustomer(actionOf(facts), by, ports));
}

const withGit = (world: World, changed: Partial<Repository>): World['ports'] => ({
  ...world.ports,
  repository: () => ({ ...world.git, ...changed }),
});

const treeOf = async (world: World) => world.git.treeOf((await world.git.head()) ?? '');

describe('a new customer', () => {
  it('is one commit of its files, which says who asked and why, and is announced', async () => {
    const world = worldOf();
    const head = await world.git.head();
    const done = await added(world, { reason: 'signed\ntoday' });
    const commit = (await world.git.head()) ?? '';
    expect(done).toMatchObject({
      ...{ outcome: 'done', repository: 'master', environment: 'initech-production', from: 'acme-production', commit },
      ...{ left: [] },
      files: [
        { path: 'environments/initech-production.yaml', from: 'environments/acme-production.yaml', content: null },
        { path: 'config/initech.yaml', from: 'config/acme.yaml', content: null },
      ],
    });
    expect(await treeOf(world)).toEqual({ ...before, ...made });
    const { message = '', parents } = (await world.git.findCommit(commit)) ?? {};
    expect(parents).toEqual([head]);
    expect(message.split('\n')[0]).toBe('Add initech-production, made from acme-production');
    expect(parseAction(message)).toMatchObject({
      ...{ action: 'new-customer', environment: 'initech-production', by, reason: 'signed today' },
    });
    expect(world.published.map(({ topic, event }) => [topic, event.data])).toEqual([
      ['change-committed', expect.objectContaining({ commit, previous: head })],
    ]);
  });

  it('is only shown with dryRun, with what its files say', async () => {
    const world = worldOf();
    const head = await world.git.head();
    const planned = await added(world, { dryRun: true });
    expect(planned).toMatchObject({ outcome: 'planned', commit: null });
    expect(Object.fromEntries(planned.files.map(({ path, content }) => [path, content]))).toEqual(made);
    expect(planned.message).toMatch(/^Add initech-production, .*\n\nAction: new-customer\n/);
    expect(await world.git.head()).toBe(head);
    expect(world.published).toEqual([]);
  });

  it('is one commit where it is asked for twice, and announced again', async () => {
    const world = worldOf();
    await added(world);
    const head = await world.git.head();
    expect(await added(world, { dryRun: true })).toMatchObject({ outcome: 'nothing' });
    expect(world.published).toHaveLength(1);
    expect(await added(world, { reason: 'signed' })).toMatchObject({ outcome: 'nothing', commit: null, message: null });
    expect(await world.git.head()).toBe(head);
    expect(world.published).toHaveLength(2);
    world.git.add({ 'config/initech.yaml': 'tenant: initech\n' });
    await expect(added(world)).rejects.toMatchObject({
      code: 'ActionRefused',
      problem: 'are there already, and nothing is overwritten',
    });
  });

  it('is one commit where two ask at once, and made of what the branch has then where somebody else was faster', async () => {
    const world = worldOf();
    const racing = (meanwhile: () => Promise<unknown>): World['ports'] => {
      let isFirst = true;
      return withGit(world, {
        async push(commit) {
          if (isFirst) await meanwhile();
          isFirst = false;
          return await world.git.push(commit);
        },
      });
    };
    const head = await world.git.head();
    expect(
      await added(
        world,
        {},
        racing(async () => await added(world)),
      ),
    ).toMatchObject({ outcome: 'nothing' });
    expect(await treeOf(world)).toEqual({ ...before, ...made });
    expect((await world.git.findCommit((await world.git.head()) ?? ''))?.parents).toEqual([head]);
    const changed = racing(async () => world.git.add({ 'config/acme.yaml': 'tenant: acme\n' }));
    expect(await added(world, { name: 'globex' }, changed)).toMatchObject({ outcome: 'done' });
    expect((await treeOf(world))['config/globex.yaml']).toBe('tenant: globex\n');
    const late = racing(async () => world.git.add({ 'config/tyrell.yaml': 'mine: true\n' }));
    await expect(added(world, { name: 'tyrell' }, late)).rejects.toMatchObject({
      ...{ code: 'ActionRefused', subject: 'config/tyrell.yaml' },
    });
    expect(await treeOf(world)).not.toHaveProperty('environments/tyrell-production.yaml');
  });

  it('is committed though its announcement fails', async () => {
    const world = worldOf();
    const ports = { ...world.ports, topics: { publish: async () => await Promise.reject(new Error('no topic')) } };
    const done = newCustomerSchema.parse(await newCustomerAction(actionOf({}), by, ports));
    expect(done).toMatchObject({ outcome: 'done', announced: false, unannounced: expect.stringContaining('no topic') });
  });

  it.each<[object, Readonly<Record<string, string>>, object]>([
    [{ from: 'master/nobody' }, {}, { code: 'ActionRefused', subject: 'master/nobody' }],
    [{ name: 'acme' }, {}, { code: 'ActionRefused', problem: 'is the environment of acme already' }],
    [{ customer: 'globex' }, {}, { code: 'ActionRefused', problem: 'does not hold globex as a word' }],
    [{}, { 'config/initech.yaml': 'mine: true\n' }, { code: 'ActionRefused', subject: 'config/initech.yaml' }],
    [{}, { 'environments/acme-production.yaml': 'kind: [\n' }, { code: 'InvalidEnvironment' }],
    [{ name: 'a'.repeat(50) }, {}, { code: 'InvalidEnvironment' }],
    [
      {},
      { 'environments/acme-production.yaml': environment.replace('charts/shop', 'charts/acme') },
      { code: 'ActionRefused', remedy: 'make it first: cp -r charts/acme charts/initech' },
    ],
  ])('is refused with %j where the branch has %j beside', async (facts, files, refusal) => {
    const world = worldOf(files);
    const head = await world.git.head();
    await expect(added(world, facts)).rejects.toMatchObject({ ...refusal });
    expect(await world.git.head()).toBe(head);
    expect(world.published).toEqual([]);
  });

  it.each<[string, TreeEntry['kind'], string]>([
    ['config/acme.yaml', 'symlink', 'is no file: a link'],
    ['config', 'symlink', 'is no folder'],
    ['config/initech.yaml', 'submodule', 'is there already'],
  ])('is refused where %s is a %s of the branch', async (path, kind, problem) => {
    const world = worldOf();
    const ports = withGit(world, {
      entry: async (at) => (at.path === path ? { path, kind, id: '1' } : await world.git.entry(at)),
    });
    await expect(added(world, {}, ports)).rejects.toMatchObject({
      ...{ code: 'ActionRefused', subject: path, problem: expect.stringContaining(problem) as string },
    });
  });

  it('takes no name that could be a path, and none of a class alone', () => {
    for (const facts of [{ name: '../up' }, { name: 'Initech' }, { from: 'acme-production' }, { customer: '' }])
      expect(actionSchema.safeParse({ ...asked, ...facts })).toMatchObject({ success: false });
  });
});

describe('who may add a customer', () => {
  const config = parseConfig({
    file: 'converge.yaml',
    text: 'project: p\nstate: { bucket: s }\nrepositories: { master: { url: "https://git/m.git", bucket: m } }\nclusters: {}\n',
  });
  const none = async (): Promise<never> => Promise.reject(new Error('is not to be asked'));

  async function asks(entry: Omit<People[number], 'who'>) {
    const world = worldOf();
    const scopes: ActionScope[] = [];
    const logged: { message: string; fields: unknown }[] = [];
    const log: Log = (_severity, message, fields) => void logged.push({ message, fields });
    const people = [{ who: ['ana@family.example'], ...entry }];
    const caller = { kind: 'account' as const, email: 'ana@family.example', domain: undefined };
    const answer = act(
      {
        action: actionSchema.parse({ ...asked, dryRun: true }),
        by: 'ana@family.example',
        refusal(scope) {
          scopes.push(scope);
          return refusalToAct({ access: { people }, caller, right: 'new-customer', scope });
        },
      },
      config,
      {
        ...{ ...world.ports, log },
        uploads: { find: none, write: none },
        deadLetters: { take: none, hold: none, giveBack: none, acknowledge: none, redrive: none },
        buckets: { find: none, list: none, read: none },
        gitHosts: { report: none, pullRequest: none, showPlan: none, propose: none },
      },
    );
    return { answer: await answer.catch((error: unknown) => error), scopes, logged };
  }

  it.each<[string, Omit<People[number], 'who'>, boolean]>([
    ['with it in the whole class', { classes: ['master'], actions: ['new-customer'] }, true],
    ['with it everywhere', { actions: ['new-customer'] }, true],
    ['of all', { environments: ['*'], actions: ['*'] }, true],
    ['with it in another class', { classes: ['staging'], actions: ['new-customer'] }, false],
    [
      'with it in the environment that it is made from alone',
      { environments: ['acme-production'], actions: ['*'] },
      false,
    ],
    [
      'with it in the environment that it would be',
      { environments: ['initech-production', 'initech-*'], actions: ['*'] },
      false,
    ],
    ['with every other action', { actions: ['suspend', 'resume', 'rollback', 'accept', 'redrive'] }, false],
    ['who only looks', {}, false],
  ])('is somebody %s: %j %s', async (_who, entry, may) => {
    const { answer, scopes } = await asks(entry);
    expect(scopes).toEqual([{ repository: 'master', environment: undefined }]);
    expect(answer).toMatchObject(may ? { result: { outcome: 'planned' } } : { code: 'NotAllowed' });
  });

  it('is answered what the files say, which no log has', async () => {
    const { answer, logged } = await asks({ actions: ['*'] });
    expect(JSON.stringify(answer)).toContain('of-initech');
    expect(logged.at(-1)).toMatchObject({
      message: 'act said what would be done',
      fields: {
        result: { files: [{ path: 'environments/initech-production.yaml' }, { path: 'config/initech.yaml' }] },
      },
    });
    expect(JSON.stringify(logged)).not.toContain('of-initech');
  });

  it('is compared with no environment that somebody saw', () => {
    expect(environmentOf(actionSchema.parse(asked))).toBeUndefined();
  });
});
