import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { encodeAlert, parseAlert, type Converged, type Diff } from '../../../shared/events/alert.ts';
import { encodeChangeCommitted, parseChangeCommitted } from '../../../shared/events/change-committed.ts';
import { eventId, type OutgoingEvent } from '../../../shared/events/cloud-event.ts';
import { deadLetterOf, encodeDeadLetter } from '../../../shared/events/dead-letter.ts';
import { parseObjectFinalized } from '../../../shared/events/object-finalized.ts';
import {
  encodeReconcileRequested,
  parseReconcileRequested,
  overrideOf,
  personsRequestOf,
} from '../../../shared/events/reconcile-requested.ts';

const time = new Date('2026-11-21T01:02:03Z');
const later = new Date('2026-11-21T02:00:00Z');
const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const previous = '1b7e6a1b3d4e5f60718293a4b5c6d7e8f9012345';

/** What a function receives after the message went through Pub/Sub as JSON. */
function delivered(event: OutgoingEvent) {
  const { id, type, source, subject } = event;
  return { id, type, source, subject, data: JSON.parse(JSON.stringify(event.data)) as unknown };
}
const incoming = (data: unknown) => ({ id: '1', type: 'any', source: '//somewhere', data });

describe('an event id', () => {
  it('is equal for equal facts', () => {
    expect(eventId('a', 'b')).toBe(eventId('a', 'b'));
    expect(eventId('a', 'b')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('tells apart facts whose texts run together', () => {
    expect(eventId('ab', 'c')).not.toBe(eventId('a', 'bc'));
    expect(eventId('a', '')).not.toBe(eventId('a'));
  });
});

describe('change-committed', () => {
  const change = {
    repository: 'master',
    url: 'https://git.example.com/family/master.git',
    branch: 'main',
    commit,
    previous,
    artifacts: [{ bucket: 'family-master', name: 'charts/shop.tgz', generation: '1763683200123456' }],
  };

  it('comes back as it was sent', () => {
    const event = encodeChangeCommitted(change, time);
    expect(event).toMatchObject({
      type: 'dev.converge.change.committed.v1',
      subject: 'master',
      source: '//converge.dev/pipeline',
      time,
    });
    expect(parseChangeCommitted(delivered(event))).toEqual(change);
  });

  it('is one event, whoever announces the commit and when', () => {
    const announcedByWebhook = {
      ...change,
      url: 'ssh://git@git.example.com/family/master.git',
      previous: null,
      artifacts: [],
    };
    expect(encodeChangeCommitted(announcedByWebhook, later).id).toBe(encodeChangeCommitted(change, time).id);
  });

  it('is another event for another commit, and in another repository', () => {
    const id = encodeChangeCommitted(change, time).id;
    expect(encodeChangeCommitted({ ...change, commit: previous }, time).id).not.toBe(id);
    expect(encodeChangeCommitted({ ...change, repository: 'staging' }, time).id).not.toBe(id);
  });

  it('may be the first commit of its branch', () => {
    expect(parseChangeCommitted(incoming({ ...change, previous: null })).previous).toBeNull();
  });

  it.each([
    ['commit', 'main'],
    ['commit', commit.slice(0, 7)],
    ['commit', commit.toUpperCase()],
    ['previous', ''],
    ['artifacts', undefined],
    ['repository', ''],
  ])('is refused with a %s of %o, naming the field', (field, value) => {
    expect(() => parseChangeCommitted(incoming({ ...change, [field]: value }))).toThrow(
      expect.objectContaining({
        code: 'InvalidEvent',
        disposition: 'refuse',
        message: expect.stringContaining(`at ${field}`),
      }),
    );
  });
});

describe('reconcile', () => {
  const job = {
    repository: 'master',
    environment: 'acme-production',
    cause: 'request',
    head: commit,
    told: '7',
    waitId: 'one',
    by: 'Olga Ops <olga@example.com>',
    reason: 'a mistake',
    revert: '4be0d1a2c3f40516',
    since: '2026-11-21T01:02:03.000Z',
    override: '2026-11-22T00:00:00.000Z',
  } as const;

  it('comes back as it was sent', () => {
    const event = encodeReconcileRequested({ job, occasion: commit, time });
    expect(event).toMatchObject({ type: 'dev.converge.reconcile.requested.v1', subject: 'master/acme-production' });
    expect(parseReconcileRequested(delivered(event))).toEqual(job);
  });

  it('says no head, and nothing told, where its sender knew none, and is read without, as earlier versions sent it', () => {
    const { repository, environment, cause } = job;
    const blind = { repository, environment, cause };
    const event = encodeReconcileRequested({ job: blind, occasion: commit, time });
    expect(parseReconcileRequested(delivered(event))).toEqual({
      ...{ ...blind, head: '', told: '', waitId: '' },
      ...{ by: '', reason: '', revert: '', since: '', override: '' },
    });
    expect(parseReconcileRequested({ ...delivered(event), data: blind })).toEqual(blind);
  });

  it('is of a person who asks for a look, or that drift is undone, or of none', () => {
    const { by, reason, revert: incident, since, override } = job;
    const asked = { ...job, waitId: '' };
    const look = { ...asked, revert: '', since: '' };
    expect(personsRequestOf(asked)).toEqual({ action: 'revert', by, reason, incident, since });
    expect(personsRequestOf(look)).toEqual({ action: 'reconcile', by, reason, override });
    expect(personsRequestOf({ ...look, reason: '' })).toEqual({ action: 'reconcile', by });
    expect(personsRequestOf({ ...asked, by: '' })).toBeUndefined();
    expect(personsRequestOf(job)).toBeUndefined();
  });

  it('has a freeze passed over by a person with a reason, also by a run that goes on, and by none that undoes drift', () => {
    const { by, reason, override: until } = job;
    const look = { ...job, revert: '', since: '' };
    expect(overrideOf(look)).toEqual({ by, reason, until });
    for (const without of [job, { ...look, by: '' }, { ...look, reason: '' }, { ...look, override: '' }])
      expect(overrideOf(without)).toBeUndefined();
  });

  it('is read without the mode that earlier versions sent', () => {
    const event = encodeReconcileRequested({ job, occasion: commit, time });
    const earlier = { ...delivered(event), data: { ...job, mode: 'teardown' } };
    expect(parseReconcileRequested(earlier)).toEqual(job);
  });

  it('is one event for one occasion', () => {
    const id = encodeReconcileRequested({ job, occasion: commit, time }).id;
    expect(encodeReconcileRequested({ job, occasion: commit, time: later }).id).toBe(id);
    expect(encodeReconcileRequested({ job, occasion: previous, time }).id).not.toBe(id);
    expect(
      encodeReconcileRequested({ job: { ...job, environment: 'globex-production' }, occasion: commit, time }).id,
    ).not.toBe(id);
  });

  it.each([
    ['cause', 'boredom'],
    ['environment', ''],
  ])('is refused with a %s of %o', (field, value) => {
    expect(() => parseReconcileRequested(incoming({ ...job, [field]: value }))).toThrow(
      expect.objectContaining({ code: 'InvalidEvent' }),
    );
  });
});

const diff: Diff = {
  environment: 'acme-production',
  repository: 'master',
  cluster: 'production-eu',
  revision: `main@sha1:${commit}`,
  cause: {
    commit,
    subject: 'Use shop 1.4.2',
    author: 'Ana <ana@example.com>',
    artifact: null,
    build: null,
    restores: null,
  },
  reason: 'Drifted',
  incident: '4be0d1a2c3f40516',
  subject: 'Deployment acme/web',
  since: '2026-11-21T01:02:03Z',
  occurrence: 1,
  action: 'healing',
  summary: 'Deployment acme/web: image differs',
  objects: [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'acme',
      name: 'web',
      change: 'modified',
      message: 'image differs',
      fields: [
        {
          path: '/spec/template/spec/containers[name=web]/image',
          desired: 'shop:1.4.2',
          observed: 'shop:debug',
          manager: 'kubectl-set',
          changedBefore: '2026-11-21T01:01:58Z',
        },
        { path: '/spec/template/spec/hostNetwork', observed: true },
      ],
    },
    { apiVersion: 'v1', kind: 'Namespace', name: 'acme', change: 'missing', message: 'is missing', fields: [] },
  ],
  omitted: 0,
  rollback: null,
  policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 },
};

const converged: Converged = {
  environment: 'acme-production',
  repository: 'master',
  cluster: 'production-eu',
  revision: `main@sha1:${commit}`,
  incident: null,
  occurrence: null,
  since: null,
  cause: null,
  seconds: 4.2,
  changes: { created: 12, configured: 1, unchanged: 40, pruned: 0 },
  policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 },
};

