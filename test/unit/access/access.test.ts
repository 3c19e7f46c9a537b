import { describe, expect, it } from 'vitest';
import { accessSchema, guardOf, type Access } from '../../../shared/access/access.ts';
import { findToken } from '../../../shared/access/bearer-token.ts';
import { judgeClaims } from '../../../shared/access/judge-claims.ts';

const rule = { audiences: ['https://f.example.com'], callers: ['push@family.iam.gserviceaccount.com'] };
const access = (changes: object): Access => accessSchema.parse({ functions: { fanOut: rule }, ...changes });

describe('the guard of a function', () => {
  it.each<{ what: string; access: Access | undefined; onCloudRun: boolean; kind: string; reason?: string }>([
    { what: 'nothing', access: undefined, onCloudRun: true, kind: 'closed', reason: 'no `access`' },
    {
      what: 'access to other functions',
      access: access({ functions: { status: rule } }),
      onCloudRun: true,
      kind: 'closed',
      reason: 'has no fanOut',
    },
    { what: 'open, on this machine', access: 'open', onCloudRun: false, kind: 'open' },
    { what: 'open, on Cloud Run', access: 'open', onCloudRun: true, kind: 'closed', reason: 'K_SERVICE is set' },
    {
      what: 'one open function, on this machine',
      access: access({ functions: { fanOut: 'open' } }),
      onCloudRun: false,
      kind: 'open',
    },
    {
      what: 'one open function, on Cloud Run',
      access: access({ functions: { fanOut: 'open' } }),
      onCloudRun: true,
      kind: 'closed',
      reason: 'K_SERVICE is set',
    },
    { what: 'signatures, on this machine', access: access({}), onCloudRun: false, kind: 'token' },
    { what: 'signatures, on Cloud Run', access: access({}), onCloudRun: true, kind: 'token' },
    {
      what: 'trust in the platform, on Cloud Run',
      access: access({ signature: 'platform' }),
      onCloudRun: true,
      kind: 'token',
    },
    {
      what: 'trust in a platform that is not there',
      access: access({ signature: 'platform' }),
      onCloudRun: false,
      kind: 'closed',
      reason: 'K_SERVICE is not set',
    },
  ])('with $what is $kind', ({ access: configured, onCloudRun, kind, reason }) => {
    const guard = guardOf({ access: configured, name: 'fanOut', onCloudRun });
    expect(guard.kind).toBe(kind);
    if (guard.kind === 'closed') expect(guard.reason).toContain(reason);
  });

  it('takes the word of its own entry about signatures before that of all', () => {
    const configured = access({
      signature: 'platform',
      functions: { status: { ...rule, signature: 'required' }, fanOut: rule },
    });
    expect(guardOf({ access: configured, name: 'status', onCloudRun: true })).toMatchObject({ signature: 'required' });
    expect(guardOf({ access: configured, name: 'fanOut', onCloudRun: true })).toMatchObject({ signature: 'platform' });
  });

  it('is configured for Google’s own issuer where nobody says otherwise', () => {
    expect(guardOf({ access: access({}), name: 'fanOut', onCloudRun: true })).toEqual({
      kind: 'token',
      rule,
      signature: 'required',
      issuer: 'https://accounts.google.com',
    });
  });
});

describe('the token of a call', () => {
  const token = 'aGVhZA.Y2xhaW1z.c2ln';

  it.each([
    { what: 'no header', headers: {} },
    { what: 'two headers', headers: { authorization: [`Bearer ${token}`, `Bearer ${token}`] } },
    { what: 'two tokens in one header', headers: { authorization: [`Bearer ${token}, Bearer ${token}`] } },
    { what: 'another scheme', headers: { authorization: [`Basic ${token}`] } },
    { what: 'two parts', headers: { authorization: ['Bearer aGVhZA.Y2xhaW1z'] } },
    { what: 'five parts, which is an encrypted one', headers: { authorization: ['Bearer a.b.c.d.e'] } },
  ])('is not found in $what', ({ headers }) => {
    expect(findToken({ headers, signature: 'required' }).kind).toBe('none');
  });

  it('is found whatever the case of the scheme and the blanks around', () => {
    expect(findToken({ headers: { authorization: [` bEARER  ${token} `] }, signature: 'required' })).toEqual({
      kind: 'token',
      token,
    });
  });

  it('without its signature is explained to the operator', () => {
    const found = findToken({
      headers: { authorization: ['Bearer aGVhZA.Y2xhaW1z.SIGNATURE_REMOVED_BY_GOOGLE'] },
      signature: 'required',
    });
    expect(found).toEqual({ kind: 'none', reason: expect.stringContaining('must be `platform`') });
  });
});

