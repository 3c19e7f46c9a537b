import { afterEach, expect, it, vi } from 'vitest';
import { createSinks } from '../../../shared/adapters/sinks.ts';
import type { ReceivedAlert } from '../../../shared/events/received-alert.ts';
import { deliveryOf } from '../../sink-delivery.ts';

afterEach(() => void vi.unstubAllGlobals());

it('a webhook gets the alert of a cluster that does not answer, and is told its type', async () => {
  const asked = vi.fn<(url: string, init: RequestInit) => Promise<Response>>(async () => new Response());
  vi.stubGlobal('fetch', asked);
  const alert: ReceivedAlert = {
    kind: 'dependency',
    topic: 'diff',
    data: {
      kind: 'cluster',
      ...{ subject: 'cluster/production-eu', name: 'production-eu' },
      ...{ incident: '4be0d1a2c3f40516', since: '2026-11-21T01:02:03.000Z' },
      ...{ code: 'ClusterUnavailable', message: 'GET /api got no answer in 3 tries', remedy: null },
      ...{ environments: ['master/acme'], count: 1 },
    },
  };
  const sink = { name: 'ops', webhook: { url: 'https://alerts.example.com/converge' } };
  await createSinks().deliver(deliveryOf({ sink, alert }));
  const { headers, body } = asked.mock.calls[0]?.[1] ?? {};
  expect(headers).toMatchObject({ 'ce-id': 'event-7', 'ce-type': 'dev.converge.dependency.unreachable.v1' });
  expect(JSON.parse(typeof body === 'string' ? body : '')).toEqual({ topic: 'diff', ...alert.data });
});