describe('an alert of a version that told no policy', () => {
  it.each([{ topic: 'diff', data: diff } as const, { topic: 'converged', data: converged } as const])(
    'is read all the same: $topic',
    ({ topic, data }) => {
      const { policy: _policy, ...older } = data;
      const event = { ...incoming(older), type: `dev.converge.environment.${topic}.v1` };
      expect(parseAlert(event)).toEqual({ topic, data: { ...data, policy: null } });
    },
  );
});

describe('diff', () => {
  const idOf = (changed: Partial<Diff>) => encodeAlert({ topic: 'diff', data: { ...diff, ...changed } }, time).id;

  it('comes back as it was sent', () => {
    const event = encodeAlert({ topic: 'diff', data: diff }, time);
    expect(event).toMatchObject({ type: 'dev.converge.environment.diff.v1', subject: 'master/acme-production' });
    expect(parseAlert(delivered(event))).toEqual({ topic: 'diff', data: diff });
  });

  it('is one event for one phase of an incident', () => {
    expect(encodeAlert({ topic: 'diff', data: diff }, later).id).toBe(idOf({}));
    expect(idOf({ occurrence: 2 })).not.toBe(idOf({}));
    expect(idOf({ incident: 'another' })).not.toBe(idOf({}));
    expect(idOf({ reason: 'Failed' })).not.toBe(idOf({}));
    expect(idOf({ revision: `main@sha1:${previous}` })).not.toBe(idOf({}));
  });

  it.each([
    ['reason', 'Because'],
    ['occurrence', 0],
    ['action', 'healed twice'],
    ['omitted', -1],
    ['objects', {}],
  ])('is refused with %s %o', (field, value) => {
    const event = { ...incoming({ ...diff, [field]: value }), type: 'dev.converge.environment.diff.v1' };
    expect(() => parseAlert(event)).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });
});

