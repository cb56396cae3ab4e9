import { PRESENT_ONLY, type NodeRequest } from '../node-request.js';

/** A request as the function `vote` reads it. Instants are microseconds by the server's clock. */
export function encodeRequest(request: NodeRequest, toServerUs: (callerMs: number) => number): object {
  const { op, resources, holderId: holder } = request;
  const base = { op, resources, holder };
  switch (request.op) {
    case 'acquire': {
      const { list, ttlMs, deadlineAt, seed, tick, retry, tokens, queueEntry, from } = request;
      const terms = {
        list,
        ttl: Math.ceil(ttlMs),
        deadline: toServerUs(deadlineAt),
        seed,
        tick,
        retry,
        tokens,
        taken_from: from,
      };
      return { ...base, ...terms, waiter: queueEntry?.waiter, lives: livesMs(queueEntry) };
    }
    case 'confirm': {
      const { list, deadlineAt, token, tick, attempt = 1 } = request;
      return { ...base, list, deadline: toServerUs(deadlineAt), token, tick, attempt };
    }
    case 'extend': {
      const { list, ttlMs, deadlineAt, token, maxCounter: most } = request;
      const restore = token === PRESENT_ONLY ? 'never' : 'may';
      return { ...base, list, ttl: Math.ceil(ttlMs), deadline: toServerUs(deadlineAt), token, most, restore };
    }
    case 'release': {
      const { keepMs, finish, open, note, queueEntry } = request;
      const mark = finish ?? open;
      const run = mark && { ...mark, run_state: finish === undefined ? 'open' : 'finished' };
      const kept = {
        note_rank: note?.rank,
        note_text: note?.text,
        note_most: note?.most,
        note_success: note?.succeededAt,
      };
      const wait = { waiter: queueEntry?.waiter, lives: livesMs(queueEntry) };
      return { ...base, keep: Math.ceil(keepMs), ...run, ...kept, ...wait };
    }
    case 'wake':
      return base;
  }
}

const livesMs = (entry: { readonly listLivesMs: number } | undefined): number | undefined =>
  entry && Math.ceil(entry.listLivesMs);
