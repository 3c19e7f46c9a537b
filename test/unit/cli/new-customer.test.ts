import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../../cli/command-error.ts';
import type { CommandResult } from '../../../cli/command-result.ts';
import type { Context } from '../../../cli/context.ts';
import { newCustomer as anyCustomer, type NewCustomerOptions } from '../../../cli/new-customer.ts';
import { newOutputSchema } from '../../../cli/output-schemas.ts';
import { environmentPath, parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';
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

const unopened = (): never => {
  throw new Error('no configuration is asked for');
};
const newCustomer = async (folder: string, ...asked: [name: string, options: NewCustomerOptions]) =>
  anyCustomer({ folder, context: unopened }, ...asked);

describe('converge new customer, in a checkout', () => {
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

describe('converge new customer, where there is no checkout', () => {
  const who = { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@example.com', CONVERGE_ID_TOKEN: 'a-token' };
  const asked = { from: 'acme-production' };
  const servers: ReturnType<typeof createServer>[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  async function site(more: Partial<Context> = {}) {
    const world = createWorld();
    world.git.add(files);
    const made = contextOf(world, who);
    const open = { ...made.open, topics: async () => world.ports.topics };
    const context: Context = { ...made, open, ...more };
    const where = { folder: await mkdtemp(join(tmpdir(), 'converge-nowhere-')), context: () => context };
    const head = async () => (await world.git.head()) ?? '';
    return { world, where, head, fileAt: async (path: string) => world.git.treeOf(await head())[path] };
  }

  const textOf = ({ lines }: CommandResult): string[] => lines.map(({ text }) => text);

  it('is one commit on the branch, once, by whoever calls', async () => {
    const { world, where, head, fileAt } = await site();
    const done = await anyCustomer(where, 'initech', { ...asked, reason: 'signed' });
    const commit = await head();
    expect(newOutputSchema.parse(JSON.parse(JSON.stringify(done.json)))).toMatchObject({
      ...{ outcome: 'done', repository: 'master', environment: 'initech-production', commit, announced: true },
      files: [{ path: 'environments/initech-production.yaml', content: null }, { path: 'config/initech.yaml' }],
    });
    expect(await fileAt('config/initech.yaml')).toContain('tenant: initech\n');
    expect((await world.git.findCommit(commit))?.message).toBe(
      'Add initech-production, made from acme-production\n\nAction: new-customer\nEnvironment: initech-production\n' +
        'Requested-By: Ana <ana@example.com>\nReason: signed\n',
    );
    expect(textOf(done)).toEqual([
      `master/initech-production is added, by ${commit}`,
      'wrote environments/initech-production.yaml (from environments/acme-production.yaml)',
      'wrote config/initech.yaml (from config/acme.yaml)',
      'What is left:',
      '  look at what still speaks of acme, in other letters or words: environments/initech-production.yaml:1, config/initech.yaml:3',
    ]);
    expect(readdirSync(where.folder)).toEqual([]);
    const again = await anyCustomer(where, 'initech', { from: 'master/acme-production' });
    expect(textOf(again)[0]).toBe('master/initech-production is there already, with these files');
    expect(newOutputSchema.parse(again.json)).toMatchObject({ outcome: 'nothing', commit: null });
    expect(await head()).toBe(commit);
  });

  it('shows the files and the message that it would make, and makes none', async () => {
    const { where, head } = await site();
    const before = await head();
    const planned = await anyCustomer(where, 'initech', { ...asked, dryRun: true });
    expect(newOutputSchema.parse(planned.json)).toMatchObject({ outcome: 'planned', commit: null, announced: false });
    expect(textOf(planned)).toEqual(
      expect.arrayContaining([
        'master/initech-production would be added',
        'would write config/initech.yaml (from config/acme.yaml)',
        '  tenant: initech',
        '  Action: new-customer',
      ]),
    );
    expect(await head()).toBe(before);
  });

  it('is committed from a checkout, too, where that is said', async () => {
    const { where, head, fileAt } = await site();
    const folder = await folderWith(files);
    const written = await anyCustomer({ ...where, folder }, 'globex', asked);
    expect(newOutputSchema.parse(written.json)).toMatchObject({ outcome: 'written', repository: null });
    const before = await head();
    await anyCustomer({ ...where, folder }, 'initech', { ...asked, commit: true });
    expect(await head()).not.toBe(before);
    expect(await fileAt('environments/initech-production.yaml')).toContain('name: initech-production');
    expect(await fileAt('environments/globex-production.yaml')).toBeUndefined();
    expect(readdirSync(join(folder, 'environments'))).toEqual(['acme-production.yaml', 'globex-production.yaml']);
  });

  it('is left to act where that answers, by whoever may read no Git', async () => {
    const bodies: unknown[] = [];
    const result = {
      ...{ outcome: 'done', repository: 'master', environment: 'initech-production', from: 'acme-production' },
      ...{ files: [], left: [], commit: 'c1', message: 'Add', announced: false, unannounced: 'no topic' },
    };
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        bodies.push(JSON.parse(text));
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ result }));
      });
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { where, head } = await site({ actUrl: `http://127.0.0.1:${address.port}` });
    const before = await head();
    const noGit = async (): Promise<never> => {
      throw new Error('may not read Git');
    };
    const { open, ...context } = where.context();
    const withoutGit = { ...where, context: () => ({ ...context, open: { ...open, repository: noGit } }) };
    const done = await anyCustomer(withoutGit, 'initech', { from: 'master/acme-production', customer: 'acme' });
    expect(bodies).toEqual([
      { action: 'new-customer', name: 'initech', from: 'master/acme-production', customer: 'acme', dryRun: false },
    ]);
    expect(textOf(done)).toEqual([
      'master/initech-production is added, by c1',
      'not announced, the next check finds it: no topic',
    ]);
    await anyCustomer(where, 'initech', { ...asked, ownRights: true });
    expect(bodies).toHaveLength(1);
    expect(await head()).not.toBe(before);
  });

  it.each<[string, string, Partial<NewCustomerOptions>, object]>([
    ['a name that is none', 'Initech', {}, { problem: expect.stringContaining('is no name of a customer') as string }],
    ['no name of the other customer', 'initech', { customer: '' }, { subject: '--customer' }],
    ['nobody', 'initech', { from: 'nobody' }, { subject: 'nobody', exit: 2 }],
    ['nobody of a class', 'initech', { from: 'master/nobody' }, { code: 'ActionRefused', subject: 'master/nobody' }],
    ['a checkout and a commit', 'initech', { workingTree: '.', commit: true }, { subject: '--working-tree' }],
    [
      'a checkout that is none',
      'initech',
      { workingTree: '.' },
      { problem: expect.stringContaining('holds no folder') },
    ],
  ])('refuses %s', async (_what, name, more, error) => {
    const { where, head } = await site();
    const before = await head();
    await expect(anyCustomer(where, name, { ...asked, ...more })).rejects.toMatchObject(error);
    expect(await head()).toBe(before);
  });

  it('refuses in a checkout what is of a commit', async () => {
    const folder = await folderWith(files);
    for (const [option, subject] of [
      [{ reason: 'signed' }, '--reason'],
      [{ ownRights: true }, '--own-rights'],
    ] as const)
      await expect(newCustomer(folder, 'initech', { ...asked, ...option })).rejects.toMatchObject({
        ...{ subject, exit: 2, remedy: expect.stringContaining('--commit') as string },
      });
    expect(readdirSync(join(folder, 'environments'))).toEqual(['acme-production.yaml']);
  });

  it('says below the root of a checkout where that is, and commits nothing', async () => {
    const folder = await folderWith(files);
    await expect(newCustomer(join(folder, 'config'), 'initech', asked)).rejects.toMatchObject({
      remedy: expect.stringContaining(folder) as string,
    });
  });

  it('says what is missing where there is neither a checkout nor a configuration', async () => {
    const { where } = await site();
    const context = (): never => {
      throw new CommandError({ subject: 'configuration', message: 'none was named' });
    };
    await expect(anyCustomer({ ...where, context }, 'initech', asked)).rejects.toMatchObject({
      ...{ exit: 2, remedy: expect.stringMatching(/--working-tree DIR.*--config FILE/) as string },
    });
  });
});