describe('converged', () => {
  const idOf = (changed: Partial<Converged>) =>
    encodeAlert({ topic: 'converged', data: { ...converged, ...changed } }, time).id;

  it('comes back as it was sent', () => {
    const event = encodeAlert({ topic: 'converged', data: converged }, time);
    expect(event).toMatchObject({ type: 'dev.converge.environment.converged.v1', subject: 'master/acme-production' });
    expect(parseAlert(delivered(event))).toEqual({ topic: 'converged', data: converged });
  });

  it('is one event for one revision, however long the run took', () => {
    expect(idOf({ seconds: 9, changes: { created: 0, configured: 0, unchanged: 53, pruned: 0 } })).toBe(idOf({}));
    expect(idOf({ revision: `main@sha1:${previous}` })).not.toBe(idOf({}));
    expect(idOf({ incident: '4be0d1a2c3f40516' })).not.toBe(idOf({}));
  });

  it('says which occurrence of an incident it closes', () => {
    const first = encodeAlert(
      { topic: 'converged', data: { ...converged, incident: diff.incident, occurrence: 1 } },
      time,
    );
    expect(parseAlert(delivered(first)).data).toHaveProperty('occurrence', 1);
  });

  it('is one event for the end of an incident, at whatever revision that is found', () => {
    const end = { incident: diff.incident, occurrence: 1, since: diff.since };
    expect(idOf({ ...end, revision: `main@sha1:${previous}` })).toBe(idOf(end));
    expect(idOf({ ...end, occurrence: 2 })).not.toBe(idOf(end));
    expect(idOf({ ...end, since: '2026-11-20T09:00:01Z' })).not.toBe(idOf(end));
    expect(idOf({ ...end, incident: '4be0d1a2c3f40517' })).not.toBe(idOf(end));
    // As the version before names it.
    const before = { ...end, since: null };
    expect(idOf({ ...before, revision: `main@sha1:${previous}` })).not.toBe(idOf(before));
  });

  it('is not taken for another event', () => {
    const event = { ...incoming(converged), type: 'dev.converge.dead.letter.v1' };
    expect(() => parseAlert(event)).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });
});

