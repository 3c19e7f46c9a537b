import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfiguration } from '../../../cli/configuration.ts';

const text = 'project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}';
const status = 'http://127.0.0.1:40285/status';
const pubsub = '127.0.0.1:36835';

let project: string;
let config: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'converge-configuration-'));
  config = join(project, '.converge', 'runs', '1', 'converge.yaml');
  await mkdir(join(project, '.converge', 'runs', '1'), { recursive: true });
  await writeFile(config, text);
  await writeFile(join(project, '.converge', 'local.json'), JSON.stringify({ config, status, pubsub }));
});
afterEach(async () => rm(project, { recursive: true, force: true }));

const find = (named: { file?: string; variable?: string; folder: string }) =>
  findConfiguration({ file: named.file, environment: { CONVERGE_CONFIG: named.variable }, folder: named.folder });

describe('the configuration of the command', () => {
  it('says where there is none which command starts a pipeline', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'converge-configuration-'));
    try {
      expect(() => find({ folder: elsewhere })).toThrow(
        expect.objectContaining({ subject: 'configuration', remedy: expect.stringContaining('`converge up`') }),
      );
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('is that of the local pipeline in its folder, and says where its Pub/Sub and its status are', () => {
    expect(find({ folder: join(project, '.converge') })).toMatchObject({ statusUrl: status, pubsub });
  });

  it('says so from any other folder, where it is named', () => {
    expect(find({ file: config, folder: tmpdir() })).toMatchObject({ statusUrl: status, pubsub });
    expect(find({ variable: config, folder: tmpdir() })).toMatchObject({ statusUrl: status, pubsub });
    expect(find({ file: join('.converge', 'runs', '1', 'converge.yaml'), folder: project })).toMatchObject({ pubsub });
  });

  it('is nothing but itself where another is named, also beside a local pipeline', async () => {
    const other = join(project, 'operator.yaml');
    await writeFile(other, text);
    expect(find({ file: other, folder: project })).toMatchObject({ statusUrl: undefined, pubsub: undefined });
  });

  it.each(['{}', '{', ''])(
    'is nothing but itself where what the local pipeline wrote cannot be read: %j',
    async (facts) => {
      await writeFile(join(project, '.converge', 'local.json'), facts);
      expect(find({ file: config, folder: tmpdir() })).toMatchObject({ statusUrl: undefined, pubsub: undefined });
      expect(() => find({ folder: project })).toThrow(
        expect.objectContaining({ subject: join(project, '.converge', 'local.json'), remedy: expect.any(String) }),
      );
    },
  );
});
