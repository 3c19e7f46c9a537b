import { readFileSync } from 'node:fs';

/**
 * The most memory that this process ever held, in KiB. Where there is no `/proc`, by getrusage(2), which counts the
 * process that started this one, too: it shared that one's memory before it became a program of its own.
 */
export function peakMemory(): number {
  try {
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (peak !== undefined) return Number(peak);
  } catch {
    // Not on Linux.
  }
  return process.resourceUsage().maxRSS;
}
