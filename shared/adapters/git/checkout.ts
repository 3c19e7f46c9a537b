import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { AbsentEntry, Checkout } from '../../ports/git.ts';
import type { Clone } from './clone.ts';
import type { Reading } from './reading.ts';
import { blobsOf, isWhole, list, makeWhole, type Sheet, type Writing } from './sheet.ts';

/** Trees kept on disk; a run may still read one while others arrive. */
const keptCheckouts = 8;

/**
 * Brings a tree to disk, or `paths` of it, in a folder that is kept as one of the ones used last. What a disk does not
 * hold stops nobody who does not ask for it: it is left out, and told.
 */
export function createCheckouts({
  clone,
  reading,
}: {
  clone: Clone;
  reading: Reading;
}): (treeId: string, paths?: readonly string[]) => Promise<Checkout> {
  /** The one used last at the end. */
  const kept: Sheet[] = [];
  return async (treeId, paths = ['']) => {
    const known = kept.find((sheet) => sheet.treeId === treeId);
    const sheet = known ?? newSheet({ treeId, beside: (await clone.folders()).checkouts });
    const writing: Writing = { reading, sheet, before: kept.findLast((one) => one !== sheet) };
    await reading.bring({ type: 'blob', ids: await blobsOf(writing, paths) });
    if (!paths.includes('')) await list(writing, '');
    // One that is begun is on disk, and stays: what comes later is added to it.
    if (sheet.listed.has('')) useLast(kept, sheet);
    for (const wanted of paths) await makeWhole(writing, wanted);
    useLast(kept, sheet);
    for (const old of kept.splice(0, kept.length - keptCheckouts))
      await rm(old.folder, { recursive: true, force: true });
    return checkoutOf(writing, paths);
  };
}

function useLast(kept: Sheet[], sheet: Sheet): void {
  const index = kept.indexOf(sheet);
  if (index !== -1) kept.splice(index, 1);
  kept.push(sheet);
}

function newSheet({ treeId, beside }: { treeId: string; beside: string }): Sheet {
  const folder = path.join(beside, treeId);
  return { treeId, folder, beside, absent: [], listed: new Set(), whole: new Set() };
}

function checkoutOf(writing: Writing, paths: readonly string[]): Checkout {
  const { folder, absent } = writing.sheet;
  if (isWhole(writing.sheet, '')) return { folder, absent };
  const whole = paths.filter((wanted) => isWhole(writing.sheet, wanted));
  return { folder, absent, partial: { whole, bring: async (wanted) => bring(writing, wanted) } };
}

/** See `PartialCheckout.bring`. */
async function bring(
  writing: Writing,
  wanted: string,
): Promise<{ readonly absent: readonly AbsentEntry[] } | 'unknown'> {
  const { reading, sheet } = writing;
  const entry = await reading.entryAt({ tree: sheet.treeId, path: wanted });
  if (entry?.kind === 'folder') await list(writing, wanted);
  else if (entry?.kind === 'file' || entry?.kind === 'executable') {
    // With the texts beside it, of which the next may be wanted.
    await reading.fileAt({ tree: sheet.treeId, path: wanted });
    await makeWhole(writing, wanted);
  } else return 'unknown';
  return { absent: sheet.absent };
}
