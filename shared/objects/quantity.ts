const suffixes: Readonly<Record<string, readonly [base: number, exponent: number]>> = {
  ...{
    n: [10, -9],
    u: [10, -6],
    m: [10, -3],
    '': [10, 0],
    k: [10, 3],
    M: [10, 6],
    G: [10, 9],
    T: [10, 12],
    P: [10, 15],
    E: [10, 18],
  },
  ...{ Ki: [2, 10], Mi: [2, 20], Gi: [2, 30], Ti: [2, 40], Pi: [2, 50], Ei: [2, 60] },
};

/**
 * Whether two texts are one quantity: `0.5` and `500m`, `1024Mi` and `1Gi`.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function sameQuantity(a: string, b: string): boolean {
  const [left, right] = [a, b].map(nanos);
  return left !== undefined && left === right;
}

/** Whether one amount is in another; what is no quantity is in none, and holds none. */
export function fitsIn(amount: string, limit: string): boolean {
  const [left, right] = [amount, limit].map(nanos);
  return left !== undefined && right !== undefined && left <= right;
}

/** In units of 10^-9, rounded up as the API server rounds; undefined for any other text. */
function nanos(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', exponentText, suffix = ''] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text) ?? [];
  if (`${whole}${fraction}` === '') return undefined;
  const [base, exponent] = exponentText === undefined ? (suffixes[suffix] ?? [10, 0]) : [10, Number(exponentText)];
  const shift = (base === 10 ? exponent : 0) + 9 - fraction.length;
  const digits = BigInt(`${whole}${fraction}`) * (base === 2 ? 2n ** BigInt(exponent) : 1n);
  const divisor = 10n ** BigInt(Math.max(-shift, 0));
  const scaled = (digits * 10n ** BigInt(Math.max(shift, 0)) + divisor - 1n) / divisor;
  return sign === '-' ? -scaled : scaled;
}
