import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClusters } from '../../../../shared/adapters/kubernetes.ts';
import { configKeysSchema } from '../../../../shared/config/config.ts';
import type { Cluster } from '../../../../shared/ports/kubernetes.ts';
import { startGoogleApis, type GoogleApis } from '../../../../local/parts/google-apis.ts';
import { onGoogleCloud } from '../../../google/surroundings.ts';
import { rejectionOf } from '../../../refusal.ts';

const member = 'projects/123/locations/europe-west1/gkeMemberships/prod';
const settings = {
  namespace: 'acme',
  name: 'settings',
  resource: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
};
const found = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings' },
  error: { code: 7, message: 'is a field like any other' },
};

let google: GoogleApis;
let undo: () => void;
let answer: (outgoing: ServerResponse, path: string) => void;
beforeAll(async () => {
  google = await startGoogleApis();
  undo = onGoogleCloud(google.variables);
  google.members.set(member, (_incoming, outgoing, path) => answer(outgoing, path));
});
beforeEach(() => {
  google.fail(() => undefined);
  answer = (outgoing) => json(outgoing, 200, found);
});
afterAll(async () => {
  undo();
  await google.stop();
});

const json = (outgoing: ServerResponse, status: number, body: unknown): void =>
  void outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

async function open(name = 'prod'): Promise<Cluster> {
  const membership = `projects/123/locations/europe-west1/memberships/${name}`;
  const parsed = configKeysSchema.pick({ clusters: true, google: true }).parse({
    clusters: {
      private: { gke: 'projects/family/locations/europe-west1/clusters/prod', endpoint: 'connect-gateway', membership },
    },
    google: { connectGateway: google.url },
  });
  return await createClusters(parsed)({ name: 'private', repository: 'master', environment: 'acme' });
}

async function get(name?: string): Promise<unknown> {
  return await (await open(name)).get(settings);
}

describe('a cluster behind Connect Gateway', () => {
  it('answers at the path of its membership', async () => {
    let asked = '';
    answer = (outgoing, path) => {
      asked = path;
      json(outgoing, 200, found);
    };
    expect(await get()).toEqual(found);
    expect(asked).toBe('/api/v1/namespaces/acme/configmaps/settings');
  });

  it('says itself what is absent', async () => {
    answer = (outgoing) =>
      json(outgoing, 404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 });
    expect(await get()).toBeUndefined();
  });

  it('that is no member is an error, and not a cluster without objects', async () => {
    expect(await rejectionOf(get('nowhere'))).toMatchObject({
      code: 'ClusterNotFound',
      disposition: 'refuse',
      subject: 'projects/123/locations/europe-west1/memberships/nowhere',
    });
  });

  it('that may not be reached is told with the role that is missing', async () => {
    google.fail((request) =>
      request.includes('/gkeMemberships/') ? { status: 403, message: 'Permission denied' } : undefined,
    );
    const refusal = await rejectionOf(get());
    expect(refusal).toMatchObject({ code: 'ClusterRefused', disposition: 'retry' });
    expect(refusal.message).toContain('Permission denied');
    expect(refusal.remedy).toContain('roles/gkehub.gatewayEditor');
  });

  it('whose gateway fails is asked again', async () => {
    let tries = 0;
    google.fail((request) =>
      request.includes('/gkeMemberships/') && ++tries < 3 ? { status: 503, message: 'try later' } : undefined,
    );
    expect(await get()).toEqual(found);
  });

  it('takes other tokens where those that were good are no longer', async () => {
    const cluster = await open();
    await cluster.get(settings);
    google.endTokens();
    expect(await cluster.get(settings)).toEqual(found);
  });
});
