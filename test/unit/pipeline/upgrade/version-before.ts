import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '../../../../shared/config/config.ts';
import type { ReconcileRequested } from '../../../../shared/events/reconcile-requested.ts';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';

/** The last commit that kept an environment by the lease and memory of before. */
const commit = 'e5c3822';
const root = join(import.meta.dirname, '../../../..');

/** What that version's runs were handed where it is another thing than now. */
interface FormerPorts extends Omit<ReconcilePorts, 'state' | 'repository'> {
  readonly state: Omit<StateStore, 'list'> & { list(prefix: string): Promise<readonly string[]> };
  repository(repositoryClass: string): Repository & {
    addNote(note: { ref: string; commit: string; text: string }): Promise<void>;
  };
}

type FormerReconcile = (
  job: ReconcileRequested,
  ports: FormerPorts,
  settings: { limits: Limits; holder: string; event: string; writeback: boolean },
) => Promise<{ readonly outcome: string }>;

/** The code of the version before, as its commit holds it. */
export interface VersionBefore {
  reconcile(
    job: ReconcileRequested,
    ports: ReconcilePorts,
    settings: { event: string; limits: Limits },
  ): Promise<string>;
  /** Whatever another of its files exports. @param file below `shared/` */
  load(file: string): Promise<Readonly<Record<string, unknown>>>;
  remove(): void;
}

/** Undefined where the history of the repository is not there: in a shallow clone, or in no clone. */
export async function versionBefore(): Promise<VersionBefore | undefined> {
  const archive = archived();
  if (archive === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'converge-before-'));
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const load = async (file: string): Promise<Readonly<Record<string, unknown>>> =>
    await import(join(folder, 'shared', file));
  const { reconcile } = await load('pipeline/reconcile.ts');
  if (!isReconcile(reconcile)) throw new Error(`${commit} exports no reconcile`);
  return {
    load,
    async reconcile(job, ports, settings) {
      const { outcome } = await reconcile(job, formerPorts(ports), {
        ...settings,
        ...{ holder: 'instance', writeback: true },
      });
      return outcome;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function archived(): Buffer | undefined {
  try {
    return execFileSync('git', ['-C', root, 'archive', commit, 'shared', 'package.json'], {
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

function isReconcile(value: unknown): value is FormerReconcile {
  return typeof value === 'function';
}

function formerPorts(ports: ReconcilePorts): FormerPorts {
  const { state } = ports;
  return {
    ...ports,
    state: { ...state, list: async (prefix) => (await state.list(prefix)).map(({ path }) => path) },
    repository(repositoryClass) {
      const git = ports.repository(repositoryClass);
      return {
        ...git,
        addNote: async ({ ref, ...note }) =>
          void (await git.writeNotes({ ref, at: undefined, notes: [note], refs: [] })),
      };
    },
  };
}
