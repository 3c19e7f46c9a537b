import { getHeapStatistics } from 'node:v8';

const mebibyte = 1024 * 1024;

/**
 * What a process of the functions holds beside its clones, in MiB: at its peak, when it fetches. docs/benchmarks.md has
 * the figures, and docs/deploy.md the sizes that follow.
 */
const beside = 200;
/**
 * How often a pack is in memory while it is fetched: its answer, the pack taken out of it, the file, what indexes and
 * reads it. The file system of a function is memory.
 */
const copies = 6;
/** Of memory that is more than plenty. */
const most = 512;
/** What Node.js 24 counts to the limit of its heap beside the old objects that `--max-old-space-size` is about. */
const youngObjects = 192;
/** What Google's builder leaves of a function's memory beside them (buildpacks, cmd/nodejs/functions_framework). */
const besideHeap = 64;

/**
 * Bytes of an answer of the Git host, and of the packs of a clone, that the memory of this process allows: that of the
 * function, which its heap tells.
 */
export function largestAnswer(heapBytes = getHeapStatistics().heap_size_limit): number {
  const memory = heapBytes / mebibyte - youngObjects + besideHeap;
  return Math.floor(Math.min(most, Math.max(8, (memory - beside) / copies)) * mebibyte);
}
