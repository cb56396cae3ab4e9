/** `quorlock/node-cron`: tasks of node-cron 4.6 and newer that run once across all workers. */
export {
  coordinateWith,
  coordinator,
  type CoordinatorOptions,
  type RunCoordinator,
} from './run-coordinator.js';
