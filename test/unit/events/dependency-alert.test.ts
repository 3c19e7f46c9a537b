import { describe, expect, it } from 'vitest';
import {
  behindOf,
  dependencyIncident,
  encodeDependencyAlert,
  type DependencyAlert,
} from '../../../shared/events/dependency-alert.ts';
import { alertData, encodeReceivedAlert, parseReceivedAlert } from '../../../shared/events/received-alert.ts';

const of = { kind: 'cluster', name: 'production-eu' } as const;
const since = '2026-11-28T05:00:00.000Z';
const said = { subject: 'cluster/production-eu', ...of, incident: dependencyIncident({ of, since }), since };
const behind = { environments: ['master/acme'], count: 1 };
const unreachable: DependencyAlert = {
  topic: 'diff',
  data: { ...said, code: 'ClusterUnavailable', message: 'no answer', remedy: null, ...behind },
};
const reachable: DependencyAlert = {
  topic: 'converged',
  data: { ...said, outcome: 'answered', seconds: 301, ...behind },
};
const at = new Date('2026-11-28T05:02:00Z');
const delivered = (alert: DependencyAlert) => {
  const { time: _time, data, ...event } = encodeDependencyAlert(alert, at);
  return { ...event, data: JSON.parse(JSON.stringify(data)) as unknown };
};

describe('an alert of a dependency', () => {
  it.each([unreachable, reachable])('comes as it was sent, of its own type: $topic', (alert) => {
    const event = delivered(alert);
    expect(event.subject).toBe('cluster/production-eu');
    const received = parseReceivedAlert(event);
    expect(received).toEqual({ kind: 'dependency', ...alert });
    expect(encodeReceivedAlert(received, at)).toEqual(encodeDependencyAlert(alert, at));
    expect(alertData(received)).toEqual(alert.data);
  });

  it('has one id for its incident, however it is worded by who tells it again', () => {
    const reworded = { ...unreachable, data: { ...unreachable.data, count: 2, message: 'answered 503' } } as const;
    expect(delivered(reworded as DependencyAlert).id).toBe(delivered(unreachable).id);
    expect(delivered(reachable).id).not.toBe(delivered(unreachable).id);
  });

  it('that is not of its shape is refused', () => {
    const event = { ...delivered(unreachable), data: { subject: 'cluster/a' } };
    expect(() => parseReceivedAlert(event)).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });

  it('names the first hundred of those behind it, and counts all', () => {
    const all = Array.from({ length: 1_000 }, (_one, index) => `master/e-${String(index).padStart(4, '0')}`);
    expect(behindOf(all.toReversed())).toEqual({ environments: all.slice(0, 100), count: 1_000 });
  });
});
