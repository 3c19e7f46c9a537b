import { describe, expect, it } from 'vitest';
import { accessSchema, guardOf } from '../../../shared/access/access.ts';
import { judgeClaims } from '../../../shared/access/judge-claims.ts';
import { assertShown, judgePerson, shownOf, type Caller } from '../../../shared/access/people.ts';
import { parseConfig } from '../../../shared/config/config.ts';

const audience = 'https://inspect.example.com';
const account = (email: string, domain?: string): Caller => ({ kind: 'account', email, domain });
const people = [
  { who: ['ada@example.com'] },
  { who: ['bob@example.com'], classes: ['staging', 'develop'] },
  { who: ['eve@example.com'], classes: ['master'], environments: ['acme-*'] },
  { who: ['*@partner.example'], environments: ['shop'] },
];
const environments = ['master/shop', 'master/acme-production', 'staging/shop'] as const;

describe('what is in a cluster', () => {
  it.each<{ who: string; caller: Caller; sees: readonly string[] }>([
    { who: 'a person of all', caller: account('ada@example.com'), sees: environments },
    { who: 'a person whose address is written otherwise', caller: account('Ada@Example.com'), sees: environments },
    { who: 'a person of other classes', caller: account('bob@example.com'), sees: ['staging/shop'] },
    { who: 'a person of some environments', caller: account('eve@example.com'), sees: ['master/acme-production'] },
    {
      who: 'a person of a domain',
      caller: account('kim@partner.example', 'partner.example'),
      sees: ['master/shop', 'staging/shop'],
    },
    { who: 'a stranger with an address of that domain', caller: account('kim@partner.example'), sees: [] },
    { who: 'a person of no entry', caller: account('mallory@example.com', 'example.com'), sees: [] },
    { who: 'CI', caller: account('converge-ci-master@family.iam.gserviceaccount.com'), sees: [] },
    { who: 'a machine of Google’s', caller: account('7-compute@developer.gserviceaccount.com'), sees: [] },
    { who: 'anybody, where the function is open', caller: { kind: 'anybody' }, sees: environments },
  ])('is shown to $who as $sees', ({ caller, sees }) => {
    const seen = environments.filter((key) => {
      const [repository = '', environment = ''] = key.split('/');
      return judgePerson({ people, caller, repository, environment }).may;
    });
    expect(seen).toEqual(sees);
  });

  it.each<{ who: string; caller: Caller; reason: RegExp }>([
    {
      who: 'CI',
      caller: account('ci@family.iam.gserviceaccount.com'),
      reason: /ci@family.*is a service account, as CI has: .* people alone/,
    },
    { who: 'nobody known', caller: account('mallory@example.com'), reason: /is not among `access.people`/ },
    { who: 'a person of another class', caller: account('bob@example.com'), reason: /may not see master\/shop/ },
  ])('is refused to $who with a sentence', ({ caller, reason }) => {
    const shown = () => assertShown({ access: { people }, caller, repository: 'master', environment: 'shop' });
    expect(shown).toThrow(expect.objectContaining({ code: 'NotAllowed', message: expect.stringMatching(reason) }));
  });

  it('is shown as far as it is theirs, where all of a class is asked for', () => {
    const access = { people: [{ who: ['ada@example.com'], environments: ['shop*'] }] };
    const asked = { access, repository: 'master', environments: ['acme', 'shop', 'shop-eu'] };
    expect(shownOf({ ...asked, caller: account('ada@example.com') })).toEqual(['shop', 'shop-eu']);
    expect(shownOf({ ...asked, caller: account('mallory@example.com') })).toEqual([]);
    const any = (caller: Caller, repository = 'master') =>
      assertShown({ access, caller, repository, environment: undefined });
    expect(() => any(account('ada@example.com'))).not.toThrow();
    expect(() => any(account('mallory@example.com'))).toThrow('is not among');
    const ofStaging = { people: [{ who: ['ada@example.com'], classes: ['staging'] }] };
    const asks = {
      access: ofStaging,
      caller: account('ada@example.com'),
      repository: 'master',
      environment: undefined,
    };
    expect(() => assertShown(asks)).toThrow('may not see anything of master');
  });

  it('is shown to nobody where nobody is named, and never to a service account', () => {
    const asked = { repository: 'master', environment: 'shop' };
    expect(() => assertShown({ access: {}, caller: account('ada@example.com'), ...asked })).toThrow('access.people');
    const all = [{ who: ['ci@family.iam.gserviceaccount.com', '*@family.iam.gserviceaccount.com'] }];
    const caller = account('ci@family.iam.gserviceaccount.com');
    expect(judgePerson({ people: all, caller, ...asked }).may).toBe(false);
  });

  it('is shown to no account that calls a function of the flow, though its whole domain may look', () => {
    const access = accessSchema.parse({
      functions: {
        reconcile: { audiences: [audience], callers: ['push@partner.example'] },
        status: { audiences: [audience], callers: ['kim@partner.example'] },
      },
      people: [{ who: ['*@partner.example'] }],
    });
    const shownTo = (email: string) => () =>
      assertShown({ access, caller: account(email, 'partner.example'), repository: 'master', environment: 'shop' });
    expect(shownTo('kim@partner.example')).not.toThrow();
    expect(shownTo('Push@partner.example')).toThrow('calls a function of the flow');
  });
});

