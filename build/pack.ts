import { buffer } from 'node:stream/consumers';
import { gzipSync, zipSync, type Zippable } from 'fflate';
import { pack } from 'tar-stream';
import { modes, sorted, type ArchiveFiles } from './files.ts';

/*
 * Archives that are the same byte for byte wherever they are made: sorted entries, one time, fixed modes, no owners.
 * They are packed by fflate, which is JavaScript: what Node's own zlib makes of the same bytes differs between
 * processors and versions.
 */

const unix = 3;

export function packZip(files: ArchiveFiles): Uint8Array {
  const entries: Zippable = {};
  // fflate writes the fields of the local time, and a zip knows no zone: so the fields are what is fixed, not the
  // moment.
  const mtime = new Date(1980, 0, 2, 12);
  for (const [path, { content, executable = false }] of sorted(files)) {
    const mode = 0o100000 | (executable ? modes.executable : modes.plain);
    entries[path] = [content, { mtime, os: unix, attrs: mode << 16, level: 6 }];
  }
  return zipSync(entries);
}

/** As `npm pack` does: everything below `package/`, with its fixed time. */
export async function packTarball(files: ArchiveFiles): Promise<Uint8Array> {
  const tar = pack();
  const all = buffer(tar);
  for (const [path, { content, executable = false }] of sorted(files)) {
    const mode = executable ? modes.executable : modes.plain;
    tar.entry(
      { name: `package/${path}`, mode, mtime: new Date('1985-10-26T08:15:00Z'), size: content.length },
      Buffer.from(content),
    );
  }
  tar.finalize();
  return gzipSync(await all, { mtime: 0, level: 9 });
}
