import { createHash } from 'node:crypto';
import { SCRIPT_HEAD } from './script-head.js';
import { SCRIPT_REST } from './script-rest.js';

/**
 * One batch of operations on one node: applied in order, without anything between them, after the guard.
 *
 * The guard looks at the node's marker, a hash: run = the run_id of the server that wrote it, since = when the node's
 * memory is known to begin (µs; 0: trusted from the start), ttl = the longest quarantine that any client asked for (ms),
 * id = the node's own random name, members = the nodes among which it is used, as clients wrote it, anew = below which
 * instant counters go on from the time (µs), waits = until when there may be a list of those who wait (ms).
 * Without a marker, or with that of another run, the node has lost its memory, was restored or failed over: since = now,
 * and until since + ttl its grants do not count, for any client, even one that has just started.
 *
 * A counter is a time in µs that is counted up. With old data an old counter comes back, while later ones were given out
 * together with other nodes: one that lies before the end of the last quarantine goes on from the time, as one that is not
 * there. So does one that lies half a life of fence keys back: what a counter says is thus never much older than the life
 * that its key was given, and a grant need not give it a new one.
 *
 * KEYS  the marker; then for each operation, for each of its resources: the lock key, then the fence key.
 *       The fence key holds the counter, or counter:tick, the latter being the last tick run. One value, because a call
 *       costs more than what it does.
 * ARGV  a JSON list. First how long fence keys live after the last touch, and with a tick on record (both ms); the
 *       quarantine (ms; 0: no guard); the server's run_id as read on this connection ("" unknown); whether the operator says
 *       that the server keeps its data through a restart; what the guard shall do: "" as above, l(ook) the same but leave a
 *       missing marker missing, f(irst use) trust a node without marker, t(rust) it whatever its marker says, d(istrust) it
 *       from now on, m(embers) write them down; an id, in case that the node has none, or, with m, the members; and by how
 *       much the node's clock is ahead of the one that deadlines are of (µs).
 *       Then the operations, in runs of such as have the same terms: the verb, the number of its resources, the terms, how
 *       many operations follow, and for each of them what it has of its own:
 *         a(cquire)  terms: deadline (µs), ttl, seed (false: without fencing), tick (false: without), tokens; own: holder id
 *         q(ueue)    as a, with two more terms: the waiter and how long its list lives (ms). The keys of each operation are
 *                    followed by the lists of all its resources: of waiters, by the time of their coming
 *         c(onfirm)  terms: deadline, tick (false: without); own: holder id, token
 *         e(xtend)   terms: deadline, ttl; own: holder id, token, ceiling (both false without fencing): what the counter is
 *                    raised to, and may be at most; with the token -1, fencing or not, a key that is gone stays gone,
 *                    whatever the counter says
 *         r(elease)  terms: what to leave it to live (ms; 0: delete); and who goes to the end of the list before the first
 *                    of it is told, and how long the list lives (false and 0 for nobody); own: holder id. The list stands
 *                    in place of the fence key
 *         w(ake)     nothing; likewise: tells the first on the list of each resource that is free
 *         i(nspect)  nothing
 *       On a shard of a Cluster there follow, as arguments of their own, the marker, which is not in the slot of the keys and
 *       none of KEYS there, and the key that it would have elsewhere.
 * Reply the node's time in µs; for how long its grants do not count (ms; -1: there is no marker), with an order in a list
 *       with the node's id and members; then one reply for each operation:
 *         above                                   granted: by how much the counter is above the number that the operation
 *                                                 named, which is its seed, token or ceiling, else 0. Few digits where a
 *                                                 counter has sixteen, which a client has to read one by one
 *         {1, above, waiters}                     granted to one who was ready to wait: how many others wait; released,
 *                                                 and so many were told
 *         {2, reason, owner, remaining ms}        refused: 1 held, 2 already ran, 3 absent, 4 superseded (the counter
 *                                                 follows)
 *         {3}                                     late: the deadline had passed, nothing was written
 *         {4}                                     the key was set again on a node that had lost its data
 *         {5, message}                            an error; operations beside it are not affected
 *         {6, owner, remaining ms, counter, tick} inspected ('' where there is none)
 *         {7, count}                              so many operations in a row were granted with 0 above
 *
 * A waiter is told by PUBLISH, on the channel that is called like the marker but for its last part, with the lock key.
 *
 * Whole numbers are passed to redis.call as they are and come out whole up to 2^53; Lua's own tostring and .. print those
 * above 1e14 in exponent form. Effects are replicated, not the script, so that TIME may be read before a write
 * (Redis >= 5). PEXPIRE's GT (Redis 7) is spelt out with PTTL for the sake of older servers.
 */
export const SCRIPT = SCRIPT_HEAD + SCRIPT_REST;

export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');
