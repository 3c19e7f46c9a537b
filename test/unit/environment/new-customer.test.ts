import { describe, expect, it } from 'vitest';
import {
  environmentPath,
  parseEnvironmentFile,
  type Environment,
} from '../../../shared/environment/environment-file.ts';
import {
  makeCustomer,
  pathsToLookAt,
  planCustomer,
  type CustomerPlan,
  type Found,
} from '../../../shared/environment/new-customer.ts';

const file = environmentPath('acme-production');
const acme = `apiVersion: converge.dev/v1
kind: Environment
metadata: { name: acme-production }
spec:
  cluster: sandbox
  namespace: acme
  sources: [{ helm: { chart: charts/shop, release: shop, values: [config/defaults.yaml, config/acme.yaml] } }]
`;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const environmentOf = (text: string): Environment => parseEnvironmentFile({ file, text });

function planOf(more: { name?: string; customer?: string; text?: string } = {}): ReturnType<typeof planCustomer> {
  const { name = 'initech', customer, text = acme } = more;
  return planCustomer({ name, from: environmentOf(text), customer });
}

function planned(more: Parameters<typeof planOf>[0] = {}): CustomerPlan {
  const plan = planOf(more);
  if ('refused' in plan) throw new Error(plan.refused.message);
  return plan;
}

const tree = (...more: (readonly [string, Found])[]): ReadonlyMap<string, Found> =>
  new Map<string, Found>([
    [file, bytes(acme)],
    ['environments', 'folder'],
    ['config', 'folder'],
    ['config/acme.yaml', bytes('tenant: acme\n')],
    ...more,
  ]);

