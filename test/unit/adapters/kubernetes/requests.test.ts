import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { trusting, type Access } from '../../../../shared/adapters/kubernetes/access.ts';
import { connect } from '../../../../shared/adapters/kubernetes/cluster.ts';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import type { Cluster, WriteFence } from '../../../../shared/ports/kubernetes.ts';

const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'acme' } };

let status: number;
let body: unknown;
/** More headers of answers. */
let headers: Readonly<Record<string, string | string[]>>;
let requests: number;
/** What becomes of the next requests; of those that follow, they are answered. */
let fates: ('cut' | 'silence')[];
/** Called when a request has come. */
let onRequest: () => void;
let paths: string[];
let sent: string[];
const server = createServer((incoming, outgoing) => {
  requests += 1;
  paths.push(incoming.url ?? '');
  onRequest();
  let text = '';
  incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
  incoming.on('end', () => sent.push(text));
  const fate = fates.shift();
  if (fate === 'cut') incoming.socket.destroy();
  if (fate !== undefined) return;
  outgoing
    .writeHead(status, { 'content-type': 'application/json', 'retry-after': '0', ...headers })
    .end(JSON.stringify(body));
});

let cluster: Cluster;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dispatcher: trusting(undefined),
  };
  const access: Access = {
    endpoint: () => Promise.resolve(endpoint),
    credentials: () => Promise.resolve({}),
    renewCredentials: () => Promise.resolve(false),
    lookAgain: () => Promise.resolve(),
    explainFrontEnd: ({ message }) =>
      new ConvergeError({ code: 'ClusterRefused', subject: 'front end', message, disposition: 'refuse' }),
  };
  cluster = connect({ name: 'family', access, actingAs: undefined }, { last: undefined });
});
beforeEach(() => {
  headers = {};
  requests = 0;
  fates = [];
  paths = [];
  sent = [];
  onRequest = () => {};
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function answers(code: number): void {
  status = code;
  body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: '', message: `made up: ${code}`, code };
}

async function refusalOf(work: Promise<unknown>): Promise<ConvergeError> {
  const [result] = await Promise.allSettled([work]);
  if (result.status === 'rejected' && result.reason instanceof ConvergeError) return result.reason;
  throw new Error('was not refused');
}

const read = (): Promise<unknown> => cluster.get({ resource, namespace: 'acme', name: 'settings' });
const write = (): Promise<unknown> => cluster.apply({ resource, object, dryRun: false });

describe('a read that is answered', () => {
  it.each([408, 423, 425, 429, 500, 502, 503, 504, 507])(
    '%i is sent again, and where it stays so the cluster is unavailable: the message is retried',
    async (code) => {
      answers(code);
      expect(await refusalOf(read())).toMatchObject({ code: 'ClusterUnavailable', disposition: 'retry' });
      expect(requests).toBeGreaterThan(1);
    },
  );

  it.each([400, 403, 405, 409, 410, 422])('%i is not sent again, and refused', async (code) => {
    answers(code);
    expect(await refusalOf(read())).toMatchObject({ code: 'ClusterRefused', disposition: 'refuse' });
    expect(requests).toBe(1);
  });
});

it('a list of which some will do reads no further page once so many are there', async () => {
  status = 200;
  body = { items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }], metadata: { continue: 'more' } };
  const found = await cluster.list({ resource, namespace: 'acme', content: 'whole', most: 3 });
  expect([found.length, requests]).toEqual([4, 2]);
});

describe('the Warning events of a namespace', () => {
  const path = '/api/v1/namespaces/acme/events?limit=500&fieldSelector=type%3DWarning';

  it('are asked for once, as far as one answer goes', async () => {
    status = 200;
    body = { items: [{ reason: 'FailedMount' }], metadata: { continue: 'more' } };
    expect(await cluster.warnings('acme')).toEqual([{ reason: 'FailedMount' }]);
    expect(paths).toEqual([path]);
  });

  it.each([403, 404, 410, 429, 500, 503])(
    'say nothing where the API server answers %i, and fail nobody',
    async (code) => {
      answers(code);
      expect(await cluster.warnings('acme')).toBeUndefined();
      expect(requests).toBe(1);
    },
  );

  it('say nothing where the answer is cut off, too slow or too large', async () => {
    fates = ['cut'];
    expect(await cluster.warnings('acme')).toBeUndefined();
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
      expect(milliseconds).toBe(3_000);
      return AbortSignal.abort(new DOMException('too slow', 'TimeoutError'));
    });
    fates = ['silence'];
    expect(await cluster.warnings('acme')).toBeUndefined();
    vi.restoreAllMocks();
    status = 200;
    body = { items: [{ message: 'x'.repeat(1 << 20) }] };
    expect(await cluster.warnings('acme')).toBeUndefined();
  });
});

