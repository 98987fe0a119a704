// What both programs share: how a step is printed, and the scripts that they run.

export const SCRIPT = "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}";
export const LIBRARY = `#!lua name=shop
redis.register_function('sell', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)
`;
export const PORT = Number(process.argv[2]);

export function say(step, ...values) {
  console.log(`${step}:`, ...values.map((value) => String(value ?? "nil")));
}

/** The fields of a hash as they are printed. */
export function pairs(hash) {
  return Object.entries(hash).sort().map(([field, value]) => `${field}=${value}`);
}
