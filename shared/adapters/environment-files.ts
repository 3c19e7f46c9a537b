import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readDocument } from '../yaml/read-document.ts';

const filesSchema = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected the name of a file'),
  z.string(),
);

/**
 * Writes the files that an environment variable holds as YAML, name and content, where a platform knows secrets as
 * environment variables alone (Firebase). Throws `BadConfiguration` (refuse), which quotes none of them.
 */
export function writeFiles({ variable, text, folder }: { variable: string; text: string; folder: string }): void {
  const files = readDocument({ file: variable, text, schema: filesSchema, code: 'BadConfiguration' });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o600 });
}
