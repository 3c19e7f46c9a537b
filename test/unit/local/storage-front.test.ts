import { describe, expect, it } from 'vitest';
import { lostAnswerOf } from '../../../local/fronts/lost-answers.ts';
import { rightsOf, storageGrants, type StorageAccount } from '../../../local/fronts/storage-grants.ts';
import { mutatedBy, storageRequestOf } from '../../../local/fronts/storage-request.ts';
import { limitWrites } from '../../../local/fronts/write-limit.ts';

describe('a request to Cloud Storage', () => {
  const upload = '/upload/storage/v1/b/state/o?uploadType=multipart';
  const object = '/storage/v1/b/state/o/a%2Fb';

  it.each([
    ['POST', `${upload}&name=a%2Fb`, 'state/a/b'],
    ['POST', `${object}/rewriteTo/b/other/o/c%2Fd`, 'other/c/d'],
    ['POST', `${object}/compose`, 'state/a/b'],
    ['PATCH', object, 'state/a/b'],
    ['DELETE', `${object}?generation=1`, 'state/a/b'],
  ])('mutates: %s %s', (method, path, name) => {
    expect(mutatedBy({ method, path })).toBe(name);
  });

  it.each([
    ['GET', object],
    ['GET', `${object}?alt=media`],
    ['GET', '/storage/v1/b/state/o?prefix=a'],
    ['POST', '/storage/v1/b?project=local'],
    ['PUT', `${upload}&upload_id=1`],
    ['POST', upload],
  ])('mutates nothing that it names: %s %s', (method, path) => {
    expect(mutatedBy({ method, path })).toBeUndefined();
  });

  it('names what a copy reads', () => {
    const request = { method: 'POST', path: `${object}/copyTo/b/other/o/c` };
    expect(storageRequestOf(request)).toMatchObject({ does: 'write', sources: [{ bucket: 'state', object: 'a/b' }] });
  });
});

describe('what an account may do in Storage', () => {
  const accountClass = { name: 'master', uploads: 'family-master' };
  const denialOf = (account: StorageAccount, method: string, path: string, exists = false) =>
    rightsOf(account, { stateBucket: 'state', accountClass }).denialOf(storageRequestOf({ method, path }), exists)
      ?.permission;
  const write = (name: string): [string, string] => [
    'POST',
    `/upload/storage/v1/b/state/o?name=${encodeURIComponent(name)}`,
  ];

  it('is what its grants say of the object', () => {
    expect(denialOf('reconcile', ...write('environments/master/shop/memory.json'), true)).toBeUndefined();
    expect(denialOf('reconcile', ...write('ledger/master.json'))).toBe('storage.objects.create');
    expect(denialOf('copy-artifact', ...write('ledger/master.json'), true)).toBeUndefined();
    expect(denialOf('copy-artifact', ...write('ledger/master.json.bak/x'))).toBeUndefined();
    expect(denialOf('copy-artifact', ...write('ledger/a/b.json'))).toBe('storage.objects.create');
  });

  it('is nothing in a bucket that it has no grant on', () => {
    expect(denialOf('reconcile', 'GET', '/storage/v1/b/family-master/o/a')).toBe('storage.objects.get');
    expect(denialOf('deliver-alert', 'GET', '/storage/v1/b/state/o/a')).toBe('storage.objects.get');
    expect(denialOf('check-drift', 'GET', '/storage/v1/b/family-master/o')).toBeUndefined();
  });

  it('is confined to the class, where each has an account of its own', () => {
    expect(denialOf('copy-artifact', ...write('ledger/staging.json'))).toBe('storage.objects.create');
    expect(denialOf('copy-artifact', 'GET', '/storage/v1/b/family-master/o/a')).toBeUndefined();
    expect(denialOf('copy-artifact', 'GET', '/storage/v1/b/family-staging/o/a')).toBe('storage.objects.get');
    const upload = (bucket: string): [string, string] => ['POST', `/upload/storage/v1/b/${bucket}/o?name=a`];
    expect(denialOf('ci', ...upload('family-master'), true)).toBeUndefined();
    expect(denialOf('ci', ...upload('family-staging'))).toBe('storage.objects.create');
    expect(denialOf('ci', 'GET', '/storage/v1/b/state/o/ledger%2Fmaster.json')).toBeUndefined();
    expect(denialOf('ci', 'GET', '/storage/v1/b/state/o/ledger%2Fstaging.json')).toBe('storage.objects.get');
  });

  it.each(['create', 'replace'])('is what gcloud and gsutil ask of CI, whatever it may besides: %s', (rights) => {
    const grants = storageGrants.filter(
      ({ who, role, on }) => who === 'ci' && on === 'uploads' && (rights === 'replace' || !role.endsWith('replacer')),
    );
    const ci = rightsOf('ci', { stateBucket: 'state', accountClass, grants });
    const lacks = (method: string, path: string, exists = false) =>
      ci.denialOf(storageRequestOf({ method, path }), exists)?.permission;
    // They look at the destination, which has to be 404, list what begins like it, and write it.
    expect(lacks('GET', '/storage/v1/b/family-master/o/charts%2Fshop.tgz')).toBeUndefined();
    expect(ci.mayList('family-master')).toBe(true);
    expect(lacks('GET', '/storage/v1/b/family-master/o?prefix=charts%2Fshop.tgz%2F')).toBeUndefined();
    const written: [string, string] = ['POST', '/upload/storage/v1/b/family-master/o?name=charts%2Fshop.tgz'];
    expect(lacks(...written)).toBeUndefined();
    expect(lacks(...written, true)).toBe(rights === 'replace' ? undefined : 'storage.objects.delete');
    expect(lacks('GET', '/storage/v1/b/state/o/ledger%2Fmaster.json')).toBe('storage.objects.get');
  });

  it('is no list by a grant on the names of objects', () => {
    expect(rightsOf('receive-push', { stateBucket: 'state' }).mayList('state')).toBe(true);
    expect(denialOf('receive-push', 'GET', '/storage/v1/b/state/o/deliveries%2Fx')).toBeUndefined();
    expect(denialOf('receive-push', 'GET', '/storage/v1/b/state/o/ledger%2Fx')).toBe('storage.objects.get');
  });
});

