import { describe, expect, it } from 'vitest';
import type { Context } from '../../../cli/context.ts';
import { showDeadLetters } from '../../../cli/dead-letters.ts';
import { exitOf } from '../../../cli/exit-codes.ts';
import { redrive } from '../../../cli/redrive.ts';
import { wordsFor } from '../../../shared/adapters/dead-letters.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import type { LetterSubscription } from '../../../shared/events/found-letter.ts';
import type { DeadLetters, TakenLetter } from '../../../shared/ports/messages.ts';
import { exampleOf } from '../../contracts.ts';

const time = new Date('2026-11-21T01:02:03.456Z');

function givenUp(id: string, subscription: LetterSubscription = 'diff-given-up'): TakenLetter {
  const attributes = { 'ce-id': `event-${id}`, 'ce-subject': 'master/acme-production', redrive: 'diff' };
  const counted = { ...attributes, CloudPubSubDeadLetterSourceDeliveryCount: '20' };
  return { id, ackId: `ack-${id}`, subscription, publishTime: time, attributes: counted, data: Buffer.from('{}') };
}

const unavailable = (): ConvergeError =>
  new ConvergeError({
    ...{ code: 'PubSubUnavailable', subject: 'topic redrive', message: 'you may not use it' },
    ...{ remedy: 'ask', disposition: 'retry' },
  });

/** Subscriptions that hold these, and in order what was done to them. */
function site({
  held,
  fails = () => false,
}: {
  held: readonly TakenLetter[];
  /** Of what was about to be done. */
  fails?: (what: string) => boolean;
}) {
  const done: string[] = [];
  const act = (what: string): void => {
    if (fails(what)) throw unavailable();
    done.push(what);
  };
  const deadLetters: DeadLetters = {
    async take({ subscription, limit }) {
      if (fails(`take ${subscription}`)) throw unavailable();
      return held.filter((letter) => letter.subscription === subscription).slice(0, limit);
    },
    hold: async (letters) => act(`hold ${letters.map(({ id }) => id).join(' ')}`),
    giveBack: async (letters) => act(`give back ${letters.map(({ id }) => id).join(' ')}`),
    acknowledge: async ({ id }) => act(`acknowledge ${id}`),
    redrive: async ({ attributes }) => act(`send ${attributes['ce-id']}`),
  };
  const unopened = () => {
    throw new Error('is not to be opened');
  };
  const text =
    'project: p\nstate: { bucket: s }\nrepositories: { master: { url: "https://git/m.git", bucket: m } }\nclusters: {}\n';
  const context: Context = {
    config: parseConfig({ file: 'converge.yaml', text }),
    ...{ statusUrl: undefined, pubsub: undefined, environment: {}, folder: '/', progress: () => {} },
    ports: { now: () => time, sleep: async () => {} },
    open: {
      ...{ uploads: unopened, buckets: unopened, state: unopened, repository: unopened, topics: unopened },
      ...{ renderer: unopened, deadLetters: async () => deadLetters },
    },
  };
  return { context, done };
}

describe('converge dead-letters', () => {
  it('gives back all that it showed, as the contracts show it', async () => {
    const { context, done } = site({ held: [givenUp('11893042217735')] });
    const { exit, json } = await showDeadLetters(context, { limit: 100 });
    expect(exit).toBe(0);
    expect(done).toEqual(['give back 11893042217735']);
    expect(json).toEqual(JSON.parse(exampleOf('json dead-letters')));
  });

  it('says that there are none, and that there may be more', async () => {
    expect(await showDeadLetters(site({ held: [] }).context, { limit: 1 })).toMatchObject({
      exit: 0,
      lines: [{ text: 'No dead letters.' }],
    });
    const { context } = site({ held: [givenUp('1'), givenUp('2')] });
    expect(await showDeadLetters(context, { limit: 1 })).toMatchObject({ json: { mayBeMore: true } });
  });

  it('shows nothing where one subscription cannot be read, and gives back what it took of the others', async () => {
    const { context, done } = site({ held: [givenUp('1')], fails: (what) => what === 'take dead-letter' });
    await expect(showDeadLetters(context, { limit: 100 })).rejects.toMatchObject({ code: 'PubSubUnavailable' });
    expect(done).toEqual(['give back 1']);
  });
});

describe('converge redrive', () => {
  const held = [givenUp('1'), givenUp('2'), givenUp('3')];

  it('acknowledges a letter once it was sent, and gives back those that were not asked for', async () => {
    const { context, done } = site({ held });
    expect(await redrive(context, ['2'], { limit: 100 })).toMatchObject({
      exit: 0,
      json: { letters: [{ id: '2', outcome: 'sent', to: 'deliverAlert' }] },
    });
    expect(done).toEqual(['hold 2', 'send event-2', 'acknowledge 2', 'give back 1 3']);
  });

  it('leaves one that could not be sent, and sends the others', async () => {
    const { context, done } = site({ held, fails: (what) => what === 'send event-2' });
    expect(await redrive(context, [], { limit: 100, all: true })).toMatchObject({
      exit: 1,
      json: { letters: [{ outcome: 'sent' }, { id: '2', outcome: 'failed' }, { outcome: 'sent' }] },
    });
    expect(done).toEqual([
      ...['hold 1 2 3', 'send event-1', 'acknowledge 1', 'send event-3', 'acknowledge 3', 'give back 2'],
    ]);
  });

  it('sends one once that is named twice', async () => {
    const { context, done } = site({ held });
    const { json } = await redrive(context, ['2', '1', '2'], { limit: 100 });
    expect(json).toMatchObject({ letters: [{ id: '2' }, { id: '1' }] });
    expect(done).toEqual([
      ...['hold 2 1', 'send event-2', 'acknowledge 2', 'send event-1', 'acknowledge 1', 'give back 3'],
    ]);
  });

  it('says of one that was sent and is still there that it stays', async () => {
    const { context, done } = site({ held, fails: (what) => what === 'acknowledge 1' });
    expect(await redrive(context, ['1'], { limit: 100 })).toMatchObject({ exit: 1 });
    expect(done).toEqual(['hold 1', 'send event-1', 'give back 1 2 3']);
  });

  it.each([
    ['an id of none', ['1', '9'], {}],
    ['no id', [], {}],
    ['ids and --all', ['1'], { all: true }],
  ])('refuses %s, and sends nothing', async (_what, ids, options) => {
    const { context, done } = site({ held });
    const refused = await redrive(context, ids, { limit: 100, ...options }).catch((error: unknown) => error);
    expect(refused instanceof ConvergeError ? { exit: exitOf(refused.code) } : refused).toMatchObject({ exit: 2 });
    expect(done.filter((what) => what.startsWith('send'))).toEqual([]);
  });
});

describe('an answer of Pub/Sub', () => {
  it.each([
    [5, 'is not there', /topicPrefix/],
    [7, 'you may not use it', /roles\/pubsub\.subscriber .* roles\/pubsub\.publisher/],
    [16, 'does not know who you are', /gcloud auth application-default login/],
    [14, 'Pub/Sub does not answer as it should: 14', /try again/],
  ])('of the status %d says what the caller can do', (code, message, remedy) => {
    const words = wordsFor(Object.assign(new Error(String(code)), { code }));
    expect(words).toEqual({ message, remedy: expect.stringMatching(remedy) });
  });
});
