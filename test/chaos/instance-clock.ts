import { openSync, readSync } from 'node:fs';

/*
 * Gives this process the time of the world that `CHAOS_CLOCK` names (world-clock.ts), and a clock of its own that is
 * wrong by `CHAOS_SKEW` milliseconds. Read anew each time it is asked: a process that wakes is late from its first line
 * on. Timers run as they do.
 */
const file = process.env['CHAOS_CLOCK'];
const skew = Number(process.env['CHAOS_SKEW'] ?? '0');

if (file !== undefined) {
  const opened = openSync(file, 'r');
  const bytes = Buffer.alloc(8);
  const ahead = (): number => {
    readSync(opened, bytes, 0, 8, 0);
    return bytes.readDoubleLE();
  };
  const ours = Date;
  const now = (): number => ours.now() + Math.round(ahead()) + skew;
  // A proxy, and no class of its own: dates that Node makes are instances of it, too.
  globalThis.Date = new Proxy(ours, {
    construct: (target, parameters, made) =>
      Reflect.construct(target, parameters.length === 0 ? [now()] : parameters, made),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
  const measured = performance.now.bind(performance);
  Object.defineProperty(performance, 'now', { value: () => measured() + ahead() });
}
