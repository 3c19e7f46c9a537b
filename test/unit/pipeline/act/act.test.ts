import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { parseConfig } from '../../../../shared/config/config.ts';
import { act, actedSchema, environmentOf, type ActPorts, type ActRequest } from '../../../../shared/pipeline/act.ts';
import { actionSchema } from '../../../../shared/pipeline/act/action.ts';
import { actedPath } from '../../../../shared/pipeline/act/only-once.ts';
import type { Log } from '../../../../shared/ports/ports.ts';
import { configMap, list, shop } from '../reconcile/runs/files.ts';
import { createWorld } from '../reconcile/world/world.ts';

const key = '6f1f3c3e-2f0e-4f7e-9d57-0f6f4d0e7a11';
const config = parseConfig({
  file: 'converge.yaml',
  text: 'project: p\nstate: { bucket: s }\nrepositories: { master: { url: "https://git/m.git", bucket: m } }\nclusters: {}\n',
});
const none = async (): Promise<never> => Promise.reject(new Error('is not to be asked'));

/** An environment that converged twice, and whoever may act in it. */
async function converged() {
  const world = createWorld();
  for (const color of ['red', 'blue']) {
    world.git.add({ ...shop([]), 'manifests/shop/all.json': list(configMap('colors', { color })) });
    await world.run();
    world.wait(60);
  }
  const lines: { message: string; fields: unknown }[] = [];
  const log: Log = (_severity, message, fields) => void lines.push({ message, fields });
  const ports: ActPorts = {
    ...{ ...world.ports, log },
    uploads: { find: none, write: none },
    deadLetters: { take: async () => [], hold: none, giveBack: async () => {}, acknowledge: none, redrive: none },
    buckets: { find: async () => undefined, list: none, read: none },
    gitHosts: { report: none, pullRequest: none, showPlan: none, propose: none },
  };
  const ask = async (action: object, request: Partial<ActRequest> = {}) =>
    act(
      { action: actionSchema.parse(action), by: 'ana@family.example', refusal: () => undefined, ...request },
      config,
      ports,
    );
  const head = async () => world.git.head();
  return { world, ask, lines, ports, head };
}

const rollback = { action: 'rollback', target: 'master/shop', reason: 'checkout fails' };
const refused = new ConvergeError({ code: 'NotAllowed', subject: 'eve', message: 'may not', disposition: 'refuse' });

describe('an action', () => {
  it('is done, said to whoever asked, and written down with who, what, why and what became of it', async () => {
    const { ask, lines, head } = await converged();
    const before = await head();
    const acted = await ask(rollback);
    expect(actedSchema.parse(JSON.parse(JSON.stringify(acted)))).toEqual(JSON.parse(JSON.stringify(acted)));
    expect(acted).toMatchObject({
      ...{ action: 'rollback', by: 'ana@family.example', reason: 'checkout fails', dryRun: false },
      result: { outcome: 'reverted', commit: await head(), announced: true, unannounced: null },
    });
    expect(await head()).not.toBe(before);
    expect(lines.filter(({ message }) => message.startsWith('act '))).toMatchObject([
      {
        message: 'act did what somebody asked for',
        fields: {
          action: 'rollback',
          by: 'ana@family.example',
          reason: 'checkout fails',
          result: { commit: await head() },
        },
      },
    ]);
  });

  it('only says what it would do in a dry run, whose key is free', async () => {
    const { ask, lines, ports, head } = await converged();
    const before = await head();
    const acted = await ask({ ...rollback, dryRun: true }, { key });
    expect(acted).toMatchObject({ dryRun: true, result: { outcome: 'planned', commit: null } });
    expect(await head()).toBe(before);
    expect(await ports.state.read(actedPath(key))).toBeUndefined();
    expect(lines.at(-1)?.message).toBe('act said what would be done');
  });

  it('is not done by whoever may not, and nothing is read for them', async () => {
    const { ask, lines, head } = await converged();
    const before = await head();
    for (const action of [
      rollback,
      { action: 'acknowledge', target: 'master/shop' },
      { action: 'redrive', letters: 'all' },
      // What they are of is found out first.
      { action: 'rollback', target: 'shop' },
      { action: 'rollback', target: 'master' },
      { action: 'retry-upload', artifact: 'gs://m/config/acme.yaml' },
    ])
      await expect(ask(action, { refusal: () => refused })).rejects.toBe(refused);
    expect(await head()).toBe(before);
    expect(lines.every(({ message }) => message !== 'act did what somebody asked for')).toBe(true);
  });

  it('tells nobody of incidents that are not theirs', async () => {
    const { ask, world } = await converged();
    world.git.add({ 'environments/shop.yaml': 'cluster: [\n' });
    await world.run();
    const nothing = { action: 'acknowledge', target: 'nothing' };
    await expect(ask(nothing)).rejects.toMatchObject({
      code: 'ActionRefused',
      remedy: expect.stringContaining('master/shop'),
    });
    await expect(ask(nothing, { refusal: () => refused })).rejects.toMatchObject({ remedy: 'nothing is open' });
    await expect(ask({ ...nothing, target: 'shop' }, { refusal: () => refused })).rejects.toBe(refused);
    expect(await ask({ ...nothing, target: 'shop', reason: 'on it' })).toMatchObject({
      result: { outcome: 'acknowledged', comment: 'on it', incidents: [{ about: 'master/shop' }] },
    });
  });

  it.each([
    { action: { action: 'retry-upload', artifact: 'gs://m/config/acme.yaml' }, code: 'ActionRefused' },
    { action: { action: 'retry-upload', artifact: 'gs://elsewhere/x' }, code: 'ActionRefused' },
    { action: { action: 'retry-upload', artifact: 'config/acme.yaml' }, code: 'BadRequest' },
    { action: { action: 'redrive', letters: ['7'] }, code: 'ActionRefused' },
    { action: { action: 'rollback', target: 'nobody' }, code: 'RollbackRefused' },
    { action: { action: 'rollback', target: 'shop', to: 'main@1', incident: '1' }, code: 'BadRequest' },
  ])('is refused as $code, and written down: $action', async ({ action, code }) => {
    const { ask, lines } = await converged();
    await expect(ask(action, { key })).rejects.toMatchObject({ code });
    expect(lines.at(-1)).toMatchObject({
      message: 'act did not do what somebody asked for',
      fields: { action: action.action, by: 'ana@family.example' },
    });
  });

  it('takes no reason in which nothing shows', () => {
    for (const reason of ['', ' \n', '\u200B', '\u202E\u0007'])
      expect(actionSchema.safeParse({ ...rollback, reason }).success).toBe(false);
    expect(actionSchema.parse({ ...rollback, reason: ' \u200Bx ' })).toMatchObject({ reason: '\u200Bx' });
  });

  it('names the environment that it is of, where it does', () => {
    const of = (action: object) => environmentOf(actionSchema.parse(action));
    expect(of(rollback)).toEqual({ repository: 'master', environment: 'shop' });
    expect(of({ action: 'suspend', environment: 'master/shop' })).toEqual({
      repository: 'master',
      environment: 'shop',
    });
    expect(of({ action: 'redrive', letters: 'all' })).toBeUndefined();
    expect(of({ ...rollback, target: 'master' })).toBeUndefined();
  });
});