describe('the files of a new customer', () => {
  it("are the environment file and the values files that are the other customer's by their paths", () => {
    const plan = planned();
    expect(plan).toEqual({
      ...{ name: 'initech', customer: 'acme', environment: 'initech-production', needed: [] },
      copies: [
        { path: 'environments/initech-production.yaml', from: file },
        { path: 'config/initech.yaml', from: 'config/acme.yaml' },
      ],
    });
    expect(pathsToLookAt(plan)).toEqual([
      ...[file, 'environments/initech-production.yaml', 'environments'],
      ...['config/acme.yaml', 'config/initech.yaml', 'config'],
    ]);
    expect(makeCustomer(plan, tree())).toEqual({
      ...{ isThere: false, left: [] },
      files: [
        { ...plan.copies[0], content: acme.replaceAll('acme', 'initech') },
        { ...plan.copies[1], content: 'tenant: initech\n' },
      ],
    });
  });

  it('leave to a person what suspends the other one, and would suspend this one, too', () => {
    const text = `${acme}  suspendUntil: 2026-11-30T06:00:00Z\n  suspendReason: acme moves\n`;
    const suspended = (said: string) => makeCustomer(planned({ text: said }), tree([file, bytes(said)]));
    expect(suspended(text)).toMatchObject({
      left: [
        "environments/initech-production.yaml says suspendUntil: 2026-11-30T06:00:00Z (initech moves), as the other one's does: converge resume initech-production ends that",
      ],
    });
    expect(suspended(`${acme}  suspend: true\n`)).toMatchObject({
      left: [expect.stringContaining('says suspend: true, as')],
    });
    expect(suspended(`${acme}  suspend: false\n`)).toMatchObject({ left: [] });
  });

  it('are there already where all of them are as they would be made', () => {
    const there: readonly (readonly [string, Found])[] = [
      ['environments/initech-production.yaml', bytes(acme.replaceAll('acme', 'initech'))],
      ['config/initech.yaml', bytes('tenant: initech\n')],
    ];
    expect(makeCustomer(planned(), tree(...there))).toMatchObject({ isThere: true });
    expect(makeCustomer(planned(), tree(...there.slice(0, 1)))).toMatchObject({
      refused: { subject: 'environments/initech-production.yaml' },
    });
    expect(makeCustomer(planned(), tree(...there, ['config/initech.yaml', bytes('tenant: other\n')]))).toMatchObject({
      refused: {
        subject: 'environments/initech-production.yaml, config/initech.yaml',
        message: 'are there already, and nothing is overwritten',
      },
    });
  });

  it.each([
    ['big-co', 'acme', 'big-co-production'],
    ['initech', 'acme-production', 'initech'],
    ['globex', 'production', 'acme-globex'],
  ])('of %s take the place of %s, whatever stands in it', (name, customer, environment) => {
    expect(planned({ name, customer })).toMatchObject({ environment });
  });

  it.each([
    ['Initech', {}, 'is no name of a customer: lower-case letters'],
    ['../up', {}, 'is no name of a customer'],
    ['acme', {}, 'is the environment of acme already'],
    ['initech', { customer: 'globex' }, 'does not hold globex as a word'],
    ['initech', { customer: 'a.*' }, 'does not hold a.* as a word'],
    ['initech', { customer: '' }, 'does not hold  as a word'],
    [
      'initech',
      { text: acme.replace('acme-production }', 'acme-production, previousNames: [acme-prod, shop] }') },
      'says that it was called shop before',
    ],
    [
      'initech',
      {
        text: acme
          .replace('config/defaults.yaml', 'config/initech/acme.yaml')
          .replace('/acme.yaml]', '/acme/initech.yaml]'),
      },
      'would be made from two files of acme-production',
    ],
    [
      'initech',
      { text: acme.replace('config/acme.yaml', Array.from({ length: 100 }, (_, n) => `acme/${n}.yaml`).join(', ')) },
      "has more than 99 values files of acme's own",
    ],
  ])('are not planned for %s, %j', (name, more, message) => {
    expect(planOf({ name, ...more })).toEqual({
      refused: expect.objectContaining({
        message: expect.stringContaining(message) as string,
        remedy: expect.stringMatching(/.{10,}/) as string,
      }) as unknown,
    });
  });

  it.each<{ path: string; is: string; found: Found; message: string }>([
    { path: 'config/acme.yaml', is: 'a link', found: 'other', message: 'is no file: a link, a folder or a submodule' },
    { path: 'config/acme.yaml', is: 'a folder', found: 'folder', message: 'is no file: a link, a folder' },
    { path: 'config/acme.yaml', is: 'missing', found: 'nothing', message: 'is not there' },
    { path: 'config/acme.yaml', is: 'no text', found: Uint8Array.of(0xff, 0xfe), message: 'is no text in UTF-8' },
    {
      ...{ path: 'config/acme.yaml', is: 'too large', found: new Uint8Array((8 << 20) + 1) },
      message: 'and those before it are more than 8388608 bytes',
    },
    { path: 'config', is: 'a link', found: 'other', message: 'is no folder, and config/initech.yaml would be in it' },
    {
      path: 'config',
      is: 'a file',
      found: bytes('-'),
      message: 'is no folder, and config/initech.yaml would be in it',
    },
    { path: 'config/initech.yaml', is: 'a link', found: 'other', message: 'is there already' },
    { path: 'environments/initech-production.yaml', is: 'a folder', found: 'folder', message: 'is there already' },
  ])('are not made where $path is $is', ({ path, found, message }) => {
    expect(makeCustomer(planned(), tree([path, found]))).toEqual({
      refused: {
        subject: path,
        message: expect.stringContaining(message) as string,
        remedy: expect.stringMatching(/.{10,}/) as string,
      },
    });
  });

  it("need the chart, the overlay and the manifests that are the other customer's to be there for the new one", () => {
    const text = acme.replace('sources: [', 'sources: [{ kustomize: overlays/acme }, { manifests: all/acme }, ');
    const plan = planned({ text });
    expect(plan.needed.map(({ path }) => path)).toEqual(['overlays/initech', 'all/initech']);
    const one = tree([file, bytes(text)], ['overlays/initech', 'folder']);
    expect(makeCustomer(plan, one)).toMatchObject({
      refused: { subject: 'all/acme', remedy: 'make it first: cp -r all/acme all/initech' },
    });
    expect(makeCustomer(plan, new Map([...one, ['all/initech', 'folder']]))).toMatchObject({ isThere: false });
  });

  it('are refused where the name makes others that an environment file may not say', () => {
    const plan = planned({ name: 'a'.repeat(50) });
    expect(() => makeCustomer(plan, tree())).toThrow(expect.objectContaining({ code: 'InvalidEnvironment' }));
  });

  it('name some of the lines that still speak of the other customer', () => {
    const values = Array.from({ length: 30 }, (_, n) => `greeting${n}: ACME\n`).join('');
    const made = makeCustomer(planned(), tree(['config/acme.yaml', bytes(values)]));
    expect(made).toMatchObject({
      left: [
        expect.stringMatching(/^look at what still speaks of acme.*: config\/initech\.yaml:1, .*:20, and 10 more$/),
      ],
    });
  });
});
