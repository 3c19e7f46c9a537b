import type { TreeEntry } from '../../ports/git.ts';
import { isUnsafeName } from './tree-entries.ts';

/*
 * What of a tree is not brought to disk. The limits are below those of Linux (255 bytes a name, 4,095 a path), which a
 * path in a checkout meets with the checkout's own folder before it.
 */
const nameBytes = 255;
const pathBytes = 3_000;
const pathParts = 256;
const linkBytes = 4_095;

/** A name as it stands in a path that is told: one that is no name is escaped, so that it stays one part of it. */
export function tellable(name: string): string {
  if (!isUnsafeName(name)) return name;
  return /^\.{0,2}$/.test(name) ? `%${name}%` : encodeURIComponent(name);
}

/**
 * Why an entry of a tree is left out of a checkout, in words that follow its path; undefined where it is brought to
 * disk.
 *
 * @param entry with its name as its path
 * @param folder the path of its folder from the repository's root; empty for the root
 * @param isTwice whether its folder has another entry of that name, as no `git add` writes
 */
export function reasonOfAbsence({
  entry: { path: name, kind },
  folder,
  isTwice,
}: {
  entry: Pick<TreeEntry, 'path' | 'kind'>;
  folder: string;
  isTwice: boolean;
}): string | undefined {
  const path = folder === '' ? name : `${folder}/${name}`;
  const parts = path.split('/');
  if (isUnsafeName(name)) return `has the name ${JSON.stringify(name)}, which no checkout takes: rename it`;
  if (isTwice) return 'is in its folder twice: remove one of the two';
  const [ofName, ofPath] = [Buffer.byteLength(name), Buffer.byteLength(path)];
  if (ofName > nameBytes)
    return `has a name of ${ofName} bytes, more than the ${nameBytes} that a disk holds: give it a shorter one`;
  if (ofPath > pathBytes || parts.length > pathParts) {
    return `has a path of ${ofPath} bytes and ${parts.length} parts, more than the ${pathBytes} bytes and ${pathParts} parts that are brought to disk: give it a shorter one`;
  }
  if (kind === 'submodule')
    return 'is a submodule, and its files are in another repository: commit the files themselves here (git subtree, or a copy)';
  return undefined;
}

/** Why a symbolic link with this target is left out; undefined where a disk holds it. */
export function reasonOfLostLink(target: Uint8Array): string | undefined {
  if (target.length === 0) return 'is a symbolic link without a target';
  if (target.length > linkBytes)
    return `is a symbolic link whose target has ${target.length} bytes, more than the ${linkBytes} that a disk holds`;
  return target.includes(0) ? 'is a symbolic link whose target holds a NUL byte' : undefined;
}