describe('an answer that is lost', () => {
  const write = { method: 'POST', path: '/upload/storage/v1/b/state/o?name=a' };
  const drawn = (seed: number, share: number) => {
    const lost = lostAnswerOf({ seed, share });
    return Array.from({ length: 400 }, () => lost(write));
  };

  it('is the same for the same seed', () => {
    expect(drawn(7, 0.1)).toEqual(drawn(7, 0.1));
    expect(drawn(7, 0.1)).not.toEqual(drawn(8, 0.1));
  });

  it('is one of about as many as the share says, in either way', () => {
    const lost = drawn(7, 0.1).filter((how) => how !== undefined);
    expect(lost.length).toBeGreaterThan(20);
    expect(lost.length).toBeLessThan(60);
    expect(new Set(lost)).toEqual(new Set(['cut', 'unavailable']));
    expect(drawn(7, 0)).toEqual(Array.from({ length: 400 }));
  });
});

describe('the limit of Cloud Storage', () => {
  const write = {
    method: 'POST',
    path: '/upload/storage/v1/b/state/o?uploadType=multipart&name=a%2Fb',
    body: Buffer.alloc(0),
  };
  const deletion = { ...write, method: 'DELETE', path: '/storage/v1/b/state/o/a%2Fb?ifGenerationMatch=1' };
  const done = { status: 200, headers: {}, body: Buffer.alloc(0) };

  it('is one mutation a second of one name, deletions among them', () => {
    let now = 0;
    const limit = limitWrites(() => now);
    expect(limit.refusalOf(write)).toBeUndefined();
    limit.note(done, write);
    now = 999;
    expect(limit.refusalOf(deletion)).toMatchObject({ status: 429 });
    expect(limit.refusalOf({ ...write, path: write.path.replace('name=a', 'name=c') })).toBeUndefined();
    expect(limit.refusalOf({ ...write, method: 'GET' })).toBeUndefined();
    now = 1000;
    expect(limit.refusalOf(deletion)).toBeUndefined();
  });

  it('does not count what was refused', () => {
    const limit = limitWrites(() => 0);
    limit.refusalOf(write);
    limit.note({ ...done, status: 412 }, write);
    expect(limit.refusalOf(write)).toBeUndefined();
  });
});
