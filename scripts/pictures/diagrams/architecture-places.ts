/** Places of the parts of the picture, in pixels. */
export const PROCESS = { x: 24, y: 92, width: 640, height: 396 };
/** The outermost ring. Each inner ring is lower by RING_HEAD, and narrower by RING_INSET on each side. */
export const SKIN = { x: 44, y: 236, width: 600 };
export const RING_INSET = 32;
export const RING_HEAD = 38;
/** The bottom of the rings: the connections to the Redis servers begin here. */
export const RINGS_BOTTOM = 470;
/** The gap between the skins: plain TypeScript calls the index directly. */
export const GAP = { from: 354, to: 434 };
/** The column beside the process. */
export const SIDE = { x: 692, width: 184 };
export const NODES_TOP = 540;
