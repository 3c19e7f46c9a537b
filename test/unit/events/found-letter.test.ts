import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { timeOf } from '../../../shared/events/cloud-event.ts';
import { deadLetterOf } from '../../../shared/events/dead-letter.ts';
import { changeCommittedType } from '../../../shared/events/change-committed.ts';
import { convergedType, diffType } from '../../../shared/events/alert.ts';
import { reportType } from '../../../shared/events/report.ts';
import { uploadAcceptedType, uploadRefusedType } from '../../../shared/events/upload-alert.ts';
import { reachableType, unreachableType } from '../../../shared/events/dependency-alert.ts';
import {
  letterSubscriptions,
  readers,
  readLetter,
  redriveFilter,
  type FoundLetter,
  type LetterMessage,
} from '../../../shared/events/found-letter.ts';
import { readEvent } from '../../../shared/events/read-event.ts';
import { sinksOf } from '../../../shared/events/refused-sinks.ts';
import { reconcileRequestedType } from '../../../shared/events/reconcile-requested.ts';

const time = new Date('2026-11-21T01:02:03.000Z');
const source = '//converge.dev/pipeline';
const object = { bucket: 'family-master', name: 'charts/größe.yaml', generation: '1763683200123456' };
const upload = {
  id: '7',
  type: 'google.cloud.storage.object.v1.finalized',
  source: '//storage.googleapis.com/projects/_/buckets/family-master',
  subject: 'objects/charts/gr%C3%B6%C3%9Fe.yaml',
  data: { ...object, generation: Number(object.generation), contentType: 'text/yaml' },
};

function found(message: Partial<LetterMessage>): FoundLetter {
  const data = Buffer.from('');
  return readLetter({ id: '1', subscription: 'dead-letter', publishTime: time, attributes: {}, data, ...message });
}

/** As a function puts it on the dead-letter topic. */
function letter(changes: {
  stage: string;
  reason?: string;
  sinks?: readonly string[];
  event: Record<string, unknown>;
}): FoundLetter {
  const said = { reason: 'InvalidEvent', message: 'is wrong', subject: 'master/acme', ...changes };
  return found({ data: Buffer.from(JSON.stringify(said)) });
}

function textOf({ redrive }: FoundLetter): string | undefined {
  return redrive.kind === 'message' ? Buffer.from(redrive.message.data).toString() : undefined;
}

describe('a dead letter', () => {
  it('says when, where, why and about what', () => {
    expect(letter({ stage: 'fanOut', reason: 'GivenUp', event: {} })).toMatchObject({
      ...{ id: '1', subscription: 'dead-letter', time },
      ...{ stage: 'fanOut', reason: 'GivenUp', subject: 'master/acme', message: 'is wrong' },
    });
  });

  it.each([
    ['fanOut', changeCommittedType, 'change-committed'],
    ['reconcile', reconcileRequestedType, 'reconcile'],
    ['deliverAlert', diffType, 'diff'],
    ['deliverAlert', convergedType, 'converged'],
    ['deliverAlert', uploadAcceptedType, 'converged'],
    ['deliverAlert', uploadRefusedType, 'diff'],
    ['deliverAlert', unreachableType, 'diff'],
    ['deliverAlert', reachableType, 'converged'],
    ['deliverAlert', reportType, 'report'],
    ['fanOut', 'dev.converge.of.another.version', 'change-committed'],
  ])('of %s, of the type %s, goes back by %s with the event as it was', (stage, type, topic) => {
    const event = { id: 'e1', type, source, subject: 'master/acme', data: { object: 'größe', count: 1 } };
    const known = letter({ stage, event });
    expect(known.redrive).toMatchObject({
      kind: 'message',
      message: {
        topic,
        attributes: {
          ...{ 'ce-specversion': '1.0', 'ce-id': 'e1', 'ce-type': type, 'ce-source': source },
          ...{ 'ce-subject': 'master/acme', 'content-type': 'application/json', redrive: topic },
        },
      },
    });
    expect(textOf(known)).toBe('{"object":"größe","count":1}');
  });

  it.each([
    [['ops'], 'ops'],
    [['ops', 'größe, 7'], 'ops,gr%C3%B6%C3%9Fe%2C%207'],
  ])('of an alert that sinks refused goes back to those alone: %j', (sinks, attribute) => {
    const event = { id: 'e1', type: diffType, source, data: {} };
    const { redrive } = letter({ stage: 'deliverAlert', sinks, event });
    expect(redrive).toMatchObject({ message: { attributes: { 'ce-sinks': attribute, redrive: 'diff' } } });
    const headers = redrive.kind === 'message' ? redrive.message.attributes : {};
    expect(sinksOf(readEvent({ headers, body: Buffer.from('{}') }))).toEqual(sinks);
  });

  it('of an alert goes back with the time at which it was made', () => {
    const made = '2026-11-21T01:02:03.000Z';
    const refused = { code: 'SinkRefused', subject: 'alert sink ops', message: 'no', disposition: 'refuse' } as const;
    const event = { id: 'e1', type: diffType, source, time: made, data: {} };
    const kept = deadLetterOf({ stage: 'deliverAlert', event, refused: new ConvergeError(refused) });
    const { redrive } = found({ data: Buffer.from(JSON.stringify(kept)) });
    const headers = redrive.kind === 'message' ? redrive.message.attributes : {};
    expect(headers).toMatchObject({ 'ce-time': made });
    expect(timeOf(readEvent({ headers, body: Buffer.from('{}') }))).toBe(made);
    expect(timeOf({ ...event, time: 'yesterday' })).toBeUndefined();
  });

  it.each([
    ['of the version before, which named none', undefined],
    // Pub/Sub takes no longer attribute.
    ['that names more sinks than an attribute takes', Array.from({ length: 200 }, (_, n) => `sink-${n}`)],
  ])('of an alert goes back to all sinks: one %s', (_what, sinks) => {
    const event = { id: 'e1', type: diffType, source, data: {} };
    const { redrive } = letter({ stage: 'deliverAlert', ...(sinks === undefined ? {} : { sinks }), event });
    const headers = redrive.kind === 'message' ? redrive.message.attributes : {};
    expect(headers).toMatchObject({ 'ce-id': 'e1' });
    expect(sinksOf(readEvent({ headers, body: Buffer.from('{}') }))).toBeUndefined();
  });

  it.each(['copyArtifact', 'checkDrift'])('of an upload that %s refused names the object', (stage) => {
    expect(letter({ stage, event: upload }).redrive).toEqual({ kind: 'upload', object });
  });

  it.each([
    ['an event that could not be read', { stage: 'fanOut', event: { id: '', type: '', source: '' } }, /holds no event/],
    ['an upload without a generation', { stage: 'copyArtifact', event: { ...upload, data: {} } }, /names no object/],
    ['a stage of nobody', { stage: 'dance', event: upload }, /no topic leads to dance/],
  ])('with %s cannot be sent again, and says why', (_what, said, why) => {
    expect(letter(said).redrive).toEqual({ kind: 'none', why: expect.stringMatching(why) });
  });

  it.each(['', 'no JSON', '[]', '{"stage":"fanOut"}'])('that is none (%j) is shown all the same', (text) => {
    expect(found({ data: Buffer.from(text) })).toMatchObject({
      ...{ id: '1', stage: '?', reason: 'Unreadable', subject: '' },
      redrive: { kind: 'none' },
    });
  });
});