describe('dead-letter', () => {
  const letter = {
    stage: 'copyArtifact',
    reason: 'UnsafePath',
    message: 'the path "../x" has a part ..',
    subject: 'gs://family-master/../x#17',
    event: { id: '7' },
  };

  it('is one event for one refusal of one event', () => {
    const event = encodeDeadLetter(letter, time);
    expect(event).toMatchObject({ type: 'dev.converge.dead.letter.v1', subject: 'copyArtifact', data: letter });
    expect(encodeDeadLetter({ ...letter, message: 'in other words' }, later).id).toBe(event.id);
    expect(encodeDeadLetter({ ...letter, event: { id: '8' } }, time).id).not.toBe(event.id);
    expect(encodeDeadLetter({ ...letter, reason: 'GivenUp' }, time).id).not.toBe(event.id);
  });
});

describe('the letter of a refused event', () => {
  const facts = { code: 'SinkRefused', subject: 'alert sink ops', message: 'no', disposition: 'refuse' } as const;
  const event = { ...incoming({ seconds: 1 }), subject: 'master/acme' };
  const letterFor = (sinks?: { asked?: string[]; refused?: string[] }) =>
    deadLetterOf({
      stage: 'deliverAlert',
      event: { ...event, ...(sinks?.asked === undefined ? {} : { sinks: sinks.asked.join(',') }) },
      refused: new ConvergeError({ ...facts, ...(sinks?.refused === undefined ? {} : { sinks: sinks.refused }) }),
    });

  it('holds the event, and which sinks refused it', () => {
    expect(letterFor()).toEqual({
      ...{ stage: 'deliverAlert', reason: 'SinkRefused', message: 'no', subject: 'alert sink ops' },
      event: { id: event.id, type: event.type, source: event.source, subject: 'master/acme', data: event.data },
    });
    expect(letterFor({ refused: ['ops'] }).sinks).toEqual(['ops']);
  });

  it('keeps whom an alert was sent to again, where another thing is wrong with it', () => {
    expect(letterFor({ asked: ['ops', 'chat'] }).sinks).toEqual(['ops', 'chat']);
    expect(letterFor({ asked: ['ops', 'chat'], refused: ['chat'] }).sinks).toEqual(['chat']);
  });
});

describe("Storage's event for an object", () => {
  const object = {
    bucket: 'family-master',
    name: 'charts/shop.tgz',
    generation: '1763683200123456',
    size: '17',
    contentType: 'application/gzip',
  };

  it('is read for what is used of it', () => {
    expect(parseObjectFinalized(incoming(object))).toEqual({
      bucket: 'family-master',
      name: 'charts/shop.tgz',
      generation: '1763683200123456',
    });
  });

  it.each([
    ['bucket', ''],
    ['name', undefined],
    ['generation', undefined],
  ])('is refused with a %s of %o', (field, value) => {
    const data = JSON.parse(JSON.stringify({ ...object, [field]: value })) as unknown;
    expect(() => parseObjectFinalized(incoming(data))).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });

  it('is refused with a generation that is none', () => {
    const event = incoming({ ...object, generation: null });
    expect(() => parseObjectFinalized(event)).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });
});