describe('the claims of a token', () => {
  const now = new Date('2026-11-21T01:00:00Z');
  const seconds = now.getTime() / 1000;
  const judge = (changes: object, wanted: Partial<typeof rule> = {}) =>
    judgeClaims({
      claims: {
        iss: 'https://accounts.google.com',
        aud: 'https://f.example.com',
        email: rule.callers[0],
        email_verified: true,
        iat: seconds - 60,
        exp: seconds + 3540,
        ...changes,
      },
      rule: { ...rule, ...wanted },
      issuer: 'https://accounts.google.com',
      now,
    }).verdict;

  it.each([
    { aud: 'https://converge-copy-artifact-x7k2-ew.a.run.app', verdict: 'admitted' },
    { aud: 'https://converge-copy-artifact-x7k2.evil.example.a.run.app', verdict: 'unauthenticated' },
    { aud: 'https://converge-copy-artifact-x7k2/a.run.app', verdict: 'unauthenticated' },
    { aud: 'https://converge-copy-artifact-x7k2-ewXaXrunXapp', verdict: 'unauthenticated' },
    { aud: 'https://converge-copy-artifact-x7k2-ew.a.run.app.evil.example', verdict: 'unauthenticated' },
    { aud: ['https://other.example.com', 'https://converge-copy-artifact-x7k2-ew.a.run.app'], verdict: 'admitted' },
  ])('made for $aud are $verdict where `*` stands for one part of a name', ({ aud, verdict }) => {
    expect(judge({ aud }, { audiences: ['https://converge-copy-artifact-*.a.run.app'] })).toBe(verdict);
  });

  it.each([
    { email: 'PUSH@family.iam.gserviceaccount.com', callers: rule.callers, verdict: 'admitted' },
    { email: 'xpush@family.iam.gserviceaccount.com', callers: rule.callers, verdict: 'forbidden' },
    { email: 'any@family.iam.gserviceaccount.com', callers: ['*@family.iam.gserviceaccount.com'], verdict: 'admitted' },
    {
      email: 'any@otherfamily.iam.gserviceaccount.com',
      callers: ['*@family.iam.gserviceaccount.com'],
      verdict: 'forbidden',
    },
    { email: 'ana@family.example', hd: 'family.example', callers: ['*@family.example'], verdict: 'admitted' },
    { email: 'ana@family.example', hd: 'other.example', callers: ['*@family.example'], verdict: 'forbidden' },
    { email: 'ana@family.example', callers: ['*@family.example'], verdict: 'forbidden' },
    { email: 'ana@family.example', callers: ['ana@family.example'], verdict: 'admitted' },
  ])('of $email ($hd) are $verdict for the callers $callers', ({ callers, verdict, ...claims }) => {
    expect(judge(claims, { callers })).toBe(verdict);
  });

  it('bear clocks that are a few seconds apart, and no more', () => {
    expect(judge({ iat: seconds + 5 })).toBe('admitted');
    expect(judge({ iat: seconds + 30 })).toBe('unauthenticated');
    expect(judge({ exp: seconds - 5 })).toBe('admitted');
    expect(judge({ exp: seconds - 10 })).toBe('unauthenticated');
  });

  it.each([null, 'text', {}, { iss: 1 }])('of the form %j are nobody’s', (claims) => {
    expect(judgeClaims({ claims, rule, issuer: 'https://accounts.google.com', now }).verdict).toBe('unauthenticated');
  });
});

describe('an e-mail address', () => {
  const claims = (email: string) => ({
    iss: 'i',
    aud: 'https://f.example.com',
    exp: 2000,
    iat: 900,
    email,
    email_verified: true,
    hd: 'family.example',
  });
  const judge = (callers: readonly string[], email: string) =>
    judgeClaims({
      claims: claims(email),
      rule: { audiences: ['https://f.example.com'], callers: [...callers] },
      issuer: 'i',
      now: new Date(1_000_000),
    }).verdict;

  it.each([
    ['kim@family.example', 'KIM@Family.Example', 'admitted'],
    ['kim@family.example', '\u212aim@family.example', 'forbidden'],
    ['kim@family.example', 'k\u0131m@family.example', 'forbidden'],
    ['kim@family.example', 'k\u0130m@family.example', 'forbidden'],
    ['*@family.example', 'kim@fam\u0131ly.example', 'forbidden'],
    ['*@kim.example', 'a@\u212aim.example', 'forbidden'],
  ])('is compared in ASCII: %s and %s', (caller, email, verdict) => {
    expect(judge([caller], email)).toBe(verdict);
  });
});
