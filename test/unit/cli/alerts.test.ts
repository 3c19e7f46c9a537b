import { describe, expect, it } from 'vitest';
import { acknowledge } from '../../../cli/acknowledge.ts';
import { showAlerts } from '../../../cli/alerts.ts';
import type { Context } from '../../../cli/context.ts';
import { followAlerts } from '../../../cli/follow-alerts.ts';
import { liveOutput } from '../../../cli/live-output.ts';
import { alertsOf } from '../../../cli/open-alerts.ts';
import { alertsOutputSchema } from '../../../cli/output-schemas.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { statusSchema } from '../../../shared/pipeline/common/environment-status.ts';
import type { DeadLetters, TakenLetter } from '../../../shared/ports/messages.ts';
import { failingRepository, repositories } from '../pipeline/ports.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld, type World } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';
import { Interrupted, screen, stepping } from './stepping.ts';
import { exampleOf } from '../../contracts.ts';

const letter: TakenLetter = {
  ...{ id: '11893042217735', ackId: 'a', subscription: 'diff-given-up', publishTime: new Date('2027-01-01T00:00:00Z') },
  attributes: {
    ...{ 'ce-id': 'e', 'ce-subject': 'master/shop', redrive: 'diff', CloudPubSubDeadLetterSourceDeliveryCount: '20' },
  },
  data: Buffer.from('{}'),
};

/** Dead letters that may be changed, and how often they were looked at; `refused`: by whom nobody may look. */
function lettersOf(held: TakenLetter[]) {
  const seen = { held, looks: 0, refused: false };
  const deadLetters: DeadLetters = {
    async take({ subscription }) {
      if (seen.refused)
        throw new ConvergeError({
          ...{ code: 'PubSubUnavailable', subject: 'dead-letter', message: 'you may not use it', disposition: 'retry' },
        });
      if (subscription === 'dead-letter') seen.looks += 1;
      return seen.held.filter((one) => one.subscription === subscription);
    },
    hold: async () => {},
    giveBack: async () => {},
    acknowledge: async () => {},
    redrive: async () => {},
  };
  return { seen, deadLetters };
}

function withLetters(context: Context, deadLetters: DeadLetters): Context {
  return { ...context, open: { ...context.open, deadLetters: async () => deadLetters } };
}

async function world(): Promise<World> {
  const made = createWorld();
  made.git.add(shop([configMap('colors')]));
  await made.run();
  return made;
}

async function breakIt(made: World): Promise<void> {
  made.git.add({ 'environments/shop.yaml': 'cluster: [\n' });
  await made.run();
}

async function mend(made: World): Promise<void> {
  made.git.add(shop([configMap('colors')]));
  await made.run();
}

const textOf = ({ lines }: { lines: readonly { text: string }[] }): string => lines.map(({ text }) => text).join('\n');