describe('a write that is answered', () => {
  it.each([408, 425, 429, 502, 503, 504])('%i says that the cluster is unavailable', async (code) => {
    answers(code);
    expect(await refusalOf(write())).toMatchObject({ code: 'ClusterUnavailable', disposition: 'retry' });
    expect(requests).toBe(4);
  });

  it.each([423, 500])('%i is sent three times, and then says that this object failed', async (code) => {
    answers(code);
    expect(await write()).toMatchObject({ outcome: 'rejected', status: code, message: `made up: ${code}` });
    expect(requests).toBe(3);
  });

  it.each([400, 403, 409, 422])('%i says at once that this object is refused', async (code) => {
    answers(code);
    expect(await write()).toMatchObject({ outcome: 'rejected', status: code });
    expect(requests).toBe(1);
  });

  it('500 for an object that does not fit its schema is not sent again', async () => {
    answers(500);
    body = { kind: 'Status', message: 'failed to create typed patch object (acme/settings; v1): unknown field' };
    expect(await write()).toMatchObject({ outcome: 'rejected', status: 500 });
    expect(requests).toBe(1);
  });
});

/** A fence that notes what it is asked and told, and is lost at its n-th look. */
function recordingFence({ lostAt }: { lostAt?: number } = {}): { seen: string[]; fence: WriteFence } {
  const seen: string[] = [];
  const lost = new ConvergeError({ code: 'LeaseLost', subject: 'lease', message: 'is lost', disposition: 'retry' });
  const fence: WriteFence = {
    async assertHeld() {
      seen.push('held?');
      if (seen.filter((one) => one === 'held?').length === lostAt) throw lost;
    },
    unanswered: () => void seen.push('unanswered'),
  };
  return { seen, fence };
}

