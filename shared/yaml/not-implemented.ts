import { z } from 'zod';

/**
 * A key that a later version will know. It is refused by name, and not as unknown: an `ignore` that is ignored would heal
 * what it should leave alone.
 */
export function notImplementedYet(key: string, remedy = 'remove it'): z.ZodOptional<z.ZodNever> {
  return z.never({ error: `${key} is not implemented yet; ${remedy}` }).optional();
}