describe('a key of an action', () => {
  it('has it done once, and answered alike however often it is sent', async () => {
    const { ask, lines, head } = await converged();
    const first = await ask(rollback, { key });
    const after = await head();
    const second = await ask(rollback, { key });
    expect(second).toEqual(first);
    expect(await head()).toBe(after);
    expect(lines.filter(({ message }) => message === 'act did what somebody asked for')).toHaveLength(1);
    expect(await ask(rollback)).toMatchObject({ result: { outcome: 'nothing' } });
    expect(await head()).toBe(after);
  });

  it('has the first answer again, though what somebody saw is changed by what was done', async () => {
    const { ask, head } = await converged();
    const seen = await head();
    const assertSeen = async () => {
      if ((await head()) !== seen)
        throw new ConvergeError({ code: 'PreconditionFailed', subject: 's', message: 'm', disposition: 'refuse' });
    };
    const first = await ask(rollback, { key, assertSeen });
    expect(await ask(rollback, { key, assertSeen })).toEqual(first);
    const other = '7a1f3c3e-2f0e-4f7e-9d57-0f6f4d0e7a12';
    for (const asked of [{}, { key: other }, { key: other }])
      await expect(ask(rollback, { ...asked, assertSeen })).rejects.toMatchObject({ code: 'PreconditionFailed' });
  });

  it('is of that action and that person alone', async () => {
    const { ask } = await converged();
    await ask(rollback, { key });
    for (const [action, by] of [
      [{ ...rollback, reason: 'another' }, 'ana@family.example'],
      [rollback, 'bob@family.example'],
    ] as const)
      await expect(ask(action, { key, by })).rejects.toMatchObject({ code: 'BadRequest', subject: 'idempotency-key' });
  });

  it('is busy while it is being done, and free again once that failed, or whoever did it must be dead', async () => {
    const { ask, ports, world } = await converged();
    await expect(ask({ ...rollback, target: 'nobody' }, { key })).rejects.toMatchObject({ code: 'RollbackRefused' });
    expect(await ports.state.read(actedPath(key))).toBeUndefined();
    const both = await Promise.allSettled([ask(rollback, { key }), ask(rollback, { key })]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'ActionConflict' } });
    const found = await ports.state.read(actedPath(key));
    if (found === undefined || 'unreadable' in found) throw new Error('nothing is remembered');
    const died = { ...(found.value as object), answer: null };
    await ports.state.write({ path: actedPath(key), value: died, ifGeneration: 'any' });
    await expect(ask(rollback, { key })).rejects.toMatchObject({ code: 'ActionConflict' });
    world.wait(11 * 60);
    expect(await ask(rollback, { key })).toMatchObject({ result: { outcome: 'nothing' } });
  });

  it('is done where the answer to its beginning is lost, and the next try finds it there', async () => {
    const { ask, ports } = await converged();
    const { write } = ports.state;
    let isLost = true;
    ports.state.write = async (asked) => {
      const written = await write(asked);
      if (!isLost || asked.path !== actedPath(key)) return written;
      isLost = false;
      return 'conflict';
    };
    const first = await ask(rollback, { key });
    expect(first).toMatchObject({ result: { outcome: 'reverted' } });
    expect(await ask(rollback, { key })).toEqual(first);
  });
});
