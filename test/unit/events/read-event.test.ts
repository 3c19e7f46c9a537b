import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { parseReconcileRequested } from '../../../shared/events/reconcile-requested.ts';
import { readEvent } from '../../../shared/events/read-event.ts';

const deliverySchema = z.object({ headers: z.record(z.string(), z.string()), body: z.unknown() });

function deliveryOf(name: string): { headers: Record<string, string>; body: Uint8Array } {
  const file = join(import.meta.dirname, '../../functions/deliveries', `${name}.json`);
  const { headers, body } = deliverySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return { headers, body: Buffer.from(JSON.stringify(body)) };
}

const job = { repository: 'master', environment: 'acme', cause: 'commit' };
const event = {
  id: '8e3c6f50417d9cabba29d8e7f6051423',
  type: 'dev.converge.reconcile.requested.v1',
  source: '//converge.dev/pipeline',
  subject: 'master/acme',
};

describe('an event', () => {
  it.each([
    'reconcile-requested',
    'reconcile-requested-wrapped-by-eventarc',
    'reconcile-requested-wrapped',
    'reconcile-requested-structured',
  ])('is read from %s', (name) => {
    const read = readEvent(deliveryOf(name));
    expect(read).toMatchObject(event);
    expect(parseReconcileRequested(read)).toEqual(job);
  });

  it('has the time at which it was made, in each form', () => {
    const time = '2026-11-21T01:02:03.000Z';
    const attributes = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-type': 't', 'ce-source': 's', 'ce-time': time };
    const wrapped = JSON.stringify({ message: { attributes, data: 'e30=' } });
    const structured = JSON.stringify({ specversion: '1.0', id: '7', type: 't', source: 's', time });
    for (const request of [
      { headers: attributes, body: Buffer.from('{}') },
      { headers: {}, body: Buffer.from(wrapped) },
      { headers: {}, body: Buffer.from(structured) },
    ])
      expect(readEvent(request).time).toBe(time);
  });

  it('of Cloud Storage is read as Eventarc sends it', () => {
    expect(readEvent(deliveryOf('storage-finalized'))).toMatchObject({
      type: 'google.cloud.storage.object.v1.finalized',
      data: { name: 'config/acme.yaml' },
    });
  });

  const binary = deliveryOf('reconcile-requested');
  const text = (content: string): Uint8Array => Buffer.from(content);
  it.each([
    { what: 'without a version', request: { ...binary, headers: { ...binary.headers, 'ce-specversion': '' } } },
    { what: 'of another version', request: { ...binary, headers: { ...binary.headers, 'ce-specversion': '0.3' } } },
    { what: 'whose body is cut off', request: { ...binary, body: binary.body.slice(0, 20) } },
    { what: 'whose body is not UTF-8', request: { ...binary, body: Uint8Array.of(0x22, 0xff, 0x22) } },
    { what: 'without anything', request: { headers: {}, body: text('') } },
    {
      what: 'that is a message without attributes',
      request: { headers: {}, body: text('{"message":{"data":"e30="}}') },
    },
    {
      what: 'that is a message without data',
      request: {
        headers: {},
        body: text(
          JSON.stringify({
            message: { attributes: { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-type': 't', 'ce-source': 's' } },
          }),
        ),
      },
    },
    {
      what: 'that is a message whose data is no base64',
      request: { headers: {}, body: text('{"message":{"attributes":{},"data":"?"}}') },
    },
  ])('$what is refused', ({ request }) => {
    const read = (): unknown => readEvent(request);
    expect(read).toThrow(ConvergeError);
    expect(read).toThrow(expect.objectContaining({ code: 'InvalidEvent', disposition: 'refuse' }));
  });
});
