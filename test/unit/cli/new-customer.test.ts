import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newCustomer, type NewCustomerOptions } from '../../../cli/new-customer.ts';
import { newOutputSchema } from '../../../cli/output-schemas.ts';
import { environmentPath, parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import { folderWith } from './offline-tree.ts';

const acme = `# acme pays on time; acmeade is another one
apiVersion: converge.dev/v1
kind: Environment
metadata:
  name: acme-production
  labels: { customer: acme }
spec:
  cluster: sandbox
  namespace: acme            # of acme alone
  sources:
    - helm: { chart: charts/shop, release: shop, values: [config/defaults.yaml, config/acme.yaml] }
`;
const files = {
  'environments/acme-production.yaml': acme,
  'config/defaults.yaml': 'currency: EUR\n',
  'config/acme.yaml': '# the words of acme\ntenant: acme\ngreeting: Welcome to Acme\n',
};
const options: NewCustomerOptions = { from: 'acme-production', workingTree: '.' };

describe('converge new customer', () => {
  it('writes the files of a customer, made from those of another one, with their comments', async () => {
    const folder = await folderWith(files);
    const told = await newCustomer(folder, 'initech', options);
    const { files: made, outcome } = newOutputSchema.parse(told.json);
    expect(outcome).toBe('written');
    expect(made.map(({ path }) => path)).toEqual(['environments/initech-production.yaml', 'config/initech.yaml']);
    const file = environmentPath('initech-production');
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text).toBe(acme.replace(/\bacme\b/g, 'initech').replace('acmeade', 'acmeade'));
    expect(text).toContain('acmeade is another one');
    expect(parseEnvironmentFile({ file, text })).toMatchObject({
      namespace: 'initech',
      labels: { customer: 'initech' },
    });
    expect(readFileSync(join(folder, 'config/initech.yaml'), 'utf8')).toBe(
      '# the words of initech\ntenant: initech\ngreeting: Welcome to Acme\n',
    );
    expect(told.lines.map((line) => line.text).join('\n')).toContain(
      'git add environments/initech-production.yaml config/initech.yaml && git commit',
    );
  });

  it('shows of what it would write what a terminal would obey as escapes, and writes it as it is', async () => {
    const comment = '# acme\u001b[2J\tpays\u202e\n';
    const folder = await folderWith({ ...files, 'config/acme.yaml': comment });
    const dry = await newCustomer(folder, 'initech', { ...options, dryRun: true });
    expect(dry.lines.map(({ text }) => text)).toContain('  # initech\\u001b[2J\\u0009pays\\u202e');
    await newCustomer(folder, 'initech', options);
    expect(readFileSync(join(folder, 'config/initech.yaml'), 'utf8')).toBe(comment.replace('acme', 'initech'));
  });

  it('copies nothing that lies outside the checkout, and writes nothing there', async () => {
    const outside = await folderWith({ 'environments/key': 'a private key', 'other/none': '' });
    const copied = await folderWith({
      'environments/acme-production.yaml': acme,
      'config/defaults.yaml': '',
    });
    await symlink(join(outside, 'environments/key'), join(copied, 'config/acme.yaml'));
    await expect(newCustomer(copied, 'initech', options)).rejects.toThrow('config/acme.yaml: leaves the checkout');
    expect(readdirSync(join(copied, 'environments'))).toEqual(['acme-production.yaml']);
    const written = await folderWith({
      'environments/acme-production.yaml': acme.replace('config/acme.yaml', 'acme/values.yaml'),
      'config/defaults.yaml': '',
      'acme/values.yaml': '',
    });
    await symlink(join(outside, 'other'), join(written, 'initech'));
    await expect(newCustomer(written, 'initech', options)).rejects.toThrow('initech/values.yaml: leaves the checkout');
    expect(readdirSync(join(outside, 'other'))).toEqual(['none']);
  });

  it('writes nothing where it is to show what it would', async () => {
    const folder = await folderWith(files);
    const { lines, json } = await newCustomer(folder, 'initech', { ...options, dryRun: true });
    expect(readdirSync(join(folder, 'environments'))).toEqual(['acme-production.yaml']);
    expect(lines.map(({ text }) => text)).toContain('    name: initech-production');
    expect(json).toMatchObject({ outcome: 'planned' });
  });

  it('takes the name of the other customer as it is said', async () => {
    const folder = await folderWith({
      'environments/prod-acme-shop.yaml': acme.replace('acme-production', 'prod-acme-shop'),
      'config/acme.yaml': '',
    });
    const { json } = await newCustomer(folder, 'big-co', {
      ...options,
      from: 'master/prod-acme-shop',
      customer: 'acme',
    });
    expect(json).toMatchObject({ environment: 'prod-big-co-shop' });
  });

  it.each([
    ['Initech', {}, { problem: expect.stringContaining('lower-case letters') as string }],
    ['a'.repeat(64), {}, { problem: expect.stringContaining('63 at most') as string }],
    ['initech', { from: 'acme-prod' }, { remedy: expect.stringContaining('did you mean acme-production?') as string }],
    ['acme', {}, { problem: 'is the environment of acme already' }],
    ['initech', { customer: 'globex' }, { problem: 'does not hold globex as a word' }],
    [
      'initech',
      { workingTree: 'config' },
      { problem: 'holds no folder environments/, where environments are declared' },
    ],
  ] as const)('refuses %s %j', async (name, more, error) => {
    const folder = await folderWith(files);
    await expect(newCustomer(folder, name, { ...options, ...more })).rejects.toMatchObject({ exit: 2, ...error });
  });

  it('refuses a name that makes others too long, before anything is written', async () => {
    const folder = await folderWith(files);
    await expect(newCustomer(folder, 'a'.repeat(50), options)).rejects.toMatchObject({
      code: 'InvalidEnvironment',
      problem: expect.stringContaining('expected 53 characters at most') as string,
    });
    expect(readdirSync(join(folder, 'environments'))).toEqual(['acme-production.yaml']);
  });

  it('overwrites nothing, and writes nothing beside what is there', async () => {
    const folder = await folderWith({ ...files, 'config/initech.yaml': 'mine: true\n' });
    await expect(newCustomer(folder, 'initech', options)).rejects.toMatchObject({
      subject: 'config/initech.yaml',
      problem: 'is there already, and nothing is overwritten',
    });
    expect(readdirSync(join(folder, 'environments'))).toEqual(['acme-production.yaml']);
  });

  it('names a folder of the other customer that has no fellow', async () => {
    const own = acme.replace('charts/shop', 'charts/acme');
    const folder = await folderWith({ ...files, 'environments/acme-production.yaml': own });
    await expect(newCustomer(folder, 'initech', options)).rejects.toMatchObject({
      subject: 'charts/acme',
      remedy: 'make it first: cp -r charts/acme charts/initech',
    });
    await mkdir(join(folder, 'charts/initech'), { recursive: true });
    await writeFile(join(folder, 'charts/initech/Chart.yaml'), '');
    await expect(newCustomer(folder, 'initech', options)).resolves.toMatchObject({ exit: 0 });
  });

  it('writes all or nothing, and says what to do', async () => {
    const folder = await folderWith({
      ...files,
      'environments/acme-production.yaml': acme.replace('config/acme', 'values/acme/a'),
    });
    await mkdir(join(folder, 'values/acme'), { recursive: true });
    await writeFile(join(folder, 'values/acme/a.yaml'), 'tenant: acme\n');
    // Nobody makes a folder where a link leads nowhere, whatever rights they have.
    await symlink('nowhere/at/all', join(folder, 'values/initech'));
    await expect(newCustomer(folder, 'initech', options)).rejects.toMatchObject({
      exit: 1,
      problem: expect.stringContaining('cannot be written, and nothing was') as string,
    });
    expect(readdirSync(join(folder, 'environments'))).toEqual(['acme-production.yaml']);
  });

  it('says where the other customer is still spoken of', async () => {
    const { json } = await newCustomer(await folderWith(files), 'initech', options);
    expect(newOutputSchema.parse(json).left[0]).toBe(
      'look at what still speaks of acme, in other letters or words: environments/initech-production.yaml:1, config/initech.yaml:3',
    );
  });
});
