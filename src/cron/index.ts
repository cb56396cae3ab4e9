/** `quorlock/cron`: jobs of the packages cron and croner that run once across all workers. */
export {
  onceAcrossWorkers,
  type AcrossWorkers,
  type AcrossWorkersOptions,
  type CronerLike,
  type CronJobLike,
} from './once-across-workers.js';