describe('a write behind a fence', () => {
  const changes = {
    apply: (fence: WriteFence) => cluster.apply({ resource, object, dryRun: false, fence }),
    release: (fence: WriteFence) =>
      cluster.writeManagedFields({ ...place, uid: 'a', resourceVersion: '2', managedFields: [], fence }),
    delete: (fence: WriteFence) => cluster.delete({ ...place, uid: 'a', resourceVersion: '2', fence }),
  };
  const place = { resource, namespace: 'acme', name: 'settings' };

  it.each(Object.entries(changes))(
    'looks at it before each try, and ends at the API server in time: %s',
    async (_, write) => {
      const { seen, fence } = recordingFence();
      answers(409);
      fates = ['cut'];
      await write(fence);
      expect(seen).toEqual(['held?', 'unanswered', 'held?']);
      for (const path of paths) expect(new URL(path, 'http://cluster').searchParams.get('timeout')).toBe('12s');
    },
  );

  it('that no webhook admitted was not done', async () => {
    const { seen, fence } = recordingFence();
    answers(500);
    body = {
      kind: 'Status',
      reason: 'InternalError',
      message: 'Internal error occurred: failed calling webhook "x": EOF',
    };
    expect(await changes.apply(fence)).toMatchObject({ outcome: 'rejected', status: 500 });
    expect(seen).toEqual(['held?', 'held?', 'held?']);
  });

  it('that the API server gave up itself is a failure of its object, and may be done yet', async () => {
    const { seen, fence } = recordingFence();
    answers(504);
    body = { status: 'Failure', message: 'Timeout: request did not complete', reason: 'Timeout', code: 504 };
    expect(await changes.apply(fence)).toMatchObject({ outcome: 'rejected', status: 504 });
    expect(seen).toEqual(['held?', 'unanswered', 'held?', 'unanswered', 'held?', 'unanswered']);
  });

  it('is not sent where the lease is lost, nor again', async () => {
    answers(409);
    expect(await refusalOf(changes.apply(recordingFence({ lostAt: 1 }).fence))).toMatchObject({ code: 'LeaseLost' });
    expect(requests).toBe(0);
    fates = ['cut'];
    expect(await refusalOf(changes.apply(recordingFence({ lostAt: 2 }).fence))).toMatchObject({ code: 'LeaseLost' });
    expect(requests).toBe(1);
  });

  it.each([
    [503, ['held?', 'unanswered', 'held?', 'unanswered', 'held?', 'unanswered', 'held?', 'unanswered']],
    [429, ['held?', 'held?', 'held?', 'held?']],
    [422, ['held?']],
  ])('that is answered %i tells what nobody knows of it', async (code, told) => {
    const { seen, fence } = recordingFence();
    answers(code);
    await Promise.allSettled([changes.apply(fence)]);
    expect(seen).toEqual(told);
  });

  it('ends where nothing is answered in time', async () => {
    const ends: number[] = [];
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
      ends.push(milliseconds);
      const end = new AbortController();
      onRequest = () => end.abort(new DOMException('it took too long', 'TimeoutError'));
      return end.signal;
    });
    const { seen, fence } = recordingFence();
    fates = ['silence', 'silence'];
    expect(await refusalOf(changes.apply(fence))).toMatchObject({
      code: 'ClusterUnavailable',
      message: expect.stringContaining('got no answer in 2 tries of 13 s'),
    });
    expect(ends).toEqual([13_000, 13_000]);
    expect(seen).toEqual(['held?', 'unanswered', 'held?', 'unanswered']);
  });

  it('is a write: a dry run and a read have neither', async () => {
    answers(409);
    await cluster.apply({ resource, object, dryRun: true });
    await Promise.allSettled([read()]);
    expect(paths.filter((path) => path.includes('timeout='))).toEqual([]);
  });
});

describe('what stands before the API server', () => {
  it.each([
    [500, 'retry', true],
    [503, 'retry', true],
    [403, 'refuse', false],
  ])('and answers %i itself: %s', async (code, disposition, isSentAgain) => {
    status = code;
    body = { error: { code, message: 'of the gateway' } };
    expect(await refusalOf(write())).toMatchObject({ disposition });
    expect(requests > 1).toBe(isSentAgain);
  });
});

describe('a warning of the API server', () => {
  it('is told of a list, each by itself and as it was before it was quoted', async () => {
    status = 200;
    body = { kind: 'List', items: [], metadata: {} };
    headers = {
      warning: [
        '299 - "v1 \\"Old\\" is deprecated in v1.29+, unavailable in v1.32+; use v2", 299 - "second"',
        '199 - "other"',
      ],
    };
    const told: string[] = [];
    const list = async (onWarning?: (text: string) => void) =>
      cluster.list({
        resource,
        namespace: 'acme',
        content: 'metadata',
        ...(onWarning === undefined ? {} : { onWarning }),
      });
    await list((text) => void told.push(text));
    expect(told).toEqual(['v1 "Old" is deprecated in v1.29+, unavailable in v1.32+; use v2', 'second']);
    expect(await list()).toEqual([]);
  });
});

describe('a deletion that is only asked', () => {
  it('says so where the API server reads it, and takes no fence', async () => {
    answers(200);
    body = { kind: 'Status', apiVersion: 'v1', status: 'Success' };
    const place = { resource, namespace: 'acme', name: 'settings', uid: 'a', resourceVersion: '2' };
    expect(await cluster.delete({ ...place, dryRun: true })).toEqual({ outcome: 'deleted', gone: true });
    await cluster.delete(place);
    const [asked, done] = sent.map((text): unknown => JSON.parse(text));
    expect(asked).toMatchObject({ dryRun: ['All'], preconditions: { uid: 'a', resourceVersion: '2' } });
    expect(done).not.toHaveProperty('dryRun');
  });
});
