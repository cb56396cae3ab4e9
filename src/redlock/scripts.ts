import { createHash } from 'node:crypto';

/** A script and its SHA-1, by which a server knows it. */
export interface Script {
  readonly value: string;
  readonly hash: string;
}

/** The scripts that redlock's clients run: KEYS are the resources, ARGV the lock's value and its duration. */
export interface Scripts {
  readonly acquireScript: Script;
  readonly extendScript: Script;
  readonly releaseScript: Script;
}

const scriptOf = (value: string): Script => ({
  value,
  hash: createHash('sha1').update(value).digest('hex'),
});

const ACQUIRE = `
if redis.call('EXISTS', unpack(KEYS)) > 0 then return 0 end
for _, resource in ipairs(KEYS) do redis.call('SET', resource, ARGV[1], 'PX', ARGV[2]) end
return #KEYS
`;

const EXTEND = `
for _, resource in ipairs(KEYS) do
  if redis.call('GET', resource) ~= ARGV[1] then return 0 end
end
for _, resource in ipairs(KEYS) do
  if redis.call('PTTL', resource) < tonumber(ARGV[2]) then redis.call('PEXPIRE', resource, ARGV[2]) end
end
return #KEYS
`;

const RELEASE = `
local released = 0
for _, resource in ipairs(KEYS) do
  if redis.call('GET', resource) == ARGV[1] then released = released + redis.call('DEL', resource) end
end
return released
`;

/**
 * The scripts for a lock that another Redlock object has acquired, such as one of another process. The
 * scripts of the engine do everything else; `acquireScript` says in a few lines what they have in common.
 */
export const SCRIPTS: Scripts = Object.freeze({
  acquireScript: scriptOf(ACQUIRE),
  extendScript: scriptOf(EXTEND),
  releaseScript: scriptOf(RELEASE),
});

/** Throws if somebody brings other scripts, because they would not be run. */
export function refuseOtherScripts(scripts: unknown): void {
  if (scripts === undefined || scripts === null) return;
  if (typeof scripts !== 'object') throw new TypeError(`scripts must be an object, got ${typeof scripts}`);
  const given = Object.entries(scripts).find(([, script]) => script !== undefined);
  if (given !== undefined) {
    throw new TypeError(`scripts: ${given[0]} cannot be replaced, because quorlock runs scripts of its own`);
  }
}
