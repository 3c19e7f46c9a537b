/** Stands where a value is that nobody is to read. */
export const mask = '***';
