import { readFileSync } from 'node:fs';

/** Between two looks: a program that fills memory as fast as it can takes some 50 MiB in that time. */
const pauseMilliseconds = 50;

/**
 * Looks again and again at how much memory another process holds, where the system tells it by `/proc`, as Linux and
 * gVisor do. Returns what ends the watch.
 *
 * @param pid undefined: it could not be started, and nothing is watched
 * @param mebibytes what it may hold of physical memory, its code included
 * @param onExcess called once, when it was seen to hold more
 */
export function watchMemory({
  pid,
  mebibytes,
  onExcess,
}: {
  pid: number | undefined;
  mebibytes: number;
  onExcess: () => void;
}): () => void {
  if (pid === undefined) return () => {};
  const timer = setInterval(() => {
    if (residentMebibytes(pid) <= mebibytes) return;
    clearInterval(timer);
    onExcess();
  }, pauseMilliseconds);
  timer.unref();
  return () => clearInterval(timer);
}

/** Zero where the process is gone, or there is no `/proc`. */
function residentMebibytes(pid: number): number {
  try {
    const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kibibytes ?? 0) / 1024;
  } catch {
    return 0;
  }
}
