import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutRules, type Edit } from './without.ts';

export const projectFolder = join(import.meta.dirname, '..', '..');

/** A copy of the project's sources, changed. */
export interface Copy {
  readonly folder: string;
  remove(): Promise<void>;
}

/** What the functions of a round are started from. */
const copied = ['functions', 'shared', 'test/chaos', 'package.json'];

/** Throws a `TypeError` for a rule that is not known, and an `Error` where a text is not in its file once. */
export async function copyWithout(rule: string): Promise<Copy> {
  const { edits } = withoutRules[rule] ?? {};
  if (edits === undefined)
    throw new TypeError(`--without is ${rule}, expected one of ${Object.keys(withoutRules).join(', ')}`);
  const folder = await mkdtemp(join(tmpdir(), 'converge-without-'));
  for (const path of copied) await cp(join(projectFolder, path), join(folder, path), { recursive: true });
  await symlink(join(projectFolder, 'node_modules'), join(folder, 'node_modules'));
  for (const edit of edits) {
    const file = join(folder, edit.file);
    await writeFile(file, edited(await readFile(file, 'utf8'), edit));
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Throws where the text is not there exactly once. */
export function edited(content: string, { file, text, replacement }: Edit): string {
  const parts = content.split(text);
  if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, expected once: ${text}`);
  return parts.join(replacement);
}
