import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { partEnvironment } from '../../local/environment.ts';
import { ensureProgram } from '../../local/programs.ts';

export const root = resolve(import.meta.dirname, '..', '..');
export const moduleFolder = join(root, 'terraform');
export const examples = ['minimal', 'three-classes'] as const;
export type Example = (typeof examples)[number];

export interface Ran {
  readonly code: number;
  readonly output: string;
}

export interface Tofu {
  /** A folder of this instance's own, removed by `stop`. */
  readonly folder: string;
  /** Runs OpenTofu in a folder; what it would keep there is kept in `folder`. */
  run(at: string, ...parameters: readonly string[]): Promise<Ran>;
  stop(): Promise<void>;
}

/**
 * OpenTofu with Google's provider as it was built here: nothing is downloaded, and no credentials of the user's are in
 * reach.
 */
export async function startTofu(): Promise<Tofu> {
  const [program, provider] = [await ensureProgram('tofu'), await ensureProgram('google-provider')];
  const folder = await mkdtemp(join(tmpdir(), 'converge-tofu-'));
  const overrides = join(folder, 'provider');
  await mkdir(overrides);
  await symlink(provider, join(overrides, 'terraform-provider-google'));
  const settings = join(folder, 'tofu.tfrc');
  await writeFile(
    settings,
    `provider_installation {\n  dev_overrides {\n    "hashicorp/google" = ${JSON.stringify(overrides)}\n  }\n}\n`,
  );
  let kept = 0;
  const keptOf = new Map<string, string>();

  async function run(at: string, ...parameters: readonly string[]): Promise<Ran> {
    let data = keptOf.get(at);
    if (data === undefined) {
      data = join(folder, `data-${kept++}`);
      keptOf.set(at, data);
    }
    const variables = {
      TF_CLI_CONFIG_FILE: settings,
      TF_DATA_DIR: data,
      TF_IN_AUTOMATION: '1',
      CHECKPOINT_DISABLE: '1',
      // A plan of what is not there yet asks Google nothing, and would be refused.
      GOOGLE_OAUTH_ACCESS_TOKEN: 'no-such-token',
    };
    const child = spawn(program, parameters, {
      cwd: at,
      env: partEnvironment({ home: folder, variables }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    let problems = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (problems += text));
    return await new Promise((done, fail) => {
      child.once('error', fail);
      child.once('close', (code) => done({ code: code ?? 1, output: code === 0 ? output : `${output}${problems}` }));
    });
  }

  return { folder, run, stop: async () => rm(folder, { recursive: true, force: true }) };
}
