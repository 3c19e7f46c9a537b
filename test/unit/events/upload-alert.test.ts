import { describe, expect, it } from 'vitest';
import {
  encodeUploadAlert,
  parseUploadAlert,
  uploadIncident,
  type UploadAlert,
} from '../../../shared/events/upload-alert.ts';

const time = new Date('2026-11-28T09:00:00Z');
const upload = 'gs://family-master/environments/acme.yaml';
const refused = {
  topic: 'diff',
  data: {
    ...{ repository: 'master', artifact: `${upload}#7`, incident: uploadIncident(upload), since: time.toISOString() },
    ...{ reason: 'InvalidEnvironment', message: 'is wrong', remedy: null, author: null, build: null },
  },
} as const satisfies UploadAlert;
const accepted = {
  topic: 'converged',
  data: {
    ...{ repository: 'master', artifact: `${upload}#8`, incident: refused.data.incident, since: refused.data.since },
    ...{ outcome: 'committed', commit: 'c'.repeat(40), unused: [], omitted: 0 },
  },
} as const satisfies UploadAlert;

describe('an alert of an upload', () => {
  it.each([refused, accepted])('comes back from $topic as it was sent', (alert) => {
    const { data, ...event } = encodeUploadAlert(alert, time);
    expect(event.subject).toBe(upload);
    expect(
      parseUploadAlert({ ...event, time: event.time.toISOString(), data: { ...delivered(data), later: 'key' } }),
    ).toEqual(alert);
  });

  it('that is no such alert is refused', () => {
    const event = { ...encodeUploadAlert(refused, time), time: '', type: 'dev.converge.environment.diff.v1' };
    expect(() => parseUploadAlert(event)).toThrow('is no alert of an upload');
  });

  it('of a refusal is another for another upload or reason, and the same at another time', () => {
    const idOf = (data: object, at = time) =>
      encodeUploadAlert({ topic: 'diff', data: { ...refused.data, ...data } }, at).id;
    expect(idOf({ message: 'in other words' }, new Date(0))).toBe(idOf({}));
    expect(new Set([idOf({}), idOf({ artifact: `${upload}#8` }), idOf({ reason: 'TooLarge' })]).size).toBe(3);
  });

  it('of an end is one for one incident, however it ended', () => {
    const idOf = (data: object) =>
      encodeUploadAlert({ topic: 'converged', data: { ...accepted.data, ...data } }, time).id;
    expect(idOf({ artifact: `${upload}#7`, outcome: 'gone', commit: null })).toBe(idOf({}));
    expect(idOf({ since: '2026-11-29T00:00:00.000Z' })).not.toBe(idOf({}));
  });

  it.each([
    ['is not ASCII', 'gs://b/größe 1', 'gs://b/gr%C3%B6%C3%9Fe%201'],
    ['is too long for an attribute', `gs://b/${'a'.repeat(1024)}`, `gs://b/${'a'.repeat(993)}`],
    ['is cut within a character', `gs://b/${'a'.repeat(991)}ö`, `gs://b/${'a'.repeat(991)}`],
  ])('is delivered where its name %s', (_what, name, subject) => {
    const data = { ...refused.data, artifact: `${name}#7` };
    expect(encodeUploadAlert({ topic: 'diff', data }, time).subject).toBe(subject);
  });
});

/** As Pub/Sub hands it over. */
function delivered(data: unknown): object {
  const parsed: unknown = JSON.parse(JSON.stringify(data));
  return parsed instanceof Object ? parsed : {};
}