describe('the door of inspect', () => {
  const access = accessSchema.parse({ functions: { inspect: { audiences: [audience] } }, people });
  const guard = guardOf({ access, name: 'inspect', onCloudRun: true });
  const now = new Date('2026-11-21T01:00:00Z');
  const seconds = now.getTime() / 1000;
  const claims = {
    ...{ iss: 'https://accounts.google.com', aud: audience, iat: seconds - 60, exp: seconds + 60 },
    ...{ email: 'ada@example.com', email_verified: true },
  };

  it.each([
    ['a person', {}, 'admitted'],
    ['whoever else is known, who is told why not', { email: 'ci@family.iam.gserviceaccount.com' }, 'admitted'],
    ['a token for another function', { aud: 'https://status.example.com' }, 'unauthenticated'],
    ['a token of another issuer', { iss: 'https://issuer.example' }, 'unauthenticated'],
    ['a token that ended', { exp: seconds - 60 }, 'unauthenticated'],
    ['an address that is not verified', { email_verified: false }, 'forbidden'],
    ['a token without an address', { email: undefined }, 'forbidden'],
  ])('takes %s so', (_what, changes, verdict) => {
    if (guard.kind !== 'token') throw new Error(guard.kind);
    expect(judgeClaims({ claims: { ...claims, ...changes }, ...guard, now }).verdict).toBe(verdict);
  });

  it('is closed where the configuration does not name it', () => {
    expect(guardOf({ access: accessSchema.parse({ people }), name: 'inspect', onCloudRun: true }).kind).toBe('closed');
  });
});

describe('the configuration refuses', () => {
  const config = (access: object) => () =>
    parseConfig({
      file: 'config.yaml',
      text: JSON.stringify({
        ...{ project: 'p', state: { bucket: 's' }, clusters: {}, access },
        repositories: { master: { url: 'https://git.example/m.git', bucket: 'm' } },
      }),
    });

  it.each([
    ['a class that is nowhere', { people: [{ who: ['a@b.c'], classes: ['mastre'] }] }, 'access.people.0.classes.0'],
    ['an unknown key', { people: [{ who: ['a@b.c'], class: 'master' }] }, 'class'],
    ['nobody', { people: [{ who: [] }] }, 'access.people.0.who'],
    ['what is no address', { people: [{ who: ['ada'] }] }, 'access.people.0.who.0'],
    ['a service account', { people: [{ who: ['a@p.iam.gserviceaccount.com'] }] }, 'is a service account'],
    ['all service accounts', { people: [{ who: ['*@p.iam.gserviceaccount.com'] }] }, 'is a service account'],
    [
      'whoever calls another function',
      {
        functions: { reconcile: { audiences: ['https://r'], callers: ['Push@example.com'] } },
        people: [{ who: ['push@example.com'] }],
      },
      'calls a function of the flow',
    ],
    [
      'callers of inspect, whom `people` says',
      { functions: { inspect: { audiences: ['https://i'], callers: ['ada@example.com'] } } },
      'callers',
    ],
  ])('%s by file and key', (_what, access, said) => {
    expect(config(access)).toThrow(
      expect.objectContaining({ code: 'BadConfiguration', message: expect.stringContaining(said) }),
    );
    expect(config(access)).toThrow('config.yaml');
  });

  it('takes people of a class by a pattern, and who may call status', () => {
    const status = { audiences: ['https://s'], callers: ['ada@example.com'] };
    const access = { functions: { status }, people: [{ who: ['ada@example.com'], classes: ['mas*'] }] };
    expect(config(access)).not.toThrow();
  });
});
