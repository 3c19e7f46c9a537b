/**
 * Seconds that a test waits for an event before it gives up: many times what that takes on a busy machine, and less
 * than a test may take (vitest.config.ts).
 */
export const eventSeconds = 200;

/** Milliseconds for what builds a Go program first where no cache has it. */
export const buildMilliseconds = 15 * 60_000;

/** Milliseconds for a unit test that draws many cases. */
export const drawsMilliseconds = 60_000;

/** Seconds that a test lets a render take where its deadline is not what is tested. */
export const renderSeconds = 150;