describe('what Pub/Sub gave up', () => {
  const attributes = {
    'ce-id': 'e1',
    'ce-type': diffType,
    'ce-subject': 'master/acme',
    'content-type': 'application/json',
  };

  it('goes back as it was sent, without what was added since', () => {
    const given = found({
      subscription: 'diff-given-up',
      attributes: {
        ...attributes,
        redrive: 'diff',
        CloudPubSubDeadLetterSourceDeliveryCount: '20',
        CloudPubSubDeadLetterSourceSubscription: 'converge-diff-deliver-alert',
      },
      data: Buffer.from('{"as":"sent"}'),
    });
    expect(given).toMatchObject({ stage: 'deliverAlert', reason: 'GivenUp', subject: 'master/acme' });
    expect(given.message).toBe('no delivery of 20 succeeded');
    expect(given.redrive).toMatchObject({ message: { topic: 'diff', attributes: { ...attributes, redrive: 'diff' } } });
    expect(given.redrive).not.toMatchObject({
      message: { attributes: { CloudPubSubDeadLetterSourceDeliveryCount: '20' } },
    });
    expect(textOf(given)).toBe('{"as":"sent"}');
  });

  it.each([
    ['change-committed-given-up', 'fanOut'],
    ['reconcile-given-up', 'reconcile'],
    ['diff-given-up', 'deliverAlert'],
    ['converged-given-up', 'deliverAlert'],
    ['report-given-up', 'deliverAlert'],
  ] as const)('on %s was for %s', (subscription, stage) => {
    expect(found({ subscription }).stage).toBe(stage);
  });
});

describe('Terraform', () => {
  const topics = readFileSync(join(import.meta.dirname, '../../../terraform/topics.tf'), 'utf8');

  it('calls the same functions for the same topics', () => {
    const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const said = [...topics.matchAll(/^ +[\w-]+ += \{ topic = "([\w-]+)", stage = "([\w-]+)" \}/gm)];
    expect(Object.fromEntries(said.map(([, topic, stage]) => [topic, stage]))).toEqual(
      Object.fromEntries(Object.entries(readers).map(([topic, reader]) => [topic, kebab(reader)])),
    );
  });

  it('keeps letters on the subscriptions that are looked at, and lets back what was sent again', () => {
    expect(letterSubscriptions).toEqual(['dead-letter', ...Object.keys(readers).map((topic) => `${topic}-given-up`)]);
    expect(topics).toContain('"${delivery.topic}-given-up"');
    const [, filter = ''] = /filter = "(attributes.*)" \}/.exec(topics) ?? [];
    expect(filter.replaceAll('\\"', '"').replace('${delivery.topic}', 'diff')).toBe(redriveFilter('diff'));
  });
});