describe('converge alerts', () => {
  it('is one sentence and 0 where nothing is open', async () => {
    const { deadLetters } = lettersOf([]);
    const answer = await showAlerts(withLetters(contextOf(await world()), deadLetters), [], { deadLetters: true });
    expect(answer).toEqual({
      exit: 0,
      json: { alerts: [], unseen: [] },
      lines: [{ text: 'nothing is open', tone: 'good' }],
    });
  });

  it('shows incidents and dead letters, the newest last, with who takes care of it, and ends with 1', async () => {
    const made = await world();
    await breakIt(made);
    const context = { ...contextOf(made), environment: { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@x' } };
    await acknowledge(context, 'shop', { comment: 'on it' });
    const { deadLetters } = lettersOf([letter]);
    const answer = await showAlerts(withLetters(context, deadLetters), ['shop'], { deadLetters: true });
    expect(answer.exit).toBe(1);
    const { alerts } = alertsOutputSchema.parse(JSON.parse(JSON.stringify(answer.json)));
    expect(alerts).toMatchObject([
      {
        kind: 'incident',
        about: 'master/shop',
        reason: 'Failed',
        acknowledged: { by: 'Ana <ana@x>', comment: 'on it' },
      },
      { kind: 'dead-letter', id: letter.id, reason: 'GivenUp', done: `it waits for converge redrive ${letter.id}` },
    ]);
    expect(textOf(answer)).toMatch(/^SINCE .*\n.* master\/shop +Failed +tried again from .*environments\/shop\.yaml/);
    expect(textOf(answer)).toMatch(/is acknowledged by Ana <ana@x> until it ends: on it$/);
  });

  it('says of each kind what is done about it', () => {
    const row = {
      ...{ name: 'a', repository: 'master', cluster: 'eu', state: 'Diverged', revision: '', wanted: '' },
      ...{ since: 's', incident: 'i', quarantine: null, health: 'Healthy', objects: 1, message: '', policy: null },
    };
    const incident = { id: 'i', subject: '', since: '2026-11-21T01:00:00Z', occurrence: 1, revision: '', summary: 's' };
    const status = statusSchema.parse({
      environments: [
        { ...row, incidents: [{ ...incident, reason: 'Drifted', action: 'healing' }] },
        { ...row, incidents: [{ ...incident, reason: 'Drifted', action: 'none' }] },
        { ...row, incidents: [{ ...incident, reason: 'Unhealthy', rolledBackBy: '9f2c6a1b3d4e5f60' }] },
        { ...row, nextTry: '2026-11-21T01:30:00.000Z', incidents: [{ ...incident, reason: 'Failed', action: 'none' }] },
        { ...row, incidents: [{ ...incident, reason: 'Blocked', action: 'none' }] },
      ],
      unreadable: [],
      uploads: [
        {
          ...{ repository: 'master', artifact: 'gs://b/c.tgz#7', since: 's', reason: 'InvalidArchive', message: 'm' },
          ...{ remedy: 'pack plain files', author: null, build: null },
        },
      ],
      unreachable: [
        { subject: 'cluster/eu', incident: 'd', since: 's', code: 'ClusterUnavailable', problem: 'p', count: 2 },
      ],
    });
    const found = alertsOf({ ...status, unreachable: status.unreachable ?? [] });
    expect(found.map(({ done }) => done)).toEqual([
      'is put right',
      'nothing: it waits for somebody',
      'rolled back by 9f2c6a1b3d4e',
      'tried again from 2026-11-21 01:30:00',
      'looked at again with each check',
      'pack plain files',
      'asked again with each check; 2 environments stand on it',
    ]);
    expect(found.map(({ id }) => id).slice(-2)).toEqual(['gs://b/c.tgz', 'd']);
  });

  it('ends with 1 where dead letters cannot be looked at, and is not asked for them with --no-dead-letters', async () => {
    const { seen, deadLetters } = lettersOf([]);
    seen.refused = true;
    const context = withLetters(contextOf(await world()), deadLetters);
    const answer = await showAlerts(context, [], { deadLetters: true });
    expect(answer.exit).toBe(1);
    expect(textOf(answer)).toBe('dead letters: not all can be looked at: dead-letter: you may not use it');
    expect((await showAlerts(context, [], { deadLetters: false })).exit).toBe(0);
  });

  it('refuses an environment that is none', async () => {
    const context = contextOf(await world());
    await expect(showAlerts(context, ['nobody'], { deadLetters: false })).rejects.toMatchObject({ exit: 2 });
  });

  it('is as the contracts show it', () => {
    expect(alertsOutputSchema.parse(JSON.parse(exampleOf('json alerts'))).alerts.length).toBeGreaterThan(0);
  });
});

describe('converge alerts --follow', () => {
  async function followed(context: Context, { form = 'text', letters = false } = {}): Promise<string[]> {
    const { stream, written } = screen();
    const ended = followAlerts(context, { names: [], deadLetters: letters }, liveOutput({ form, stream }));
    await expect(ended).rejects.toThrow(Interrupted);
    return written().trimEnd().split('\n');
  }

  it('tells what is open, and each beginning, change and end, once', async () => {
    const made = await world();
    const context = { ...contextOf(made), environment: { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@x' } };
    const lines = await followed(
      stepping(context, [
        async () => breakIt(made),
        () => made.wait(10),
        async () => void (await acknowledge(context, 'shop', {})),
        async () => mend(made),
        () => made.wait(10),
      ]),
    );
    expect(lines.map((line) => line.replace(/^\S+ \S+ +/, ''))).toEqual([
      expect.stringMatching(/^begins {3}master\/shop {2}Failed: .*environments\/shop\.yaml.* \(tried again from .*\)$/),
      expect.stringMatching(/^changes {2}master\/shop {2}Failed: .*; acknowledged by Ana <ana@x> until it ends$/),
      expect.stringMatching(/^ends {5}master\/shop {2}Failed, open since 20/),
    ]);
    await breakIt(made);
    const [first, ...more] = await followed(stepping(context, []), { form: 'json' });
    expect(more).toEqual([]);
    expect(JSON.parse(first ?? '')).toMatchObject({
      change: 'open',
      alert: { about: 'master/shop' },
      at: expect.any(String),
    });
  });

  it('ends nothing that it could not look at', async () => {
    const made = await world();
    await breakIt(made);
    const context = contextOf(made);
    let isAway = false;
    const away = repositories(failingRepository('master', 'GitUnavailable'));
    const repository = async () => (isAway ? away : context.open.repository());
    // Neither Git nor what is remembered: there is no row of it.
    const lost = async (): Promise<never> => {
      throw new ConvergeError({ code: 'StorageUnavailable', subject: 's', message: 'is away', disposition: 'retry' });
    };
    const state = async () => (isAway ? { ...made.ports.state, read: lost, list: lost } : made.ports.state);
    const lines = await followed(
      stepping({ ...context, open: { ...context.open, repository, state } }, [
        () => void (isAway = true),
        () => {},
        () => void (isAway = false),
      ]),
    );
    expect(lines.map((line) => line.slice(21, 45).trimEnd())).toEqual([
      expect.stringMatching(/^open +master\/shop/),
      expect.stringMatching(/^master: not all can/),
    ]);
  });

  it('looks at dead letters once a minute, and ends one that two looks did not see', async () => {
    const { seen, deadLetters } = lettersOf([letter]);
    const context = withLetters(contextOf(await world()), deadLetters);
    const minute = Array.from({ length: 6 }, () => () => {});
    const lines = await followed(
      stepping(context, [() => void (seen.held = []), ...minute.slice(1), ...minute, ...minute]),
      { letters: true },
    );
    expect(seen.looks).toBe(4);
    expect(lines.map((line) => line.slice(21, 29).trimEnd())).toEqual(['open', 'ends']);
  });
});
